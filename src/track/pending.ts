/**
 * The requests of one direction that have no answer yet, and the ids of those that lately got one. Ids are keys by
 * type: `1` and `"1"` differ. Every step takes the same time, however many requests are in flight.
 */
import type { Id } from '../mcp/message.ts';
import type { OpenOperation } from './operation.ts';

/** How a request ended, as far as a further answer to it is concerned. */
export type ClosedBy = 'answered' | 'cancelled';

export interface Closed {
  readonly by: ClosedBy;
  readonly operationId: number;
  readonly method: string;
  readonly stream: boolean;
}

export class Pending {
  readonly #byId = new Map<Id, OpenOperation>();
  /** Requests that came under an id still in flight, oldest first. Rare, so apart from the map that is always used. */
  readonly #reused = new Map<Id, OpenOperation[]>();
  readonly #byToken = new Map<string | number, OpenOperation>();
  /** Streams stay open on purpose: whoever asks for the oldest or the only request in flight does not mean them. */
  readonly #streams = new Set<OpenOperation>();
  /** The other requests, as a list by age: `newer` and `older` in them are its links. */
  #oldest: OpenOperation | undefined;
  #newest: OpenOperation | undefined;
  #size = 0;
  readonly #closed = new Map<Id, Closed>();
  /** The ids of `#closed` in the order in which they came to it: a ring. */
  readonly #closedIds: Id[] = [];
  #closedAt = 0;
  readonly #maxClosed: number;

  constructor(maxClosed: number) {
    this.#maxClosed = maxClosed;
  }

  get size(): number {
    return this.#size;
  }

  /** The oldest request that is no stream. */
  get oldest(): OpenOperation | undefined {
    return this.#oldest;
  }

  /** The one request in flight that is no stream; undefined when there is none or more than one. */
  get only(): OpenOperation | undefined {
    return this.#oldest === this.#newest ? this.#oldest : undefined;
  }

  /** False when the id is in flight already. Both stay, and the first answer goes to the older one. */
  open(operation: OpenOperation): boolean {
    const { requestId, progressToken } = operation;
    this.#size += 1;
    if (operation.stream) this.#streams.add(operation);
    else this.#append(operation);
    // Of two requests with the same token only the first can be meant for sure, as long as it is alone.
    if (progressToken !== undefined && !this.#byToken.has(progressToken))
      this.#byToken.set(progressToken, operation);
    if (!this.#byId.has(requestId)) {
      this.#byId.set(requestId, operation);
      return true;
    }
    const waiting = this.#reused.get(requestId);
    if (waiting === undefined) this.#reused.set(requestId, [operation]);
    else waiting.push(operation);
    return false;
  }

  get(id: Id): OpenOperation | undefined {
    return this.#byId.get(id);
  }

  withToken(token: string | number): OpenOperation | undefined {
    return this.#byToken.get(token);
  }

  /** Takes the oldest request under the id out. */
  close(id: Id, by: ClosedBy): OpenOperation | undefined {
    const operation = this.#byId.get(id);
    if (operation === undefined) return undefined;
    this.#forget(id);
    this.#size -= 1;
    if (operation.stream) this.#streams.delete(operation);
    else this.#unlink(operation);
    const { operationId, method, stream, progressToken } = operation;
    if (progressToken !== undefined && this.#byToken.get(progressToken) === operation)
      this.#byToken.delete(progressToken);
    this.#remember(id, { by, operationId, method, stream });
    return operation;
  }

  closed(id: Id): Closed | undefined {
    return this.#closed.get(id);
  }

  /** Every open request, oldest first, streams last. */
  all(): readonly OpenOperation[] {
    const open: OpenOperation[] = [];
    for (let at = this.#oldest; at !== undefined; at = at.newer) open.push(at);
    return [...open, ...this.#streams];
  }

  #forget(id: Id): void {
    const waiting = this.#reused.get(id);
    const next = waiting?.shift();
    if (waiting?.length === 0) this.#reused.delete(id);
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

  /** A map alone would do, but looking for its oldest entry passes over all that were deleted before. */
  #remember(id: Id, closed: Closed): void {
    const known = this.#closed.has(id);
    this.#closed.set(id, closed);
    if (known) return;
    const oldest = this.#closedIds[this.#closedAt];
    if (oldest !== undefined) this.#closed.delete(oldest);
    this.#closedIds[this.#closedAt] = id;
    this.#closedAt = (this.#closedAt + 1) % this.#maxClosed;
  }
}
