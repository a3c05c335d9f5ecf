/**
 * Chunks to events, the framing of MCP over text/event-stream (WHATWG HTML, 9.2.6). Data of one line in one chunk is
 * not copied, and no chunk is kept. It never interprets data, and hands over an event with the byte that completes it.
 */
import { CappedBytes, type OversizeSink } from './capped.ts';
import { SseLines } from './sseLines.ts';

export interface SseEvent {
  /** The data lines, joined by `\n`; undefined without a data field: clients dispatch no such event. */
  readonly data: Uint8Array | undefined;
  /** `''` means `message`. Cut to `MAX_FIELD_BYTES`. */
  readonly type: string;
  /** The last id of this event; undefined without one that counts (no NUL, not above `MAX_FIELD_BYTES`). */
  readonly id: string | undefined;
  /** Milliseconds; undefined unless all digits. */
  readonly retry: number | undefined;
}

/** What is known of an event when its data outgrows the cap: fields that follow its data are not among it. */
export type SseHead = Pick<SseEvent, 'type' | 'id'>;

/** Bytes are valid during the call only. Sizes are of lines as they came, without their endings. */
export interface SseSink {
  /** A blank line ended an event of at least one field; comments are not in its size. */
  event(event: SseEvent, sizeBytes: number, atUs: number): void;
  /** A comment: by custom, a keep-alive. */
  comment(sizeBytes: number, atUs: number): void;
  /**
   * The data of an event outgrew `maxFrameBytes`: all of it, joined, goes to the sink given back, and `event` is not
   * called. It ends with `'\n'` at the blank line, with `''` when that never came.
   */
  oversize(head: SseHead): OversizeSink;
  /** The data so far, perhaps none, of an event that no blank line ended. Clients discard it. */
  unterminated(data: Uint8Array, atUs: number): void;
}

/** Event types and ids are short; a longer one is an attack or a mistake. */
export const MAX_FIELD_BYTES = 4096;

const SPACE = 0x20;
const COLON = 0x3a;
const JOIN = Uint8Array.of(0x0a);
const NOTHING = new Uint8Array(0);
/** A name as one number, so that none becomes a string: a 1, then its bytes. Known ones have five at most. */
const NO_NAME = 1;
const MAX_NAME = 256 ** 5;
/** From here on the decoder is faster than building the text from character codes. */
const SHORT_BYTES = 40;

type Field = 'data' | 'event' | 'id' | 'retry' | 'comment' | 'unknown';
const FIELDS: ReadonlyMap<number, Field> = new Map([
  [nameOf('data'), 'data'],
  [nameOf('event'), 'event'],
  [nameOf('id'), 'id'],
  [nameOf('retry'), 'retry'],
  [nameOf(''), 'comment'],
]);

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

export class SseFramer {
  readonly #sink: SseSink;
  readonly #data: CappedBytes;
  readonly #lines = new SseLines({
    part: (chunk, from, to) => {
      this.#part(chunk, from, to);
    },
    endLine: (atUs) => {
      this.#endLine(atUs);
    },
  });

  // The line: its name until a colon tells the field, then what is kept of its value.
  #lineBytes = 0;
  #name = NO_NAME;
  #field: Field | undefined;
  #valueBytes = 0;
  #value: Uint8Array = NOTHING;

  // The event.
  #eventBytes = 0;
  #hasData = false;
  #type = '';
  #id: string | undefined;
  #retry: number | undefined;

  /** `maxFrameBytes`: the most data of an event that is handed over whole. */
  constructor(options: { readonly maxFrameBytes: number }, sink: SseSink) {
    this.#sink = sink;
    this.#data = new CappedBytes(options.maxFrameBytes, () =>
      sink.oversize({ type: this.#type, id: this.#id }),
    );
  }

  /** The chunk may be written to again afterwards. An event carries the time of the chunk that completed it. */
  push(chunk: Uint8Array, atUs: number): void {
    this.#lines.push(chunk, atUs);
    this.#data.keep();
  }

  /**
   * Copies were lost here. What is pending is handed over as unterminated, and what comes is skipped up to the end of
   * the event that it is part of: also when the gap fell exactly between two events, for nothing tells that it did.
   */
  gap(atUs: number): void {
    this.end(atUs);
    this.#lines.gap();
  }

  /** The stream is over: what is pending is handed over as unterminated. */
  end(atUs: number): void {
    this.#lines.end();
    if (this.#field === 'comment') this.#sink.comment(this.#lineBytes, atUs);
    else this.#eventBytes += this.#lineBytes;
    this.#resetLine();
    if (this.#eventBytes === 0) return;
    const data = this.#data.take('', atUs);
    if (data !== undefined) this.#sink.unterminated(data, atUs);
    this.#resetEvent();
  }

  /** Bytes passed over so far while resynchronising after gaps, line endings included. */
  get skippedBytes(): number {
    return this.#lines.skippedBytes;
  }

  #part(chunk: Uint8Array, from: number, to: number): void {
    this.#lineBytes += to - from;
    let at = from;
    while (at < to && this.#field === undefined) {
      const byte = chunk[at++] as number;
      if (byte === COLON) this.#startValue();
      else if (this.#name >= MAX_NAME) this.#field = 'unknown';
      else this.#name = withByte(this.#name, byte);
    }
    if (at < to) this.#takeValue(chunk, at, to);
  }

  #startValue(): void {
    this.#field = FIELDS.get(this.#name) ?? 'unknown';
    if (this.#field !== 'data') return;
    if (this.#hasData) this.#data.add(JOIN);
    this.#hasData = true;
  }

  /** `chunk[from, to)` is not empty. One space after the colon is no part of the value. */
  #takeValue(chunk: Uint8Array, from: number, to: number): void {
    if (this.#field === 'comment' || this.#field === 'unknown') return;
    const isFirst = this.#valueBytes === 0;
    this.#valueBytes += to - from;
    const at = isFirst && chunk[from] === SPACE ? from + 1 : from;
    if (at === to) return;
    if (this.#field === 'data') {
      this.#data.add(chunk.subarray(at, to));
      return;
    }
    // One byte too many tells that it was cut.
    const fits = Math.min(to - at, MAX_FIELD_BYTES + 1 - this.#value.length);
    if (fits === 0) return;
    this.#value = joined(this.#value, chunk.subarray(at, at + fits));
  }

  #endLine(atUs: number): void {
    if (this.#lineBytes === 0) {
      if (this.#eventBytes > 0) this.#dispatch(atUs);
      return;
    }
    // A line without a colon is a field with an empty value.
    if (this.#field === undefined) this.#startValue();
    if (this.#field === 'comment') {
      this.#sink.comment(this.#lineBytes, atUs);
    } else {
      this.#eventBytes += this.#lineBytes;
      this.#setField(this.#value);
    }
    this.#resetLine();
  }

  #setField(value: Uint8Array): void {
    if (this.#field === 'event') {
      this.#type = textOf(value.subarray(0, MAX_FIELD_BYTES));
    } else if (this.#field === 'id') {
      if (value.length <= MAX_FIELD_BYTES && !value.includes(0)) this.#id = textOf(value);
    } else if (this.#field === 'retry') {
      const text = textOf(value);
      const retry = /^[0-9]+$/.test(text) ? Number(text) : -1;
      if (Number.isSafeInteger(retry) && retry >= 0) this.#retry = retry;
    }
  }

  #dispatch(atUs: number): void {
    const data = this.#data.take('\n', atUs);
    if (data !== undefined) {
      const event = {
        data: this.#hasData ? data : undefined,
        type: this.#type,
        id: this.#id,
        retry: this.#retry,
      };
      this.#sink.event(event, this.#eventBytes, atUs);
    }
    this.#resetEvent();
  }

  #resetLine(): void {
    this.#lineBytes = 0;
    this.#name = NO_NAME;
    this.#field = undefined;
    this.#valueBytes = 0;
    this.#value = NOTHING;
  }

  #resetEvent(): void {
    this.#eventBytes = 0;
    this.#hasData = false;
    this.#type = '';
    this.#id = undefined;
    this.#retry = undefined;
  }
}

function withByte(name: number, byte: number): number {
  return 256 * name + byte;
}

function nameOf(text: string): number {
  return Array.from(text, (character) => character.charCodeAt(0)).reduce(withByte, NO_NAME);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length > SHORT_BYTES || bytes.some((byte) => byte >= 0x80)) return UTF8.decode(bytes);
  return String.fromCharCode(...bytes);
}
