/** Rows of the local store as those of the fleet's: the same row whenever it is made. Pure. */
import type { StoredFrame } from '../store/block.ts';
import type { GapRow } from '../store/gaps.ts';
import type { FindingRow, OperationRow } from '../store/record.ts';
import type { StoredSessionRow } from '../store/session.ts';
import type { Part } from '../store/shipment.ts';

const NO_TEXT = '';

export function sessionRow(org: string, version: number, row: StoredSessionRow): object {
  return {
    org,
    session_id: row.id,
    started_at: timeOf(row.started_at),
    ended_at: row.ended_at === null ? null : timeOf(row.ended_at),
    host: row.hostname,
    server: row.server,
    client: row.client_name ?? NO_TEXT,
    protocol_version: row.protocol_version ?? NO_TEXT,
    end_cause: row.end_cause ?? NO_TEXT,
    operations: row.operations,
    failed: row.failed,
    findings: row.findings,
    frames: row.frames,
    bytes: row.bytes,
    row: JSON.stringify(row),
    version,
  };
}

export function operationRow(org: string, session: StoredSessionRow, row: OperationRow): object {
  return {
    org,
    session_id: session.id,
    operation_id: row.operation_id,
    started_at: timeOf(row.started_at),
    duration_us: Math.max(0, row.ended_at - row.started_at),
    server: session.server,
    method: row.method,
    target: row.target ?? NO_TEXT,
    outcome: row.outcome,
    trace_id: row.trace_id,
    row: JSON.stringify(row),
    version: 0,
  };
}

export function findingRow(org: string, row: FindingRow & { readonly number: number }): object {
  return {
    org,
    session_id: row.session_id,
    number: row.number,
    at: timeOf(row.at),
    rule: row.rule,
    row: JSON.stringify(row),
    version: 0,
  };
}

/** The row as the fleet has it: bodies that do not come with a part, or not all of them yet, are not there. */
export function bodiesThere(
  row: StoredSessionRow,
  { payload, toSeq }: Pick<Part, 'payload' | 'toSeq'>,
): StoredSessionRow {
  if (row.bodies === 'none') return row;
  if (!payload) return { ...row, bodies: 'none' };
  return toSeq + 1 < row.frames ? { ...row, bodies: 'part' } : row;
}

/** What of a session never comes: `first_seq` to `last_seq` are frames, or with `payloads` alone frames without theirs. */
export function gapRow(org: string, gap: GapRow): object {
  const { id, session_id, at, reason, sessions, frames, operations, findings, payloads } = gap;
  return {
    ...{ org, session_id, gap_id: id, at: timeOf(at), reason },
    ...{ sessions, frames, operations, findings, payloads },
    ...{ first_seq: gap.first_seq, last_seq: gap.last_seq, version: 0 },
  };
}

/** Without its payload where that is not wanted. One that is no UTF-8 goes as Base64. */
export function frameRow(org: string, sessionId: string, frame: StoredFrame, withPayload: boolean): object {
  const { seq, atUs, channel, kind, method, bytes, ...facts } = frame;
  const payload = withPayload ? payloadOf(bytes) : { payload: NO_TEXT, base64: 0 };
  return {
    org,
    session_id: sessionId,
    seq,
    at: timeOf(atUs),
    channel,
    kind,
    method: method ?? NO_TEXT,
    facts: JSON.stringify(facts),
    ...payload,
    version: withPayload ? 1 : 0,
  };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function payloadOf(bytes: Uint8Array): { readonly payload: string; readonly base64: 0 | 1 } {
  try {
    return { payload: UTF8.decode(bytes), base64: 0 };
  } catch {
    return { payload: Buffer.from(bytes).toString('base64'), base64: 1 };
  }
}

/** Microseconds since the epoch, as ClickHouse reads a DateTime64(6). */
function timeOf(us: number): string {
  const seconds = Math.floor(us / 1e6);
  return `${seconds}.${String(us - seconds * 1e6).padStart(6, '0')}`;
}
