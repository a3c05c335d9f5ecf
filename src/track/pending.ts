/**
 * The requests of one direction that have no answer yet, and the ids of those that lately got one. Ids are keys by
 * type: `1` and `"1"` differ.
 */
import type { OperationNote, SpanIdentity, Target } from '../event/event.ts';
import type { MethodInfo } from '../mcp/methods.ts';
import type { Id } from '../mcp/message.ts';
import type { Direction } from '../wire/chunk.ts';

/** An operation that is not finished. */
export interface OpenOperation {
  readonly operationId: number;
  readonly initiator: Direction;
  readonly requestId: Id;
  readonly method: string;
  readonly info: MethodInfo | undefined;
  readonly target: Target | undefined;
  readonly progressToken: string | number | undefined;
  readonly startedAtUs: number;
  readonly firstSeq: number;
  readonly requestBytes: number;
  readonly span: SpanIdentity;
  readonly parentOperationId: number | undefined;
  readonly jsonrpc: string | undefined;
  readonly stream: boolean;
  readonly arguments: string | undefined;
  readonly notes: OperationNote[];
  notesDropped: number;
  progressCount: number;
}

/** Adds a note to an operation; beyond the cap it is counted only. */
export function noteOn(operation: OpenOperation, note: OperationNote, maxNotes: number): void {
  if (operation.notes.length < maxNotes) operation.notes.push(note);
  else operation.notesDropped += 1;
}

/** How a closed request ended, as far as a further answer to it is concerned. */
export type ClosedBy = 'answered' | 'cancelled';

export interface Closed {
  readonly by: ClosedBy;
  readonly operationId: number;
  readonly method: string;
}

export class Pending {
  readonly #open = new Map<Id, OpenOperation>();
  /** Requests that came under an id still in flight, oldest first. Rare, so apart from the map that is always used. */
  readonly #reused = new Map<Id, OpenOperation[]>();
  readonly #byToken = new Map<string | number, OpenOperation>();
  readonly #closed = new Map<Id, Closed>();
  readonly #maxClosed: number;
  #streams = 0;
  #size = 0;

  constructor(maxClosed: number) {
    this.#maxClosed = maxClosed;
  }

  get size(): number {
    return this.#size;
  }

  /** False when the id is in flight already. Both stay: an answer goes to the older one, which it can only be late for. */
  open(operation: OpenOperation): boolean {
    this.#size += 1;
    if (operation.stream) this.#streams += 1;
    if (operation.progressToken !== undefined) this.#byToken.set(operation.progressToken, operation);
    if (!this.#open.has(operation.requestId)) {
      this.#open.set(operation.requestId, operation);
      return true;
    }
    const waiting = this.#reused.get(operation.requestId);
    if (waiting === undefined) this.#reused.set(operation.requestId, [operation]);
    else waiting.push(operation);
    return false;
  }

  get(id: Id): OpenOperation | undefined {
    return this.#open.get(id);
  }

  withToken(token: string | number): OpenOperation | undefined {
    return this.#byToken.get(token);
  }

  /** Takes the oldest request under the id out. */
  close(id: Id, by: ClosedBy): OpenOperation | undefined {
    const operation = this.#open.get(id);
    if (operation === undefined) return undefined;
    this.#open.delete(id);
    this.#size -= 1;
    if (operation.stream) this.#streams -= 1;
    const next = this.#reused.get(id)?.shift();
    if (next !== undefined) this.#open.set(id, next);
    if (this.#reused.get(id)?.length === 0) this.#reused.delete(id);
    const { progressToken } = operation;
    if (progressToken !== undefined && this.#byToken.get(progressToken) === operation)
      this.#byToken.delete(progressToken);
    this.#remember(id, { by, operationId: operation.operationId, method: operation.method });
    return operation;
  }

  closed(id: Id): Closed | undefined {
    return this.#closed.get(id);
  }

  /** The one request in flight that is no stream; undefined when there is none or more than one. */
  only(): OpenOperation | undefined {
    if (this.#size - this.#streams !== 1) return undefined;
    for (const operation of this.#open.values()) if (!operation.stream) return operation;
    return undefined;
  }

  /** When the oldest request that is no stream began. */
  oldestStartedAtUs(): number | undefined {
    for (const operation of this.#open.values()) if (!operation.stream) return operation.startedAtUs;
    return undefined;
  }

  /** Every open request, oldest id first. */
  all(): readonly OpenOperation[] {
    return [...this.#open.values(), ...[...this.#reused.values()].flat()].sort(
      (a, b) => a.operationId - b.operationId,
    );
  }

  #remember(id: Id, closed: Closed): void {
    this.#closed.delete(id);
    this.#closed.set(id, closed);
    if (this.#closed.size <= this.#maxClosed) return;
    for (const oldest of this.#closed.keys()) {
      this.#closed.delete(oldest);
      return;
    }
  }
}
