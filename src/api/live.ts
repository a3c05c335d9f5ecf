/**
 * Follows the store for clients, each by its own filter and from its own place. The store is the buffer: a client that is slow is
 * told later, and one that is too far behind is told what it missed. It never holds back a writer, nor another client.
 */
import type { Filter } from '../filter/ast.ts';
import type { SessionRecord } from '../store/record.ts';
import type { News, Recordings } from '../store/recordings.ts';
import type * as z from 'zod/mini';
import type { LiveMessage as Schema } from './contract.ts';
import { ApiError, apiError, detailsOf } from './problem.ts';

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

/** Pages and terminals of a person; each costs a look at the store with every change. */
export const MAX_FOLLOWERS = 32;
/** Sessions and operations: some twenty messages. Who is further behind reads the lists with less. */
const MAX_BEHIND = 20_000;
/** Sessions that run at once and are told of as they change: the newest. */
const MAX_WATCHED = 1000;

export interface LiveOptions {
  readonly recordings: () => Promise<Recordings>;
  /** How often it is asked whether somebody wrote. */
  readonly pollMs: number;
  /** A process that was killed writes nothing: so often it is looked whether those that record are still there. */
  readonly livenessMs: number;
  readonly now: () => number;
  /** Takes one line about a failure that nobody foresaw. */
  readonly report: (line: string) => void;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #followed = new Set<Following>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isAwaited = false;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  get followers(): number {
    return this.#followed.size;
  }

  /** Throws an ApiError when there are too many. */
  follow(client: LiveClient, subscription: Subscription): Follower {
    if (this.#followed.size >= MAX_FOLLOWERS)
      throw new ApiError(503, `there are ${MAX_FOLLOWERS} clients of /live already; close one`);
    const following = new Following(client, subscription, this.#options);
    this.#followed.add(following);
    this.#hurry();
    return {
      subscribe: (changed) => {
        following.subscribe(changed);
        this.#hurry();
      },
      stop: () => {
        following.stop();
        this.#followed.delete(following);
      },
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const following of this.#followed) following.stop();
    this.#followed.clear();
  }

  /** Who is new does not wait: there is a look at once, or one more after the one that goes on. */
  #hurry(): void {
    this.#isAwaited = true;
    if (this.#isLooking) return;
    clearTimeout(this.#timer);
    this.#schedule(0);
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#isLooking = true;
      void this.#look().finally(() => {
        this.#isLooking = false;
      });
    }, ms);
  }

  async #look(): Promise<void> {
    let more = false;
    this.#isAwaited = false;
    try {
      const recordings = await this.#options.recordings();
      const version = await recordings.version();
      for (const following of this.#followed)
        more = (await this.#tried(following, () => following.look(recordings, version))) || more;
    } catch (cause) {
      for (const following of this.#followed) this.#failed(following, cause);
    }
    if (!this.#closed && this.#followed.size > 0) this.#schedule(more ? 0 : this.#pause());
  }

  #pause(): number {
    return this.#isAwaited ? 0 : this.#options.pollMs;
  }

  async #tried(following: Following, look: () => Promise<boolean>): Promise<boolean> {
    try {
      return await look();
    } catch (cause) {
      this.#failed(following, cause);
      return false;
    }
  }

  /** Trouble with the store passes, and is told; what is our own fault would come again with every look. */
  #failed(following: Following, cause: unknown): void {
    const error = apiError(cause);
    if (error.status === 500) this.#options.report(`/live failed: ${String(cause)}`);
    following.failed(error);
    if (error.status === 500) this.#followed.delete(following);
  }
}

type Next = Pick<News, 'position' | 'more'>;

/** One client's way through the store. */
class Following {
  readonly #client: LiveClient;
  readonly #now: () => number;
  readonly #livenessMs: number;
  #subscription: Subscription;
  /** Undefined: it is to be greeted. */
  #position: string | undefined;
  #recordings: Recordings | undefined;
  #version = -1;
  #lookedAt = -Infinity;
  #over = false;
  #problem = '';
  /** By id, as they were told last; in the order in which they were stored. */
  #watched = new Map<string, string>();

  constructor(client: LiveClient, subscription: Subscription, { now, livenessMs }: LiveOptions) {
    this.#client = client;
    this.#subscription = subscription;
    this.#now = now;
    this.#livenessMs = livenessMs;
  }

  subscribe(subscription: Subscription): void {
    this.#subscription = subscription;
    this.#position = undefined;
  }

  /** Nothing is said from here on. */
  stop(): void {
    this.#over = true;
  }

  failed(error: ApiError): void {
    if (error.message === this.#problem || !this.#client.ready()) return;
    this.#problem = error.message;
    this.#send({ type: 'problem', problem: detailsOf(error) });
  }

  /** Resolves to true when there is more at once. */
  async look(recordings: Recordings, version: number): Promise<boolean> {
    if (!this.#client.ready()) return false;
    const now = this.#now();
    const isOther = this.#recordings !== undefined && this.#recordings !== recordings;
    const nothingNew = version === this.#version && now - this.#lookedAt < this.#livenessMs;
    if (this.#position !== undefined && nothingNew && !isOther) return false;
    this.#recordings = recordings;
    this.#version = version;
    this.#lookedAt = now;
    this.#problem = '';
    const subscription = this.#subscription;
    const from = this.#position ?? (await this.#greet(recordings, subscription));
    const next =
      (await this.#skip(recordings, from, isOther)) ?? (await this.#tell(recordings, from, subscription));
    // Meanwhile it may have subscribed to something else: that is looked at next.
    if (this.#subscription === subscription) this.#position = next.position;
    return next.more;
  }

  /** It may be over since it was asked for what it is to be told. */
  #send(message: LiveMessage): void {
    if (!this.#over) this.#client.send(message);
  }

  async #greet(recordings: Recordings, subscription: Subscription): Promise<string> {
    const position = subscription.cursor ?? (await recordings.position());
    const live = (await recordings.openSessions()).filter(({ status }) => status === 'live');
    const isMeant = await this.#meant(recordings, subscription, live, []);
    this.#watched = new Map();
    for (const session of live) this.#watch(session);
    const shown = live.filter(({ id }) => isMeant.sessions.has(id)).slice(-MAX_WATCHED);
    this.#send({ type: 'hello', cursor: position, live: shown.reverse() });
    return position;
  }

  /** Goes on at the end of the store where this one's place is not in it, or too far from there. */
  async #skip(recordings: Recordings, position: string, isOther: boolean): Promise<Next | undefined> {
    const distance = isOther ? undefined : await recordings.distance(position);
    if (distance !== undefined && distance.sessions + distance.operations <= MAX_BEHIND) return undefined;
    const end = await recordings.position();
    const all = distance ?? (await recordings.distance(undefined));
    this.#send({
      type: 'missed',
      cursor: end,
      sessions: all?.sessions ?? 0,
      operations: all?.operations ?? 0,
      reason: distance === undefined ? 'replaced' : 'behind',
    });
    for (const session of await recordings.openSessions())
      if (session.status === 'live') this.#watch(session);
    return { position: end, more: true };
  }

  async #tell(recordings: Recordings, from: string, subscription: Subscription): Promise<Next> {
    const news = await recordings.since(from, this.#watched.keys());
    const changed = news.watched.filter(
      (session) => JSON.stringify(session) !== this.#watched.get(session.id),
    );
    const isMeant = await this.#meant(
      recordings,
      subscription,
      [...news.sessions, ...changed],
      news.operations,
    );
    const started = news.sessions.filter(({ id }) => isMeant.sessions.has(id));
    const startedIds = new Set(started.map(({ id }) => id));
    const message = {
      started,
      operations: news.operations.filter(({ number }) => isMeant.operations.has(number)),
      changed: changed.filter(({ id }) => isMeant.sessions.has(id) && !startedIds.has(id)),
    };
    for (const session of [...news.sessions, ...changed]) this.#watch(session);
    // What is not meant moves the place, too: nobody has to look through it again.
    if (news.position !== from || message.changed.length > 0)
      this.#send({ type: 'news', cursor: news.position, ...message });
    return news;
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

  async #meant(
    recordings: Recordings,
    { filter }: Subscription,
    sessions: readonly SessionRecord[],
    operations: News['operations'],
  ) {
    const question = { filter, nowUs: this.#now() * 1000 };
    const ids = sessions.map(({ id }) => id);
    const numbers = operations.map(({ number }) => number);
    return {
      sessions: await recordings.among('sessions', ids, question),
      operations: await recordings.among('operations', numbers, question),
    };
  }
}
