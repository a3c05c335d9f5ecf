/**
 * What of the local store goes to a fleet's, and how far it has gone: the store is the spool. A batch is frozen as ranges of
 * rows that never change before it is first tried, so that every try of it is the same.
 */
import type { Database, Statement } from 'better-sqlite3';
import { hostname } from 'node:os';
import { decodeBlock, type StoredFrame } from './block.ts';
import { unpacked } from './coding.ts';
import { liveness } from './live.ts';
import type { FindingRow, OperationRow } from './record.ts';
import type { StoredSessionRow } from './session.ts';

export type Payloads = 'all' | 'telling' | 'none';

export interface ShippingRules {
  /** `telling`: of sessions that failed, have findings or a slow operation, and of the share that is sampled. */
  readonly payloads: Payloads;
  /** By the server's name, instead of `payloads`. */
  readonly payloadsByServer: Readonly<Record<string, Payloads>>;
  readonly slowMs: number;
  /** Of sessions, from 0 to 1. */
  readonly sample: number;
}

/** A part of one session: frames `fromSeq` to `toSeq`, operations and findings by their numbers, the last included. */
export interface Part {
  readonly session: number;
  readonly id: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly payload: boolean;
  readonly fromOperation: number;
  readonly toOperation: number;
  readonly fromFinding: number;
  readonly toFinding: number;
  /** Of its row. */
  readonly version: number;
}

export interface Batch {
  /** Names it for as long as it exists. */
  readonly id: string;
  readonly parts: readonly Part[];
}

export interface Progress {
  /** Sessions up to this number are there, whole. */
  readonly done: number;
  readonly lastNumber: number;
  readonly sessionsWaiting: number;
  readonly framesWaiting: number;
  readonly oldestWaitingUs: number | undefined;
  readonly deadLetters: number;
  readonly batchWaits: boolean;
}

type NumberedRow = StoredSessionRow & { readonly number: number };

interface Shipped {
  readonly next_seq: number;
  readonly operation: number;
  readonly finding: number;
  readonly payload: number;
  readonly version: number;
}

/** One insert of frames, and what is in memory for it. */
const BATCH_FRAMES = 10_000;
const BATCH_BYTES = 8 * 1024 * 1024;
/** Of sessions, operations and findings in a batch. */
const BATCH_SESSIONS = 500;
const BATCH_ROWS = 10_000;
/** Open sessions ahead of the watermark that are looked at in one go. */
const LOOKED_AT = 20_000;
/** A session of another machine is over when nothing was recorded for a day. */
const SILENT_US = 24 * 60 * 60 * 1_000_000;
const NOTHING: Shipped = { next_seq: 0, operation: 0, finding: 0, payload: 0, version: -1 };

export const OUTBOX = `
CREATE TABLE IF NOT EXISTS shipping (
  remote TEXT PRIMARY KEY,
  done INTEGER NOT NULL,
  batch TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shipment (
  remote TEXT NOT NULL,
  session INTEGER NOT NULL, -- session.number
  next_seq INTEGER NOT NULL,
  operation INTEGER NOT NULL,
  finding INTEGER NOT NULL,
  payload INTEGER NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (remote, session)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
  number INTEGER PRIMARY KEY,
  remote TEXT NOT NULL,
  at INTEGER NOT NULL,
  target TEXT NOT NULL,
  why TEXT NOT NULL,
  content TEXT NOT NULL
);
`;

export class Outbox {
  readonly #db: Database;
  readonly #remote: string;
  readonly #prepared = new Map<string, Statement>();

  /** `remote` names where to; what was shipped to another is no matter. */
  constructor(db: Database, remote: string) {
    this.#db = db;
    this.#remote = remote;
    db.exec(OUTBOX);
    db.prepare('INSERT INTO shipping (remote, done) VALUES (?, 0) ON CONFLICT DO NOTHING').run(remote);
  }

  /** The batch that was frozen and is not known to have arrived, else a new one; undefined: everything is there. */
  next(rules: ShippingRules, newId: () => string): Batch | undefined {
    return this.#db.transaction(() => {
      const { batch } = this.#state();
      if (batch !== null) return JSON.parse(batch) as Batch;
      const parts = this.#parts(rules);
      if (parts.length === 0) return undefined;
      const frozen: Batch = { id: newId(), parts };
      this.#sql('UPDATE shipping SET batch = ? WHERE remote = ?').run(JSON.stringify(frozen), this.#remote);
      return frozen;
    })();
  }

  /** It has arrived. */
  arrived({ parts }: Batch): void {
    this.#db.transaction(() => {
      const set = this.#sql(
        'INSERT INTO shipment (remote, session, next_seq, operation, finding, payload, version) VALUES (?, ?, ?, ?, ?, ?, ?) ' +
          'ON CONFLICT DO UPDATE SET next_seq = excluded.next_seq, operation = excluded.operation, ' +
          'finding = excluded.finding, payload = excluded.payload, version = excluded.version',
      );
      for (const { session, toSeq, toOperation, toFinding, payload, version } of parts)
        set.run(this.#remote, session, toSeq + 1, toOperation, toFinding, payload ? 1 : 0, version);
      this.#sql('UPDATE shipping SET batch = NULL WHERE remote = ?').run(this.#remote);
    })();
  }

  /** Moves the watermark over the sessions that are over and there, and forgets how far each had come. */
  settle(rules: ShippingRules, nowUs: number): void {
    this.#db.transaction(() => {
      const isLive = liveness();
      let { done } = this.#state();
      for (const row of this.#rows(done, BATCH_SESSIONS)) {
        const isOver = row.ended_at !== null || (!isLive(row) && this.#isLeft(row, nowUs));
        if (!isOver || this.#partOf(row, rules, Infinity) !== undefined) break;
        done = row.number;
      }
      this.#sql('UPDATE shipping SET done = ? WHERE remote = ?').run(done, this.#remote);
      this.#sql('DELETE FROM shipment WHERE remote = ? AND session <= ?').run(this.#remote, done);
    })();
  }

  session({ session }: Part): NumberedRow | undefined {
    return this.#sql<[number], NumberedRow>('SELECT * FROM session WHERE number = ?').get(session);
  }

  operations({ session, fromOperation, toOperation }: Part): readonly OperationRow[] {
    return this.#sql<unknown[], OperationRow>(
      'SELECT * FROM operation WHERE session = ? AND number > ? AND number <= ? ORDER BY number',
    ).all(session, fromOperation, toOperation);
  }

  findings({ id, fromFinding, toFinding }: Part): readonly (FindingRow & { readonly number: number })[] {
    return this.#sql<unknown[], FindingRow & { readonly number: number }>(
      'SELECT * FROM finding WHERE session_id = ? AND number > ? AND number <= ? ORDER BY number',
    ).all(id, fromFinding, toFinding);
  }

  *frames({ id, fromSeq, toSeq }: Part): Generator<StoredFrame> {
    const blocks = this.#sql<
      unknown[],
      { first_seq: number; first_at: number; coding: number; entries: string; data: Buffer }
    >(
      'SELECT first_seq, first_at, coding, entries, data FROM block ' +
        'WHERE session_id = ? AND first_seq > ? AND last_seq >= ? AND first_seq <= ? ORDER BY first_seq LIMIT 1',
    );
    for (let after = -1; ;) {
      const block = blocks.get(id, after, fromSeq, toSeq);
      if (block === undefined) return;
      after = block.first_seq;
      const { entries, data } = unpacked(block);
      for (const frame of decodeBlock(block.first_at, entries, data))
        if (frame.seq >= fromSeq && frame.seq <= toSeq) yield frame;
    }
  }

  /** A row that the fleet's store does not take: kept here, for somebody to look at. */
  bury(target: string, why: string, content: string, atUs: number): void {
    this.#sql('INSERT INTO dead_letter (remote, at, target, why, content) VALUES (?, ?, ?, ?, ?)').run(
      this.#remote,
      atUs,
      target,
      why,
      content,
    );
  }

  progress(rules: ShippingRules): Progress {
    const { done, batch } = this.#state();
    let [sessionsWaiting, framesWaiting, oldestWaitingUs]: [number, number, number | undefined] = [
      0,
      0,
      undefined,
    ];
    for (const row of this.#rows(done, LOOKED_AT)) {
      const part = this.#partOf(row, rules, Infinity);
      if (part === undefined) continue;
      sessionsWaiting += 1;
      framesWaiting += Math.max(0, part.toSeq - part.fromSeq + 1);
      oldestWaitingUs ??= row.started_at;
    }
    const lastNumber = this.#one('SELECT coalesce(max(number), 0) FROM session');
    const deadLetters = this.#one('SELECT count(*) FROM dead_letter WHERE remote = ?', this.#remote);
    const batchWaits = batch !== null;
    return { done, lastNumber, sessionsWaiting, framesWaiting, oldestWaitingUs, deadLetters, batchWaits };
  }

  /** Sessions up to the watermark, a page at a time: what is to be there. */
  *shipped(): Generator<NumberedRow> {
    const { done } = this.#state();
    const page = this.#sql<unknown[], NumberedRow>(
      'SELECT * FROM session WHERE number > ? AND number <= ? ORDER BY number LIMIT 500',
    );
    for (let after = 0; ;) {
      const rows = page.all(after, done);
      yield* rows;
      after = rows.at(-1)?.number ?? done;
      if (rows.length === 0) return;
    }
  }

  /** How many rows the local store has of a session. */
  counts(id: string): { readonly frames: number; readonly operations: number; readonly findings: number } {
    const number = '(SELECT number FROM session WHERE id = ?)';
    return {
      frames: this.#one('SELECT coalesce(sum(count), 0) FROM block WHERE session_id = ?', id),
      operations: this.#one(`SELECT count(*) FROM operation WHERE session = ${number}`, id),
      findings: this.#one('SELECT count(*) FROM finding WHERE session_id = ?', id),
    };
  }

  #parts(rules: ShippingRules): Part[] {
    const parts: Part[] = [];
    let [frames, bytes, others] = [0, 0, 0];
    for (const row of this.#rows(this.#state().done, LOOKED_AT)) {
      const part = this.#partOf(row, rules, BATCH_FRAMES - frames);
      if (part === undefined) continue;
      parts.push(part);
      frames += Math.max(0, part.toSeq - part.fromSeq + 1);
      bytes += part.payload ? this.#bytesOf(part) : 0;
      others += part.toOperation - part.fromOperation + (part.toFinding - part.fromFinding);
      if (
        frames >= BATCH_FRAMES ||
        bytes >= BATCH_BYTES ||
        parts.length >= BATCH_SESSIONS ||
        others >= BATCH_ROWS
      )
        break;
    }
    return parts;
  }

  /** What of a session is not there yet; undefined: nothing. At most so many frames. */
  #partOf(row: NumberedRow, rules: ShippingRules, maxFrames: number): Part | undefined {
    const { number: session, id } = row;
    const shipped =
      this.#sql<unknown[], Shipped>('SELECT * FROM shipment WHERE remote = ? AND session = ?').get(
        this.#remote,
        session,
      ) ?? NOTHING;
    const payload = this.#wantsPayload(row, rules);
    // Frames that went without their payload go again with it.
    const fromSeq = payload && shipped.payload === 0 ? 0 : shipped.next_seq;
    const last = this.#one('SELECT coalesce(max(last_seq), -1) FROM block WHERE session_id = ?', id);
    const toSeq = this.#end({ id, fromSeq, last, payload, maxFrames });
    const toOperation = this.#one(
      'SELECT coalesce(max(number), 0) FROM operation WHERE session = ?',
      session,
    );
    const toFinding = this.#one('SELECT coalesce(max(number), 0) FROM finding WHERE session_id = ?', id);
    const { operation: fromOperation, finding: fromFinding } = shipped;
    const version = versionOf(row);
    const isThere =
      toSeq < fromSeq &&
      toOperation <= fromOperation &&
      toFinding <= fromFinding &&
      version <= shipped.version;
    if (isThere) return undefined;
    return {
      ...{ session, id, fromSeq, toSeq: Math.max(toSeq, fromSeq - 1), payload, version },
      ...{ fromOperation, toOperation: Math.max(toOperation, fromOperation) },
      ...{ fromFinding, toFinding: Math.max(toFinding, fromFinding) },
    };
  }

  /** The last frame that a batch takes: at the end of a block, so that payloads are bounded by their blocks. */
  #end(wanted: { id: string; fromSeq: number; last: number; payload: boolean; maxFrames: number }): number {
    const { id, fromSeq, last, payload, maxFrames } = wanted;
    if (maxFrames === Infinity) return last;
    const blocks = this.#sql<unknown[], { last_seq: number; bytes: number }>(
      'SELECT last_seq, length(data) AS bytes FROM block WHERE session_id = ? AND last_seq >= ? ORDER BY first_seq',
    );
    let bytes = 0;
    for (const block of blocks.iterate(id, fromSeq)) {
      bytes += payload ? block.bytes : 0;
      if (block.last_seq - fromSeq >= maxFrames || bytes >= BATCH_BYTES) return block.last_seq;
    }
    return last;
  }

  #bytesOf({ id, fromSeq, toSeq }: Part): number {
    return this.#one(
      'SELECT coalesce(sum(length(data)), 0) FROM block WHERE session_id = ? AND last_seq >= ? AND first_seq <= ?',
      ...[id, fromSeq, toSeq],
    );
  }

  /** Of another machine that shares the folder, nobody here knows whether it still records. */
  #isLeft({ id, hostname: host, started_at }: NumberedRow, nowUs: number): boolean {
    if (host === hostname()) return true;
    const lastUs = this.#one('SELECT max(last_at) FROM block WHERE session_id = ?', id);
    return nowUs - Math.max(lastUs, started_at) > SILENT_US;
  }

  /** Decided when it is over; until then only where all are wanted. */
  #wantsPayload(row: NumberedRow, { payloads, payloadsByServer, slowMs, sample }: ShippingRules): boolean {
    const wanted = payloadsByServer[row.server] ?? payloads;
    if (wanted !== 'telling') return wanted === 'all';
    if (row.failed > 0 || row.findings > 0 || row.pinned === 1) return true;
    if (row.end_cause === 'server_crashed' || row.end_cause === 'start_failed') return true;
    if (shareOf(row.id) < sample) return true;
    const slow =
      'SELECT count(*) FROM operation WHERE session = ? AND stream = 0 AND ended_at - started_at >= ?';
    return this.#one(slow, row.number, slowMs * 1000) > 0;
  }

  #rows(after: number, limit: number): IterableIterator<NumberedRow> {
    return this.#sql<unknown[], NumberedRow>('SELECT * FROM session WHERE number > ? ORDER BY number LIMIT ?')
      .all(after, limit)
      .values();
  }

  #state(): { readonly done: number; readonly batch: string | null } {
    const sql = 'SELECT done, batch FROM shipping WHERE remote = ?';
    return (
      this.#sql<[string], { done: number; batch: string | null }>(sql).get(this.#remote) ?? {
        done: 0,
        batch: null,
      }
    );
  }

  /** The number that a statement gives. */
  #one(sql: string, ...values: unknown[]): number {
    const [value] = Object.values(this.#sql<unknown[], Record<string, number>>(sql).get(...values) ?? {});
    return value ?? 0;
  }

  #sql<Values extends unknown[] = unknown[], Row = unknown>(sql: string): Statement<Values, Row> {
    const known = this.#prepared.get(sql) ?? this.#db.prepare(sql);
    this.#prepared.set(sql, known);
    return known as Statement<Values, Row>;
  }
}

/** Grows with everything that is told of a session. */
function versionOf({ frames, operations, findings, ended_at, pinned, note }: NumberedRow): number {
  const marks = (ended_at === null ? 0 : 4) + (note === null ? 0 : 2) + pinned;
  return (frames + operations + findings) * 8 + marks;
}

/** The same for a session wherever it is asked: of a UUIDv7, the last digits are random. */
function shareOf(id: string): number {
  return parseInt(id.slice(-8), 16) / 0x1_0000_0000;
}
