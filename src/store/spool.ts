/**
 * Bounds what waits for a fleet's store: above its caps the oldest is given up, payloads before rows, each with a gap marker and
 * counted. Nothing that is on its way is given up, and nothing of the recording is deleted here.
 */
import type { Database } from 'better-sqlite3';
import { Arrivals } from './arrivals.ts';
import { type Backlog, backlogOf, lastUsOf, onTheWay, SESSION_BYTES, waiting } from './backlog.ts';
import { GivingUp, rowsWait } from './givingUp.ts';
import {
  type Counts,
  LOST_REASONS,
  type LostReason,
  SHIPPED_KINDS,
  Shipments,
  type ShippedKind,
  type ShippingRules,
} from './shipment.ts';

/** Undefined: no bound. */
export interface SpoolCaps {
  readonly bytes: number | undefined;
  /** Of payloads; rows may wait twice as long. */
  readonly ageUs: number | undefined;
}

export interface SpoolRules extends ShippingRules {
  readonly caps: SpoolCaps;
}

/** As the configuration has them, in milliseconds. */
export function spoolRules(
  fleet: ShippingRules & {
    readonly maxSpoolBytes: number | undefined;
    readonly maxSpoolAgeMs: number | undefined;
  },
): SpoolRules {
  const { payloads, payloadsByServer, slowMs, sample, maxSpoolBytes: bytes, maxSpoolAgeMs: ageMs } = fleet;
  const caps = { bytes, ageUs: ageMs === undefined ? undefined : ageMs * 1000 };
  return { payloads, payloadsByServer, slowMs, sample, caps };
}

/** By why. */
export type Lost = Partial<Record<LostReason, Counts>>;

/** Rows wait so many times longer than payloads. */
const ROWS_AGE = 2;
/** Of a remote to which nothing was shipped yet. */
const UNKNOWN: ShippingRules = { payloads: 'none', payloadsByServer: {}, slowMs: Infinity, sample: 0 };

export class Spool {
  readonly #shipments: Shipments;
  readonly #givingUp: GivingUp;
  readonly #arrivals: Arrivals;

  constructor(db: Database, remote: string) {
    this.#shipments = new Shipments(db, remote);
    this.#givingUp = new GivingUp(this.#shipments);
    this.#arrivals = new Arrivals(this.#shipments);
  }

  /** What waits; of all of it, however much that is, in steps of some milliseconds. */
  backlog(rules: ShippingRules, nowUs: number): Promise<Backlog> {
    return backlogOf(this.#shipments, rules, nowUs);
  }

  /** Numbers of the sessions of which something waits. */
  async *sessions(rules: ShippingRules): AsyncGenerator<number> {
    for await (const { row } of waiting(this.#shipments, rules, () => new Map())) yield row.number;
  }

  /** Gives up what is above the caps, notes what waits then, and returns both. */
  async bound(rules: SpoolRules, nowUs: number): Promise<{ readonly lost: Lost; readonly backlog: Backlog }> {
    const { bytes, ageUs } = rules.caps;
    const lost: Lost = {};
    const add = (reason: LostReason, counts: Counts | undefined): void => {
      if (counts !== undefined) lost[reason] = summed(lost[reason], counts);
    };
    this.#arrivals.mark(nowUs, ageUs === undefined ? undefined : ROWS_AGE * ageUs);
    let backlog = await backlogOf(this.#shipments, rules, nowUs);
    let excess = bytes === undefined ? 0 : backlog.bytes - bytes;
    const old = this.#old(nowUs, ageUs);
    const older = this.#old(nowUs, ageUs === undefined ? undefined : ROWS_AGE * ageUs);
    if (excess > 0 || (backlog.firstSession !== undefined && backlog.firstSession <= old.session)) {
      for await (const { row } of waiting(this.#shipments, rules, () => onTheWay(this.#shipments))) {
        if (row.number <= old.session)
          add(
            'spool_age',
            this.#givingUp.payloads(row, rules, { reason: 'spool_age', nowUs, beforeUs: old.us }),
          );
        else if (excess <= 0) break;
        if (excess <= 0) continue;
        const dropped = this.#givingUp.payloads(row, rules, { reason: 'spool_size', nowUs, bytes: excess });
        add('spool_size', dropped);
        excess -= dropped?.bytes ?? 0;
      }
      for await (const { row, waits, rowBytes } of waiting(this.#shipments, rules, () =>
        onTheWay(this.#shipments),
      )) {
        if (row.number <= older.session && lastUsOf(this.#shipments, row, waits) < older.us)
          add('spool_age', this.#givingUp.rows(row, rules, 'spool_age', nowUs));
        else if (excess > 0) {
          add('spool_size', this.#givingUp.rows(row, rules, 'spool_size', nowUs));
          excess -= rowBytes - SESSION_BYTES;
        } else if (row.number > older.session) break;
      }
      backlog = await backlogOf(this.#shipments, rules, nowUs);
    }
    this.#shipments
      .sql(
        'INSERT INTO shipping_note (remote, rules, backlog) VALUES (?, ?, ?) ' +
          'ON CONFLICT DO UPDATE SET rules = excluded.rules, backlog = excluded.backlog',
      )
      .run(this.#shipments.remote, JSON.stringify(rules), JSON.stringify(backlog));
    return { lost, backlog };
  }

  /** As it was noted last, by any process of this machine. */
  noted(): Backlog | undefined {
    const sql = 'SELECT backlog FROM shipping_note WHERE remote = ?';
    const note = this.#shipments.sql<[string], { backlog: string }>(sql).get(this.#shipments.remote);
    return note === undefined ? undefined : (JSON.parse(note.backlog) as Backlog);
  }

  /**
   * What retention has to leave: `all` of a session that waits, its `rows` where payloads were given up and only rows wait,
   * and nothing of one that is there or was given up.
   */
  holds(session: number, rules: ShippingRules): 'all' | 'rows' | undefined {
    const { done } = this.#shipments.state();
    if (session <= done) return undefined;
    const part = onTheWay(this.#shipments).get(session);
    if (part !== undefined) return 'all';
    const row = this.#shipments.row(session);
    const waits = row === undefined ? undefined : this.#shipments.waits(row, rules);
    if (waits === undefined) return undefined;
    if (!rowsWait(waits) && waits.lostEvents > 0) return undefined;
    const payloadsWait = waits.wantsPayload && waits.payloadSeq <= waits.lastSeq;
    return payloadsWait || waits.lostPayloads === 0 ? 'all' : 'rows';
  }

  /**
   * It is about to be deleted: what was not there is given up, and what is on its way, which may come all the same. Within the
   * transaction that deletes it.
   */
  lose(session: number, rules: ShippingRules, nowUs: number): void {
    const row = this.#shipments.row(session);
    if (row === undefined || session <= this.#shipments.state().done) return;
    const waits = this.#shipments.waits(row, rules);
    if (waits !== undefined) this.#givingUp.all(row, waits, { reason: 'deleted', nowUs, goes: true });
  }

  /** What is older than so: sessions up to a number, and of them what was recorded before a time. */
  #old(nowUs: number, ageUs: number | undefined): { readonly session: number; readonly us: number } {
    if (ageUs === undefined) return { session: 0, us: 0 };
    return { session: this.#arrivals.before(nowUs - ageUs), us: nowUs - ageUs };
  }
}

/** The same for every remote that recordings of this machine go to. */
export function loseEverywhere(db: Database, session: number, nowUs: number): void {
  const isThere = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'shipping_note'").get() !== undefined;
  if (!isThere) return;
  const remotes = db
    .prepare<unknown[], { remote: string; rules: string | null }>(
      'SELECT shipping.remote, rules FROM shipping LEFT JOIN shipping_note USING (remote)',
    )
    .all();
  for (const { remote, rules } of remotes) {
    const known = rules === null ? UNKNOWN : (JSON.parse(rules) as ShippingRules);
    new Spool(db, remote).lose(session, known, nowUs);
  }
}

/** What was lost, one count after the other. */
export function lostCounts(
  lost: Lost,
): readonly { readonly reason: LostReason; readonly kind: ShippedKind; readonly count: number }[] {
  return LOST_REASONS.flatMap((reason) =>
    SHIPPED_KINDS.map((kind) => ({ reason, kind, count: lost[reason]?.[kind] ?? 0 })),
  ).filter(({ count }) => count > 0);
}

function summed(one: Counts | undefined, other: Counts): Counts {
  const of = (kind: ShippedKind): number => (one?.[kind] ?? 0) + (other[kind] ?? 0);
  return Object.fromEntries(SHIPPED_KINDS.map((kind) => [kind, of(kind)]));
}
