/**
 * Bytes of one frame, gathered up to a bound and handed over in one piece; above it they pass on as they come. It
 * never keeps a view on what it was given beyond `keep()`, and never holds more than the bound.
 */

export interface OversizeSink {
  push(bytes: Uint8Array): void;
  /** `''` when the stream ended, or copies were lost, before a newline came. */
  end(ending: '\n' | '\r\n' | '', atUs: number): void;
}

/** A buffer up to this size is used again for the next frame; a larger one would be held by every idle stream. */
const USUAL_REUSED_BYTES = 4096;
/** In large steps: memory that was never written to is not resident, and what was outgrown is until it is collected. */
const GROWTH = 8;
const NOTHING = new Uint8Array(0);

export class CappedBytes {
  readonly #maxBytes: number;
  readonly #open: () => OversizeSink;
  readonly #reusedBytes: number;
  /** The only part so far, as it was given: copied when another follows, or when its chunk goes away. */
  #view: Uint8Array | undefined;
  #buffer = NOTHING;
  #copied = 0;
  #oversize: OversizeSink | undefined;

  /** `open` is asked for where to send a frame of more than `maxBytes`, once for each. */
  constructor(maxBytes: number, open: () => OversizeSink, reusedBytes = USUAL_REUSED_BYTES) {
    this.#maxBytes = maxBytes;
    this.#open = open;
    this.#reusedBytes = reusedBytes;
  }

  /** Whether there is nothing to take. */
  get isEmpty(): boolean {
    return this.#oversize === undefined && (this.#view?.length ?? this.#copied) === 0;
  }

  /** `bytes` must stay as they are until `keep`, `take` or `end`. */
  add(bytes: Uint8Array): void {
    if (this.#oversize !== undefined) {
      this.#oversize.push(bytes);
      return;
    }
    const heldBytes = this.#view?.length ?? this.#copied;
    if (heldBytes + bytes.length > this.#maxBytes) {
      this.#oversize = this.#open();
      const held = this.#held();
      if (held.length > 0) this.#oversize.push(held);
      this.#oversize.push(bytes);
      this.#forget();
    } else if (heldBytes === 0) {
      this.#view = bytes;
    } else {
      this.keep();
      this.#copy(bytes);
    }
  }

  /** Copies what is still a view: the bytes given so far may change from now on. */
  keep(): void {
    if (this.#view === undefined) return;
    const view = this.#view;
    this.#view = undefined;
    this.#copy(view);
  }

  /** The frame is over: ends an oversize one, or gives the bytes, valid until the next `add`. */
  take(ending: '\n' | '\r\n' | '', atUs: number): Uint8Array | undefined {
    if (this.#oversize !== undefined) {
      const oversize = this.#oversize;
      this.#oversize = undefined;
      oversize.end(ending, atUs);
      return undefined;
    }
    const held = this.#held();
    this.#forget();
    return held;
  }

  #held(): Uint8Array {
    return this.#view ?? this.#buffer.subarray(0, this.#copied);
  }

  #forget(): void {
    this.#view = undefined;
    this.#copied = 0;
    if (this.#buffer.length > this.#reusedBytes) this.#buffer = NOTHING;
  }

  #copy(bytes: Uint8Array): void {
    const sizeBytes = this.#copied + bytes.length;
    if (sizeBytes > this.#buffer.length) {
      const { length } = this.#buffer;
      const step = length < this.#reusedBytes ? this.#reusedBytes : this.#maxBytes;
      const grown = new Uint8Array(Math.max(sizeBytes, Math.min(GROWTH * length, step, this.#maxBytes)));
      grown.set(this.#buffer.subarray(0, this.#copied));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#copied);
    this.#copied = sizeBytes;
  }
}
