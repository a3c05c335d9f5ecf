/**
 * A recorded session as something that a server can play again: what the client said, and after each of it what the server did.
 * It is made once and never changed by what is played. Pure.
 */
import { canonical } from '../../mcp/canonical.ts';
import type { Era } from '../../mcp/era.ts';
import { methodInfo } from '../../mcp/methods.ts';
import type { Json } from '../scenario.ts';

/** Something that the server did, in its place after what the client had said. Times are those of the recording. */
export type Happening = { readonly atUs: number } & (
  | {
      readonly is: 'message';
      readonly message: Json;
      /** A member that belongs to the live request of a cue and stands for it. */
      readonly fill: Fill | undefined;
    }
  /** A request of the server; its number stands for it in `heard`. */
  | { readonly is: 'ask'; readonly message: Json; readonly ask: number }
  /** The client's answer to it: nothing goes on before there is one. */
  | { readonly is: 'heard'; readonly ask: number; readonly answer: Json }
  /** To the request of the cue `of`: the one that it happens to, or a stream that ends later. */
  | { readonly is: 'answer'; readonly message: Json; readonly of: number }
  /** The client gave up: what comes after it comes no earlier. */
  | { readonly is: 'cancelled' }
  /** An HTTP answer that is no JSON-RPC. */
  | { readonly is: 'http'; readonly status: number; readonly type: string; readonly body: string }
  /** The connection broke instead of an answer. */
  | { readonly is: 'broken' }
  /** Here an answer would be; `ended`: but for the end of the recorded server. */
  | { readonly is: 'problem'; readonly reason: string; readonly ended: boolean }
  | { readonly is: 'stderr'; readonly text: string }
  /** A line on stdout that is no message. */
  | { readonly is: 'stray'; readonly text: string }
  | { readonly is: 'exit'; readonly code: number | null; readonly signal: string | null }
);

export type Fill =
  | { readonly is: 'progress_token'; readonly cue: number }
  | { readonly is: 'subscription'; readonly cue: number }
  | { readonly is: 'cancelled_cue'; readonly cue: number }
  | { readonly is: 'cancelled_ask'; readonly ask: number };

/** One message of the client that is no answer, and what followed. */
export interface Cue {
  readonly index: number;
  readonly is: 'request' | 'notification';
  readonly method: string;
  readonly target: string | undefined;
  /** Frame in which it came. */
  readonly seq: number;
  readonly atUs: number;
  readonly params: unknown;
  /** Equal for requests that ask the same; undefined: the request is not recorded whole. */
  readonly key: string | undefined;
  /** Its params hold a placeholder of something that was redacted or left out. */
  readonly hasPlaceholder: boolean;
  readonly happenings: readonly Happening[];
  /** Frame of the answer; undefined: none came. */
  readonly answerSeq: number | undefined;
  /** The request that answers the questions of this one's answer. */
  readonly next: number | undefined;
  /** It is such a request itself. */
  readonly isRetry: boolean;
  /** How the answer came over HTTP; undefined: not over HTTP. */
  readonly http: { readonly status: number; readonly stream: boolean } | undefined;
  /** Why it cannot be answered as it was; one line. */
  readonly problem: string | undefined;
  readonly redactedAnswer: boolean;
}

export interface Script {
  readonly id: string;
  readonly server: { readonly name: string; readonly version: string };
  readonly era: Era;
  readonly protocolVersion: string;
  readonly capabilities: readonly string[];
  /** What a process of the same server answered to server/discover, which this one was not asked. */
  readonly discovered: Json | undefined;
  /** HTTP of up to 2025-11-25: whether clients get a session id. */
  readonly usesSessions: boolean;
  /** Before the client had said anything. */
  readonly opening: readonly Happening[];
  readonly cues: readonly Cue[];
  /** Messages of the server that are not recorded whole. */
  readonly lostMessages: number;
}

export const HANDSHAKE: ReadonlySet<string> = new Set(['initialize', 'server/discover']);
export const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
/** How a task stands is asked as often as the client likes. */
export const POLL = 'tasks/get';
/** What belongs to one message only, or to one round of several. */
const LEFT_OUT: ReadonlySet<string> = new Set(['_meta', 'inputResponses', 'requestState']);

/** What a request asks for, whatever round it is of. */
export function askedBy(params: unknown): unknown {
  if (typeof params !== 'object' || params === null || Array.isArray(params)) return params ?? {};
  return Object.fromEntries(Object.entries(params).filter(([name]) => !LEFT_OUT.has(name)));
}

export function keyOf(method: string, params: unknown): string {
  return `${method} ${canonical(askedBy(params))}`;
}

export function targetOf(method: string, params: unknown): string | undefined {
  const kind = methodInfo(method)?.targetKind;
  if (kind === undefined || typeof params !== 'object' || params === null) return undefined;
  const { name, uri } = params as { readonly name?: unknown; readonly uri?: unknown };
  const target = kind === 'resource' ? uri : name;
  return typeof target === 'string' ? target : undefined;
}

/** Whether it counts as a call that a client may or may not make again. */
export function isCounted({ is, method }: Cue): boolean {
  return is === 'request' && !HANDSHAKE.has(method) && method !== POLL;
}

/** `tools/call add (#12)`: method, target, frame. */
export function cueName({ method, target, seq }: Pick<Cue, 'method' | 'target' | 'seq'>): string {
  return `${method}${target === undefined ? '' : ` ${target}`} (#${seq})`;
}
