/** What the API says and takes of replays, as schemas. They only describe; nothing is read, planned or run here. */
import * as z from 'zod/mini';
import { ERAS } from '../formats/recording.ts';
import { difference } from './contract.ts';
import {
  count,
  list,
  maybeCount,
  maybeText,
  named,
  outcome,
  text,
  texts,
  time,
  told,
} from './schemaWords.ts';

/** Values of one kind in a request: as many as a person writes by hand. */
const MAX_VALUES = 1000;
const MAX_NAME = 1000;
/** Runs in one replay: what fails now and then shows itself by then. */
export const MAX_REPEAT = 100;
const DAY_MS = 24 * 60 * 60_000;

export const name = z.string().check(z.minLength(1), z.maxLength(MAX_NAME));
export const names = list(name).check(z.maxLength(MAX_VALUES));
const ms = z.optional(z.int().check(z.gte(1), z.lte(DAY_MS)));

const wishes = {
  allow: told(z.optional(names), 'Tools that may be called although they do not say that they only read.'),
  allowAll: told(z.optional(z.boolean()), 'Any tool may be called.'),
  secrets: told(
    z.optional(z.record(name, z.string())),
    'Values of what was redacted, by the mark in the placeholder. They are sent, and neither kept nor shown.',
  ),
  bind: told(
    z.optional(
      list(
        z.strictObject({
          step: count(),
          path: told(name, 'A place in the params, such as `arguments.id`.'),
          value: z.unknown(),
        }),
      ).check(z.maxLength(MAX_VALUES)),
    ),
    'Values that are sent instead of the recorded ones.',
  ),
  keepRecorded: told(
    z.optional(names),
    'Where the recorded value is sent and none of a live answer: `STEP:PATH`, or `all`.',
  ),
};

/** What a plan is made with. */
export const PlanWishes = named('PlanWishes', z.strictObject(wishes));

export const ReplayWishes = named(
  'ReplayWishes',
  z.strictObject({
    ...wishes,
    session: told(name, 'An id, a start or an end of one, or `last`.'),
    target: told(name, 'The name of a target of the configuration (`replay.targets`).'),
    repeat: told(
      z.optional(z.int().check(z.gte(1), z.lte(MAX_REPEAT))),
      'So many runs, each on a fresh connection; without this one.',
    ),
    learn: told(
      z.optional(z.boolean()),
      'Two more runs go before: what they differ in may differ in those that are judged.',
    ),
    stepwise: told(z.optional(z.boolean()), 'Wait before each step.'),
    skipBlocked: told(
      z.optional(z.boolean()),
      'Leave out what cannot be sent, instead of nothing being run.',
    ),
    record: told(z.optional(z.boolean()), 'Record it as a session of its own; without this it is.'),
    speed: told(
      z.optional(z.number().check(z.gt(0), z.lte(1e6))),
      'Keep the recorded gaps, so many times as fast; without this there are none.',
    ),
    maxGapMs: told(ms, 'No gap is longer than this.'),
    deadlineMs: told(ms, 'For each step; without this 30 s.'),
    asks: told(
      z.optional(z.enum(['decline', 'last', 'fail'])),
      'What the server is told when it asks something that was not recorded; without this `decline`.',
    ),
  }),
);

const safety = z.enum(['safe', 'read_only', 'allowed', 'destructive', 'unknown']);
const params = z.optional(z.record(z.string(), z.unknown()));

export const Plan = named(
  'Plan',
  z.object({
    session: text,
    era: z.enum(ERAS),
    protocolVersion: text,
    steps: list(
      z.object({
        step: count(),
        is: z.enum(['request', 'notification', 'cancel']),
        method: text,
        target: maybeText,
        params,
        safety,
        blocked: told(texts, 'Why it will not be sent; empty: it will be.'),
        after: told(list(count()), 'The steps whose answers it waits for.'),
        outcome: z.optional(outcome),
        asks: list(z.object({ method: text, answered: z.boolean() })),
        inputs: texts,
      }),
    ),
    bindings: told(
      list(z.object({ from: count(), path: text, word: maybeCount(), to: count(), into: text })),
      'Values of live answers that later steps send.',
    ),
  }),
);

export const ReplayTargetList = named(
  'ReplayTargetList',
  z.object({
    enabled: told(z.boolean(), 'Whether replays can be started at all.'),
    items: list(z.object({ name: text, kind: z.enum(['command', 'url']) })),
  }),
);

const LIVE_OUTCOMES = ['answered', 'unanswered', 'cancelled', 'server_ended', 'not_sent'] as const;
const doneStep = z.object({
  step: count(),
  method: text,
  target: maybeText,
  outcome: z.enum(LIVE_OUTCOMES),
  durationUs: count(),
});

export const Replay = named(
  'Replay',
  z.object({
    id: text,
    session: told(text, 'The recorded session that is run again.'),
    server: text,
    target: text,
    state: told(
      z.enum(['running', 'paused', 'done', 'cancelled', 'failed']),
      '`paused`: it waits for a move. `failed`: it could not be run, or not to its end.',
    ),
    problem: told(z.optional(z.string()), 'Why it failed or was cancelled, in a line.'),
    startedAtUs: time(),
    endedAtUs: z.optional(time()),
    steps: told(count(), 'Of all runs, with those that learn.'),
    done: told(count(), 'Steps that are over, of all runs.'),
    runs: told(count(), 'So many are judged.'),
    run: told(count(), 'The one that goes on, from 1; 0 while it learns.'),
    waiting: told(
      z.optional(z.object({ step: count(), method: text, target: maybeText, safety, params })),
      'The step that waits for a move.',
    ),
    recordedAs: told(
      z.optional(z.string()),
      'The session that was recorded of its last run, as soon as there is one.',
    ),
  }),
);
export const ReplayList = named('ReplayList', z.object({ items: list(Replay) }));

export const ReplayMove = named(
  'ReplayMove',
  z.strictObject({
    move: told(
      z.enum(['send', 'skip', 'continue', 'pause', 'cancel']),
      '`send`: the step that waits, and wait before the next. `continue`: it and all that follow.',
    ),
    params: told(params, 'Of `send`: these instead. A call stays one of the same tool.'),
  }),
);

/** The events of a replay, in the order in which they come; the id of an event is the number of steps that were told. */
export const ReplayEvent = named(
  'ReplayEvent',
  z.object({ replay: Replay, steps: told(list(doneStep), 'What is over since the event before.') }),
);

const verdictMembers = {
  ...doneStep.shape,
  verdict: told(
    z.enum(['same', 'different', 'not_compared']),
    '`not_compared`: it was not sent, or nobody knows what it was answered then.',
  ),
  expected: text,
  actual: text,
  recordedUs: told(z.int(), 'How long it took then.'),
  slower: told(z.optional(z.number()), 'So many times as slow, where that is more than was allowed.'),
  differences: list(difference),
  missingNotifications: texts,
  unmatchedAsks: texts,
  missingBindings: texts,
};
export const ReplayResult = named(
  'ReplayResult',
  z.object({
    replay: Replay,
    reproduced: told(z.boolean(), 'In each run the same came of it as was recorded.'),
    runs: list(
      z.object({
        run: told(count(), 'From 1.'),
        reproduced: z.boolean(),
        firstDivergence: maybeCount(),
      }),
    ),
    learnt: told(
      list(
        z.object({
          method: text,
          target: maybeText,
          path: text,
          differs: told(z.enum(['value', 'any']), '`any`: it may be missing, too.'),
        }),
      ),
      'What the runs that learn differed in.',
    ),
    run: told(count(), 'The run that the members below are of.'),
    firstDivergence: told(maybeCount(), 'The first step that differs.'),
    items: list(z.object(verdictMembers)),
    next: z.optional(told(count(), 'For `after`; absent at the end.')),
  }),
);

const answer = z.object({ result: z.optional(z.unknown()), error: z.optional(z.unknown()) });
export const ReplayStep = named(
  'ReplayStep',
  z.object({
    ...verdictMembers,
    params,
    recorded: told(z.optional(answer), 'What it was answered then.'),
    answer: told(z.optional(answer), 'What it was answered now, redacted.'),
  }),
);
