/** Runs an SSE framer over chunks, each made useless once it was pushed, and writes down what came out. */
import { SseFramer } from '../../src/wire/sse.ts';
import { latin1, type Piece } from './frames.ts';

/** Texts have one character a byte, but for `type` and `id`. */
export type SseFrame =
  | {
      readonly kind: 'event';
      readonly data: string | undefined;
      readonly type: string;
      readonly id: string | undefined;
      readonly retry: number | undefined;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'comment'; readonly sizeBytes: number }
  | {
      readonly kind: 'oversize';
      readonly data: string;
      readonly type: string;
      readonly id: string | undefined;
      readonly ending: string;
    }
  | { readonly kind: 'unterminated'; readonly data: string };

export interface SseFramed {
  readonly frames: readonly SseFrame[];
  readonly times: readonly number[];
  readonly skippedBytes: number;
}

/** The time of a piece is its index, of the end the number of pieces. */
export function sseFramed(pieces: readonly Piece[], maxFrameBytes: number): SseFramed {
  const frames: SseFrame[] = [];
  const times: number[] = [];
  const add = (frame: SseFrame, atUs: number): void => {
    frames.push(frame);
    times.push(atUs);
  };
  const framer = new SseFramer(
    { maxFrameBytes },
    {
      event: ({ data, ...fields }, sizeBytes, atUs) => {
        add({ kind: 'event', data: data && latin1(data), ...fields, sizeBytes }, atUs);
      },
      comment: (sizeBytes, atUs) => {
        add({ kind: 'comment', sizeBytes }, atUs);
      },
      oversize: ({ type, id }) => {
        let data = '';
        return {
          push: (bytes) => {
            data += latin1(bytes);
          },
          end: (ending, atUs) => {
            add({ kind: 'oversize', data, type, id, ending }, atUs);
          },
        };
      },
      unterminated: (data, atUs) => {
        add({ kind: 'unterminated', data: latin1(data) }, atUs);
      },
    },
  );
  for (const [index, piece] of pieces.entries()) {
    if (piece === 'gap') {
      framer.gap(index);
    } else {
      // A Buffer, whose slice() is no copy.
      const chunk = Buffer.from(piece);
      framer.push(chunk, index);
      chunk.fill(0x23);
    }
  }
  framer.end(pieces.length);
  return { frames, times, skippedBytes: framer.skippedBytes };
}
