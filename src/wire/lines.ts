/**
 * Chunks to lines, the framing of MCP over stdio: one message per `\n`. It never decodes, never copies a line that
 * came in one chunk, never keeps a chunk, and never loses a byte uncounted: lines, their endings, oversize parts,
 * unterminated rests and `skippedBytes` add up to what was pushed.
 */
import { CappedBytes, type OversizeSink } from './capped.ts';

/** Bytes are valid during the call only. */
export interface LineSink {
  /** A complete line without its ending; of length 0 when blank. */
  line(bytes: Uint8Array, ending: '\n' | '\r\n', atUs: number): void;
  /** A line outgrew `maxFrameBytes`: everything of it, from its first byte, goes to the sink given back. */
  oversize(): OversizeSink;
  /** Bytes that no newline completed, at the end of the stream or before a gap; at least one. */
  unterminated(bytes: Uint8Array, atUs: number): void;
  /** So many bytes after a gap were passed over, up to a newline, another gap or the end; at least one. */
  skipped(sizeBytes: number, atUs: number): void;
}

const LF = 0x0a;
const CR = 0x0d;
const ONE_CR = Uint8Array.of(CR);

/** A line that is split over chunks is gathered in memory that up to this size is used again for the next one. */
const REUSED_BYTES = 2 * 1024 * 1024;

export class LineFramer {
  readonly #maxFrameBytes: number;
  readonly #sink: LineSink;
  readonly #pending: CappedBytes;
  /** The line so far ends with a `\r`, kept back: it belongs to the ending if a `\n` comes next. */
  #heldCr = false;
  #skipping = false;
  #skippedBytes = 0;
  #toldSkippedBytes = 0;

  /** `maxFrameBytes`: the longest line, without its ending, that is handed over whole. */
  constructor(options: { readonly maxFrameBytes: number }, sink: LineSink) {
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#sink = sink;
    this.#pending = new CappedBytes(options.maxFrameBytes, () => sink.oversize(), REUSED_BYTES);
  }

  /** The chunk may be written to again afterwards. A line carries the time of the chunk that completed it. */
  push(chunk: Uint8Array, atUs: number): void {
    let from = this.#skipping ? this.#skip(chunk, atUs) : 0;
    while (from < chunk.length) {
      const newline = chunk.indexOf(LF, from);
      if (newline === -1) {
        this.#hold(chunk.subarray(from));
        this.#pending.keep();
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
    this.#tellSkipped(atUs);
    if (this.#pending.isEmpty) return;
    const rest = this.#pending.take('', atUs);
    if (rest !== undefined) this.#sink.unterminated(rest, atUs);
  }

  /** Bytes passed over so far while resynchronising after gaps, newlines included. */
  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Gives where the first line after the gap begins. */
  #skip(chunk: Uint8Array, atUs: number): number {
    const newline = chunk.indexOf(LF);
    const skipped = newline === -1 ? chunk.length : newline + 1;
    this.#skipping = newline === -1;
    this.#skippedBytes += skipped;
    if (!this.#skipping) this.#tellSkipped(atUs);
    return skipped;
  }

  #tellSkipped(atUs: number): void {
    const untold = this.#skippedBytes - this.#toldSkippedBytes;
    this.#toldSkippedBytes = this.#skippedBytes;
    if (untold > 0) this.#sink.skipped(untold, atUs);
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
    const line = this.#pending.take(ending, atUs);
    if (line !== undefined) this.#sink.line(line, ending, atUs);
  }

  #isOpen(): boolean {
    return this.#heldCr || !this.#pending.isEmpty;
  }

  /** Adds a piece without `\n` to the open line. */
  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#releaseCr();
    this.#heldCr = piece[piece.length - 1] === CR;
    const bytes = this.#heldCr ? piece.subarray(0, -1) : piece;
    if (bytes.length > 0) this.#pending.add(bytes);
  }

  #releaseCr(): void {
    if (this.#heldCr) this.#pending.add(ONE_CR);
    this.#heldCr = false;
  }
}
