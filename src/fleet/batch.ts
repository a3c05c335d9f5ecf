/** The rows of a frozen batch, and what each of them counts for: the same rows whenever they are made. It sends nothing. */
import type { GapRow } from '../store/gaps.ts';
import type { Batch, Outbox } from '../store/outbox.ts';
import type { Part, ShippedKind } from '../store/shipment.ts';
import type { StoredSessionRow } from '../store/session.ts';
import { bodiesThere, findingRow, frameRow, gapRow, operationRow, sessionRow } from './rows.ts';

export interface Sendable {
  readonly content: object;
  /** What comes for the first time with it. */
  readonly counts: readonly ShippedKind[];
}

type Table = 'frame' | 'operation' | 'finding' | 'gap' | 'session';

/** The session last: who lists it finds what it says. */
const ORDER = ['frame', 'operation', 'finding', 'gap', 'session'] as const;

export function sendableOf(
  batch: Batch,
  outbox: Outbox,
  org: string,
): { readonly tables: readonly (readonly [Table, readonly Sendable[]])[]; readonly bytes: number } {
  const tables: Record<Table, Sendable[]> = { frame: [], operation: [], finding: [], gap: [], session: [] };
  let bytes = 0;
  for (const part of batch.parts) {
    const session = outbox.session(part);
    // It was deleted meanwhile; what went before stays there.
    if (session === undefined) continue;
    const row = sessionRow(org, part.version, bodiesThere(session, part));
    tables.session.push({ content: row, counts: part.isNew ? ['sessions'] : [] });
    for (const one of outbox.operations(part))
      tables.operation.push({ content: operationRow(org, session, one), counts: ['operations'] });
    for (const one of outbox.findings(part))
      tables.finding.push({ content: findingRow(org, one), counts: ['findings'] });
    bytes += addFrames(tables.frame, part, outbox, org);
  }
  for (const gap of outbox.gaps(batch)) addGap(tables, gap, org);
  return { tables: ORDER.map((table) => [table, tables[table]] as const), bytes };
}

function addFrames(frames: Sendable[], part: Part, outbox: Outbox, org: string): number {
  let bytes = 0;
  if (part.toSeq < part.fromSeq) return bytes;
  for (const frame of outbox.frames(part)) {
    const counts: ShippedKind[] = [];
    if (frame.seq >= part.newSeq) counts.push('frames');
    if (part.payload) {
      counts.push('payloads');
      bytes += frame.bytes.length;
    }
    frames.push({ content: frameRow(org, part.id, frame, part.payload), counts });
  }
  return bytes;
}

/** A marker, and the row of a session that is not here any more. */
function addGap(tables: Record<Table, Sendable[]>, gap: GapRow, org: string): void {
  const { sessions, frames, operations, findings, payloads } = gap;
  if (sessions + frames + operations + findings + payloads > 0)
    tables.gap.push({ content: gapRow(org, gap), counts: [] });
  if (gap.row === null) return;
  const row = JSON.parse(gap.row) as StoredSessionRow;
  tables.session.push({
    content: sessionRow(org, gap.version, row),
    counts: gap.is_new === 1 ? ['sessions'] : [],
  });
}
