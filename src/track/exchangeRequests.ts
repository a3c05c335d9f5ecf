/**
 * The client's requests in flight over HTTP. Every client of a stateless server numbers from 0, so that a request is known
 * by its exchange and its id; by the id alone only where exactly one of the session can be meant.
 */
import type { Id } from '../mcp/message.ts';
import type { Exchanges } from './exchanges.ts';
import type { OpenOperation } from './operation.ts';
import { type Closed, type ClosedBy, Pending, type Requests } from './pending.ts';
import type { Part, Shared } from './shared.ts';

export class ExchangeRequests implements Requests {
  /** By exchange and id. */
  readonly #pending: Pending;
  readonly #byId = new ByExchange();
  readonly #byToken = new ByExchange();
  /** Only while there is one, as all that is kept of requests in flight: of thousands of sessions most are idle. */
  #byExchange: Map<number, Set<OpenOperation>> | undefined;
  readonly #exchanges: Exchanges;
  /** By the id alone. */
  readonly #closed: Part<Closed>;
  readonly #elsewhere: Shared['elsewhere'];

  constructor(exchanges: Exchanges, shared: Shared) {
    this.#exchanges = exchanges;
    this.#pending = new Pending(shared);
    this.#closed = shared.closed();
    this.#elsewhere = shared.elsewhere;
  }

  get size(): number {
    return this.#pending.size;
  }

  get oldest(): OpenOperation | undefined {
    return this.#pending.oldest;
  }

  get only(): OpenOperation | undefined {
    return this.#pending.only;
  }

  open(operation: OpenOperation): boolean {
    const { requestId, exchange, progressToken } = operation;
    this.#byId.add(requestId, operation);
    if (progressToken !== undefined) this.#byToken.add(progressToken, operation);
    this.#carry(operation);
    return this.#pending.open(operation, keyOf(exchange, requestId));
  }

  get(id: Id, exchange?: number): OpenOperation | undefined {
    return exchange === undefined ? this.#byId.only(id) : this.#pending.get(keyOf(exchange, id));
  }

  withToken(token: string | number, exchange?: number): OpenOperation | undefined {
    return exchange === undefined ? this.#byToken.only(token) : this.#byToken.of(token, exchange);
  }

  close(id: Id, by: ClosedBy, exchange = this.#byId.only(id)?.exchange): OpenOperation | undefined {
    const key = keyOf(exchange, id);
    const operation = this.#pending.close(key, by);
    if (operation === undefined) return undefined;
    const { progressToken } = operation;
    this.#byId.delete(id, operation);
    const next = this.#pending.get(key);
    if (next !== undefined) this.#byId.add(id, next);
    if (progressToken !== undefined) this.#byToken.delete(progressToken, operation);
    this.#drop(operation);
    this.#elsewhere.delete(operation);
    const closed = this.#pending.closed(key);
    if (closed !== undefined) this.#closed.set(id, closed);
    return operation;
  }

  closed(id: Id, exchange?: number): Closed | undefined {
    if (exchange !== undefined) return this.#pending.closed(keyOf(exchange, id));
    // What is still open under the id may be meant as well.
    return this.#byId.has(id) ? undefined : this.#closed.get(id);
  }

  all(): readonly OpenOperation[] {
    return this.#pending.all();
  }

  /**
   * The exchange whose requests a message of the server's on this one must be about; undefined where it may be any of
   * the session's, on a GET stream.
   */
  scopeOf(exchange: number | undefined): number | undefined {
    return this.#exchanges.get(exchange)?.facts.method === 'GET' ? undefined : exchange;
  }

  /** The request that whatever comes on the exchange must be about: the only one that it carried, while it is open. */
  onlyOf(exchange: number): OpenOperation | undefined {
    return this.#exchanges.get(exchange)?.carried === 1 ? this.on(exchange)[0] : undefined;
  }

  /** The requests that came on the exchange and have no answer, oldest first. */
  on(exchange: number): readonly OpenOperation[] {
    return [...(this.#byExchange?.get(exchange) ?? [])];
  }

  #carry(operation: OpenOperation): void {
    const { exchange, carrier } = operation;
    if (exchange === undefined) return;
    if (carrier !== undefined) carrier.carried += 1;
    const carried = this.#byExchange?.get(exchange);
    if (carried === undefined) (this.#byExchange ??= new Map()).set(exchange, new Set([operation]));
    else carried.add(operation);
  }

  #drop(operation: OpenOperation): void {
    const { exchange } = operation;
    const carried = exchange === undefined ? undefined : this.#byExchange?.get(exchange);
    carried?.delete(operation);
    if (exchange !== undefined && carried?.size === 0) this.#byExchange?.delete(exchange);
    if (this.#byExchange?.size === 0) this.#byExchange = undefined;
  }
}

/** Operations by a name that is unique within an exchange at most: an id, a progress token. */
class ByExchange {
  #operations: Map<Id, Map<number | undefined, OpenOperation>> | undefined;

  has(name: Id): boolean {
    return this.#operations?.has(name) === true;
  }

  /** Undefined when there is none, or more than one. */
  only(name: Id): OpenOperation | undefined {
    const named = this.#operations?.get(name);
    return named?.size === 1 ? named.values().next().value : undefined;
  }

  of(name: Id, exchange: number): OpenOperation | undefined {
    return this.#operations?.get(name)?.get(exchange);
  }

  /** Of two with one name on one exchange the first is meant, as long as it is there. */
  add(name: Id, operation: OpenOperation): void {
    const named = this.#operations?.get(name);
    if (named === undefined)
      (this.#operations ??= new Map()).set(name, new Map([[operation.exchange, operation]]));
    else if (!named.has(operation.exchange)) named.set(operation.exchange, operation);
  }

  delete(name: Id, operation: OpenOperation): void {
    const named = this.#operations?.get(name);
    if (named?.get(operation.exchange) !== operation) return;
    named.delete(operation.exchange);
    if (named.size === 0) this.#operations?.delete(name);
    if (this.#operations?.size === 0) this.#operations = undefined;
  }
}

/** `1` and `"1"` differ. */
function keyOf(exchange: number | undefined, id: Id): string {
  return `${exchange}${typeof id === 'string' ? '"' : '#'}${id}`;
}
