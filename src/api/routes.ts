/**
 * Every route of /api/v1, once: the server, docs/openapi.json and the client derive from this table. A new route is a row here
 * and a handler of the same name.
 */
import type * as z from 'zod/mini';
import type { Role } from '../config/access.ts';
import * as is from './contract.ts';
import * as mock from './mockContract.ts';
import * as may from './parameters.ts';
import type { Parameters, QueryOf } from './parameters.ts';
import * as record from './records.ts';
import * as replay from './replayContract.ts';

export const BASE = '/api/v1';

export interface Route {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** Below BASE, with the names of places in braces. */
  readonly path: string;
  readonly summary: string;
  /** Who may ask; undefined: a reader. */
  readonly role?: Role;
  /** It tells nothing of payloads: reading it is not written down where reads are. */
  readonly bare?: true;
  readonly query: Parameters;
  /** JSON of this schema, or bytes of any kind. */
  readonly body?: z.ZodMiniType | 'bytes';
  /** JSON of this schema, or what has these media types. */
  readonly answer: z.ZodMiniType | readonly string[];
}

const { FILTER: filter, LIMIT: limit, AFTER: after } = may;
const listed = { filter, limit, after };
const compared = {
  level: may.LEVEL,
  ignore: { ...may.PATHS, description: 'What may differ.' },
  typeOnly: { ...may.PATHS, description: 'Where only the type counts.' },
  unordered: { ...may.PATHS, description: 'An array whose order says nothing.' },
};

export const ROUTES = {
  sessions: {
    method: 'get',
    path: '/sessions',
    summary: 'The sessions that a filter means, newest first.',
    query: listed,
    answer: is.SessionPage,
  },
  session: {
    method: 'get',
    path: '/sessions/{session}',
    summary: 'One session.',
    query: {},
    answer: record.Session,
  },
  deleteSession: {
    method: 'delete',
    path: '/sessions/{session}',
    summary: 'Deletes a session for good; one that is being recorded or pinned stays.',
    role: 'admin',
    query: {},
    answer: record.Session,
  },
  sessionOperations: {
    method: 'get',
    path: '/sessions/{session}/operations',
    summary: 'The operations of a session, in the order in which they started.',
    bare: true,
    query: { limit, after: may.AFTER_OPERATION },
    answer: is.SessionOperations,
  },
  operation: {
    method: 'get',
    path: '/sessions/{session}/operations/{operation}',
    summary: 'One operation.',
    bare: true,
    query: {},
    answer: record.Operation,
  },
  frames: {
    method: 'get',
    path: '/sessions/{session}/frames',
    summary:
      'A range of the frames of a session, in their order. A page ends early where it has 8 MiB of payloads.',
    query: { from: may.FROM, to: may.TO, operation: may.OF_OPERATION, limit, payload: may.PAYLOAD },
    answer: is.FramePage,
  },
  frame: {
    method: 'get',
    path: '/sessions/{session}/frames/{seq}',
    summary: 'One frame with its payload, decoded where it is JSON.',
    query: {},
    answer: record.DecodedFrame,
  },
  frameBytes: {
    method: 'get',
    path: '/sessions/{session}/frames/{seq}/raw',
    summary: 'The payload of one frame as it is recorded.',
    query: {},
    answer: ['application/octet-stream'],
  },
  findings: {
    method: 'get',
    path: '/sessions/{session}/findings',
    summary: 'The findings of a session, each with what it means and what to do.',
    bare: true,
    query: {},
    answer: is.Findings,
  },
  explain: {
    method: 'get',
    path: '/sessions/{session}/explain',
    summary: 'What went wrong in a session: what failed first, by which evidence, and what to try.',
    query: {},
    answer: is.Verdict,
  },
  check: {
    method: 'get',
    path: '/sessions/{session}/check',
    summary: 'Whether a session holds what is asked of it, as `sidelight check` says.',
    bare: true,
    query: {
      failOn: may.FAIL_ON,
      maxDurationMs: may.MAX_DURATION,
      expectTool: { ...may.TOOLS, description: 'A tool that must have been called with success.' },
      forbidTool: { ...may.TOOLS, description: 'A tool that must not have been called.' },
    },
    answer: is.Check,
  },
  pin: {
    method: 'put',
    path: '/sessions/{session}/pin',
    summary: 'Keeps a session, whatever the rules of retention say.',
    role: 'admin',
    query: {},
    answer: record.Session,
  },
  unpin: {
    method: 'delete',
    path: '/sessions/{session}/pin',
    summary: 'Leaves a session to the rules of retention again.',
    role: 'admin',
    query: {},
    answer: record.Session,
  },
  note: {
    method: 'put',
    path: '/sessions/{session}/note',
    summary: 'Writes a note on a session, in the place of the one before.',
    role: 'admin',
    query: {},
    body: is.Note,
    answer: record.Session,
  },
  removeNote: {
    method: 'delete',
    path: '/sessions/{session}/note',
    summary: 'Takes the note of a session away.',
    role: 'admin',
    query: {},
    answer: record.Session,
  },
  export: {
    method: 'get',
    path: '/sessions/{session}/export',
    summary: 'A session as a file, redacted once more on its way out.',
    query: { format: may.EXPORT_FORMAT },
    answer: ['application/jsonl', 'text/html', 'application/json', 'text/markdown'],
  },
  import: {
    method: 'post',
    path: '/imports',
    summary: 'The sessions of a file into the store, redacted: all that can be read of it, or nothing.',
    role: 'admin',
    query: { format: may.IMPORT_FORMAT },
    body: 'bytes',
    answer: is.ImportResult,
  },
  operations: {
    method: 'get',
    path: '/operations',
    summary: 'The operations that a filter means, of all sessions, newest first.',
    query: listed,
    answer: is.OperationPage,
  },
  search: {
    method: 'get',
    path: '/search',
    summary: 'The sessions and the operations that a filter means: a first page of each.',
    query: { filter, limit },
    answer: is.SearchResult,
  },
  stats: {
    method: 'get',
    path: '/stats',
    summary: 'How often each tool and method was called, how it went and how long it took.',
    query: { filter, limit },
    answer: is.Statistics,
  },
  diff: {
    method: 'get',
    path: '/diff',
    summary: 'What changed between two sessions: tools, calls, outcomes, answers.',
    query: {
      before: may.BEFORE,
      after: may.AFTERWARDS,
      ...compared,
    },
    answer: is.Diff,
  },
  plan: {
    method: 'post',
    path: '/sessions/{session}/plan',
    summary:
      'What running a session again would do: its steps, their safety, what is in their way. Nothing is sent.',
    query: {},
    body: replay.PlanWishes,
    answer: replay.Plan,
  },
  replayTargets: {
    method: 'get',
    path: '/replay-targets',
    summary:
      'The servers of the configuration that sessions can be run again against, and whether replays are on.',
    query: {},
    answer: replay.ReplayTargetList,
  },
  startReplay: {
    method: 'post',
    path: '/replays',
    summary: 'Runs a session again against a target of the configuration.',
    role: 'replayer',
    query: {},
    body: replay.ReplayWishes,
    answer: replay.Replay,
  },
  replays: {
    method: 'get',
    path: '/replays',
    summary: 'The replays that run and the last that are over, newest first.',
    query: {},
    answer: replay.ReplayList,
  },
  replay: {
    method: 'get',
    path: '/replays/{replay}',
    summary: 'How a replay stands.',
    query: {},
    answer: replay.Replay,
  },
  moveReplay: {
    method: 'post',
    path: '/replays/{replay}/moves',
    summary: 'Sends or skips the step that waits, goes on, pauses before the next, or cancels.',
    role: 'replayer',
    query: {},
    body: replay.ReplayMove,
    answer: replay.Replay,
  },
  replayEvents: {
    method: 'get',
    path: '/replays/{replay}/events',
    summary: 'A replay as it goes on, as server-sent events (ReplayEvent), until it is over.',
    query: {},
    answer: ['text/event-stream'],
  },
  replayResult: {
    method: 'get',
    path: '/replays/{replay}/result',
    summary: 'Whether the same came of it, step by step, judged by the rules of the query.',
    query: { ...compared, run: may.RUN, limit, after: may.AFTER_STEP, maxSlowdown: may.MAX_SLOWDOWN },
    answer: replay.ReplayResult,
  },
  replayStep: {
    method: 'get',
    path: '/replays/{replay}/steps/{step}',
    summary: 'One step with what was sent and what it was answered then and now.',
    query: { ...compared, run: may.RUN },
    answer: replay.ReplayStep,
  },
  replayDiff: {
    method: 'get',
    path: '/replays/{replay}/diff',
    summary: 'What changed between the recorded session and the recording of the replay.',
    query: compared,
    answer: is.Diff,
  },
  case: {
    method: 'post',
    path: '/sessions/{session}/case',
    summary: 'A session as a case for `sidelight test`, redacted once more on its way out.',
    query: {},
    body: mock.CaseWishes,
    answer: ['application/yaml', 'application/json'],
  },
  startMock: {
    method: 'post',
    path: '/mocks',
    summary: 'Plays a session as a server over HTTP on loopback, until it is stopped. It calls nothing.',
    role: 'replayer',
    query: {},
    body: mock.MockWishes,
    answer: mock.Mock,
  },
  mocks: {
    method: 'get',
    path: '/mocks',
    summary: 'The mocks that listen and the last that were stopped, newest first.',
    role: 'replayer',
    query: {},
    answer: mock.MockList,
  },
  mock: {
    method: 'get',
    path: '/mocks/{mock}',
    summary: 'What a mock was asked for of what is recorded, and what besides.',
    role: 'replayer',
    query: {},
    answer: mock.Mock,
  },
  stopMock: {
    method: 'delete',
    path: '/mocks/{mock}',
    summary: 'Stops a mock. Its coverage can still be read.',
    role: 'replayer',
    query: {},
    answer: mock.Mock,
  },
  config: {
    method: 'get',
    path: '/config',
    summary: 'The configuration, and where each value comes from. Secrets are masked.',
    role: 'admin',
    query: {},
    answer: is.Settings,
  },
  health: {
    method: 'get',
    path: '/health',
    summary: 'Which version this is, and how the store stands.',
    query: {},
    answer: is.Health,
  },
  live: {
    method: 'get',
    path: '/live',
    summary:
      'What is recorded from now on, or after a cursor: a WebSocket, or with `Accept: text/event-stream` events.',
    query: { filter, cursor: may.LIVE_CURSOR },
    answer: ['text/event-stream'],
  },
} as const satisfies Readonly<Record<string, Route>>;

export type RouteName = keyof typeof ROUTES;

/** Who may ask for it. */
export function roleOf(name: RouteName): Role {
  const { role = 'reader' }: Route = ROUTES[name];
  return role;
}

export type RouteQuery<N extends RouteName> = QueryOf<(typeof ROUTES)[N]['query']>;
/** Of a route that answers bytes, a Response. */
export type RouteAnswer<N extends RouteName> = (typeof ROUTES)[N]['answer'] extends infer A
  ? A extends z.ZodMiniType
    ? z.output<A>
    : Response
  : never;
export type RouteBody<N extends RouteName> = (typeof ROUTES)[N] extends { readonly body: infer B }
  ? B extends z.ZodMiniType
    ? z.output<B>
    : AsyncIterable<Uint8Array>
  : undefined;
