/**
 * Chunks to lines, the framing of MCP over stdio: one message per `\n`. It never decodes, never copies a line that
 * came in one chunk, and never loses a byte uncounted: lines, their endings, oversize parts, unterminated rests and
 * `skippedBytes` add up to what was pushed.
 */

export interface LineSink {
  /** A complete line without its ending; of length 0 when blank. `bytes` may be a view on a chunk and stays valid. */
  line(bytes: Uint8Array, ending: '\n' | '\r\n', atUs: number): void;
  /** A line outgrew `maxFrameBytes`: everything of it, from its first byte, goes to the sink given back. */
  oversize(): OversizeSink;
  /** Bytes that no newline completed, at the end of the stream or before a gap; at least one. */
  unterminated(bytes: Uint8Array, atUs: number): void;
}

export interface OversizeSink {
  push(bytes: Uint8Array): void;
  /** `''` when the stream ended, or copies were lost, before a newline came. */
  end(ending: '\n' | '\r\n' | '', atUs: number): void;
}

const LF = 0x0a;
const CR = 0x0d;
const ONE_CR = Uint8Array.of(CR);

/** Parts of a split line below this size are collected in blocks: a view costs a hundred bytes, however short it is. */
const SMALL_PART_BYTES = 1024;
const BLOCK_BYTES = 4 * SMALL_PART_BYTES;

export class LineFramer {
  readonly #maxFrameBytes: number;
  readonly #sink: LineSink;
  readonly #pending = new Parts();
  /** The line so far ends with a `\r`, kept back: it belongs to the ending if a `\n` comes next. */
  #heldCr = false;
  /** Set while a line above the cap passes through. */
  #oversize: OversizeSink | undefined;
  #skipping = false;
  #skippedBytes = 0;

  /** `maxFrameBytes`: the longest line, without its ending, that is handed over whole. */
  constructor(options: { readonly maxFrameBytes: number }, sink: LineSink) {
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#sink = sink;
  }

  /** Takes the chunk over: nobody may write to it afterwards. A line carries the time of the chunk that completed it. */
  push(chunk: Uint8Array, atUs: number): void {
    let from = this.#skipping ? this.#skip(chunk) : 0;
    while (from < chunk.length) {
      const newline = chunk.indexOf(LF, from);
      if (newline === -1) {
        this.#hold(chunk.subarray(from));
        return;
      }
      if (this.#isOpen()) this.#finish(chunk.subarray(from, newline), atUs);
      else this.#whole(chunk, from, newline, atUs);
      from = newline + 1;
    }
  }

  /**
   * Copies were lost here. What is pending is handed over as unterminated, and what comes is skipped up to the next
   * newline: also when the gap fell exactly between two lines, for nothing tells that it did.
   */
  gap(atUs: number): void {
    this.end(atUs);
    this.#skipping = true;
  }

  /** The stream is over: what is pending is handed over as unterminated. */
  end(atUs: number): void {
    this.#releaseCr();
    if (this.#oversize !== undefined) {
      this.#oversize.end('', atUs);
      this.#oversize = undefined;
    } else if (this.#pending.sizeBytes > 0) {
      this.#sink.unterminated(this.#pending.take(), atUs);
    }
  }

  /** Bytes passed over so far while resynchronising after gaps, newlines included. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Gives where the first line after the gap begins. */
  #skip(chunk: Uint8Array): number {
    const newline = chunk.indexOf(LF);
    const skipped = newline === -1 ? chunk.length : newline + 1;
    this.#skipping = newline === -1;
    this.#skippedBytes += skipped;
    return skipped;
  }

  /** A line that lies in one chunk. */
  #whole(chunk: Uint8Array, from: number, newline: number, atUs: number): void {
    const crlf = newline > from && chunk[newline - 1] === CR;
    const to = crlf ? newline - 1 : newline;
    if (to - from > this.#maxFrameBytes) this.#finish(chunk.subarray(from, newline), atUs);
    else this.#sink.line(chunk.subarray(from, to), crlf ? '\r\n' : '\n', atUs);
  }

  /** The last piece of a line, up to its `\n`. */
  #finish(rest: Uint8Array, atUs: number): void {
    this.#hold(rest);
    const ending = this.#heldCr ? '\r\n' : '\n';
    this.#heldCr = false;
    if (this.#oversize !== undefined) {
      this.#oversize.end(ending, atUs);
      this.#oversize = undefined;
    } else {
      this.#sink.line(this.#pending.take(), ending, atUs);
    }
  }

  #isOpen(): boolean {
    return this.#pending.sizeBytes > 0 || this.#heldCr || this.#oversize !== undefined;
  }

  /** Adds a piece without `\n` to the open line. */
  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#releaseCr();
    this.#heldCr = piece[piece.length - 1] === CR;
    this.#append(this.#heldCr ? piece.subarray(0, -1) : piece);
  }

  #releaseCr(): void {
    if (this.#heldCr) this.#append(ONE_CR);
    this.#heldCr = false;
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#oversize === undefined) {
      if (this.#pending.sizeBytes + bytes.length <= this.#maxFrameBytes) {
        this.#pending.add(bytes);
        return;
      }
      this.#oversize = this.#sink.oversize();
      for (const part of this.#pending.drain()) this.#oversize.push(part);
    }
    this.#oversize.push(bytes);
  }
}

/** What is known of a line that is split over chunks: views, but for parts so short that a copy is cheaper. */
class Parts {
  #parts: Uint8Array[] = [];
  #block = new Uint8Array(0);
  #blockFrom = 0;
  #blockTo = 0;
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    if (bytes.length >= SMALL_PART_BYTES) {
      this.#closeBlock();
      this.#parts.push(bytes);
      return;
    }
    if (this.#blockTo + bytes.length > this.#block.length) {
      this.#closeBlock();
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#blockFrom = this.#blockTo = 0;
    }
    this.#block.set(bytes, this.#blockTo);
    this.#blockTo += bytes.length;
  }

  /** Gives the parts and forgets them. What was given is never written to again. */
  drain(): readonly Uint8Array[] {
    this.#closeBlock();
    const parts = this.#parts;
    this.#parts = [];
    this.#sizeBytes = 0;
    return parts;
  }

  /** Gives everything in one piece and forgets it. */
  take(): Uint8Array {
    const sizeBytes = this.#sizeBytes;
    const parts = this.drain();
    if (parts.length === 1 && parts[0] !== undefined) return parts[0];
    const whole = new Uint8Array(sizeBytes);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #closeBlock(): void {
    if (this.#blockTo > this.#blockFrom)
      this.#parts.push(this.#block.subarray(this.#blockFrom, this.#blockTo));
    this.#blockFrom = this.#blockTo;
  }
}
