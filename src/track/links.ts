/**
 * Which operation in flight a message belongs to: on a pipe by direction and id, over HTTP by exchange and id. It never
 * links on a guess, and knows where copies that were lost leave it in doubt.
 */
import type { Direction } from '../wire/chunk.ts';
import { ExchangeRequests } from './exchangeRequests.ts';
import type { Exchanges, OpenExchange } from './exchanges.ts';
import type { OpenOperation } from './operation.ts';
import { Pending, type Requests } from './pending.ts';
import type { Shared } from './shared.ts';

/** Where a message stands: its channel, the number of its frame, and when it passed. */
export interface At {
  readonly channel: Direction;
  readonly seq: number;
  readonly atUs: number;
  /** HTTP: the exchange on which it came. */
  readonly exchange?: number | undefined;
  /** Of the SSE event that it came in. */
  readonly eventId?: string | undefined;
}

export const OTHER: Readonly<Record<Direction, Direction>> = {
  client_to_server: 'server_to_client',
  server_to_client: 'client_to_server',
};

export class Links {
  readonly #pending: Readonly<Record<Direction, Requests>>;
  readonly #exchanges: Exchanges | undefined;
  /** The client's requests, where they came on exchanges. */
  readonly #carried: ExchangeRequests | undefined;
  /** False once requests of that direction have passed unseen. What depends on having seen all of them is not told then. */
  readonly #seenAll: Record<Direction, boolean> = { client_to_server: true, server_to_client: true };
  /** Of each direction, operations below this number may have lost their answer. */
  readonly #doubtful: Record<Direction, number> = { client_to_server: 0, server_to_client: 0 };

  /** `exchanges`: of HTTP; on a pipe there are none. */
  constructor(shared: Shared, exchanges: Exchanges | undefined) {
    this.#exchanges = exchanges;
    this.#carried = exchanges && new ExchangeRequests(exchanges, shared);
    this.#pending = {
      client_to_server: this.#carried ?? new Pending(shared),
      server_to_client: new Pending(shared),
    };
  }

  pending(initiator: Direction): Requests {
    return this.#pending[initiator];
  }

  all(): readonly Requests[] {
    return Object.values(this.#pending);
  }

  seenAll(initiator: Direction): boolean {
    return this.#seenAll[initiator];
  }

  /** The one operation that whatever comes now must belong to; undefined when that is not certain. */
  only(initiator: Direction): OpenOperation | undefined {
    const only = this.#seenAll[initiator] ? this.#pending[initiator].only : undefined;
    return only === undefined || this.mayHaveLostItsAnswer(only) ? undefined : only;
  }

  /**
   * The request of the other side that a message must be about; undefined when that is not certain. On a pipe it can
   * only be the one in flight; over HTTP the exchange tells, where the server speaks.
   */
  about({ channel, exchange }: At): OpenOperation | undefined {
    if (this.#carried === undefined) return this.only(OTHER[channel]);
    return exchange === undefined || channel === 'client_to_server'
      ? undefined
      : this.#carried.onlyOf(exchange);
  }

  /** The exchange whose requests a message must be about; undefined where any of the session's may be meant. */
  scope({ channel, exchange }: At): number | undefined {
    return exchange === undefined || channel === 'client_to_server'
      ? undefined
      : this.#carried?.scopeOf(exchange);
  }

  /** The request that a progress token stands for: of the exchange if it has one, else of the session. */
  withToken(token: string | number, where: At): OpenOperation | undefined {
    const pending = this.#pending[OTHER[where.channel]];
    const scope = this.scope(where);
    const found = pending.withToken(token, scope);
    // Where all that the exchange carried is answered, this is late and about that.
    if (found !== undefined || scope === undefined || this.#carried?.on(scope).length === 0) return found;
    return pending.withToken(token);
  }

  exchange(exchange: number | undefined): OpenExchange | undefined {
    return this.#exchanges?.get(exchange);
  }

  /** The client's requests that came on the exchange and have no answer, oldest first. */
  on(exchange: number): readonly OpenOperation[] {
    return this.#carried?.on(exchange) ?? [];
  }

  exchangeEnded(exchange: number): void {
    this.#exchanges?.delete(exchange);
  }

  /** Copies of a channel were lost: requests of its sender, and answers to any of the `started` operations. */
  lost(channel: Direction, started: number): void {
    this.missed(channel);
    this.#doubtful[OTHER[channel]] = started;
  }

  /** A request passed and is not known. */
  missed(initiator: Direction): void {
    this.#seenAll[initiator] = false;
  }

  /** Its answer may be among copies that were lost. */
  mayHaveLostItsAnswer(operation: OpenOperation): boolean {
    return operation.operationId < this.#doubtful[operation.initiator];
  }
}
