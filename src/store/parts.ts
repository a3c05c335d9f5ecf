/** Which rows of which sessions go next: the oldest, within the bounds of a batch. It sends nothing and remembers nothing. */
import type { NumberedRow, Part, Shipments, ShippingRules } from './shipment.ts';

/** One insert of frames, and what is in memory for it. */
const BATCH_FRAMES = 10_000;
const BATCH_BYTES = 8 * 1024 * 1024;
/** Of sessions, operations and findings in a batch. */
const BATCH_SESSIONS = 500;
const BATCH_ROWS = 10_000;
/** Blocks that are packed hold so many times their size; measured: 4 to 7. */
const PACKED = 7;
/** Open sessions ahead of the watermark that are looked at in one go, and read at once. */
const LOOKED_AT = 20_000;
const PAGE = 500;
/** In memory. */
const BLOCK_BYTES = `length(data) * iif(coding = 0, 1, ${PACKED})`;

/** The oldest that waits, as much as one batch takes. */
export function nextParts(shipments: Shipments, rules: ShippingRules): Part[] {
  const parts: Part[] = [];
  let [frames, bytes, others] = [0, 0, 0];
  for (const row of ahead(shipments)) {
    const part = partOf(shipments, row, rules, BATCH_FRAMES - frames);
    if (part === undefined) continue;
    parts.push(part);
    frames += Math.max(0, part.toSeq - part.fromSeq + 1);
    bytes += part.payload ? bytesOf(shipments, part) : 0;
    others += rowsOf(shipments, part);
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

function* ahead(shipments: Shipments): Generator<NumberedRow> {
  let { done: last } = shipments.state();
  for (let seen = 0; seen < LOOKED_AT; seen += PAGE) {
    const rows = shipments.rows(last, PAGE);
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end.number;
  }
}

/** What of a session is not there yet; undefined: nothing. At most so many frames, all of them with payload or without. */
function partOf(
  shipments: Shipments,
  row: NumberedRow,
  rules: ShippingRules,
  maxFrames: number,
): Part | undefined {
  const waits = shipments.waits(row, rules);
  if (waits === undefined) return undefined;
  const { number: session, id } = row;
  // Payloads that were given up are ahead of the frames: those come first, without.
  const payload = waits.wantsPayload && waits.nextSeq >= waits.payloadSeq;
  const fromSeq = payload ? waits.payloadSeq : waits.nextSeq;
  const last = waits.wantsPayload && !payload ? Math.min(waits.lastSeq, waits.payloadSeq - 1) : waits.lastSeq;
  const toSeq = Math.min(last, end(shipments, { id, fromSeq, last, payload, maxFrames }));
  return {
    ...{ session, id, fromSeq, toSeq: Math.max(toSeq, fromSeq - 1), payload, version: waits.toVersion },
    ...{ newSeq: waits.nextSeq, isNew: waits.version < 0 },
    ...{ fromOperation: waits.operation, toOperation: lastOperation(shipments, session, waits.operation) },
    ...{ fromFinding: waits.finding, toFinding: Math.max(waits.toFinding, waits.finding) },
  };
}

/** The last frame that a batch takes: at the end of a block, so that payloads are bounded by their blocks. */
function end(
  shipments: Shipments,
  wanted: { id: string; fromSeq: number; last: number; payload: boolean; maxFrames: number },
): number {
  const { id, fromSeq, last, payload, maxFrames } = wanted;
  const blocks = shipments.sql<unknown[], { last_seq: number; bytes: number }>(
    `SELECT last_seq, ${BLOCK_BYTES} AS bytes FROM block WHERE session_id = ? AND last_seq >= ? ORDER BY first_seq`,
  );
  let bytes = 0;
  for (const block of blocks.iterate(id, fromSeq)) {
    bytes += payload ? block.bytes : 0;
    if (block.last_seq - fromSeq >= maxFrames || bytes >= BATCH_BYTES) return block.last_seq;
  }
  return last;
}

function lastOperation(shipments: Shipments, session: number, from: number): number {
  const some = 'SELECT number FROM operation WHERE session = ? AND number > ? ORDER BY number LIMIT ?';
  const last = shipments.one(`SELECT max(number) FROM (${some})`, session, from, BATCH_ROWS);
  return Math.max(last, from);
}

/** Numbers of operations and findings are those of all sessions: how many there are is no difference of two of them. */
function rowsOf(
  shipments: Shipments,
  { session, id, fromOperation, toOperation, fromFinding, toFinding }: Part,
): number {
  const between = 'number > ? AND number <= ?';
  return (
    shipments.one(
      `SELECT count(*) FROM operation WHERE session = ? AND ${between}`,
      session,
      fromOperation,
      toOperation,
    ) +
    shipments.one(
      `SELECT count(*) FROM finding WHERE session_id = ? AND ${between}`,
      id,
      fromFinding,
      toFinding,
    )
  );
}

function bytesOf(shipments: Shipments, { id, fromSeq, toSeq }: Part): number {
  return shipments.one(
    `SELECT coalesce(sum(${BLOCK_BYTES}), 0) FROM block WHERE session_id = ? AND last_seq >= ? AND first_seq <= ?`,
    ...[id, fromSeq, toSeq],
  );
}
