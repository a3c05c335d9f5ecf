/**
 * The body of an HTTP message that is one JSON text: whole at its end, and no message at all when a part of it is
 * missing. It never decodes, and never keeps a chunk.
 */
import { CappedBytes, type OversizeSink } from './capped.ts';

/** Bytes are valid during the call only. */
export interface BodySink {
  /** A complete body of at least one byte. */
  whole(bytes: Uint8Array, atUs: number): void;
  /** The body outgrew `maxFrameBytes`: everything of it, from its first byte, goes to the sink given back. */
  oversize(): OversizeSink;
  /** What was seen, at least one byte, of a body that is not whole. */
  unterminated(bytes: Uint8Array, atUs: number): void;
}

export class BodyFramer {
  readonly #sink: BodySink;
  readonly #bytes: CappedBytes;
  #broken = false;
  #skippedBytes = 0;

  /** `maxFrameBytes`: the longest body that is handed over whole. */
  constructor(options: { readonly maxFrameBytes: number }, sink: BodySink) {
    this.#sink = sink;
    this.#bytes = new CappedBytes(options.maxFrameBytes, () => sink.oversize());
  }

  /** The chunk may be written to again afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#broken) {
      this.#skippedBytes += chunk.length;
      return;
    }
    this.#bytes.add(chunk);
    this.#bytes.keep();
  }

  /**
   * The body is not whole: copies were lost here, or it ended early. What came is handed over as unterminated, and what
   * comes is skipped.
   */
  gap(atUs: number): void {
    if (!this.#broken) this.#close(false, atUs);
  }

  /** The body is whole, but for what `gap` told. */
  end(atUs: number): void {
    if (!this.#broken) this.#close(true, atUs);
  }

  /** Bytes of the body passed over after a gap. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** An oversize body ends with a newline that is not there: the ending tells only that it is whole. */
  #close(whole: boolean, atUs: number): void {
    this.#broken = true;
    const bytes = this.#bytes.take(whole ? '\n' : '', atUs);
    if (bytes === undefined || bytes.length === 0) return;
    if (whole) this.#sink.whole(bytes, atUs);
    else this.#sink.unterminated(bytes, atUs);
  }
}
