/** What the API says and takes of mocks and of cases, as schemas. They only describe; nothing is read, listened on or written here. */
import * as z from 'zod/mini';
import { LEVELS } from '../replay/compare.ts';
import { STRATEGIES } from '../replay/mock/match.ts';
import { name, names, PlanWishes } from './replayContract.ts';
import { count, list, maybeCount, maybeText, named, text, texts, time, told } from './schemaWords.ts';

/** Rules for faults, and paths: as many as a person writes by hand. */
const MAX_RULES = 100;
const MAX_SEED = 2 ** 32 - 1;
const rules = told(z.optional(names.check(z.maxLength(MAX_RULES))), 'Paths, or names of members.');

export const MockWishes = named(
  'MockWishes',
  z.strictObject({
    session: told(name, 'An id, a start or an end of one, or `last`.'),
    match: told(
      z.optional(z.enum(STRATEGIES)),
      'How a request finds its recorded one; without this `queue`, as `sidelight mock` has it.',
    ),
    repeatLast: told(z.optional(z.boolean()), 'A request that was used up gets the last answer again.'),
    speed: told(
      z.optional(z.number().check(z.gt(0), z.lte(1e6))),
      'Answers take as long as they did, so many times as fast; without this they come at once.',
    ),
    faults: told(
      z.optional(names.check(z.maxLength(MAX_RULES))),
      'Faults that are put in, such as `delay:p95=2s` or `error:tool=search,p=0.1`.',
    ),
    seed: told(z.optional(z.int().check(z.gte(0), z.lte(MAX_SEED))), 'The same faults again.'),
  }),
);

export const Mock = named(
  'Mock',
  z.object({
    id: text,
    session: told(text, 'The recorded session that is played.'),
    server: text,
    protocolVersion: text,
    state: z.enum(['listening', 'stopped']),
    url: told(text, 'For the settings of a client; who does not know it whole is not answered.'),
    startedAtUs: time(),
    endedAtUs: z.optional(time()),
    problems: told(texts, 'What of the recording cannot be answered as it was: the first of them.'),
    problemCount: count(),
    coverage: z.object({
      recorded: told(count(), 'Requests after the handshake.'),
      used: told(count(), 'How many of them were asked for at least once.'),
      unused: told(
        list(z.object({ frame: count(), method: text, target: maybeText })),
        'Those that were not: the first of them.',
      ),
      answered: count(),
      unknownCount: told(count(), 'Requests that nothing recorded fits.'),
      unknown: told(
        list(
          z.object({
            method: text,
            target: maybeText,
            reason: text,
            closest: told(maybeCount(), 'The frame of the closest recorded request.'),
            differences: told(texts, 'Paths in its params.'),
          }),
        ),
        'The first of them.',
      ),
      otherAnswers: told(count(), 'Answers of the client that differ from the recorded ones.'),
      unheard: told(count(), 'Messages of the server that no client listened for.'),
      faults: told(z.record(z.string(), count()), 'Faults that were put in, by kind.'),
      seed: maybeCount(),
    }),
  }),
);
export const MockList = named('MockList', z.object({ items: list(Mock) }));

export const CaseWishes = named(
  'CaseWishes',
  z.strictObject({
    allow: PlanWishes.shape.allow,
    allowAll: PlanWishes.shape.allowAll,
    bind: PlanWishes.shape.bind,
    keepRecorded: PlanWishes.shape.keepRecorded,
    name: told(z.optional(name), 'Of the case; without this the server and the end of the id.'),
    format: told(z.optional(z.enum(['yaml', 'json'])), 'Without this `yaml`.'),
    level: told(z.optional(z.enum(LEVELS)), 'How closely answers are compared; without this `semantic`.'),
    ignore: rules,
    typeOnly: rules,
    unordered: rules,
    replay: told(z.optional(name), 'Id of a replay of this session: what it has learnt goes into the case.'),
  }),
);
