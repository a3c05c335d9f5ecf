/**
 * Chunks to the lines of text/event-stream (WHATWG HTML, 9.2.5): after one byte order mark, lines end with `\n`, `\r\n`
 * or `\r`. It keeps no byte, knows nothing of fields, and never waits for the `\n` that might follow a `\r`.
 */

export interface SseLineSink {
  /** `chunk[from, to)`, not empty, continues the open line. */
  part(chunk: Uint8Array, from: number, to: number): void;
  /** The line, blank when it had no part, is over. */
  endLine(atUs: number): void;
}

const LF = 0x0a;
const CR = 0x0d;
const BOM = Uint8Array.of(0xef, 0xbb, 0xbf);

export class SseLines {
  readonly #sink: SseLineSink;
  /** How much of a byte order mark has come; undefined when none can come any more. */
  #bomBytes: number | undefined = 0;
  /** A `\r` ended the last line: a `\n` right after it is part of that ending. */
  #afterCr = false;

  #skipping = false;
  /** The line being skipped is not blank, or not known to be. */
  #skippingLine = false;
  /** The last line ending was skipped. */
  #skippedEnding = false;
  #skippedBytes = 0;

  constructor(sink: SseLineSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array, atUs: number): void {
    let at = this.#bomBytes === undefined ? 0 : this.#takeBom(chunk, this.#bomBytes);
    let lf = -1;
    let cr = -1;
    while (at < chunk.length) {
      if (this.#afterCr) {
        this.#afterCr = false;
        if (chunk[at] === LF) {
          if (this.#skippedEnding) this.#skippedBytes++;
          at++;
          continue;
        }
      }
      // Each is looked for only when it has been passed: a chunk is searched once, whatever its line endings.
      if (lf < at) lf = indexOf(chunk, LF, at);
      if (cr < at) cr = indexOf(chunk, CR, at);
      const to = Math.min(lf, cr);
      if (to > at) this.#part(chunk, at, to);
      if (to === chunk.length) return;
      this.#afterCr = chunk[to] === CR;
      this.#endLine(atUs);
      at = to + 1;
    }
  }

  /**
   * Copies were lost here: what comes is skipped up to and with the next blank line that surely is one, for a line
   * ending right here may be the end of a lost line. To be called after `end`.
   */
  gap(): void {
    this.#skipping = true;
    this.#skippingLine = true;
    this.#afterCr = false;
  }

  /** The stream is over: what was taken for a byte order mark is none. */
  end(): void {
    const bomBytes = this.#bomBytes ?? 0;
    this.#bomBytes = undefined;
    if (bomBytes > 0) this.#part(BOM, 0, bomBytes);
  }

  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  /** Gives where in the chunk the first line goes on. */
  #takeBom(chunk: Uint8Array, seenBytes: number): number {
    let at = 0;
    while (at < chunk.length && seenBytes + at < BOM.length && chunk[at] === BOM[seenBytes + at]) at++;
    this.#bomBytes = seenBytes + at;
    if (this.#bomBytes === BOM.length) this.#bomBytes = undefined;
    else if (at < chunk.length) this.end();
    return at;
  }

  #part(chunk: Uint8Array, from: number, to: number): void {
    if (this.#skipping) {
      this.#skippingLine = true;
      this.#skippedBytes += to - from;
    } else {
      this.#sink.part(chunk, from, to);
    }
  }

  #endLine(atUs: number): void {
    this.#skippedEnding = this.#skipping;
    if (this.#skipping) {
      this.#skipping = this.#skippingLine;
      this.#skippingLine = false;
      this.#skippedBytes++;
    } else {
      this.#sink.endLine(atUs);
    }
  }
}

/** Where `byte` is next, or the chunk's end. */
function indexOf(chunk: Uint8Array, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from);
  return at === -1 ? chunk.length : at;
}
