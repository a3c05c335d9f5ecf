/**
 * The data path: bytes from a source to a destination, each chunk as it came. It writes the original buffer first and
 * shows it to the observer after. Backpressure exists between the two ends only.
 */
import type { Writable } from 'node:stream';
import type { Source } from './source.ts';

export interface RelayObserver {
  /** A chunk, valid during the call only, was forwarded. `tookUs`: between having it and having handed it on. */
  forwarded(chunk: Buffer, atUs: number, tookUs: number): void;
  /**
   * Asked after each chunk when capture is lossless: undefined to go on, or a promise to wait for. Absent in the
   * default mode, in which nothing of ours makes traffic wait.
   */
  readonly admit?: () => Promise<void> | undefined;
}

/** Stands between the two ends, for the one direction that may have to be changed. */
export interface Editor {
  /** What goes on now; undefined: nothing yet. It may be the chunk itself, and is never written to again. */
  push(chunk: Buffer): Buffer | undefined;
  /** What is left, when no more will come. */
  end(): Buffer | undefined;
}

/** Asked for once: it never changes, and asking costs as much as telling the time. */
const ORIGIN_MS = performance.timeOrigin;

/** Microseconds since the Unix epoch from the monotonic clock. */
export function nowUs(): number {
  return Math.round((ORIGIN_MS + performance.now()) * 1000);
}

/**
 * Relays until the source ends or one side breaks. An end is passed on as an end; a destination that is gone closes
 * the source, so that its writer learns of it as it would have without us. `onEnd` is called once, with the side that
 * was first. Without `passEnd` the destination stays open: stderr, on which our own lines may still follow. With an
 * editor, what it gives is what goes on; the observer is shown the chunks as they came.
 */
export function relay(
  { stream: source, onChunk }: Source,
  destination: Writable,
  observer: RelayObserver,
  onEnd: (first: 'source' | 'destination') => void,
  { passEnd = true, editor }: { passEnd?: boolean; editor?: Editor | undefined } = {},
): void {
  let ended = false;
  const end = (first: 'source' | 'destination'): void => {
    if (ended) return;
    ended = true;
    const rest = first === 'source' ? editor?.end() : undefined;
    if (rest !== undefined) destination.write(rest);
    if (passEnd) destination.end();
    onEnd(first);
  };
  const sourceGone = (): void => {
    end('source');
  };
  const destinationGone = (): void => {
    end('destination');
    source.destroy();
  };
  const resume = (): void => {
    source.resume();
  };

  onChunk((chunk) => {
    const from = nowUs();
    const passed = editor === undefined ? chunk : editor.push(chunk);
    const open = passed === undefined || destination.write(passed);
    const atUs = nowUs();
    observer.forwarded(chunk, atUs, atUs - from);
    const wait = observer.admit?.();
    if (!open || wait !== undefined) {
      source.pause();
      void Promise.all([open ? undefined : drained(destination), wait]).then(resume);
    }
    // What the destination could not pass on at once it still holds.
    return destination.writableLength === 0;
  });
  source.on('end', sourceGone);
  // A reset is an end: the bytes that came are forwarded, the other side learns that there are no more.
  source.on('error', sourceGone);
  source.on('close', sourceGone);
  destination.on('error', destinationGone);
  destination.on('close', destinationGone);
}

/** Resolves when the destination takes bytes again, or is gone (then its error ends the relay). */
function drained(destination: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      destination.off('drain', done);
      destination.off('close', done);
      resolve();
    };
    destination.on('drain', done);
    destination.on('close', done);
  });
}
