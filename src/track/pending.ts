/**
 * The requests of one direction that have no answer yet, and the ids of those that lately got one. Ids are keys by
 * type: `1` and `"1"` differ. Every step takes the same time, however many requests are in flight.
 */
import type { Id } from '../mcp/message.ts';
import type { OpenOperation } from './operation.ts';
import type { Part, Shared } from './shared.ts';

/** How a request ended, as far as a further answer to it is concerned. `given_up`: its HTTP exchange ended without one. */
export type ClosedBy = 'answered' | 'cancelled' | 'given_up';

export interface Closed {
  readonly by: ClosedBy;
  readonly operationId: number;
  readonly method: string;
  readonly stream: boolean;
}

/**
 * What is asked of the requests in flight, on whatever transport. `exchange`: only a request that came on that HTTP
 * exchange is meant; without it, and always on a pipe, any of the session, where exactly one can be meant.
 */
export interface Requests {
  readonly size: number;
  /** The oldest request that is no stream. */
  readonly oldest: OpenOperation | undefined;
  /** The one request in flight that is no stream; undefined when there is none or more than one. */
  readonly only: OpenOperation | undefined;
  /** False when the id is in flight already. Both stay, and the first answer goes to the older one. */
  open(operation: OpenOperation): boolean;
  get(id: Id, exchange?: number): OpenOperation | undefined;
  withToken(token: string | number, exchange?: number): OpenOperation | undefined;
  /** Takes the oldest request under the id out. */
  close(id: Id, by: ClosedBy, exchange?: number): OpenOperation | undefined;
  closed(id: Id, exchange?: number): Closed | undefined;
  /** Every open request, oldest first, streams last. */
  all(): readonly OpenOperation[];
}

export class Pending implements Requests {
  readonly #byId = new Map<Id, OpenOperation>();
  // What most sessions never have is made when they have it: there are thousands of sessions.
  /** Requests that came under an id still in flight, oldest first. Rare, so apart from the map that is always used. */
  #reused: Map<Id, OpenOperation[]> | undefined;
  #byToken: Map<string | number, OpenOperation> | undefined;
  /** Streams stay open on purpose: whoever asks for the oldest or the only request in flight does not mean them. */
  #streams: Set<OpenOperation> | undefined;
  /** The other requests, as a list by age: `newer` and `older` in them are its links. */
  #oldest: OpenOperation | undefined;
  #newest: OpenOperation | undefined;
  #size = 0;
  readonly #closed: Part<Closed>;

  constructor(shared: Shared) {
    this.#closed = shared.closed();
  }

  get size(): number {
    return this.#size;
  }

  get oldest(): OpenOperation | undefined {
    return this.#oldest;
  }

  get only(): OpenOperation | undefined {
    return this.#oldest === this.#newest ? this.#oldest : undefined;
  }

  /** `id`: what it is kept under, where that is not the id alone. */
  open(operation: OpenOperation, id = operation.requestId): boolean {
    const { progressToken } = operation;
    this.#size += 1;
    if (operation.stream) (this.#streams ??= new Set()).add(operation);
    else this.#append(operation);
    // Of two requests with the same token only the first can be meant for sure, as long as it is alone.
    if (progressToken !== undefined && this.#byToken?.has(progressToken) !== true)
      (this.#byToken ??= new Map()).set(progressToken, operation);
    if (!this.#byId.has(id)) {
      this.#byId.set(id, operation);
      return true;
    }
    const waiting = this.#reused?.get(id);
    if (waiting === undefined) (this.#reused ??= new Map()).set(id, [operation]);
    else waiting.push(operation);
    return false;
  }

  get(id: Id): OpenOperation | undefined {
    return this.#byId.get(id);
  }

  withToken(token: string | number): OpenOperation | undefined {
    return this.#byToken?.get(token);
  }

  close(id: Id, by: ClosedBy): OpenOperation | undefined {
    const operation = this.#byId.get(id);
    if (operation === undefined) return undefined;
    this.#forget(id);
    this.#size -= 1;
    if (operation.stream) this.#streams?.delete(operation);
    else this.#unlink(operation);
    const { operationId, method, stream, progressToken } = operation;
    if (progressToken !== undefined && this.#byToken?.get(progressToken) === operation)
      this.#byToken.delete(progressToken);
    this.#closed.set(id, { by, operationId, method, stream });
    return operation;
  }

  closed(id: Id): Closed | undefined {
    return this.#closed.get(id);
  }

  all(): readonly OpenOperation[] {
    const open: OpenOperation[] = [];
    for (let at = this.#oldest; at !== undefined; at = at.newer) open.push(at);
    return this.#streams === undefined ? open : [...open, ...this.#streams];
  }

  #forget(id: Id): void {
    const waiting = this.#reused?.get(id);
    const next = waiting?.shift();
    if (waiting?.length === 0) this.#reused?.delete(id);
    if (next === undefined) this.#byId.delete(id);
    else this.#byId.set(id, next);
  }

  #append(operation: OpenOperation): void {
    operation.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = operation;
    else this.#newest.newer = operation;
    this.#newest = operation;
  }

  #unlink(operation: OpenOperation): void {
    const { older, newer } = operation;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    operation.older = operation.newer = undefined;
  }
}
