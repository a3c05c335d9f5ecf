/** How much of a session a recording holds. Whoever shows, exports or replays one never hides this. Pure. */
import type { Recorded, SessionRow } from './session.ts';

export interface Completeness {
  /** Every frame is there, whole. Redaction does not change this: nothing is missing, some values are replaced. */
  readonly complete: boolean;
  readonly record: Recorded;
  /** The end is missing: at most what came in the last moments before Sidelight was gone. */
  readonly interrupted: boolean;
  /** Copies of chunks that were dropped before they were decoded. */
  readonly droppedChunks: number;
  readonly droppedBytes: number;
  /** HTTP: exchanges that were lost as a whole while it lasted; they may have been its own or those of others. */
  readonly missedExchanges: number;
  /** Frames, operations and findings that could not be stored. */
  readonly droppedEvents: number;
  /** Frames of which only the head is kept. */
  readonly truncatedFrames: number;
  /** Values that were replaced. */
  readonly redactions: number;
}

export function completenessOf(row: SessionRow, interrupted: boolean): Completeness {
  return {
    complete:
      row.record === 'full' &&
      !interrupted &&
      row.dropped_chunks +
        row.dropped_bytes +
        row.missed_exchanges +
        row.dropped_events +
        row.truncated_frames ===
        0,
    record: row.record,
    interrupted,
    droppedChunks: row.dropped_chunks,
    droppedBytes: row.dropped_bytes,
    missedExchanges: row.missed_exchanges,
    droppedEvents: row.dropped_events,
    truncatedFrames: row.truncated_frames,
    redactions: row.redactions,
  };
}
