/**
 * What is alive of a recording that is played: the live requests that its requests stand for, and the requests of the server that
 * wait for the client. It puts live ids in the place of recorded ones, and sends nothing.
 */
import { isObject } from '../../mcp/canonical.ts';
import type { Json } from '../scenario.ts';
import type { Channel } from './channel.ts';
import { type Fill, SUBSCRIPTION_ID } from './script.ts';

/** One request of the client. */
export interface Request {
  readonly id: unknown;
  /** Undefined: it wants no progress. */
  readonly token: unknown;
  readonly channel: Channel;
  readonly cancelled: AbortController;
}

/** Requests of clients that live subscriptions and late progress may still be about; the oldest are forgotten first. */
const MAX_REMEMBERED = 10_000;

export class Live {
  /** The latest of a cue. */
  readonly #byCue = new Map<number, Request>();
  /** Requests of the server that wait for the client, by live id. */
  readonly #waiting = new Map<unknown, (answer: Json | undefined) => void>();
  /** By their numbers in the recording. */
  readonly #asks = new Map<number, { readonly id: number; readonly answer: Promise<Json | undefined> }>();
  #ids = 0;

  remember(cue: number, request: Request): void {
    this.#byCue.delete(cue);
    this.#byCue.set(cue, request);
    const [oldest] = this.#byCue.keys();
    if (this.#byCue.size > MAX_REMEMBERED && oldest !== undefined) this.#byCue.delete(oldest);
  }

  requestOf(cue: number): Request | undefined {
    return this.#byCue.get(cue);
  }

  /** Undefined: the client does not want it. */
  filled(message: Json, fill: Fill | undefined): Json | undefined {
    if (fill === undefined) return message;
    const params = isObject(message.params) ? message.params : {};
    if (fill.is === 'cancelled_ask') {
      const requestId = this.#asks.get(fill.ask)?.id;
      return requestId === undefined ? undefined : { ...message, params: { ...params, requestId } };
    }
    const live = this.#byCue.get(fill.cue);
    if (live === undefined) return undefined;
    switch (fill.is) {
      case 'progress_token':
        return live.token === undefined
          ? undefined
          : { ...message, params: { ...params, progressToken: live.token } };
      case 'cancelled_cue':
        return { ...message, params: { ...params, requestId: live.id } };
      case 'subscription':
        return { ...message, params: { ...params, _meta: subscribed(params, live) } };
    }
  }

  /** A recorded answer as one to `request`. */
  answer(message: Json, { id }: Request): Json {
    const { result } = message;
    if (!isObject(result) || !isObject(result._meta) || !(SUBSCRIPTION_ID in result._meta))
      return { ...message, id };
    return { ...message, id, result: { ...result, _meta: subscribed(result, { id }) } };
  }

  /** A recorded request of the server, with an id of its own. */
  ask(ask: number, message: Json): Json {
    const id = (this.#ids += 1);
    const answer = new Promise<Json | undefined>((resolve) => this.#waiting.set(id, resolve));
    this.#asks.set(ask, { id, answer });
    return { ...message, id };
  }

  /** What the client answered to it; undefined: nothing, and it will not. */
  async answerTo(ask: number, signal: AbortSignal): Promise<Json | undefined> {
    const asked = this.#asks.get(ask);
    if (asked === undefined || signal.aborted) return undefined;
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve(undefined);
      });
    });
    return Promise.race([asked.answer, aborted]);
  }

  /** An answer of the client. */
  heard(message: Json): void {
    this.#waiting.get(message.id)?.(message);
    this.#waiting.delete(message.id);
  }

  /** The client says nothing any more. */
  end(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}

function subscribed({ _meta }: Json, { id }: Pick<Request, 'id'>): Json {
  return { ...(isObject(_meta) && _meta), [SUBSCRIPTION_ID]: id };
}
