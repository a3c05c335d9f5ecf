/**
 * Finds the elements of one list in a JSON document of any size, and a few members beside it, without holding the document:
 * each comes as its own text with the line that it starts in. What comes before a fault is handed over. Pure.
 */
import { joined } from './textLines.ts';

/** An exchange with a body of the largest message size, escaped. */
export const MAX_ELEMENT_BYTES = 64 * 1024 * 1024;
/** Documents of these formats are a dozen deep where they are read; what is deeper is inside of an element. */
const MAX_DEPTH = 256;
/** A longer name is none that is looked for. */
const MAX_KEY_BYTES = 256;

export interface ElementSink {
  /** `path`: which of those that are looked for. */
  value(path: string, text: Uint8Array, line: number): void;
  tooLarge(path: string, line: number): void;
}

/** Paths are names joined by dots; that of a list's elements ends in `[]`: `log.entries[]`. */
export class Elements {
  readonly #sink: ElementSink;
  readonly #paths: ReadonlySet<string>;
  readonly #maxBytes: number;
  /** Of the containers that are open, outside of what is taken: how each ends, and its path. */
  readonly #open: { readonly list: boolean; readonly path: string }[] = [];
  #key = '';
  #line = 1;
  #inString = false;
  #escaped = false;
  /** The string may be the name of a member: its bytes are kept. */
  #name: number[] | undefined;
  #expectsKey = false;
  #started = false;
  #fault: string | undefined;
  /** What is being taken: a whole value of a path that is looked for. */
  #taken: { path: string; line: number; depth: number; bytes: number; parts: Uint8Array[] } | undefined;
  #takenFrom = 0;

  constructor(paths: readonly string[], sink: ElementSink, maxBytes = MAX_ELEMENT_BYTES) {
    this.#paths = new Set(paths);
    this.#sink = sink;
    this.#maxBytes = maxBytes;
  }

  push(bytes: Uint8Array): void {
    this.#takenFrom = 0;
    for (let at = 0; at < bytes.length && this.#fault === undefined; at += 1) this.#byte(bytes, at);
    if (this.#fault === undefined) this.#take(bytes, bytes.length);
  }

  /** What is wrong with the document, if anything: in a word, with the line it was seen in. */
  end(): { readonly line: number; readonly what: string } | undefined {
    if (this.#fault !== undefined) return { line: this.#line, what: this.#fault };
    if (!this.#started) return { line: this.#line, what: 'holds no JSON' };
    if (this.#open.length > 0 || this.#taken !== undefined || this.#inString)
      return { line: this.#line, what: 'ends before it is complete' };
    return undefined;
  }

  #byte(bytes: Uint8Array, at: number): void {
    const byte = bytes[at] ?? 0;
    if (byte === 0x0a) this.#line += 1;
    if (this.#inString) {
      this.#string(byte);
      return;
    }
    // A byte order mark, which some editors write.
    if (byte <= 0x20 || (!this.#started && byte > 0x7f)) return;
    const char = String.fromCharCode(byte);
    const taken = this.#taken;
    if (taken !== undefined) {
      if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') taken.depth += 1;
      else if ((char === '}' || char === ']') && taken.depth > 0) taken.depth -= 1;
      else if (taken.depth === 0 && (char === ',' || char === '}' || char === ']')) {
        this.#take(bytes, at);
        this.#handOver();
        this.#outside(bytes, at, char);
      }
      return;
    }
    this.#outside(bytes, at, char);
  }

  #outside(bytes: Uint8Array, at: number, char: string): void {
    const top = this.#open.at(-1);
    if (!this.#started && char !== '{' && char !== '[') {
      this.#fault = 'is no JSON object';
      return;
    }
    this.#started = true;
    if (char === ',') this.#expectsKey = top?.list === false;
    else if (char === ':') this.#expectsKey = false;
    else if (char === '}' || char === ']') this.#close(char === ']');
    else if (char === '"' && this.#expectsKey) {
      this.#inString = true;
      this.#name = [];
    } else this.#value(bytes, at, char);
  }

  #value(bytes: Uint8Array, at: number, char: string): void {
    const path = this.#pathHere();
    if (this.#paths.has(path)) {
      this.#taken = {
        path,
        line: this.#line,
        depth: char === '{' || char === '[' ? 1 : 0,
        bytes: 0,
        parts: [],
      };
      this.#takenFrom = at;
      this.#inString = char === '"';
      return;
    }
    if (char === '"') this.#inString = true;
    else if (char === '{' || char === '[') {
      if (this.#open.length >= MAX_DEPTH) {
        this.#fault = `is nested deeper than ${MAX_DEPTH}`;
        return;
      }
      this.#open.push({ list: char === '[', path });
      this.#expectsKey = char === '{';
      this.#key = '';
    }
    // Anything else is a number or a word, which nobody looks for.
  }

  #close(list: boolean): void {
    if (this.#open.pop()?.list !== list) this.#fault = 'has a bracket that fits to none';
    this.#expectsKey = false;
  }

  #string(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === 0x5c) this.#escaped = true;
    else if (byte === 0x22) {
      this.#inString = false;
      if (this.#name !== undefined) this.#key = String.fromCharCode(...this.#name);
      this.#name = undefined;
      return;
    }
    if (this.#name !== undefined && this.#name.length < MAX_KEY_BYTES) this.#name.push(byte);
  }

  #pathHere(): string {
    const top = this.#open.at(-1);
    if (top === undefined) return '';
    if (top.list) return `${top.path}[]`;
    return top.path === '' ? this.#key : `${top.path}.${this.#key}`;
  }

  /** Keeps what is taken, up to `to`; of what is too large, its size only. */
  #take(bytes: Uint8Array, to: number): void {
    const taken = this.#taken;
    if (taken === undefined) return;
    const part = bytes.subarray(this.#takenFrom, to);
    taken.bytes += part.length;
    if (taken.bytes > this.#maxBytes) taken.parts = [];
    else if (part.length > 0) taken.parts.push(Uint8Array.from(part));
  }

  #handOver(): void {
    const taken = this.#taken;
    if (taken === undefined) return;
    this.#taken = undefined;
    if (taken.bytes > this.#maxBytes) this.#sink.tooLarge(taken.path, taken.line);
    else this.#sink.value(taken.path, joined(taken.parts, taken.bytes), taken.line);
  }
}
