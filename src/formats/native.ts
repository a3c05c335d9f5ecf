/** Writes a session as a native recording: a header, a line for each frame, an end that says how much and seals it. */
import { createHash } from 'node:crypto';
import type { FrameKind } from '../event/event.ts';
import type { StoredFrame } from '../store/block.ts';
import { endLine, frameLine, headerLine, headerOf } from './recordingText.ts';
import type { Source } from './source.ts';

/** What such a frame holds is our own account of what happened, and was not on the wire. */
const NOTES: ReadonlySet<FrameKind> = new Set(['gap', 'lifecycle', 'http']);

export function* nativeLines(source: Source): Generator<string> {
  const hash = createHash('sha256');
  const sealed = (line: string): string => {
    hash.update(line).update('\n');
    return `${line}\n`;
  };
  const lastOf = lastFrames(source.frames());
  const totals = { frames: 0, bytes: 0, truncatedFrames: 0, redactions: 0, elidedMedia: 0 };
  yield sealed(headerLine(headerOf(source.session)));
  for (const frame of source.frames()) {
    totals.frames += 1;
    if (!NOTES.has(frame.kind)) totals.bytes += frame.sizeBytes;
    if (frame.truncated) totals.truncatedFrames += 1;
    totals.redactions += frame.redactions;
    totals.elidedMedia += frame.elided;
    const { exchange } = frame;
    yield sealed(frameLine({ ...frame, last: exchange !== undefined && lastOf.get(exchange) === frame.seq }));
  }
  yield `${endLine({ totals, sha256: hash.digest('hex') })}\n`;
}

/** By exchange. A recording of a million exchanges takes some tens of megabytes here. */
function lastFrames(frames: Iterable<StoredFrame>): ReadonlyMap<number, number> {
  const last = new Map<number, number>();
  for (const { exchange, seq } of frames) if (exchange !== undefined) last.set(exchange, seq);
  return last;
}
