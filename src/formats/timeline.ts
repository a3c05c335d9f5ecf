/**
 * Puts exchanges that overlap into the order in which they happened. A file lists them by their beginnings, so that what is
 * before the next beginning can go on its way, and only what is under way at the same time is held. Pure.
 */
import type { Traffic } from './traffic.ts';

/** Pieces of exchanges that are held back. Beyond it the earliest go, and what comes later and is earlier comes too late. */
const MAX_HELD = 20_000;
const MAX_HELD_BYTES = 256 * 1024 * 1024;

export class Timeline {
  readonly #emit: (item: Traffic) => void;
  /** The latest first. */
  #held: Traffic[] = [];
  #bytes = 0;
  #lastUs = 0;

  constructor(emit: (item: Traffic) => void) {
    this.#emit = emit;
  }

  /** The pieces of one exchange, in their order. */
  add(pieces: readonly Traffic[]): void {
    const [first] = pieces;
    if (first === undefined) return;
    this.#flush(first.atUs);
    for (const piece of pieces) {
      this.#bytes += sizeOf(piece);
      this.#held.splice(this.#placeOf(piece.atUs), 0, piece);
    }
    while (this.#held.length > MAX_HELD || this.#bytes > MAX_HELD_BYTES) this.#next();
  }

  end(): void {
    this.#flush(Infinity);
  }

  #flush(beforeUs: number): void {
    while (this.#held.length > 0 && (this.#held.at(-1)?.atUs ?? 0) < beforeUs) this.#next();
  }

  /** Time never goes back: of what comes too late, the time is the last that was told. */
  #next(): void {
    const item = this.#held.pop();
    if (item === undefined) return;
    this.#bytes -= sizeOf(item);
    this.#lastUs = Math.max(this.#lastUs, item.atUs);
    this.#emit({ ...item, atUs: this.#lastUs });
  }

  /** Behind those of the same time in the order of the calls, which is before them here. */
  #placeOf(atUs: number): number {
    let from = 0;
    let to = this.#held.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#held[middle]?.atUs ?? 0) > atUs) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function sizeOf(item: Traffic): number {
  return 'bytes' in item ? item.bytes.length : 0;
}
