/** What handlers of routes are given. */
import type { Loaded } from '../config/load.ts';
import type { StoreReader } from '../store/read.ts';
import type { SessionRecord } from '../store/record.ts';
import type { AuditEntry } from './audit.ts';
import type { Live } from './live.ts';
import type { Replaying } from './replaying.ts';
import type { Replays } from './replays.ts';
import type { RouteAnswer, RouteBody, RouteName, RouteQuery } from './routes.ts';
import type { Stored } from './stored.ts';

/** What there is once, for all requests. */
export interface ApiContext {
  readonly loaded: Loaded;
  readonly version: string;
  readonly stored: Stored;
  readonly live: Live;
  /** Undefined: replays are off. */
  readonly replays: Replays | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** By the same clock. */
  readonly startedAt: number;
}

export interface ApiRequest<N extends RouteName> {
  readonly context: ApiContext;
  readonly reader: StoreReader;
  /** The one that the path names. Throws a StoreError where there is none. */
  readonly session: SessionRecord;
  /** The one that the path names. Throws an ApiError where there is none, and where replays are off. */
  readonly replay: Replaying;
  /** The number of a frame, an operation or a step that the path names. */
  readonly number: number;
  readonly query: RouteQuery<N>;
  readonly body: RouteBody<N>;
  /** Throws an ApiError when it cannot be written: then nothing is done. */
  readonly audit: (entry: AuditEntry) => void;
  readonly lastEventId: string | undefined;
}

export type Handler<N extends RouteName> = (
  request: ApiRequest<N>,
) => RouteAnswer<N> | Promise<RouteAnswer<N>>;

export type Handlers<N extends RouteName> = { readonly [K in N]: Handler<K> };
