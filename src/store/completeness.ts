/** How much of a session a recording holds. Whoever shows, exports or replays one never hides this. Pure. */
import type { Bodies, Recorded, SessionRow } from './session.ts';

export interface Completeness {
  /** Every frame is there, whole. Redaction does not change this: nothing is missing, some values are replaced. */
  readonly complete: boolean;
  readonly record: Recorded;
  readonly bodies: Bodies;
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
  /** Images, audio and other base64 of which type, size and hash are kept. */
  readonly elidedMedia: number;
  /** Values that were replaced. */
  readonly redactions: number;
}

export function completenessOf(row: SessionRow, interrupted: boolean): Completeness {
  return {
    complete:
      (row.bodies === 'all' || row.bodies === 'undecided') &&
      !interrupted &&
      row.dropped_chunks +
        row.dropped_bytes +
        row.missed_exchanges +
        row.dropped_events +
        row.truncated_frames +
        row.elided_media ===
        0,
    record: row.record,
    bodies: row.bodies,
    interrupted,
    droppedChunks: row.dropped_chunks,
    droppedBytes: row.dropped_bytes,
    missedExchanges: row.missed_exchanges,
    droppedEvents: row.dropped_events,
    truncatedFrames: row.truncated_frames,
    elidedMedia: row.elided_media,
    redactions: row.redactions,
  };
}
