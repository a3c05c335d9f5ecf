/**
 * What of the local store goes to a fleet's, batch by batch: the store is the spool. A batch is frozen as ranges of rows that
 * never change before it is first tried, so that every try of it is the same.
 */
import type { Database } from 'better-sqlite3';
import { hostname } from 'node:os';
import { decodeBlock, type StoredFrame } from './block.ts';
import { unpacked } from './coding.ts';
import { Gaps, type GapRow } from './gaps.ts';
import { liveness } from './live.ts';
import { nextParts } from './parts.ts';
import type { FindingRow, OperationRow } from './record.ts';
import {
  after,
  asThere,
  type Counts,
  type NumberedRow,
  type Part,
  Shipments,
  type ShippingRules,
  type Totals,
} from './shipment.ts';

export interface Batch {
  /** Names it for as long as it exists. */
  readonly id: string;
  readonly parts: readonly Part[];
  /** Gap markers by their numbers, the last included; undefined: none. */
  readonly gaps?: readonly [from: number, to: number];
}

/** A row that the fleet's store does not take: kept here, for somebody to look at. */
export interface DeadLetter {
  readonly target: string;
  readonly why: string;
  readonly content: string;
}

/** What came of a batch: rows that came for the first time, and those that were set aside. */
export interface Outcome {
  readonly there: Counts;
  readonly rejected: Counts;
  readonly letters: readonly DeadLetter[];
}

/** Gap markers in a batch, and sessions that are settled at once. */
const MARKERS = 500;
/** The last of them are kept, and of each so much. */
const DEAD_LETTERS = 10_000;
const LETTER_CHARS = 64 * 1024;
/** A session of another machine is over when nothing was recorded for a day. */
const SILENT_US = 24 * 60 * 60 * 1_000_000;

export class Outbox {
  readonly #shipments: Shipments;
  readonly #gaps: Gaps;

  /** `remote` names where to; what was shipped to another is no matter. */
  constructor(db: Database, remote: string) {
    this.#shipments = new Shipments(db, remote);
    this.#gaps = new Gaps(this.#shipments);
  }

  /** How many of what arrived, and how many never will, since the first batch. */
  totals(): Totals {
    return this.#shipments.totals();
  }

  /** Sessions up to `done` are there, whole. */
  reach(): { readonly done: number; readonly lastNumber: number; readonly batchWaits: boolean } {
    const { done, batch } = this.#shipments.state();
    const lastNumber = this.#shipments.one('SELECT coalesce(max(number), 0) FROM session');
    return { done, lastNumber, batchWaits: batch !== null };
  }

  /** The batch that was frozen and is not known to have arrived, else a new one; undefined: everything is there. */
  next(rules: ShippingRules, newId: () => string): Batch | undefined {
    return this.#shipments.db
      .transaction(() => {
        const { batch } = this.#shipments.state();
        if (batch !== null) return JSON.parse(batch) as Batch;
        const gaps = this.#gaps.range(MARKERS);
        const parts = nextParts(this.#shipments, rules);
        if (parts.length === 0 && gaps === undefined) return undefined;
        const frozen: Batch = { id: newId(), parts, ...(gaps !== undefined && { gaps }) };
        this.#freeze(JSON.stringify(frozen));
        return frozen;
      })
      .immediate();
  }

  /** It has arrived. False: somebody else has told already, and nothing is changed. */
  arrived({ id, parts, gaps }: Batch, { there, rejected, letters }: Outcome, atUs: number): boolean {
    const shipments = this.#shipments;
    return shipments.db
      .transaction(() => {
        const { batch } = shipments.state();
        if (batch === null || (JSON.parse(batch) as Batch).id !== id) return false;
        for (const part of parts) shipments.reach(part.session, after(shipments.reached(part.session), part));
        if (gaps !== undefined) this.#gaps.forget(gaps);
        shipments.count('there', there);
        shipments.count('rejected', rejected);
        const bury = shipments.sql(
          'INSERT INTO dead_letter (remote, at, target, why, content) VALUES (?, ?, ?, ?, ?)',
        );
        for (const { target, why, content } of letters)
          bury.run(shipments.remote, atUs, target, why, content.slice(0, LETTER_CHARS));
        if (letters.length > 0)
          shipments
            .sql('DELETE FROM dead_letter WHERE number <= (SELECT max(number) FROM dead_letter) - ?')
            .run(DEAD_LETTERS);
        this.#freeze(null);
        return true;
      })
      .immediate();
  }

  /** Moves the watermark over the sessions that are over and there, and forgets how far each had come. */
  settle(rules: ShippingRules, nowUs: number): void {
    const shipments = this.#shipments;
    shipments.db
      .transaction(() => {
        const isLive = liveness();
        let { done } = shipments.state();
        for (const row of shipments.rows(done, MARKERS)) {
          const isOver = row.ended_at !== null || (!isLive(row) && this.#isLeft(row, nowUs));
          if (!isOver || shipments.waits(row, rules) !== undefined) break;
          done = row.number;
        }
        shipments.sql('UPDATE shipping SET done = ? WHERE remote = ?').run(done, shipments.remote);
        shipments
          .sql('DELETE FROM shipped_session WHERE remote = ? AND session <= ?')
          .run(shipments.remote, done);
      })
      .immediate();
  }

  /** Its row, as the fleet is to have it. */
  session({ session }: Part): NumberedRow | undefined {
    const row = this.#shipments.row(session);
    return row === undefined ? undefined : asThere(row, this.#shipments.reached(session));
  }

  gaps(batch: Batch): readonly GapRow[] {
    return batch.gaps === undefined ? [] : this.#gaps.read(batch.gaps);
  }

  operations({ session, fromOperation, toOperation }: Part): readonly OperationRow[] {
    return this.#shipments
      .sql<unknown[], OperationRow>(
        'SELECT * FROM operation WHERE session = ? AND number > ? AND number <= ? ORDER BY number',
      )
      .all(session, fromOperation, toOperation);
  }

  findings({ id, fromFinding, toFinding }: Part): readonly (FindingRow & { readonly number: number })[] {
    return this.#shipments
      .sql<unknown[], FindingRow & { readonly number: number }>(
        'SELECT * FROM finding WHERE session_id = ? AND number > ? AND number <= ? ORDER BY number',
      )
      .all(id, fromFinding, toFinding);
  }

  *frames({ id, fromSeq, toSeq }: Part): Generator<StoredFrame> {
    const blocks = this.#shipments.sql<
      unknown[],
      { first_seq: number; first_at: number; coding: number; entries: string; data: Buffer }
    >(
      'SELECT first_seq, first_at, coding, entries, data FROM block ' +
        'WHERE session_id = ? AND first_seq > ? AND last_seq >= ? AND first_seq <= ? ORDER BY first_seq LIMIT 1',
    );
    for (let last = -1; ;) {
      const block = blocks.get(id, last, fromSeq, toSeq);
      if (block === undefined) return;
      last = block.first_seq;
      const { entries, data } = unpacked(block);
      for (const frame of decodeBlock(block.first_at, entries, data))
        if (frame.seq >= fromSeq && frame.seq <= toSeq) yield frame;
    }
  }

  /** Sessions up to the watermark, a page at a time: what is to be there. */
  *shipped(): Generator<NumberedRow> {
    const { done } = this.#shipments.state();
    const page = this.#shipments.sql<unknown[], NumberedRow>(
      'SELECT * FROM session WHERE number > ? AND number <= ? ORDER BY number LIMIT 500',
    );
    for (let last = 0; ;) {
      const rows = page.all(last, done);
      yield* rows;
      last = rows.at(-1)?.number ?? done;
      if (rows.length === 0) return;
    }
  }

  /** How many rows the local store has of a session. */
  counts(id: string): { readonly frames: number; readonly operations: number; readonly findings: number } {
    const number = '(SELECT number FROM session WHERE id = ?)';
    const one = (sql: string): number => this.#shipments.one(sql, id);
    return {
      frames: one('SELECT coalesce(sum(count), 0) FROM block WHERE session_id = ?'),
      operations: one(`SELECT count(*) FROM operation WHERE session = ${number}`),
      findings: one('SELECT count(*) FROM finding WHERE session_id = ?'),
    };
  }

  #freeze(batch: string | null): void {
    const { remote } = this.#shipments;
    this.#shipments.sql('UPDATE shipping SET batch = ? WHERE remote = ?').run(batch, remote);
  }

  /** Of another machine that shares the folder, nobody here knows whether it still records. */
  #isLeft({ id, hostname: host, started_at }: NumberedRow, nowUs: number): boolean {
    if (host === hostname()) return true;
    const lastUs = this.#shipments.one('SELECT max(last_at) FROM block WHERE session_id = ?', id);
    return nowUs - Math.max(lastUs, started_at) > SILENT_US;
  }
}
