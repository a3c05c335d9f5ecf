/**
 * The tools of the MCP server, once: what each takes, what it answers and which routes of the API it asks. They read; the one that
 * runs something is there only where replays are on.
 */
import * as z from 'zod/mini';
import { LEVELS } from '../../replay/compare.ts';
import type { RouteAnswer, RouteName } from '../routes.ts';
import { count, told } from '../schemaWords.ts';
import * as shape from './shapes.ts';

/** Asks a route with what a path and a query would say. */
export type AskRoute = <N extends RouteName>(
  name: N,
  asked?: {
    readonly places?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
    readonly body?: object;
  },
) => Promise<RouteAnswer<N>>;

export interface ToolContext {
  readonly ask: AskRoute;
  /** Names of targets; undefined: replays are off. */
  readonly targets: readonly string[] | undefined;
  readonly signal: AbortSignal;
  /** Resolves when a replay is over, or the signal aborts. */
  readonly replayOver: (id: string, signal: AbortSignal) => Promise<void>;
}

export interface ToolAnswer<O> {
  /** One line without anything that was recorded. */
  readonly said: string;
  readonly data: O;
}

export interface McpTool<I, O> {
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodMiniType<I>;
  readonly output: z.ZodMiniType<O>;
  /** It starts or calls something. */
  readonly runs?: true;
  readonly answer: (input: I, context: ToolContext) => Promise<ToolAnswer<O>>;
}

function tool<I, O>(written: McpTool<I, O>): McpTool<I, O> {
  return written;
}

const ID = z.string().check(z.minLength(1), z.maxLength(36));
const session = told(ID, 'An id of a session, a start or an end of one that no other has, or last.');
const FILTER_HELP =
  'A filter such as "is:failed since:2h", "tool:search status:tool_error", "dur:>1s", or a quoted text that payloads hold.';
const filter = told(z.optional(z.string().check(z.maxLength(4000))), FILTER_HELP);
const limit = told(
  z.optional(z.int().check(z.gte(1), z.lte(shape.MAX_ROWS))),
  `At most so many; without it 20, never more than ${shape.MAX_ROWS}.`,
);
const FEW = 20;
const MAX_CHARACTERS = 50_000;
const CHARACTERS = 4000;
const allow = told(
  z.optional(z.array(z.string().check(z.maxLength(1000))).check(z.maxLength(100))),
  'Tools that may be called although they do not say that they only read.',
);

export const TOOLS = {
  list_sessions: tool({
    title: 'List recorded MCP sessions',
    description: 'Lists recorded sessions of MCP clients and servers on this machine, newest first.',
    input: z.strictObject({ filter, limit, after: z.optional(z.string().check(z.maxLength(64))) }),
    output: shape.SessionList,
    answer: async ({ limit: most = FEW, ...query }, { ask }) => {
      const { items, next } = await ask('sessions', { query: { ...query, limit: most } });
      const failed = items.filter(({ status }) => status !== 'ok' && status !== 'live').length;
      return {
        said: `${items.length} sessions, ${failed} of them failed${next === undefined ? '' : '; there are more'}.`,
        data: { sessions: items.map(shape.sessionRow), next },
      };
    },
  }),
  read_session: tool({
    title: 'Read one session',
    description:
      'One recorded session: who spoke, its operations with how each ended, findings, and the last lines of stderr. read_frame reads what was said.',
    input: z.strictObject({
      session,
      after: told(z.optional(count()), 'Only operations with a larger number.'),
      limit,
    }),
    output: shape.SessionStory,
    answer: async ({ session: wanted, after, limit: most = FEW }, { ask }) => {
      const places = { session: wanted };
      const one = await ask('session', { places });
      const whole = { session: one.id };
      const { items, next } = await ask('sessionOperations', {
        places: whole,
        query: { after, limit: most },
      });
      const findings = await ask('findings', { places: whole });
      const { name, version } = one.clientInfo;
      return {
        said: `Session ${one.id}: ${one.status}, ${one.operations} operations, ${one.failedOperations} of them failed, ${one.findings} findings.`,
        data: {
          session: shape.sessionRow(one),
          client: name && shape.clipped(`${name} ${version ?? ''}`.trim()),
          protocolVersion: one.protocolVersion,
          transport: one.transport,
          target: one.target && shape.clipped(one.target),
          command: one.command.slice(0, shape.MAX_ROWS).map(shape.clipped),
          endCause: one.endCause,
          lastStderr: one.lastStderr.slice(-FEW).map(shape.clipped),
          operations: items.map(shape.operationRow),
          next,
          findings: findings.items
            .slice(0, shape.MAX_ROWS)
            .map(({ rule, severity, title, detail, hint, seq, operationId }) => ({
              rule,
              severity,
              title,
              detail: shape.clipped(detail),
              hint,
              frame: seq,
              operation: operationId,
            })),
        },
      };
    },
  }),
  explain_session: tool({
    title: 'Explain what went wrong',
    description:
      'Says what went wrong in a recorded session: what failed first, by which evidence, and what to try.',
    input: z.strictObject({ session }),
    output: shape.Explanation,
    answer: async ({ session: wanted }, { ask }) => {
      const {
        session: id,
        healthy,
        headline,
        problems,
      } = await ask('explain', { places: { session: wanted } });
      return {
        said: healthy ? `Session ${id} is healthy.` : `Session ${id} has ${problems.length} problems.`,
        data: {
          session: id,
          healthy,
          headline: shape.clipped(headline),
          problems: problems
            .slice(0, shape.MAX_ROWS)
            .map(({ atUs, what, operationId, seq, hint, ...rest }) => ({
              severity: rest.severity,
              count: rest.count,
              at: shape.isoOf(atUs),
              what: shape.clipped(what),
              operation: operationId,
              frame: seq,
              hint: shape.clipped(hint),
            })),
        },
      };
    },
  }),
  search: tool({
    title: 'Search sessions and operations',
    description: `Finds sessions and operations over all recordings. ${FILTER_HELP}`,
    input: z.strictObject({ filter: told(z.string().check(z.maxLength(4000)), FILTER_HELP), limit }),
    output: shape.Found,
    answer: async ({ filter: written, limit: most = FEW }, { ask }) => {
      const { sessions, operations } = await ask('search', { query: { filter: written, limit: most } });
      return {
        said: `${sessions.items.length} sessions and ${operations.items.length} operations were found.`,
        data: {
          sessions: sessions.items.map(shape.sessionRow),
          operations: operations.items.map((one) => ({
            session: one.sessionId,
            server: shape.clipped(one.server),
            ...shape.operationRow(one),
          })),
          more: sessions.next !== undefined || operations.next !== undefined,
        },
      };
    },
  }),
  read_frame: tool({
    title: 'Read one message',
    description:
      'The payload of one recorded frame (a message, a line of stderr, or the envelope of an HTTP exchange), in parts where it is long.',
    input: z.strictObject({
      session,
      frame: told(count(), 'The number of the frame.'),
      from: told(z.optional(count()), 'The first character; without it the start.'),
      characters: told(
        z.optional(z.int().check(z.gte(1), z.lte(MAX_CHARACTERS))),
        `So many; without it ${CHARACTERS}.`,
      ),
    }),
    output: shape.FrameText,
    answer: async ({ session: wanted, frame: number, from = 0, characters = CHARACTERS }, { ask }) => {
      const { id } = await ask('session', { places: { session: wanted } });
      const frame = await ask('frame', { places: { session: id, seq: String(number) } });
      const whole = frame.text ?? frame.base64 ?? '';
      const end = from + characters;
      return {
        said: `Frame ${number} of session ${id}, ${frame.sizeBytes} bytes${end < whole.length ? '; there is more' : ''}.`,
        data: {
          session: id,
          frame: frame.seq,
          at: shape.isoOf(frame.atUs),
          channel: frame.channel,
          kind: frame.kind,
          method: frame.method && shape.clipped(frame.method),
          operation: frame.operationId,
          sizeBytes: frame.sizeBytes,
          redactions: frame.redactions,
          text: whole.slice(from, end),
          from,
          next: end < whole.length ? end : undefined,
        },
      };
    },
  }),
  diff_sessions: tool({
    title: 'Compare two sessions',
    description: 'What changed between two recorded sessions: tools, calls, outcomes, answers.',
    input: z.strictObject({
      before: session,
      after: session,
      level: told(z.optional(z.enum(LEVELS)), 'How closely answers are compared; without it semantic.'),
      ignore: told(
        z.optional(z.array(z.string().check(z.maxLength(1000))).check(z.maxLength(100))),
        'Paths such as $.content[*].text, or names of members, that may differ.',
      ),
    }),
    output: shape.SessionDiff,
    answer: async (query, { ask }) => {
      const found = await ask('diff', { query });
      const { before, after, same, session: changed, calls, onlyLeft, onlyRight } = found;
      const lists = [found.toolsAdded, found.toolsRemoved, found.toolsChanged, calls, onlyLeft, onlyRight];
      return {
        said: same
          ? 'The two sessions are the same.'
          : `${calls.length} calls differ, ${onlyLeft.length + onlyRight.length} are in one only.`,
        data: {
          before,
          after,
          same,
          session: changed.map(({ name, left, right }) => ({
            name,
            before: shape.clipped(left),
            after: shape.clipped(right),
          })),
          toolsAdded: found.toolsAdded.slice(0, shape.MAX_ROWS).map(shape.clipped),
          toolsRemoved: found.toolsRemoved.slice(0, shape.MAX_ROWS).map(shape.clipped),
          toolsChanged: found.toolsChanged.slice(0, FEW).map(({ tool: name, differences }) => ({
            tool: shape.clipped(name),
            differences: shape.differencesOf(differences),
          })),
          calls: calls.slice(0, FEW).map(({ left, right, asked, answered }) => ({
            before: left.operationId,
            after: right.operationId,
            method: shape.clipped(left.method),
            target: left.target && shape.clipped(left.target),
            asked: shape.differencesOf(asked),
            answered: shape.differencesOf(answered),
          })),
          onlyBefore: onlyLeft.slice(0, shape.MAX_ROWS).map(({ operationId }) => operationId),
          onlyAfter: onlyRight.slice(0, shape.MAX_ROWS).map(({ operationId }) => operationId),
          cut: lists.some(({ length }) => length > FEW),
        },
      };
    },
  }),
  plan_replay: tool({
    title: 'Plan a replay',
    description:
      'What running a recorded session again would send, how safe each step is and what is in its way. Nothing is sent.',
    input: z.strictObject({ session, allow }),
    output: shape.ReplayPlan,
    answer: async ({ session: wanted, allow: allowed }, { ask, targets = [] }) => {
      const plan = await ask('plan', {
        places: { session: wanted },
        body: { ...(allowed !== undefined && { allow: allowed }) },
      });
      const sendable = plan.steps.filter(({ blocked }) => blocked.length === 0).length;
      return {
        said: `${sendable} of ${plan.steps.length} steps can be sent.`,
        data: {
          session: plan.session,
          steps: plan.steps
            .slice(0, shape.MAX_ROWS)
            .map(({ step, method, target, safety, blocked, params }) => ({
              step,
              method: shape.clipped(method),
              target: target && shape.clipped(target),
              safety,
              blocked: blocked.map(shape.clipped),
              params: shape.jsonOf(params),
            })),
          sendable,
          total: plan.steps.length,
          targets: [...targets],
        },
      };
    },
  }),
  run_replay: tool({
    title: 'Run a session again',
    description:
      'Runs a recorded session again against a target that the configuration names, and says whether the same came of it. It calls tools of that server: only those that say that they only read, and those in allow.',
    input: z.strictObject({
      session,
      target: told(z.string().check(z.maxLength(64)), 'The name of a target; plan_replay lists them.'),
      allow,
      skipBlocked: told(
        z.optional(z.boolean()),
        'Leave out what cannot be sent, instead of nothing being run.',
      ),
      record: told(z.optional(z.boolean()), 'Record it as a session of its own; without this it is.'),
      level: told(z.optional(z.enum(LEVELS)), 'How closely answers are compared; without it semantic.'),
    }),
    output: shape.ReplayOutcome,
    runs: true,
    answer: async ({ level, ...wishes }, { ask, signal, replayOver }) => {
      const { id } = await ask('startReplay', { body: wishes });
      await replayOver(id, signal);
      const replay = await ask('replay', { places: { replay: id } });
      const { state, session: recorded, target, steps, problem, recordedAs } = replay;
      const base = { session: recorded, target, problem, steps, recordedAs };
      if (state !== 'done')
        return {
          said: 'The replay did not come to its end.',
          data: {
            ...base,
            state: state === 'failed' ? ('failed' as const) : ('cancelled' as const),
            different: [],
          },
        };
      const result = await ask('replayResult', { places: { replay: id }, query: { level, limit: 1000 } });
      const different = result.items.filter(({ verdict }) => verdict === 'different');
      return {
        said: result.reproduced ? 'Reproduced.' : `Not reproduced: ${different.length} steps differ.`,
        data: {
          ...base,
          state: 'done' as const,
          reproduced: result.reproduced,
          firstDivergence: result.firstDivergence,
          different: different
            .slice(0, FEW)
            .map(({ step, method, target: called, expected, actual, differences }) => ({
              step,
              method: shape.clipped(method),
              target: called && shape.clipped(called),
              expected,
              actual,
              differences: shape.differencesOf(differences),
            })),
        },
      };
    },
  }),
} as const;
