/**
 * What everything that reads recordings asks, whether they are in the store of this machine or in a fleet's: lists by a filter, one
 * session, what is new. A session that is opened is a StoreReader, which answers at once. It never writes.
 */
import type { CountedOperation, FoundOperation, FoundSession } from './find.ts';
import type { Page, PageQuery } from './page.ts';
import type { News as LocalNews, Position, StoreReader } from './read.ts';
import type { SessionRecord } from './record.ts';

export type Question = Pick<PageQuery, 'filter' | 'nowUs'>;

export type News = Omit<LocalNews, 'position'> & {
  /** Where to go on. */
  readonly position: string;
};

export interface Distance {
  readonly sessions: number;
  readonly operations: number;
}

/** Every promise rejects with a StoreError. A position is a text that only this makes and reads. */
export interface Recordings {
  /** Whether this machine may change them. */
  readonly writable: boolean;
  readonly sessions: (query: PageQuery) => Promise<Page<FoundSession>>;
  readonly operations: (query: PageQuery) => Promise<Page<FoundOperation>>;
  /**
   * Hands on every operation that a filter means, in no order, until `add` says false; resolves to whether it never did. Texts are
   * not looked for: see `operations`.
   */
  readonly counted: (question: Question, add: (operation: CountedOperation) => boolean) => Promise<boolean>;
  /** Which of these sessions, or of these operations by their numbers, a filter means. */
  readonly among: <Id extends string | number>(
    what: Id extends string ? 'sessions' : 'operations',
    ids: readonly Id[],
    question: Question,
  ) => Promise<ReadonlySet<Id>>;
  /** By an id, a start or an end of one that no other has, or `last`. */
  readonly findSession: (wanted: string) => Promise<SessionRecord>;
  /** A reader in which this session is, whole. It is closed with these recordings. */
  readonly open: (session: SessionRecord) => Promise<StoreReader>;
  /** Sessions without an end: live ones, and those that were interrupted. */
  readonly openSessions: () => Promise<readonly SessionRecord[]>;
  /** Ids of the sessions that say that they are a replay of this one, stored after a position; the first thousand. */
  readonly replaysOf: (id: string, position: string) => Promise<readonly string[]>;
  /** A number that changes when somebody has written. */
  readonly version: () => Promise<number>;
  /** Where the store ends now. */
  readonly position: () => Promise<string>;
  /** What was stored after a position, or ever. Undefined for a position of another store. */
  readonly distance: (position: string | undefined) => Promise<Distance | undefined>;
  /** What was stored after a position, and how the sessions of these ids stand. */
  readonly since: (position: string, watchedIds?: Iterable<string>) => Promise<News>;
  readonly close: () => Promise<void>;
}

const POSITION = /^(\d{1,15})[.](\d{1,15})$/;

/** Those of a store on this machine; closing them closes the reader. */
export function localRecordings(reader: StoreReader): Recordings {
  const { find } = reader;
  return {
    writable: true,
    sessions: (query) => looked(() => find.sessions(query)),
    operations: (query) => looked(() => find.operations(query)),
    counted: (question, add) =>
      looked(() => {
        for (const operation of find.counted(question)) if (!add(operation)) return false;
        return true;
      }),
    among: (what, ids, question) => looked(() => find.among(what, ids, question)),
    findSession: (wanted) => looked(() => reader.findSession(wanted)),
    open: () => looked(() => reader),
    openSessions: () => looked(() => reader.openSessions()),
    replaysOf: (id, position) => looked(() => reader.replaysOf(id, positionOf(position))),
    version: () => looked(() => reader.version()),
    position: () => looked(() => textOf(reader.position())),
    distance: (position) =>
      looked(() => {
        if (position !== undefined && !POSITION.test(position)) return undefined;
        const [from, end] = [positionOf(position ?? ''), reader.position()];
        const sessions = end.session - from.session;
        const operations = end.operation - from.operation;
        return sessions < 0 || operations < 0 ? undefined : { sessions, operations };
      }),
    since: (position, watchedIds) =>
      looked(() => {
        const news = reader.since(positionOf(position), watchedIds);
        return { ...news, position: textOf(news.position) };
      }),
    close: () =>
      looked(() => {
        reader.close();
      }),
  };
}

/** At once: nothing that is read is held open while others wait for something. What is thrown rejects. */
function looked<T>(look: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(look());
  });
}

function textOf({ session, operation }: Position): string {
  return `${session}.${operation}`;
}

/** The store's beginning for a text that is no position. */
function positionOf(text: string): Position {
  const [, session = '0', operation = '0'] = POSITION.exec(text) ?? [];
  return { session: Number(session), operation: Number(operation) };
}
