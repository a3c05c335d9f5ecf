/**
 * How far each session of the local store has gone to a fleet's, what of it waits, and the sums of what arrived and what was
 * given up. It sends nothing and decides nothing: what is written here is always a fact.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { StoredSessionRow } from './session.ts';
import { SHIPPING_TABLES } from './shippingTables.ts';

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
  /** Frames before it are there, and come once more with their payload. */
  readonly newSeq: number;
  /** Nothing of the session is there. */
  readonly isNew: boolean;
  readonly fromOperation: number;
  readonly toOperation: number;
  readonly fromFinding: number;
  readonly toFinding: number;
  /** Of its row. */
  readonly version: number;
}

export type NumberedRow = StoredSessionRow & { readonly number: number };

/** What is there of a session, or given up: frames before `nextSeq`, payloads of frames before `payloadSeq`. */
export interface Reached {
  readonly nextSeq: number;
  readonly payloadSeq: number;
  readonly operation: number;
  readonly finding: number;
  /** Of its row; -1: it is not there. */
  readonly version: number;
  /** Of what was given up: frames, operations and findings; and payloads of frames that came without. */
  readonly lostEvents: number;
  readonly lostPayloads: number;
}

export interface Waits extends Reached {
  readonly lastSeq: number;
  readonly wantsPayload: boolean;
  readonly toOperation: number;
  readonly toFinding: number;
  readonly toVersion: number;
}

/** What is counted. A payload is one frame's; a row of the session counts when it comes for the first time. */
export const SHIPPED_KINDS = ['sessions', 'frames', 'operations', 'findings', 'payloads'] as const;
export type ShippedKind = (typeof SHIPPED_KINDS)[number];

/** Why something never comes: the caps of the spool, somebody deleted it, or the engine did not take it. */
export const LOST_REASONS = ['spool_size', 'spool_age', 'deleted', 'rejected'] as const;
export type LostReason = (typeof LOST_REASONS)[number];

export type Counts = Readonly<Partial<Record<ShippedKind, number>>>;
export type Totals = Readonly<Partial<Record<'there' | LostReason, Counts>>>;

const NOTHING: Reached = {
  ...{ nextSeq: 0, payloadSeq: 0, operation: 0, finding: 0, version: -1 },
  ...{ lostEvents: 0, lostPayloads: 0 },
};

export class Shipments {
  readonly db: Database;
  readonly remote: string;
  readonly #prepared = new Map<string, Statement>();

  /** `remote` names where to; what was shipped to another is no matter. */
  constructor(db: Database, remote: string) {
    this.db = db;
    this.remote = remote;
    db.exec(SHIPPING_TABLES);
    db.prepare('INSERT INTO shipping (remote, done) VALUES (?, 0) ON CONFLICT DO NOTHING').run(remote);
  }

  /** Sessions up to `done` are there, whole. `batch` is as it was frozen. */
  state(): { readonly done: number; readonly batch: string | null } {
    const sql = 'SELECT done, batch FROM shipping WHERE remote = ?';
    const found = this.sql<[string], { done: number; batch: string | null }>(sql).get(this.remote);
    return found ?? { done: 0, batch: null };
  }

  /** A page of sessions in the order in which they began. */
  rows(after: number, limit: number): readonly NumberedRow[] {
    return this.sql<unknown[], NumberedRow>(
      'SELECT * FROM session WHERE number > ? ORDER BY number LIMIT ?',
    ).all(after, limit);
  }

  row(session: number): NumberedRow | undefined {
    return this.sql<[number], NumberedRow>('SELECT * FROM session WHERE number = ?').get(session);
  }

  reached(session: number): Reached {
    const sql =
      'SELECT next_seq AS nextSeq, payload_seq AS payloadSeq, operation, finding, version, lost_events AS lostEvents, ' +
      'lost_payloads AS lostPayloads FROM shipped_session WHERE remote = ? AND session = ?';
    return this.sql<unknown[], Reached>(sql).get(this.remote, session) ?? NOTHING;
  }

  reach(session: number, reached: Reached): void {
    const { nextSeq, payloadSeq, operation, finding, version, lostEvents, lostPayloads } = reached;
    this.sql(
      'INSERT INTO shipped_session (remote, session, next_seq, payload_seq, operation, finding, version, lost_events, ' +
        'lost_payloads) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET next_seq = excluded.next_seq, ' +
        'payload_seq = excluded.payload_seq, operation = excluded.operation, finding = excluded.finding, ' +
        'version = excluded.version, lost_events = excluded.lost_events, lost_payloads = excluded.lost_payloads',
    ).run(
      ...[this.remote, session, nextSeq, payloadSeq, operation, finding, version, lostEvents, lostPayloads],
    );
  }

  /** What of a session is not there; undefined: nothing. `frozen` is on its way. */
  waits(row: NumberedRow, rules: ShippingRules, frozen?: Part): Waits | undefined {
    const { number, id } = row;
    const found = this.reached(number);
    const reached = frozen === undefined ? found : after(found, frozen);
    const lastSeq = this.one('SELECT coalesce(max(last_seq), -1) FROM block WHERE session_id = ?', id);
    const wantsPayload = this.#wantsPayload(row, rules);
    const toOperation = this.one('SELECT coalesce(max(number), 0) FROM operation WHERE session = ?', number);
    const toFinding = this.one('SELECT coalesce(max(number), 0) FROM finding WHERE session_id = ?', id);
    const toVersion = versionOf(row, reached);
    const isThere =
      lastSeq < reached.nextSeq &&
      (!wantsPayload || lastSeq < reached.payloadSeq) &&
      toOperation <= reached.operation &&
      toFinding <= reached.finding &&
      toVersion <= reached.version;
    return isThere ? undefined : { ...reached, lastSeq, wantsPayload, toOperation, toFinding, toVersion };
  }

  /** Adds to the sums; within the transaction that makes it a fact. */
  count(outcome: 'there' | LostReason, counts: Counts): void {
    for (const kind of SHIPPED_KINDS) {
      const count = counts[kind] ?? 0;
      if (count === 0) continue;
      this.sql(
        'INSERT INTO shipping_total (remote, kind, outcome, count) VALUES (?, ?, ?, ?) ' +
          'ON CONFLICT DO UPDATE SET count = count + excluded.count',
      ).run(this.remote, kind, outcome, count);
    }
  }

  totals(): Totals {
    const rows = this.sql<unknown[], { kind: ShippedKind; outcome: 'there' | LostReason; count: number }>(
      'SELECT kind, outcome, count FROM shipping_total WHERE remote = ?',
    ).all(this.remote);
    const totals: Partial<Record<'there' | LostReason, Partial<Record<ShippedKind, number>>>> = {};
    for (const { kind, outcome, count } of rows) (totals[outcome] ??= {})[kind] = count;
    return totals;
  }

  /** The number that a statement gives, 0 for none. */
  one(sql: string, ...values: unknown[]): number {
    const [value] = Object.values(
      this.sql<unknown[], Record<string, number | null>>(sql).get(...values) ?? {},
    );
    return value ?? 0;
  }

  sql<Values extends unknown[] = unknown[], Row = unknown>(sql: string): Statement<Values, Row> {
    const known = this.#prepared.get(sql) ?? this.db.prepare(sql);
    this.#prepared.set(sql, known);
    return known as Statement<Values, Row>;
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
    return this.one(slow, row.number, slowMs * 1000) > 0;
  }
}

/** When a part is there. What was given up meanwhile stays so. */
export function after(reached: Reached, part: Part): Reached {
  return {
    ...reached,
    nextSeq: Math.max(reached.nextSeq, part.toSeq + 1),
    payloadSeq: part.payload ? Math.max(reached.payloadSeq, part.toSeq + 1) : reached.payloadSeq,
    operation: Math.max(reached.operation, part.toOperation),
    finding: Math.max(reached.finding, part.toFinding),
    version: Math.max(reached.version, part.version),
  };
}

/** The row as the fleet is to have it: what was given up is missing there. */
export function asThere<Row extends StoredSessionRow>(row: Row, { lostEvents, lostPayloads }: Reached): Row {
  if (lostEvents + lostPayloads === 0) return row;
  const bodies = lostPayloads > 0 && row.bodies !== 'none' ? 'part' : row.bodies;
  return { ...row, dropped_events: row.dropped_events + lostEvents, bodies };
}

/** Grows with everything that is told of a session. */
export function versionOf(row: StoredSessionRow, { lostEvents, lostPayloads }: Reached): number {
  const { frames, operations, findings, ended_at, pinned, note } = row;
  const marks = (ended_at === null ? 0 : 4) + (note === null ? 0 : 2) + pinned;
  return (frames + operations + findings + lostEvents + lostPayloads) * 8 + marks;
}

/** The same for a session wherever it is asked: of a UUIDv7, the last digits are random. */
function shareOf(id: string): number {
  return parseInt(id.slice(-8), 16) / 0x1_0000_0000;
}
