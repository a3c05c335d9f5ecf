/**
 * What the client said, as a recording is read: one cue for each, and which of them a later message is about. It holds at most
 * MAX_STEPS of them, and changes nothing once the script is made.
 */
import { isObject } from '../../mcp/canonical.ts';
import { methodInfo } from '../../mcp/methods.ts';
import type { StoredFrame } from '../../store/block.ts';
import { type Json, MAX_STEPS } from '../scenario.ts';
import type { Cue, Happening } from './script.ts';

export type Building = { -readonly [Name in keyof Cue]: Cue[Name] } & {
  happenings: Happening[];
  /** As JSON. */
  readonly id: string;
  readonly operationId: number | undefined;
  readonly exchange: number | undefined;
};

export type Said = Pick<Cue, 'is' | 'method' | 'target' | 'params' | 'key' | 'hasPlaceholder' | 'problem'> & {
  readonly id: string;
};

/** An HTTP answer as far as it is known. */
export interface Response {
  readonly status: number;
  readonly type: string;
  body: string;
}

export class Cues {
  readonly all: Building[] = [];
  /** Before the client had said anything. */
  readonly opening: Happening[] = [];
  /** Requests of the client that wait for their answer. */
  readonly open = new Set<Building>();
  readonly responses = new Map<number, Response>();
  /** Those that wait by their ids, which several may have over HTTP. */
  readonly #waiting = new Map<string, Building[]>();
  readonly #byExchange = new Map<number, Building>();
  readonly #byOperation = new Map<number, Building>();
  /** The latest of an id, or of a progress token. */
  readonly #byId = new Map<string, Building>();
  readonly #byToken = new Map<string, Building>();
  /** What the client said last: what the server does by itself comes after it. */
  latest: Building | undefined;

  /** Undefined: there are too many. */
  add({ seq, atUs, operationId, exchange }: StoredFrame, said: Said): Building | undefined {
    if (this.all.length >= MAX_STEPS) return undefined;
    const cue: Building = {
      ...said,
      ...{ index: this.all.length, seq, atUs, operationId, exchange, happenings: [] },
      ...{ answerSeq: undefined, next: undefined, isRetry: false, http: undefined, redactedAnswer: false },
    };
    this.all.push(cue);
    this.latest = cue;
    if (cue.is === 'notification') return cue;
    this.open.add(cue);
    this.#byId.set(cue.id, cue);
    this.#waiting.set(cue.id, [...(this.#waiting.get(cue.id) ?? []), cue]);
    if (exchange !== undefined) this.#byExchange.set(exchange, cue);
    const token = metaOf(cue.params).progressToken;
    if (token !== undefined) this.#byToken.set(idKey(token), cue);
    if (operationId !== undefined) this.#chain(cue, operationId);
    return cue;
  }

  ofId(id: unknown): Building | undefined {
    return this.#byId.get(idKey(id));
  }

  ofToken(token: unknown): Building | undefined {
    return this.#byToken.get(idKey(token));
  }

  /** The request that is open and that a message is known to be about. */
  openOf(exchange: number | undefined, operationId: number | undefined): Building | undefined {
    const cues = [this.#byExchange.get(exchange ?? -1), this.#byOperation.get(operationId ?? -1)];
    return cues.find((cue) => cue !== undefined && this.open.has(cue));
  }

  /** The request that an answer of this id is to. */
  waitingFor(id: unknown, exchange: number | undefined): Building | undefined {
    const waiting = this.#waiting.get(idKey(id)) ?? [];
    return waiting.find((cue) => cue.exchange === exchange) ?? waiting[0];
  }

  /** Its answer has come. */
  close(cue: Building, { seq, exchange }: StoredFrame): void {
    cue.answerSeq = seq;
    const response = this.responses.get(exchange ?? -1);
    if (response !== undefined)
      cue.http = { status: response.status, stream: response.type.startsWith('text/event-stream') };
    this.open.delete(cue);
    const waiting = (this.#waiting.get(cue.id) ?? []).filter((one) => one !== cue);
    if (waiting.length > 0) this.#waiting.set(cue.id, waiting);
    else this.#waiting.delete(cue.id);
  }

  /** A round of a call that asked for input comes after the one before it. */
  #chain(cue: Building, operationId: number): void {
    const before = this.#byOperation.get(operationId);
    if (before?.method === cue.method && before.next === undefined && asksForInput(before)) {
      before.next = cue.index;
      cue.isRetry = true;
    }
    // Requests about a task belong to the operation, and are no rounds of it.
    if (before === undefined || before.method === cue.method) this.#byOperation.set(operationId, cue);
  }
}

/** An id or a token, as the key of a map: 1 and "1" are two. */
export function idKey(id: unknown): string {
  return id === undefined ? '' : JSON.stringify(id);
}

/** Here an answer would be. */
export function fail(cue: Building, reason: string, atUs: number, ended = false): void {
  cue.problem ??= reason;
  cue.happenings.push({ atUs, is: 'problem', reason, ended });
}

export function isStream(method: string): boolean {
  return methodInfo(method)?.stream === true;
}

export function metaOf(params: unknown): Json {
  return isObject(params) && isObject(params._meta) ? params._meta : {};
}

function asksForInput({ happenings }: Cue): boolean {
  const answer = happenings.find((one) => one.is === 'answer');
  return isObject(answer?.message.result) && answer.message.result.resultType === 'input_required';
}
