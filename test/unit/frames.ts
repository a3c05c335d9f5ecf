/** Runs a line framer over chunks and writes down what came out. */
import { LineFramer } from '../../src/wire/lines.ts';

/** A chunk, or the loss of copies. */
export type Piece = Uint8Array | 'gap';

export interface Frame {
  readonly kind: 'line' | 'oversize' | 'unterminated';
  /** One character a byte. */
  readonly text: string;
  readonly ending: '\n' | '\r\n' | '';
}

export interface Framed {
  readonly frames: readonly Frame[];
  readonly times: readonly number[];
  readonly skippedBytes: number;
}

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The time of a piece is its index, of the end the number of pieces. */
export function framed(pieces: readonly Piece[], maxFrameBytes: number): Framed {
  const frames: Frame[] = [];
  const times: number[] = [];
  let toldSkippedBytes = 0;
  const add = (frame: Frame, atUs: number): void => {
    frames.push(frame);
    times.push(atUs);
  };
  const framer = new LineFramer(
    { maxFrameBytes },
    {
      line: (bytes, ending, atUs) => {
        add({ kind: 'line', text: latin1(bytes), ending }, atUs);
      },
      oversize: () => {
        let text = '';
        return {
          push: (bytes) => {
            text += latin1(bytes);
          },
          end: (ending, atUs) => {
            add({ kind: 'oversize', text, ending }, atUs);
          },
        };
      },
      unterminated: (bytes, atUs) => {
        add({ kind: 'unterminated', text: latin1(bytes), ending: '' }, atUs);
      },
      skipped: (sizeBytes) => {
        toldSkippedBytes += sizeBytes;
      },
    },
  );
  for (const [index, piece] of pieces.entries()) {
    if (piece === 'gap') framer.gap(index);
    else {
      // The chunk is somebody else's again as soon as it was pushed.
      const lent = Uint8Array.from(piece);
      framer.push(lent, index);
      lent.fill(0xee);
    }
  }
  framer.end(pieces.length);
  if (toldSkippedBytes !== framer.skippedBytes) throw new Error(`told of ${toldSkippedBytes} skipped bytes`);
  return { frames, times, skippedBytes: framer.skippedBytes };
}
