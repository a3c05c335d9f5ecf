/**
 * A recorded session as something that can be done again: what the client asked, in which order, what it had heard by then, what
 * the server asked in between, and what came of it. The handshake is left out: it is made anew. Pure; it runs nothing.
 */
import type { Outcome } from '../event/outcome.ts';
import type { Source } from '../formats/source.ts';
import { isObject } from '../mcp/canonical.ts';
import { eraOf, type Era } from '../mcp/era.ts';
import type { StoredFrame } from '../store/block.ts';
import type { OperationRecord } from '../store/record.ts';
import { hasElided, redactedIn } from './placeholder.ts';

export type Json = Readonly<Record<string, unknown>>;

/** An answer as it was recorded, or as it came. */
export type Answer = { readonly result: unknown } | { readonly error: unknown };

/** What the server asked of the client while a step was under way, and what it was told. */
export interface Ask {
  readonly method: string;
  readonly params: unknown;
  /** Undefined: the client never answered, or not whole in the recording. */
  readonly answer: Answer | undefined;
}

export interface Step {
  readonly index: number;
  readonly is: 'request' | 'notification' | 'cancel';
  readonly method: string;
  /** Of a tool, prompt or resource. */
  readonly target: string | undefined;
  /** As they were recorded; `_meta` without what belongs to one message only. */
  readonly params: Json | undefined;
  readonly operationId: number | undefined;
  /** The span of the recorded operation, as a traceparent. */
  readonly span: string | undefined;
  /** Frame of the request. */
  readonly seq: number;
  readonly atUs: number;
  /** Steps whose answers the client had, which it had not when the step before this one was sent. */
  readonly after: readonly number[];
  /** Of a cancel: the step that it is about. */
  readonly cancels: number | undefined;
  readonly outcome: Outcome | undefined;
  readonly durationUs: number;
  readonly stream: boolean;
  readonly answer: Answer | undefined;
  /** Of a call that asked for input: by key, over all its legs, and in a task's updates. */
  readonly inputs: ReadonlyMap<string, unknown>;
  readonly asks: readonly Ask[];
  /** Of the server about this step, by method. */
  readonly notifications: ReadonlyMap<string, number>;
  /** Why it cannot be done again as it was. */
  readonly problems: readonly Problem[];
}

export type Problem =
  | { readonly is: 'redacted'; readonly placeholder: string }
  | { readonly is: 'truncated' | 'no_body' | 'elided' };

export interface Scenario {
  /** Of the session, or what a case is called. */
  readonly id: string;
  readonly server: string;
  readonly era: Era;
  readonly protocolVersion: string;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** As the client declared them. */
  readonly capabilities: Json;
  readonly steps: readonly Step[];
  /** Asked outside of any step. */
  readonly asks: readonly Ask[];
  /** By name; the annotations of every definition that was listed. */
  readonly annotations: ReadonlyMap<string, readonly unknown[]>;
  /** Definitions by name, as they were listed last. */
  readonly tools: ReadonlyMap<string, Json>;
}

/** More steps than this are a day of traffic, not a session to be done again at once. */
export const MAX_STEPS = 100_000;
const LATEST_LEGACY = '2025-11-25';
const MODERN = '2026-07-28';
const HANDSHAKE: ReadonlySet<string> = new Set([
  'initialize',
  'notifications/initialized',
  'server/discover',
]);
/** What is JSON-RPC; the other frames tell of the transport, in JSON, too. */
const MESSAGES: ReadonlySet<StoredFrame['kind']> = new Set([
  'request',
  'notification',
  'result',
  'error',
  'batch',
]);
/** In `_meta` of what a replay sends: the session, and the span that its trace links to. */
export const REPLAY_OF = 'dev.sidelight/replayOf';
export const REPLAY_OF_SPAN = 'dev.sidelight/replayOfSpan';
/** Members of `_meta` that are made anew with each message. */
const FRESH_META: ReadonlySet<string> = new Set([
  ...['progressToken', 'traceparent', 'tracestate', 'baggage'],
  ...[REPLAY_OF, REPLAY_OF_SPAN],
]);
const META_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';

type Building = {
  -readonly [Name in keyof Step]: Step[Name] extends readonly (infer Item)[]
    ? Item[]
    : Step[Name] extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Value>
      : Step[Name];
};

interface Said {
  readonly frame: StoredFrame;
  readonly message: Json;
}

export function scenarioOf(source: Source): Scenario {
  return new Reading(source).scenario();
}

class Reading {
  readonly #source: Source;
  readonly #operations = new Map<number, OperationRecord>();
  readonly #byFrame = new Map<number, OperationRecord[]>();
  readonly #steps: Building[] = [];
  readonly #stepOf = new Map<number, Building>();
  readonly #asks = new Map<number, { ask: { -readonly [Name in keyof Ask]: Ask[Name] } }>();
  readonly #outside: Ask[] = [];
  readonly #annotations = new Map<string, unknown[]>();
  readonly #tools = new Map<string, Json>();
  /** Answered since the last step was sent. */
  #answered: number[] = [];
  #capabilities: Json | undefined;

  constructor(source: Source) {
    this.#source = source;
    for (const operation of source.operations()) {
      this.#operations.set(operation.operationId, operation);
      const { firstSeq } = operation;
      this.#byFrame.set(firstSeq, [...(this.#byFrame.get(firstSeq) ?? []), operation]);
    }
  }

  scenario(): Scenario {
    for (const frame of this.#source.frames()) {
      if (this.#steps.length >= MAX_STEPS) break;
      this.#frame(frame);
    }
    const { session } = this.#source;
    const era = session.era ?? eraOf(session.protocolVersion ?? '') ?? 'legacy';
    return {
      id: session.id,
      server: session.server,
      era,
      protocolVersion: session.protocolVersion ?? (era === 'modern' ? MODERN : LATEST_LEGACY),
      clientInfo: {
        name: session.clientInfo.name ?? 'sidelight',
        version: session.clientInfo.version ?? '0.0.0',
      },
      capabilities:
        this.#capabilities ?? Object.fromEntries(session.clientCapabilities.map((name) => [name, {}])),
      steps: this.#steps,
      asks: this.#outside,
      annotations: this.#annotations,
      tools: this.#tools,
    };
  }

  #frame(frame: StoredFrame): void {
    const { kind, channel } = frame;
    if (!MESSAGES.has(kind)) return;
    if (frame.bytes.length === 0 || frame.truncated) {
      if (kind === 'request' && channel === 'client_to_server') this.#unreadable(frame);
      if (kind === 'result' || kind === 'error') this.#ended(frame, undefined);
      return;
    }
    const value = parsed(frame.bytes);
    const messages = Array.isArray(value) ? (value as unknown[]) : [value];
    for (const message of messages) {
      if (!isObject(message)) continue;
      const said = { frame, message };
      if (typeof message.method === 'string') {
        if (channel === 'client_to_server') this.#asked(said, message.method);
        else this.#served(said, message.method);
      } else if ('result' in message || 'error' in message) this.#ended(frame, message);
    }
  }

  /** A request of which only the envelope is known. */
  #unreadable(frame: StoredFrame): void {
    const operation = this.#operationOf(frame, undefined);
    if (operation === undefined || HANDSHAKE.has(operation.method)) return;
    if (operation.firstSeq !== frame.seq) return;
    const is = frame.truncated && frame.bytes.length > 0 ? 'truncated' : 'no_body';
    this.#step('request', operation.method, undefined, frame, operation, [{ is }]);
  }

  /** Something that the client said and that is no answer. */
  #asked({ frame, message }: Said, method: string): void {
    const params = isObject(message.params) ? message.params : undefined;
    this.#learnClient(method, params);
    if (HANDSHAKE.has(method)) return;
    const isRequest = 'id' in message;
    if (!isRequest) {
      if (method === 'notifications/cancelled') this.#cancel(frame, params);
      else this.#step('notification', method, params, frame, undefined, problemsOf(params, frame));
      return;
    }
    const operation = this.#operationOf(frame, message.id);
    const step = operation === undefined ? undefined : this.#stepOf.get(operation.operationId);
    if (step === undefined) {
      this.#step('request', method, params, frame, operation, problemsOf(params, frame));
      return;
    }
    // A later leg, or a request about a task: what matters of it is what was put in.
    const inputs = isObject(params?.inputResponses) ? params.inputResponses : {};
    for (const [key, input] of Object.entries(inputs)) step.inputs.set(key, input);
    step.problems.push(...problemsOf(inputs, frame));
  }

  #step(
    is: Step['is'],
    method: string,
    params: Json | undefined,
    frame: StoredFrame,
    operation: OperationRecord | undefined,
    problems: readonly Problem[],
  ): Building {
    const step: Building = {
      index: this.#steps.length,
      is,
      method,
      target: operation?.target?.name,
      params: params && withoutFresh(params),
      operationId: operation?.operationId,
      span: operation && `00-${operation.traceId}-${operation.spanId}-01`,
      seq: frame.seq,
      atUs: frame.atUs,
      after: this.#answered,
      cancels: undefined,
      outcome: operation?.outcome,
      durationUs: operation === undefined ? 0 : operation.endedAtUs - operation.startedAtUs,
      stream: operation?.stream ?? false,
      answer: undefined,
      inputs: new Map(),
      asks: [],
      notifications: new Map(),
      problems: [...problems],
    };
    this.#answered = [];
    this.#steps.push(step);
    if (operation !== undefined) this.#stepOf.set(operation.operationId, step);
    return step;
  }

  #cancel(frame: StoredFrame, params: Json | undefined): void {
    const operationId =
      frame.operationId ??
      [...this.#operations.values()].find(
        ({ requestId, initiator, firstSeq }) =>
          requestId === params?.requestId && initiator === 'client_to_server' && firstSeq < frame.seq,
      )?.operationId;
    const cancelled = operationId === undefined ? undefined : this.#stepOf.get(operationId);
    if (cancelled === undefined) return;
    const step = this.#step('cancel', 'notifications/cancelled', params, frame, undefined, []);
    step.cancels = cancelled.index;
  }

  /** Something that the server said and that is no answer. */
  #served({ frame, message }: Said, method: string): void {
    const operation = this.#operationOf(frame, message.id);
    if (!('id' in message)) {
      const step = frame.operationId === undefined ? undefined : this.#stepOf.get(frame.operationId);
      step?.notifications.set(method, (step.notifications.get(method) ?? 0) + 1);
      return;
    }
    if (operation === undefined || method === 'ping') return;
    const ask = { method, params: message.params, answer: undefined };
    this.#asks.set(operation.operationId, { ask });
    const parent = operation.parentOperationId;
    const step = parent === undefined ? undefined : this.#stepOf.get(parent);
    (step?.asks ?? this.#outside).push(ask);
  }

  #ended(frame: StoredFrame, message: Json | undefined): void {
    const operation = this.#operationOf(frame, message?.id);
    if (operation === undefined) return;
    const answer = message === undefined ? undefined : answerOf(message);
    const asked = this.#asks.get(operation.operationId);
    if (asked !== undefined) {
      asked.ask.answer = answer;
      return;
    }
    if (operation.method === 'tools/list' && message !== undefined) this.#learnTools(message.result);
    const step = this.#stepOf.get(operation.operationId);
    if (step === undefined) return;
    step.answer = answer && finalAnswer(answer);
    if (!this.#answered.includes(step.index)) this.#answered.push(step.index);
  }

  /** By what was recorded; in a batch, by the id of the message. */
  #operationOf(frame: StoredFrame, id: unknown): OperationRecord | undefined {
    if (frame.operationId !== undefined) return this.#operations.get(frame.operationId);
    const begun = this.#byFrame.get(frame.seq)?.find(({ requestId }) => requestId === id);
    if (begun !== undefined) return begun;
    const isAnswerOf = ({ requestId, initiator, firstSeq, lastSeq }: OperationRecord): boolean =>
      requestId === id && initiator !== frame.channel && firstSeq <= frame.seq && frame.seq <= lastSeq;
    return frame.kind === 'batch' ? [...this.#operations.values()].find(isAnswerOf) : undefined;
  }

  #learnClient(method: string, params: Json | undefined): void {
    const meta = isObject(params?._meta) ? params._meta : {};
    const declared = method === 'initialize' ? params?.capabilities : meta[META_CAPABILITIES];
    if (isObject(declared)) this.#capabilities ??= declared;
  }

  #learnTools(result: unknown): void {
    if (!isObject(result) || !Array.isArray(result.tools)) return;
    for (const tool of result.tools as unknown[]) {
      if (!isObject(tool) || typeof tool.name !== 'string') continue;
      this.#tools.set(tool.name, tool);
      this.#annotations.set(tool.name, [...(this.#annotations.get(tool.name) ?? []), tool.annotations]);
    }
  }
}

/** The last state of a task holds what the call would have been answered with. */
export function finalAnswer(answer: Answer): Answer {
  if (!('result' in answer) || !isObject(answer.result) || typeof answer.result.taskId !== 'string')
    return answer;
  const { result, error } = answer.result;
  if (result !== undefined) return { result };
  return error === undefined ? answer : { error };
}

export function answerOf(message: Json): Answer {
  return 'result' in message ? { result: message.result } : { error: message.error };
}

function withoutFresh(params: Json): Json {
  if (!isObject(params._meta)) return params;
  const meta = Object.entries(params._meta).filter(([name]) => !FRESH_META.has(name));
  const rest = Object.entries(params).filter(([name]) => name !== '_meta');
  return Object.fromEntries(meta.length === 0 ? rest : [...rest, ['_meta', Object.fromEntries(meta)]]);
}

/** What placeholders stand for, and is to be had before this can be sent. */
export function missingIn(params: unknown): Problem[] {
  const text = JSON.stringify(params);
  return [
    ...redactedIn(text).map((placeholder) => ({ is: 'redacted' as const, placeholder })),
    ...(hasElided(text) ? [{ is: 'elided' as const }] : []),
  ];
}

function problemsOf(params: unknown, frame: StoredFrame): Problem[] {
  return params === undefined || (frame.redactions === 0 && frame.elided === 0) ? [] : missingIn(params);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
