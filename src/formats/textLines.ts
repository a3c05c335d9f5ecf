/** Lines of a file that may be of any size: each is handed over whole and numbered, or told to be too long. Pure. */

/** A frame at the largest message size, with every byte escaped, is longer; such frames are not recorded whole by default. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

export interface TextLineSink {
  /** Not of blank lines. Numbered from 1; `terminated`: a newline followed. */
  line(bytes: Uint8Array, number: number, terminated: boolean): void;
  tooLong(number: number): void;
}

const NEWLINE = 0x0a;

export class TextLines {
  readonly #sink: TextLineSink;
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #number = 1;

  constructor(sink: TextLineSink, maxBytes = MAX_LINE_BYTES) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
  }

  push(bytes: Uint8Array): void {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      this.#add(bytes.subarray(from, at));
      this.#finish(true);
      from = at + 1;
    }
    this.#add(bytes.subarray(from));
  }

  end(): void {
    if (this.#bytes > 0) this.#finish(false);
  }

  #add(part: Uint8Array): void {
    this.#bytes += part.length;
    if (part.length === 0) return;
    if (this.#bytes > this.#maxBytes) this.#parts = [];
    else this.#parts.push(Uint8Array.from(part));
  }

  #finish(terminated: boolean): void {
    const number = this.#number;
    if (this.#bytes > this.#maxBytes) this.#sink.tooLong(number);
    else {
      const line = joined(this.#parts, this.#bytes);
      if (line.some((byte) => byte > 0x20)) this.#sink.line(line, number, terminated);
    }
    this.#parts = [];
    this.#bytes = 0;
    this.#number += 1;
  }
}

export function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
