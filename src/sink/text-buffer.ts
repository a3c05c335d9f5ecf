/**
 * Text on its way out, as UTF-8 in a buffer that is used again and again: encoding into fresh memory costs four times as
 * much, and pieces that become bytes at once are no work for the garbage collector. It never cuts a piece.
 */

const FIRST_BYTES = 64 * 1024;
/** What one burst needed is not kept for ever. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** UTF-8 for a UTF-16 code unit, at most. */
const MAX_BYTES_PER_UNIT = 3;

export class TextBuffer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** Bytes since the last `take`. */
  get length(): number {
    return this.#length;
  }

  append(text: string): void {
    const most = this.#length + text.length * MAX_BYTES_PER_UNIT;
    if (most > this.#bytes.length) this.#grow(most);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Everything since the last call, in order; the bytes stay as they are until the next `append`. */
  take(): Uint8Array {
    const text = this.#bytes.subarray(0, this.#length);
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return text;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.#bytes.length, bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
