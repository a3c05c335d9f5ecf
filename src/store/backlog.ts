/** What waits for a fleet's store, how much it is and since when. It only looks. */
import { setImmediate } from 'node:timers/promises';
import { Arrivals } from './arrivals.ts';
import { Gaps } from './gaps.ts';
import type { Batch } from './outbox.ts';
import type { NumberedRow, Part, Shipments, ShippingRules, Waits } from './shipment.ts';

export interface Backlog {
  readonly sessions: number;
  readonly frames: number;
  /** About so many: payloads as they are stored here, and rows. */
  readonly bytes: number;
  /** Since when the oldest row waits, in microseconds since the epoch. */
  readonly oldestUs: number | undefined;
  /** By its number. */
  readonly firstSession: number | undefined;
  readonly deadLetters: number;
  readonly gaps: number;
  /** When this was so. */
  readonly atUs: number;
}

export interface Waiting {
  readonly row: NumberedRow;
  readonly waits: Waits;
  readonly payloadBytes: number;
  readonly rowBytes: number;
}

/** Of a row that waits, without payload; measured, and the same for all so that nothing has to be read. */
export const SESSION_BYTES = 1024;
const OPERATION_BYTES = 420;
const FRAME_BYTES = 100;
/** Looked at between two breaths. */
const PAGE = 100;
/** What waits; of all of it, however much that is, in steps of some milliseconds. */
export async function backlogOf(shipments: Shipments, rules: ShippingRules, nowUs: number): Promise<Backlog> {
  const arrivals = new Arrivals(shipments);
  let [sessions, frames, bytes] = [0, 0, 0];
  let oldestUs: number | undefined;
  let firstSession: number | undefined;
  // What is on its way waits, too.
  for await (const { row, waits, payloadBytes, rowBytes } of waiting(shipments, rules, () => new Map())) {
    sessions += 1;
    frames += Math.max(0, waits.lastSeq - waits.nextSeq + 1);
    bytes += payloadBytes + rowBytes;
    firstSession ??= row.number;
    const recordedUs = sinceOf(shipments, row, waits);
    if (recordedUs === undefined) continue;
    const since = Math.max(recordedUs, arrivals.notYet(row.number));
    oldestUs = Math.min(oldestUs ?? since, since);
  }
  const { remote } = shipments;
  const deadLetters = shipments.one('SELECT count(*) FROM dead_letter WHERE remote = ?', remote);
  const gaps = new Gaps(shipments).waiting();
  return { sessions, frames, bytes, oldestUs, firstSession, deadLetters, gaps, atUs: nowUs };
}

/** Sessions of which something waits beside what is on its way, oldest first; others breathe in between. */
export async function* waiting(
  shipments: Shipments,
  rules: ShippingRules,
  underWay: () => ReadonlyMap<number, Part>,
): AsyncGenerator<Waiting> {
  let { done: last } = shipments.state();
  for (;;) {
    const rows = shipments.rows(last, PAGE);
    const frozen = underWay();
    for (const row of rows) {
      const waits = shipments.waits(row, rules, frozen.get(row.number));
      if (waits !== undefined) yield { row, waits, ...bytesOf(shipments, row, waits) };
    }
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end.number;
    await setImmediate();
  }
}

function bytesOf(
  shipments: Shipments,
  { id, number }: NumberedRow,
  waits: Waits,
): Pick<Waiting, 'payloadBytes' | 'rowBytes'> {
  const { wantsPayload, payloadSeq, lastSeq, nextSeq, operation, toOperation } = waits;
  const blocks = 'SELECT sum(length(data)) FROM block WHERE session_id = ? AND last_seq >= ?';
  const operations = 'SELECT count(*) FROM operation WHERE session = ? AND number > ? AND number <= ?';
  return {
    payloadBytes: wantsPayload && payloadSeq <= lastSeq ? shipments.one(blocks, id, payloadSeq) : 0,
    rowBytes:
      SESSION_BYTES +
      Math.max(0, lastSeq - nextSeq + 1) * FRAME_BYTES +
      shipments.one(operations, number, operation, toOperation) * OPERATION_BYTES,
  };
}

/** When the oldest row that waits was recorded; undefined: only the session's own does. */
function sinceOf(
  shipments: Shipments,
  { number, id, ended_at }: NumberedRow,
  waits: Waits,
): number | undefined {
  const block =
    'SELECT first_at FROM block WHERE session_id = ? AND last_seq >= ? ORDER BY first_seq LIMIT 1';
  if (waits.nextSeq <= waits.lastSeq) return shipments.one(block, id, waits.nextSeq);
  const operation = 'SELECT min(ended_at) FROM operation WHERE session = ? AND number > ?';
  if (waits.operation < waits.toOperation) return shipments.one(operation, number, waits.operation);
  return ended_at ?? undefined;
}

export function lastUsOf(
  shipments: Shipments,
  { id, started_at, ended_at }: NumberedRow,
  { nextSeq }: Waits,
): number {
  const last = 'SELECT max(last_at) FROM block WHERE session_id = ? AND last_seq >= ?';
  return Math.max(started_at, ended_at ?? 0, shipments.one(last, id, nextSeq));
}

export function onTheWay(shipments: Shipments): ReadonlyMap<number, Part> {
  const { batch } = shipments.state();
  const parts = batch === null ? [] : (JSON.parse(batch) as Batch).parts;
  return new Map(parts.map((part) => [part.session, part]));
}
