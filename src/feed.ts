/**
 * From the HTTP tap into the ring: facts as JSON, bodies as they are, each record numbered within its exchange, so that
 * the observer sees exactly where copies are missing. It never waits and keeps nothing of a body.
 */
import type { Direction } from './wire/chunk.ts';
import type { ExchangeFact } from './wire/exchange.ts';

/** The relay's handle on the observer, as far as exchanges need it. */
export interface ExchangeRecords {
  /** False when the copy did not fit: it is counted. */
  record(
    kind: Direction | 'request' | 'response',
    bytes: Uint8Array,
    atUs: number,
    exchange: number,
    index: number,
    offset: number,
  ): boolean;
  /** False when not even the reserve had room. */
  tell(
    fact: {
      readonly fact: 'exchanges_lost';
      readonly exchanges: readonly number[];
      readonly unseen: number;
    },
    atUs: number,
  ): boolean;
  delayed(tookUs: number): void;
}

/**
 * Ends that did not fit wait here to be told; so many fit into what the ring keeps free for such facts. Of an exchange
 * whose end is never told, the observer gives up what it holds when it meets its own bound.
 */
const MAX_LOST_ENDS = 4000;

/** What was told of an exchange so far, whether it fitted or not. */
interface Told {
  /** Its request fitted: the observer knows of it. */
  begun: boolean;
  records: number;
  bytes: number;
}

const ENCODER = new TextEncoder();
const bytesOf = (fact: ExchangeFact): Uint8Array => ENCODER.encode(JSON.stringify(fact));
/** How nearly every exchange ends: written once. */
const WHOLE_REQUEST = bytesOf({ fact: 'request_ended', aborted: false, trailers: [] });
const WHOLE_RESPONSE = bytesOf({ fact: 'response_ended', end: 'complete', trailers: [] });

export class ExchangeFeed {
  readonly #to: ExchangeRecords;
  readonly #told = new Map<number, Told>();
  /** Exchanges whose end did not fit: the observer would wait for it for ever. */
  #lostEnds: number[] = [];
  /** Exchanges that are over, of which the observer knows nothing. */
  #unseen = 0;

  constructor(to: ExchangeRecords) {
    this.#to = to;
  }

  fact(exchange: number, fact: ExchangeFact, atUs: number): void {
    const kind = fact.fact === 'response' || fact.fact === 'response_ended' ? 'response' : 'request';
    const taken = this.#put(kind, encoded(fact), atUs, exchange);
    if (fact.fact === 'response_ended') this.#ended(exchange, taken);
    if (taken) this.#tellLost(atUs);
  }

  /** To be called when nothing more will come. */
  end(atUs: number): void {
    this.#tellLost(atUs);
  }

  #ended(exchange: number, taken: boolean): void {
    const isKnown = this.#told.get(exchange)?.begun === true;
    this.#told.delete(exchange);
    if (!isKnown) this.#unseen += 1;
    else if (!taken && this.#lostEnds.length < MAX_LOST_ENDS) this.#lostEnds.push(exchange);
  }

  #tellLost(atUs: number): void {
    if (this.#lostEnds.length + this.#unseen === 0) return;
    const lost = { fact: 'exchanges_lost', exchanges: this.#lostEnds, unseen: this.#unseen } as const;
    if (!this.#to.tell(lost, atUs)) return;
    this.#lostEnds = [];
    this.#unseen = 0;
  }

  body(exchange: number, direction: Direction, bytes: Uint8Array, atUs: number, tookUs: number): void {
    this.#to.delayed(tookUs);
    this.#put(direction, bytes, atUs, exchange);
  }

  #put(kind: Direction | 'request' | 'response', bytes: Uint8Array, atUs: number, exchange: number): boolean {
    let told = this.#told.get(exchange);
    const isFirst = told === undefined;
    if (told === undefined) this.#told.set(exchange, (told = { begun: false, records: 0, bytes: 0 }));
    const { records, bytes: offset } = told;
    told.records += 1;
    told.bytes = (offset + bytes.length) % 2 ** 32;
    const taken = this.#to.record(kind, bytes, atUs, exchange, records, offset);
    if (isFirst) told.begun = taken;
    return taken;
  }
}

function encoded(fact: ExchangeFact): Uint8Array {
  if (fact.fact === 'request_ended' && !fact.aborted && fact.trailers.length === 0) return WHOLE_REQUEST;
  if (fact.fact === 'response_ended' && fact.end === 'complete' && fact.trailers.length === 0) {
    return WHOLE_RESPONSE;
  }
  return bytesOf(fact);
}
