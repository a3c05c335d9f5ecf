/** Reads recordings. It never writes, and holds no read open between two calls, so that a writer is never held up. */
import type { Database, Statement } from 'better-sqlite3';
import { decodeBlock, type StoredFrame } from './block.ts';
import { unpacked } from './coding.ts';
import { StoreError } from './error.ts';
import { Finder } from './find.ts';
import { sessionRecords } from './live.ts';
import { openForReading } from './open.ts';
import {
  findingRecord,
  type FindingRecord,
  type FindingRow,
  operationRecord,
  type OperationRecord,
  type OperationRow,
  type SessionRecord,
} from './record.ts';
import type { StoredSessionRow } from './session.ts';

export interface SessionQuery {
  /** Only those with a failed operation, a crash, or a server that could not be started. */
  readonly failed?: boolean;
  readonly limit: number;
  /** Only sessions that started before, in microseconds. */
  readonly beforeUs?: number;
}

type NumberedSession = StoredSessionRow & { readonly number: number };

/** Each numbered in the order of being stored, over all processes that write: what comes later has a larger number. */
export interface Position {
  readonly session: number;
  readonly operation: number;
}

export interface News {
  /** In the order of being stored; at most a thousand of each. */
  readonly sessions: readonly SessionRecord[];
  readonly operations: readonly OperationRecord[];
  /** The watched sessions as they stand now. */
  readonly watched: readonly SessionRecord[];
  /** Where to go on. */
  readonly position: Position;
  /** There is more already. */
  readonly more: boolean;
}

/** Rows that are read at once, and so are in memory at once. */
const PAGE = 1000;
/** A session id, or its start or end. */
const ID_PART = /^[0-9a-f-]{1,36}$/i;

const OPERATIONS =
  'SELECT *, (SELECT id FROM session WHERE session.number = operation.session) AS session_id FROM operation';

/** The recordings of a data folder. Rejects with a StoreError; `store_missing` when there are none yet. */
export async function openStore(dataDir: string): Promise<StoreReader> {
  return new StoreReader(await openForReading(dataDir));
}

export class StoreReader {
  /** What filters mean. */
  readonly find: Finder;
  readonly #db: Database;
  readonly #block: Statement<
    unknown[],
    { first_seq: number; first_at: number; coding: number; entries: string; data: Buffer }
  >;

  constructor(db: Database) {
    this.#db = db;
    this.find = new Finder(db);
    this.#block = db.prepare(
      'SELECT first_seq, first_at, coding, entries, data FROM block ' +
        'WHERE session_id = ? AND first_seq > ? AND last_seq >= ? AND first_seq <= ? ORDER BY first_seq LIMIT 1',
    );
  }

  /** Newest first. */
  listSessions({ failed = false, limit, beforeUs }: SessionQuery): SessionRecord[] {
    const conditions = [
      beforeUs === undefined ? 'true' : `started_at < ${beforeUs}`,
      failed ? "(failed > 0 OR end_cause IN ('server_crashed', 'start_failed'))" : 'true',
    ];
    const rows = this.#sessions(
      `WHERE ${conditions.join(' AND ')} ORDER BY started_at DESC, number DESC LIMIT ?`,
      limit,
    );
    return sessionRecords(rows);
  }

  /**
   * `last` is the newest session that was no probe. Else any start or end of an id that no other session has. Throws
   * a StoreError `session_unknown` or `session_ambiguous`.
   */
  findSession(wanted: string): SessionRecord {
    const id = wanted.toLowerCase();
    const found =
      id === 'last'
        ? this.#newest()
        : ID_PART.test(id)
          ? this.#sessions(
              'WHERE substr(id, 1, length(@id)) = @id OR substr(id, -length(@id)) = @id ORDER BY started_at DESC',
              { id },
            )
          : [];
    const [first] = sessionRecords(found.slice(0, 1));
    if (first === undefined) {
      throw new StoreError('session_unknown', 'no such session; `sidelight sessions` lists them');
    }
    if (found.length > 1) {
      const some = found.slice(0, 3).map((row) => row.id);
      const more = found.length > some.length ? ', ...' : '';
      throw new StoreError(
        'session_ambiguous',
        `${found.length} sessions are meant by this id: ${some.join(', ')}${more}`,
      );
    }
    return first;
  }

  /** In the order in which they started; only those with a larger id than `after`. */
  *operations(sessionId: string, after = -1): Generator<OperationRecord> {
    const page = this.#db.prepare<unknown[], OperationRow>(
      `${OPERATIONS} WHERE session = (SELECT number FROM session WHERE id = ?) AND operation_id > ? ORDER BY operation_id LIMIT ?`,
    );
    for (let last = after; ;) {
      const rows = page.all(sessionId, last, PAGE);
      yield* rows.map(operationRecord);
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.operation_id ?? last;
    }
  }

  /** The first thousand; the session says how many there are. */
  findings(sessionId: string): FindingRecord[] {
    const sql = 'SELECT * FROM finding WHERE session_id = ? ORDER BY seq, number LIMIT ?';
    return this.#db.prepare<unknown[], FindingRow>(sql).all(sessionId, PAGE).map(findingRecord);
  }

  /** Frames with `from <= seq <= to`, in order, a block at a time. */
  *frames(sessionId: string, { from = 0, to = Infinity } = {}): Generator<StoredFrame> {
    const last = Math.min(to, Number.MAX_SAFE_INTEGER);
    for (let after = -1; ;) {
      const block = this.#block.get(sessionId, after, from, last);
      if (block === undefined) return;
      after = block.first_seq;
      const { entries, data } = unpacked(block);
      for (const frame of decodeBlock(block.first_at, entries, data)) {
        if (frame.seq >= from && frame.seq <= last) yield frame;
      }
    }
  }

  /** A number that changes when somebody has written. */
  version(): number {
    return this.#db.pragma('data_version', { simple: true }) as number;
  }

  /** Where the store ends now. */
  position(): Position {
    const sql =
      'SELECT (SELECT coalesce(max(number), 0) FROM session) AS session, ' +
      '(SELECT coalesce(max(number), 0) FROM operation) AS operation';
    return this.#db.prepare<unknown[], Position>(sql).get() ?? { session: 0, operation: 0 };
  }

  /** What was stored after a position, and how the sessions of these ids stand, as of one moment. */
  since(position: Position, watchedIds: Iterable<string> = []): News {
    return this.#db.transaction(() => {
      const sessions = this.#sessions('WHERE number > ? ORDER BY number LIMIT ?', position.session, PAGE);
      const operations = this.#db
        .prepare<unknown[], OperationRow>(`${OPERATIONS} WHERE number > ? ORDER BY number LIMIT ?`)
        .all(position.operation, PAGE);
      return {
        sessions: sessionRecords(sessions),
        operations: operations.map(operationRecord),
        watched: sessionRecords(
          this.#sessions('WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify([...watchedIds])),
        ),
        position: {
          session: sessions.at(-1)?.number ?? position.session,
          operation: operations.at(-1)?.number ?? position.operation,
        },
        more: sessions.length === PAGE || operations.length === PAGE,
      };
    })();
  }

  /** Sessions without an end: live ones, and those that were interrupted. */
  openSessions(): SessionRecord[] {
    return sessionRecords(this.#sessions('WHERE ended_at IS NULL ORDER BY number'));
  }

  /** Ids of the sessions that say that they are a replay of this one, stored after a position; the first thousand. */
  replaysOf(id: string, { session }: Pick<Position, 'session'>): readonly string[] {
    const sql = 'SELECT id FROM session WHERE number > ? AND replay_of = ? ORDER BY number LIMIT ?';
    return this.#db.prepare<unknown[], string>(sql).pluck().all(session, id, PAGE);
  }

  /** Of those that were no probes; where all were, of all. One after the other from the newest, and not sorted. */
  #newest(): NumberedSession[] {
    const newest = (where: string): NumberedSession[] =>
      this.#sessions(`${where} ORDER BY started_at DESC, number DESC LIMIT 1`);
    const found = newest('WHERE probe = 0');
    return found.length > 0 ? found : newest('');
  }

  session(id: string): SessionRecord | undefined {
    return sessionRecords(this.#sessions('WHERE id = ?', id))[0];
  }

  close(): void {
    this.#db.close();
  }

  #sessions(where: string, ...values: unknown[]): NumberedSession[] {
    return this.#db.prepare<unknown[], NumberedSession>(`SELECT * FROM session ${where}`).all(...values);
  }
}
