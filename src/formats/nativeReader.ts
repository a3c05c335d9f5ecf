/**
 * Reads native recordings, several after each other in one file if need be. It hands over what can be read, names the lines
 * that cannot, and says of each recording whether its end came and everything was there.
 */
import { createHash, type Hash } from 'node:crypto';
import { isObject, Malformed, parsed } from './members.ts';
import type { FrameLine, Header } from './recording.ts';
import { endFrom, frameFrom, headerFrom, lineKind } from './recordingLines.ts';
import { exactText } from './source.ts';
import { MAX_LINE_BYTES, TextLines } from './textLines.ts';
import type { FormatReader } from './traffic.ts';
import { converterFor, type Step } from './versions.ts';

export interface NativeSink {
  begun(header: Header): void;
  frame(frame: FrameLine): void;
  /** `missing`: how many frames of it could not be read or are not there, as far as that is known. */
  ended(missing: number): void;
  leftOut(what: string, line: number | undefined): void;
}

interface Open {
  readonly line: number;
  readonly convert: Step;
  readonly hash: Hash;
  frames: number;
  lastSeq: number;
  leftOut: number;
}

export class NativeReader implements FormatReader {
  readonly #sink: NativeSink;
  readonly #lines: TextLines;
  #open: Open | undefined;
  /** After a header that cannot be read: its frames are left out, and that was said. */
  #skipping = false;

  constructor(sink: NativeSink, maxLineBytes = MAX_LINE_BYTES) {
    this.#sink = sink;
    this.#lines = new TextLines(
      {
        line: (bytes, number) => {
          this.#line(bytes, number);
        },
        tooLong: (number) => {
          if (!this.#skipping) this.#leftOut(`a line longer than ${maxLineBytes} bytes`, number);
        },
      },
      maxLineBytes,
    );
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  end(): void {
    this.#lines.end();
    this.#cutShort();
  }

  #line(bytes: Uint8Array, number: number): void {
    try {
      const text = exactText(bytes);
      if (text === undefined) throw new Malformed('is no UTF-8');
      const line = parsed(text);
      if (!isObject(line)) throw new Malformed('is no JSON object');
      const kind = lineKind(line);
      if (kind === 'header') this.#begin(line, number);
      else if (this.#open === undefined) {
        if (!this.#skipping) throw new Malformed('stands before any header');
        return;
      } else if (kind === 'end') {
        this.#end(this.#open.convert(line), this.#open, number);
        return;
      } else this.#frame(this.#open.convert(line), this.#open);
      this.#open?.hash.update(bytes).update('\n');
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#leftOut(error.message, number);
      this.#open?.hash.update(bytes).update('\n');
    }
  }

  #begin(line: Readonly<Record<string, unknown>>, number: number): void {
    this.#cutShort();
    this.#skipping = true;
    const convert = converterFor(line);
    const header = headerFrom(convert(line));
    this.#skipping = false;
    this.#open = {
      line: number,
      convert,
      hash: createHash('sha256'),
      frames: 0,
      lastSeq: -1,
      leftOut: 0,
    };
    this.#sink.begun(header);
  }

  #frame(line: Readonly<Record<string, unknown>>, open: Open): void {
    const frame = frameFrom(line);
    if (frame.seq <= open.lastSeq) throw new Malformed(`seq is not above the ${open.lastSeq} before it`);
    open.frames += 1;
    open.lastSeq = frame.seq;
    this.#sink.frame(frame);
  }

  #end(line: Readonly<Record<string, unknown>>, open: Open, number: number): void {
    const { totals, sha256 } = endFrom(line);
    this.#open = undefined;
    const missing = Math.max(open.leftOut, totals.frames - open.frames);
    if (totals.frames !== open.frames)
      this.#sink.leftOut(`${open.frames} frames of the ${totals.frames} that it ends with`, number);
    else if (sha256 !== open.hash.digest('hex'))
      this.#sink.leftOut('sha256 is another: the recording was changed after it was exported', number);
    this.#sink.ended(missing);
  }

  /** The end never came. */
  #cutShort(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.#sink.leftOut('the recording that begins here has no end: it was cut short', open.line);
    this.#sink.ended(open.leftOut + 1);
  }

  #leftOut(what: string, line: number): void {
    if (this.#open !== undefined) this.#open.leftOut += 1;
    this.#sink.leftOut(what, line);
  }
}
