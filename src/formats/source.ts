/**
 * One recorded session as the exporters see it: what it is, and its operations, findings and frames, read anew each time they
 * are asked for. They never see the store, and never anything that redaction took out.
 */
import type { StoredFrame } from '../store/block.ts';
import type { StoreReader } from '../store/read.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from '../store/record.ts';

export interface Source {
  readonly session: SessionRecord;
  /** In the order in which they started. */
  readonly operations: () => Iterable<OperationRecord>;
  readonly findings: () => Iterable<FindingRecord>;
  /** In their order. Bytes are views of something larger. */
  readonly frames: () => Iterable<StoredFrame>;
}

export function sourceOf(reader: StoreReader, session: SessionRecord): Source {
  return {
    session,
    operations: () => reader.operations(session.id),
    findings: () => reader.findings(session.id),
    frames: () => reader.frames(session.id),
  };
}

/** Who writes the file. */
export interface Creator {
  readonly name: 'sidelight';
  readonly version: string;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LOSSY = new TextDecoder('utf-8', { ignoreBOM: true });

/** Undefined for bytes that are no UTF-8. */
export function exactText(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** To be read by a person: what is no UTF-8 is replaced. */
export function readableText(bytes: Uint8Array): string {
  return LOSSY.decode(bytes);
}

/** ISO 8601, UTC, with the microseconds. */
export function isoTime(us: number): string {
  const iso = new Date(Math.floor(us / 1000)).toISOString();
  return `${iso.slice(0, -1)}${String(Math.floor(us) % 1000).padStart(3, '0')}Z`;
}
