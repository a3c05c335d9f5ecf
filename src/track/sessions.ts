/**
 * Which session an HTTP exchange belongs to: an id decides where there is one; where there is none it is inferred from who
 * seems to speak, and told as inferred. It reads no headers and hashes nothing.
 */
import type { EndCause } from '../event/event.ts';
import type { Message } from '../mcp/message.ts';
import type { Recognised } from './identity.ts';
import { Recent } from './recent.ts';
import { inferredFrom, type Origin, type Speaker, speakerOf, Speakers } from './speakers.ts';

/** For `idleGapUs`. */
export const IDLE_GAP_US = 30 * 60 * 1_000_000;
/** With an id a session lasts as long as its server wants; it is forgotten after so long without a request or a stream. */
export const ID_IDLE_GAP_US = 24 * 60 * 60 * 1_000_000;
/** How often, while exchanges come, all sessions are looked through for those that are over. */
const SWEEP_EVERY_US = 60 * 1_000_000;
/** Ids of sessions that ended: who goes on to use one does not open a session with each request. */
const MAX_ENDED_IDS = 4096;

export interface SessionsLimits {
  /** Sessions at a time. Each has a tracker, some tens of kilobytes. */
  readonly maxSessions: number;
  /** Exchanges under way at a time, in all sessions. */
  readonly maxExchanges: number;
  /** Without an id, whoever comes back after so long begins a new session. */
  readonly idleGapUs: number;
}

export const DEFAULT_SESSIONS_LIMITS: SessionsLimits = {
  maxSessions: 10_000,
  maxExchanges: 100_000,
  idleGapUs: IDLE_GAP_US,
};

export interface NewSession extends Recognised {
  readonly clientAddress: string;
  readonly atUs: number;
}

/** `T`: a session as its owner knows it. */
export interface SessionsOptions<T> {
  readonly create: (session: NewSession) => T;
  /** What a session is known by became known after its start; an id then stands instead of what was inferred. */
  readonly recognised: (session: T, by: Recognised, atUs: number) => void;
  /** `atUs`: when it ended, for one that was idle the last that was heard of it. */
  readonly end: (session: T, cause: EndCause, atUs: number) => void;
  /**
   * `session_cap`: a session ended before its time, to make room. `unplaced_exchange`: there was no room for an exchange; it
   * has a session, but cannot tell it anything.
   */
  readonly dropped: (reason: 'session_cap' | 'unplaced_exchange') => void;
  readonly limits?: Partial<SessionsLimits>;
}

interface Entry<T> {
  readonly session: T;
  readonly speaker: Speaker;
  id: string | undefined;
  traceId: string | undefined;
  lastAtUs: number;
  /** Exchanges under way. */
  open: number;
  /** Why it ends as soon as none is. */
  ending: EndCause | undefined;
}

interface Exchange<T> {
  entry: Entry<T>;
  readonly origin: Origin;
  /** It asked to initialize, and the response will say whether the session has an id. */
  readonly opens: boolean;
  /** The session is made of it and nothing else yet. */
  readonly first: boolean;
  /** The stream that a session of HTTP+SSE lives as long as. */
  lifeline: boolean;
}

export class Sessions<T> {
  readonly #options: SessionsOptions<T>;
  readonly #limits: SessionsLimits;
  /** The longest unheard of first. */
  readonly #entries = new Set<Entry<T>>();
  readonly #byId = new Map<string, Entry<T>>();
  readonly #speakers = new Speakers<Entry<T>>();
  readonly #exchanges = new Map<number, Exchange<T>>();
  readonly #endedIds = new Recent<string, true>(MAX_ENDED_IDS);
  #sweptAtUs = 0;

  constructor(options: SessionsOptions<T>) {
    this.#options = options;
    this.#limits = { ...DEFAULT_SESSIONS_LIMITS, ...options.limits };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `first`: the first message of the request's body; undefined when it has none. To be asked once that is known. */
  assign(exchange: number, origin: Origin, first: Message | undefined, atUs: number): T {
    const known = this.#exchanges.get(exchange);
    if (known !== undefined) return known.entry.session;
    if (atUs - this.#sweptAtUs >= SWEEP_EVERY_US) this.sweep(atUs);
    const opens = first?.kind === 'request' && first.method === 'initialize';
    const speaker = speakerOf(origin, first);
    const found = this.#find(origin, speaker, opens, atUs);
    const entry = found ?? this.#create(origin, speaker, opens, atUs);
    entry.traceId = origin.traceId ?? entry.traceId;
    this.#touch(entry, atUs);
    if (this.#exchanges.size >= this.#limits.maxExchanges) this.#options.dropped('unplaced_exchange');
    else {
      entry.open += 1;
      const isFirst = found === undefined;
      this.#exchanges.set(exchange, { entry, origin, opens, first: isFirst, lifeline: false });
    }
    return entry.session;
  }

  /**
   * Takes status and `Mcp-Session-Id`, hashed, of a response. Gives back why the session ends by it, if it does: it is
   * ended when no exchange of it is under way any more.
   */
  responded(
    exchange: number,
    { status, sessionIdHash }: { readonly status: number; readonly sessionIdHash?: string | undefined },
    atUs: number,
  ): 'deleted' | 'expired' | undefined {
    const known = this.#exchanges.get(exchange);
    if (known === undefined) return undefined;
    const { entry, origin } = known;
    if (!this.#entries.has(entry)) return undefined;
    const isSuccess = status >= 200 && status < 300;
    if (known.opens && entry.id === undefined) {
      if (sessionIdHash !== undefined) this.#bind(entry, sessionIdHash, atUs);
      else if (isSuccess)
        this.#options.recognised(entry.session, { inferred: inferredFrom(origin, entry.speaker) }, atUs);
    }
    if (origin.sessionIdHash === undefined || origin.sessionIdHash !== entry.id) return undefined;
    const cause =
      status === 404 ? 'expired' : origin.method === 'DELETE' && isSuccess ? 'deleted' : undefined;
    entry.ending ??= cause;
    return cause;
  }

  /**
   * The `endpoint` event of HTTP+SSE came on the exchange: its session is the one with that id, from now on. Gives it back;
   * undefined for an exchange that has none.
   */
  endpoint(exchange: number, legacyIdHash: string, atUs: number): T | undefined {
    const known = this.#exchanges.get(exchange);
    if (known === undefined) return undefined;
    const { entry, origin, first } = known;
    if (entry.id === legacyIdHash) return entry.session;
    known.lifeline = true;
    if (first && entry.id === undefined && entry.open === 1 && this.#entries.has(entry)) {
      this.#bind(entry, legacyIdHash, atUs);
      return entry.session;
    }
    const own = this.#create({ ...origin, sessionIdHash: legacyIdHash }, entry.speaker, false, atUs);
    entry.open -= 1;
    own.open += 1;
    known.entry = own;
    return own.session;
  }

  /** To be told of every exchange that was assigned. */
  exchangeEnded(exchange: number, atUs: number): void {
    const known = this.#exchanges.get(exchange);
    if (known === undefined) return;
    this.#exchanges.delete(exchange);
    const { entry, lifeline } = known;
    entry.open -= 1;
    if (!this.#entries.has(entry)) return;
    this.#touch(entry, atUs);
    if (lifeline) entry.ending ??= 'client_closed';
    if (entry.ending !== undefined && entry.open === 0) this.#end(entry, entry.ending, atUs);
  }

  *all(): Iterable<T> {
    for (const { session } of this.#entries) yield session;
  }

  /** Ends the sessions that were idle for too long. */
  sweep(atUs: number): void {
    this.#sweptAtUs = atUs;
    for (const entry of this.#entries)
      if (this.#isIdle(entry, atUs)) this.#end(entry, 'idle', entry.lastAtUs);
  }

  closeAll(cause: EndCause, atUs: number): void {
    for (const entry of this.#entries) this.#end(entry, entry.ending ?? cause, atUs);
  }

  #find(origin: Origin, speaker: Speaker, opens: boolean, atUs: number): Entry<T> | undefined {
    const { sessionIdHash, legacyIdHash } = origin;
    const legacy = legacyIdHash === undefined ? undefined : this.#byId.get(legacyIdHash);
    const id = opens ? undefined : sessionIdHash;
    const hasId = id !== undefined && this.#endedIds.get(id) === undefined;
    const found = hasId
      ? this.#byId.get(id)
      : (legacy ?? (opens ? undefined : this.#speakers.find(speaker, origin.traceId)));
    if (found === undefined || !this.#isIdle(found, atUs)) return found;
    this.#end(found, 'idle', found.lastAtUs);
    return undefined;
  }

  #create(origin: Origin, speaker: Speaker, opens: boolean, atUs: number): Entry<T> {
    this.#makeRoom();
    const { clientAddress, sessionIdHash } = origin;
    const isEnded = sessionIdHash !== undefined && this.#endedIds.get(sessionIdHash) !== undefined;
    const id = opens || isEnded ? undefined : sessionIdHash;
    const session = this.#options.create({
      clientAddress,
      atUs,
      ...(id !== undefined && { sessionIdHash: id }),
      ...(id === undefined && !opens && { inferred: inferredFrom(origin, speaker) }),
    });
    const { traceId } = origin;
    const entry = { session, speaker, id, traceId, lastAtUs: atUs, open: 0, ending: undefined };
    this.#entries.add(entry);
    if (id === undefined) this.#speakers.add(entry);
    else this.#byId.set(id, entry);
    return entry;
  }

  /** From now on the id, and nothing else, says what belongs to it. */
  #bind(entry: Entry<T>, id: string, atUs: number): void {
    this.#speakers.delete(entry);
    entry.id = id;
    this.#byId.set(id, entry);
    this.#options.recognised(entry.session, { sessionIdHash: id }, atUs);
  }

  #touch(entry: Entry<T>, atUs: number): void {
    entry.lastAtUs = Math.max(entry.lastAtUs, atUs);
    this.#entries.delete(entry);
    this.#entries.add(entry);
  }

  /** The one longest unheard of goes, of those without an exchange under way if there are any. */
  #makeRoom(): void {
    if (this.#entries.size < this.#limits.maxSessions) return;
    let leaves: Entry<T> | undefined;
    for (const entry of this.#entries) {
      leaves ??= entry;
      if (entry.open > 0) continue;
      leaves = entry;
      break;
    }
    if (leaves === undefined) return;
    this.#options.dropped('session_cap');
    this.#end(leaves, 'evicted', leaves.lastAtUs);
  }

  #end(entry: Entry<T>, cause: EndCause, atUs: number): void {
    this.#entries.delete(entry);
    this.#speakers.delete(entry);
    const { id } = entry;
    if (id !== undefined && this.#byId.get(id) === entry) {
      this.#byId.delete(id);
      if (cause === 'deleted' || cause === 'expired') this.#endedIds.set(id, true);
    }
    this.#options.end(entry.session, cause, atUs);
  }

  #isIdle({ id, open, lastAtUs }: Entry<T>, atUs: number): boolean {
    const gapUs =
      id === undefined ? this.#limits.idleGapUs : Math.max(ID_IDLE_GAP_US, this.#limits.idleGapUs);
    return open === 0 && atUs - lastAtUs > gapUs;
  }
}
