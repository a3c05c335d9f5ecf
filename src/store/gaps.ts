/**
 * Gap markers: what a fleet's store will never get of which session, to be told there. Each waits here until it has arrived;
 * where too many wait, they are summed up in one, so that not even markers fill the disk.
 */
import { uuidV7 } from '../self/uuid.ts';
import {
  asThere,
  type Counts,
  type LostReason,
  type NumberedRow,
  type Reached,
  type Shipments,
  versionOf,
} from './shipment.ts';

export interface GapRow extends Required<Counts> {
  readonly number: number;
  readonly id: string;
  /** Empty: of more sessions than are told one by one. */
  readonly session_id: string;
  /** When it was given up, in microseconds since the epoch. */
  readonly at: number;
  readonly reason: LostReason;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
  /** JSON of the session's row, where it is not here any more. */
  readonly row: string | null;
  /** That row was not there in any version. */
  readonly is_new: number;
  readonly version: number;
}

export interface Gap {
  readonly row: NumberedRow;
  readonly reached: Reached;
  readonly reason: LostReason;
  readonly counts: Counts;
  readonly firstSeq?: number;
  readonly lastSeq?: number;
  /** The session itself is about to go: its row goes with the marker. */
  readonly goes?: boolean;
}

/** Of about a kilobyte each. */
const MAX_GAPS = 10_000;
const NONE: Required<Counts> = { sessions: 0, frames: 0, operations: 0, findings: 0, payloads: 0 };

export class Gaps {
  readonly #shipments: Shipments;

  constructor(shipments: Shipments) {
    this.#shipments = shipments;
  }

  /** Within the transaction that gives it up. */
  add({ row, reached, reason, counts, firstSeq, lastSeq, goes = false }: Gap, nowUs: number): void {
    const isFull = this.waiting() >= MAX_GAPS;
    const told = { ...NONE, ...counts, ...(isFull && goes && { sessions: 1 }) };
    this.#shipments.count(reason, told);
    if (isFull && this.#addToSum(reason, told)) return;
    this.#shipments
      .sql(
        'INSERT INTO shipping_gap (id, remote, session_id, at, reason, sessions, frames, operations, findings, payloads, ' +
          'first_seq, last_seq, row, is_new, version) VALUES (@id, @remote, @session, @at, @reason, @sessions, @frames, ' +
          '@operations, @findings, @payloads, @firstSeq, @lastSeq, @row, @isNew, @version)',
      )
      .run({
        ...{ id: uuidV7(), remote: this.#shipments.remote, at: nowUs, reason, ...told },
        session: isFull ? '' : row.id,
        firstSeq: isFull ? null : (firstSeq ?? null),
        lastSeq: isFull ? null : (lastSeq ?? null),
        row: goes && !isFull ? JSON.stringify(asThere(row, reached)) : null,
        isNew: reached.version < 0 ? 1 : 0,
        version: versionOf(row, reached),
      });
  }

  waiting(): number {
    return this.#shipments.one('SELECT count(*) FROM shipping_gap WHERE remote = ?', this.#shipments.remote);
  }

  /** The oldest, as numbers of the first and the last of them. */
  range(limit: number): readonly [from: number, to: number] | undefined {
    const numbers = this.#shipments
      .sql<unknown[], { number: number }>(
        'SELECT number FROM shipping_gap WHERE remote = ? ORDER BY number LIMIT ?',
      )
      .all(this.#shipments.remote, limit);
    const [first, last] = [numbers[0], numbers.at(-1)];
    return first === undefined || last === undefined ? undefined : [first.number, last.number];
  }

  read([from, to]: readonly [from: number, to: number]): readonly GapRow[] {
    return this.#shipments
      .sql<unknown[], GapRow>(
        'SELECT * FROM shipping_gap WHERE remote = ? AND number BETWEEN ? AND ? ORDER BY number',
      )
      .all(this.#shipments.remote, from, to);
  }

  forget([from, to]: readonly [from: number, to: number]): void {
    this.#shipments
      .sql('DELETE FROM shipping_gap WHERE remote = ? AND number BETWEEN ? AND ?')
      .run(this.#shipments.remote, from, to);
  }

  /** The sum of that reason that is not on its way; false: there is none. */
  #addToSum(reason: LostReason, told: Required<Counts>): boolean {
    const { batch } = this.#shipments.state();
    const { gaps } = (batch === null ? {} : JSON.parse(batch)) as { gaps?: readonly [number, number] };
    const sql =
      'UPDATE shipping_gap SET sessions = sessions + @sessions, frames = frames + @frames, operations = operations + ' +
      '@operations, findings = findings + @findings, payloads = payloads + @payloads WHERE number = (SELECT max(number) ' +
      "FROM shipping_gap WHERE remote = @remote AND session_id = '' AND reason = @reason AND number > @frozen)";
    const values = { ...told, remote: this.#shipments.remote, reason, frozen: gaps?.[1] ?? 0 };
    return this.#shipments.sql(sql).run(values).changes > 0;
  }
}
