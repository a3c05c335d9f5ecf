/**
 * Records of HTTP exchanges to events: keeps the exchanges that are under way, opens a tracker and a recorder for each
 * session, and lets the directory say which exchange belongs to which. It knows no sink and no clock.
 */
import type { SessionStarted } from './event/event.ts';
import { Exchange, type ExchangeHost, type ExchangeSession } from './exchange.ts';
import type { HttpFacts } from './httpFacts.ts';
import { FrameRecorder, type RecorderOptions } from './recorder.ts';
import type { Gap, RingRecord } from './tap/ring.ts';
import type { LifecycleFact } from './thread.ts';
import type { PropagatedIds } from './track/propagatedIds.ts';
import { type NewSession, Sessions } from './track/sessions.ts';
import { Shared, SHARED_BY_SESSIONS } from './track/shared.ts';
import { Tracker, type TrackerOptions } from './track/tracker.ts';
import type { RequestFact, ExchangeFact, ResponseEndedFact } from './wire/exchange.ts';

export interface HttpPipelineOptions extends Omit<RecorderOptions, 'sessionId'> {
  readonly tracker: Omit<TrackerOptions, 'sessionId' | 'transport' | 'startedAtUs' | 'emit'>;
  /** What all sessions have in common. */
  readonly started: Omit<SessionStarted, 'type' | 'sessionId' | 'atUs' | keyof NewSession>;
  /** Where servers are told of our spans. */
  readonly propagated?: PropagatedIds | undefined;
  readonly maxMessageBytes: number;
  readonly sessionIdleUs: number;
  readonly facts: HttpFacts;
  readonly newSessionId: () => string;
  /** Counts what could not be observed, by a fixed word. */
  readonly dropped: (reason: string, count: number, bytes: number) => void;
}

interface HttpSession extends ExchangeSession {
  /** Of the exchanges that nothing is known of, how many there were when it was told of them last. */
  missed: number;
}

/** More than a listener has connections. Beyond it the oldest are given up: their ends must have been lost. */
const MAX_EXCHANGES = 100_000;

export class HttpPipeline {
  readonly #options: HttpPipelineOptions;
  readonly #sessions: Sessions<HttpSession>;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #shared = new Shared(SHARED_BY_SESSIONS);
  readonly #host: ExchangeHost;
  #skippedBytes = 0;
  /** Exchanges of which nothing came here. */
  #missed = 0;

  constructor(options: HttpPipelineOptions) {
    this.#options = options;
    this.#sessions = new Sessions<HttpSession>({
      create: (opened) => this.#create(opened),
      recognised: ({ tracker }, by, atUs) => {
        tracker.recognised(by, atUs);
      },
      end: (session, cause, atUs) => {
        this.#tellMissed(session, atUs);
        session.tracker.end(cause, atUs);
      },
      dropped: (reason) => {
        options.dropped(reason, 1, 0);
      },
      limits: { idleGapUs: options.sessionIdleUs },
    });
    this.#host = this.#hostOf(options);
  }

  /** Takes what the ring holds, in order. */
  record(record: RingRecord): void {
    const { kind, exchange: id, atUs } = record;
    if (kind === 'gap') return;
    if (kind === 'lifecycle') {
      this.#lifecycle(json(record.bytes) as LifecycleFact, atUs);
      return;
    }
    const fact = kind === 'request' || kind === 'response' ? (json(record.bytes) as ExchangeFact) : undefined;
    if (fact?.fact === 'request') {
      this.#open(record, fact);
      return;
    }
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) {
      // Its beginning was lost, so that nothing tells what it is.
      if (fact === undefined) this.#options.dropped('unknown_exchange', 1, record.bytes.length);
      return;
    }
    exchange.arrived(record);
    if (fact !== undefined) this.#fact(exchange, fact, atUs);
    else if (kind === 'client_to_server' || kind === 'server_to_client') {
      exchange.body(kind, record.bytes, atUs);
    }
    this.#skippedBytes += exchange.takeSkippedBytes();
  }

  /** Copies that were lost are told of each exchange by the numbers of its records: see `Exchange.arrived`. */
  gap(_gap: Gap, _atUs: number): void {
    // Counted by whoever reads the ring.
  }

  /** Bytes passed over so far while looking for the next message after a gap. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Ends what nobody comes back to, and sessions that were idle for too long. To be called now and then. */
  sweep(atUs: number): void {
    for (const session of this.#sessions.all()) {
      this.#tellMissed(session, atUs);
      session.tracker.sweep(atUs);
    }
    this.#sessions.sweep(atUs);
  }

  /** No more records will come. */
  close(atUs: number): void {
    for (const exchange of this.#exchanges.values()) this.#end(exchange, STOPPED, atUs, false);
    this.#sessions.closeAll('sidelight_stopped', atUs);
  }

  #open({ exchange: id, bytes, atUs }: RingRecord, request: RequestFact): void {
    for (const oldest of this.#exchanges.values()) {
      if (this.#exchanges.size < MAX_EXCHANGES) break;
      this.#options.dropped('exchange_cap', 1, 0);
      this.#end(oldest, STOPPED, atUs, false);
    }
    this.#exchanges.set(id, new Exchange(id, request, bytes.length, atUs, this.#host));
  }

  #fact(exchange: Exchange, fact: Exclude<ExchangeFact, RequestFact>, atUs: number): void {
    if (fact.fact === 'propagated') this.#options.propagated?.told(fact.spans, exchange.id);
    else if (fact.fact === 'request_ended') exchange.requestEnded(fact.aborted, atUs);
    else if (fact.fact === 'response') exchange.responded(fact, atUs);
    else this.#end(exchange, fact, atUs, true);
  }

  #lifecycle(fact: LifecycleFact, atUs: number): void {
    if (fact.fact !== 'exchanges_lost') return;
    this.#missed += fact.unseen;
    for (const id of fact.exchanges) {
      const exchange = this.#exchanges.get(id);
      if (exchange !== undefined) this.#end(exchange, STOPPED, atUs, false);
    }
  }

  #end(exchange: Exchange, fact: ResponseEndedFact, atUs: number, known: boolean): void {
    exchange.ended(fact, atUs, known);
    this.#skippedBytes += exchange.takeSkippedBytes();
    this.#exchanges.delete(exchange.id);
    this.#sessions.exchangeEnded(exchange.id, atUs);
  }

  /** Whether they were this session's nobody knows; each session is told once for all that were lost meanwhile. */
  #tellMissed(session: HttpSession, atUs: number): void {
    const exchanges = this.#missed - session.missed;
    if (exchanges === 0) return;
    session.missed = this.#missed;
    this.#options.emit({ type: 'exchanges_missed', sessionId: session.id, atUs, exchanges });
  }

  #create(opened: NewSession): HttpSession {
    const { newSessionId, emit, tracker, started } = this.#options;
    const id = newSessionId();
    const { atUs, ...known } = opened;
    emit({ type: 'session_started', sessionId: id, atUs, ...started, ...known });
    return {
      id,
      missed: this.#missed,
      recorder: new FrameRecorder({ ...this.#options, sessionId: id }),
      tracker: new Tracker({
        ...{ ...tracker, shared: this.#shared },
        ...{ sessionId: id, transport: 'http', startedAtUs: atUs, emit },
      }),
    };
  }

  #hostOf({ maxMessageBytes, maxBodyBytes, facts, dropped, emit }: HttpPipelineOptions): ExchangeHost {
    const sessions = this.#sessions;
    return {
      maxMessageBytes,
      maxBodyBytes,
      // A session begins with what opens it, and not when that has come to its end.
      assign: ({ id, request, openedAtUs }, first) =>
        sessions.assign(id, facts.origin(request), first, openedAtUs),
      responded: (exchange, response, atUs) =>
        sessions.responded(
          exchange.id,
          { status: response.status, sessionIdHash: facts.sessionIdHash(response.headers) },
          atUs,
        ),
      endpoint: (exchange, url, atUs) => {
        const hash = facts.legacyIdHash(url);
        return hash === undefined ? undefined : sessions.endpoint(exchange.id, hash, atUs);
      },
      facts: (request) => facts.exchange(request),
      told: (url) => facts.told(url),
      note: (fact) => facts.note(fact),
      unreadable: (reason) => {
        dropped(reason, 1, 0);
      },
      lost: ({ id: sessionId }, gap, atUs) => {
        emit({ type: 'copies_dropped', sessionId, atUs, ...gap });
      },
      emit,
    };
  }
}

/** Of short texts, Buffer makes strings in a third of the time that TextDecoder takes. */
function json(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
}

/** Of an exchange whose end was not seen. */
const STOPPED: ResponseEndedFact = { fact: 'response_ended', end: 'stopped', trailers: [] };
