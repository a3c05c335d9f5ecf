/**
 * Lines on their way that may be changed. Each line goes on as soon as its newline is there, changed or as it came; what
 * is too long to be held goes on as it comes. Chunks in which nothing changes are passed on, not copied.
 */

const LF = 0x0a;
/** A longer line is never changed: holding it would make the server wait for more than it has to. */
export const MAX_HELD_BYTES = 1024 * 1024;
const FIRST_HELD_BYTES = 4096;
const NOTHING = Buffer.alloc(0);

export class LineEditor {
  readonly #edit: (line: Buffer) => Uint8Array | undefined;
  /** The beginning of a line; given away, and never written to again, once the line is on its way. */
  #held = NOTHING;
  #heldBytes = 0;
  /** In a line that is too long: up to its end everything passes. */
  #passing = false;

  /** `edit` is given each line with its newline, and gives what goes on instead; undefined: the line itself. */
  constructor(edit: (line: Buffer) => Uint8Array | undefined) {
    this.#edit = edit;
  }

  /** What goes on now; undefined: nothing. It may be the chunk itself, or parts of it. */
  push(chunk: Buffer): Buffer | undefined {
    const parts: Uint8Array[] = [];
    let isSame = this.#heldBytes === 0;
    let from = 0;
    while (from < chunk.length) {
      const newline = chunk.indexOf(LF, from);
      const to = newline === -1 ? chunk.length : newline + 1;
      const piece = chunk.subarray(from, to);
      from = to;
      if (this.#passing || this.#heldBytes + piece.length > MAX_HELD_BYTES) {
        this.#passing = newline === -1;
        if (this.#heldBytes > 0) parts.push(this.#release());
        parts.push(piece);
      } else if (newline === -1) {
        this.#hold(piece);
        isSame = false;
      } else {
        const line = this.#heldBytes === 0 ? piece : this.#joined(piece);
        const edited = this.#edit(line);
        isSame &&= edited === undefined;
        parts.push(edited ?? line);
      }
    }
    if (isSame) return chunk;
    return parts.length === 0 ? undefined : Buffer.concat(parts);
  }

  /** The source is over: what no newline completed goes on as it is. */
  end(): Buffer | undefined {
    return this.#heldBytes === 0 ? undefined : this.#release();
  }

  #joined(piece: Buffer): Buffer {
    this.#hold(piece);
    return this.#release();
  }

  #hold(piece: Buffer): void {
    const length = this.#heldBytes + piece.length;
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_HELD_BYTES, 2 * this.#held.length, length));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    piece.copy(this.#held, this.#heldBytes);
    this.#heldBytes = length;
  }

  #release(): Buffer {
    const held = this.#held.subarray(0, this.#heldBytes);
    this.#held = NOTHING;
    this.#heldBytes = 0;
    return held;
  }
}
