/** What handlers of routes are given. */
import type { Loaded } from '../config/load.ts';
import type { StoreReader } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';
import type { Recordings } from '../store/recordings.ts';
import type { Asker, AuditEntry } from './audit.ts';
import type { Live } from './live.ts';
import type { Mocks } from './mocks.ts';
import type { Pace } from './pace.ts';
import type { Replaying } from './replaying.ts';
import type { Replays } from './replays.ts';
import type { RouteAnswer, RouteBody, RouteName, RouteQuery } from './routes.ts';
import type { Stored } from './stored.ts';

/** What there is once for all requests of an org: nothing in it leads to what is of another. */
export interface ApiContext {
  readonly loaded: Loaded;
  readonly version: string;
  /** The same until what is read is another. Rejects with a StoreError. */
  readonly recordings: () => Promise<Recordings>;
  /** What is written to. Undefined: a query node, which only reads what others write. */
  readonly stored: Stored | undefined;
  readonly live: Live;
  /** Undefined: replays are off. */
  readonly replays: Replays | undefined;
  /** On and off with replays. */
  readonly mocks: Mocks | undefined;
  readonly pace: Pace;
  /** Where what is done is written down: a path, or `stderr`. */
  readonly auditFile: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** By the same clock. */
  readonly startedAt: number;
}

export interface ApiRequest<N extends RouteName> {
  readonly context: ApiContext;
  /** Of the org that asks, and of no other. */
  readonly recordings: Recordings;
  readonly asker: Asker;
  /** The one that the path names. */
  readonly session: SessionRecord;
  /** A reader in which a session is, whole. On a query node it is written down who opens it. Rejects with a StoreError. */
  readonly open: (session: SessionRecord) => Promise<StoreReader>;
  /** The one that the path names. Throws an ApiError where there is none, and where replays are off. */
  readonly replay: Replaying;
  /** The id of a mock that the path names. Throws an ApiError where it is none. */
  readonly mock: string;
  /** The number of a frame, an operation or a step that the path names. */
  readonly number: number;
  readonly query: RouteQuery<N>;
  readonly body: RouteBody<N>;
  /** Throws an ApiError when it cannot be written: then nothing is done. */
  readonly audit: (entry: AuditEntry) => void;
  /** On a query node, writes down that payloads of a session are read, but for routes that tell nothing of them. */
  readonly reads: (sessionId: string) => void;
  readonly lastEventId: string | undefined;
}

export type Handler<N extends RouteName> = (
  request: ApiRequest<N>,
) => RouteAnswer<N> | Promise<RouteAnswer<N>>;

export type Handlers<N extends RouteName> = { readonly [K in N]: Handler<K> };
