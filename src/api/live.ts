/**
 * Follows the store for clients, each by its own filter and from its own place. The store is the buffer: a client that is slow is
 * told later, and one that is too far behind is told what it missed. It never holds back a writer, nor another client.
 */
import type { Filter } from '../filter/ast.ts';
import type { News, Position, StoreReader } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';
import type * as z from 'zod/mini';
import type { LiveMessage as Schema } from './contract.ts';
import { liveCursor, livePosition } from './liveCursor.ts';
import { ApiError, apiError, detailsOf } from './problem.ts';
import type { Stored } from './stored.ts';

export type LiveMessage = z.infer<typeof Schema>;

/** Where messages go. */
export interface LiveClient {
  /** It took what it was sent before. */
  readonly ready: () => boolean;
  readonly send: (message: LiveMessage) => void;
}

export interface Subscription {
  readonly filter: Filter;
  /** Undefined: what comes from now on. */
  readonly cursor: string | undefined;
}

export interface Follower {
  /** From the next look on. */
  readonly subscribe: (subscription: Subscription) => void;
  readonly stop: () => void;
}

/** Asking whether somebody wrote is one read of shared memory. */
const POLL_MS = 50;
/** A process that was killed writes nothing: whether it is still there is looked at now and then. */
const LIVENESS_MS = 1000;
/** Pages and terminals of a person; each costs a look at the store with every change. */
export const MAX_FOLLOWERS = 32;
/** Sessions and operations: some twenty messages. Who is further behind reads the lists with less. */
const MAX_BEHIND = 20_000;
/** Sessions that run at once and are told of as they change: the newest. */
const MAX_WATCHED = 1000;

export class Live {
  readonly #stored: Stored;
  readonly #now: () => number;
  readonly #report: (line: string) => void;
  readonly #followed = new Set<Following>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(stored: Stored, now: () => number, report: (line: string) => void) {
    this.#stored = stored;
    this.#now = now;
    this.#report = report;
  }

  get followers(): number {
    return this.#followed.size;
  }

  /** Throws an ApiError when there are too many. */
  follow(client: LiveClient, subscription: Subscription): Follower {
    if (this.#followed.size >= MAX_FOLLOWERS)
      throw new ApiError(503, `there are ${MAX_FOLLOWERS} clients of /live already; close one`);
    const following = new Following(client, subscription, this.#now);
    this.#followed.add(following);
    if (this.#timer === undefined) this.#schedule(0);
    return {
      subscribe: (changed) => {
        following.subscribe(changed);
      },
      stop: () => {
        this.#followed.delete(following);
      },
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#followed.clear();
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      void this.#look();
    }, ms);
  }

  async #look(): Promise<void> {
    let more = false;
    try {
      const reader = await this.#stored.reader();
      const version = reader.version();
      for (const following of this.#followed)
        more = this.#tried([following], () => following.look(reader, version)) || more;
    } catch (cause) {
      this.#tried(this.#followed, () => {
        throw cause;
      });
    }
    if (this.#closed || this.#followed.size === 0) this.#timer = undefined;
    else this.#schedule(more ? 0 : POLL_MS);
  }

  /** Trouble with the store passes, and is told; what is our own fault would come again with every look. */
  #tried(concerned: Iterable<Following>, look: () => boolean): boolean {
    try {
      return look();
    } catch (cause) {
      const error = apiError(cause);
      if (error.status === 500) this.#report(`/live failed: ${String(cause)}`);
      for (const following of concerned) {
        following.failed(error);
        if (error.status === 500) this.#followed.delete(following);
      }
      return false;
    }
  }
}

/** One client's way through the store. */
class Following {
  readonly #client: LiveClient;
  readonly #now: () => number;
  #subscription: Subscription;
  /** Undefined: it is to be greeted. */
  #position: Position | undefined;
  #reader: StoreReader | undefined;
  #version = -1;
  #lookedAt = -Infinity;
  #problem = '';
  /** By id, as they were told last; in the order in which they were stored. */
  #watched = new Map<string, string>();

  constructor(client: LiveClient, subscription: Subscription, now: () => number) {
    this.#client = client;
    this.#subscription = subscription;
    this.#now = now;
  }

  subscribe(subscription: Subscription): void {
    this.#subscription = subscription;
    this.#position = undefined;
  }

  failed(error: ApiError): void {
    if (error.message === this.#problem || !this.#client.ready()) return;
    this.#problem = error.message;
    this.#client.send({ type: 'problem', problem: detailsOf(error) });
  }

  /** True when there is more at once. */
  look(reader: StoreReader, version: number): boolean {
    if (!this.#client.ready()) return false;
    const now = this.#now();
    const isOther = this.#reader !== undefined && this.#reader !== reader;
    const nothingNew = version === this.#version && now - this.#lookedAt < LIVENESS_MS;
    if (this.#position !== undefined && nothingNew && !isOther) return false;
    this.#reader = reader;
    this.#version = version;
    this.#lookedAt = now;
    this.#problem = '';
    const position = this.#position ?? this.#greet(reader);
    return this.#skip(reader, position, isOther) || this.#tell(reader, position);
  }

  #greet(reader: StoreReader): Position {
    const { cursor } = this.#subscription;
    const position = cursor === undefined ? reader.position() : livePosition(cursor);
    const live = reader.openSessions().filter(({ status }) => status === 'live');
    const isMeant = this.#meant(reader, live, []);
    this.#watched = new Map();
    for (const session of live) this.#watch(session);
    const shown = live.filter(({ id }) => isMeant.sessions.has(id)).slice(-MAX_WATCHED);
    this.#client.send({ type: 'hello', cursor: liveCursor(position), live: shown.reverse() });
    this.#position = position;
    return position;
  }

  /** Goes on at the end of the store where this one's place is not in it, or too far from there. */
  #skip(reader: StoreReader, position: Position, isOther: boolean): boolean {
    const end = reader.position();
    const sessions = end.session - position.session;
    const operations = end.operation - position.operation;
    const isReplaced = isOther || sessions < 0 || operations < 0;
    if (!isReplaced && sessions + operations <= MAX_BEHIND) return false;
    this.#position = end;
    this.#client.send({
      type: 'missed',
      cursor: liveCursor(end),
      sessions: isReplaced ? end.session : sessions,
      operations: isReplaced ? end.operation : operations,
      reason: isReplaced ? 'replaced' : 'behind',
    });
    for (const session of reader.openSessions()) if (session.status === 'live') this.#watch(session);
    return true;
  }

  #tell(reader: StoreReader, from: Position): boolean {
    const news = reader.since(from, this.#watched.keys());
    const changed = news.watched.filter(
      (session) => JSON.stringify(session) !== this.#watched.get(session.id),
    );
    const isMeant = this.#meant(reader, [...news.sessions, ...changed], news.operations);
    const started = news.sessions.filter(({ id }) => isMeant.sessions.has(id));
    const startedIds = new Set(started.map(({ id }) => id));
    const message = {
      started,
      operations: news.operations.filter(({ number }) => isMeant.operations.has(number)),
      changed: changed.filter(({ id }) => isMeant.sessions.has(id) && !startedIds.has(id)),
    };
    for (const session of [...news.sessions, ...changed]) this.#watch(session);
    this.#position = news.position;
    const moved = news.position.session !== from.session || news.position.operation !== from.operation;
    // What is not meant moves the place, too: nobody has to look through it again.
    if (moved || message.changed.length > 0)
      this.#client.send({ type: 'news', cursor: liveCursor(news.position), ...message });
    return news.more;
  }

  #watch(session: SessionRecord): void {
    if (session.status !== 'live') {
      this.#watched.delete(session.id);
      return;
    }
    this.#watched.set(session.id, JSON.stringify(session));
    const [oldest] = this.#watched.keys();
    if (this.#watched.size > MAX_WATCHED && oldest !== undefined) this.#watched.delete(oldest);
  }

  #meant(reader: StoreReader, sessions: readonly SessionRecord[], operations: News['operations']) {
    const question = { filter: this.#subscription.filter, nowUs: this.#now() * 1000 };
    const ids = sessions.map(({ id }) => id);
    const numbers = operations.map(({ number }) => number);
    return {
      sessions: reader.find.among('sessions', ids, question),
      operations: reader.find.among('operations', numbers, question),
    };
  }
}
