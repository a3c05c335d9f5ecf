/**
 * The one member that Sidelight writes into a message when it is asked to: `params._meta.traceparent` (SEP-414). It finds
 * where that stands, or would stand, in each request of a text, in one pass over the bytes, and puts a value there. No
 * other byte changes, and what is not JSON, or not a request, is left as it is.
 */
import {
  AFTER,
  charactersUntil,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  FALSE_END,
  FIRST_ACTION,
  FIRST_KEY,
  FIRST_VALUE,
  KEY,
  KEY_START,
  NULL_END,
  NUMBER_END,
  OPEN_ARRAY,
  OPEN_OBJECT,
  SCALAR_START,
  STRING,
  STRING_END,
  TRANSITIONS,
  TRUE_END,
  VALUE,
} from './grammar.ts';
import { MAX_BATCH_MESSAGES } from './scan.ts';
import { numberOf, textOf } from './text.ts';

/** A place in the text: what stands in `[from, to)` makes way for a traceparent between two texts of ours. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly before: string;
  readonly after: string;
}

/** A request into which a context can be written. */
export interface TracedRequest {
  readonly id: string | number;
  readonly method: string;
  /** What it says now, as JSON.parse reads it, if that is a string. */
  readonly traceparent: string | undefined;
  /** It comes with input that was asked for, or with the state it was given then (2026-07-28). */
  readonly isRetry: boolean;
  /** In the order of the text, and several where members are there several times, so that every parser reads ours. */
  readonly places: readonly Place[];
}

export interface Edit {
  readonly request: TracedRequest;
  readonly traceparent: string;
}

/** Contexts: what a value stands in. Those from MESSAGE on are objects. */
const TOP = 0;
const BATCH = 1;
const OTHER_ARRAY = 2;
const MESSAGE = 3;
const PARAMS = 4;
const META = 5;
const OTHER_OBJECT = 6;

/** As decoding has it: a request with a longer id or method is none to the tracker. */
const MAX_NAME_BYTES = 1024;
/** `inputResponses`, every letter written as an escape. */
const MAX_KEY_BYTES = 6 * 'inputResponses'.length;
const QUOTE = 0x22;

/** What a missing part is written as, in front of the value and after it, by the object that it is missing in. */
const MISSING: Readonly<Record<number, readonly [before: string, after: string]>> = {
  [META]: ['"traceparent":"', '"'],
  [PARAMS]: ['"_meta":{"traceparent":"', '"}'],
  [MESSAGE]: ['"params":{"_meta":{"traceparent":"', '"}}'],
};
/** The member of an object that its part of the way leads through. */
const ON_THE_WAY: Readonly<Record<number, string>> = {
  [MESSAGE]: 'params',
  [PARAMS]: '_meta',
  [META]: 'traceparent',
};

/** The requests of a text that is one message or a batch; none when it is not JSON. */
export function tracedRequests(text: Uint8Array): readonly TracedRequest[] {
  const finder = new Finder(text);
  return finder.read() ? finder.requests : [];
}

/** The text with each traceparent in its place. The edits are of this text's requests, in their order. */
export function withTraceparents(text: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { request, traceparent } of edits) {
    for (const { from, to, before, after } of request.places) {
      parts.push(text.subarray(at, from), encoder.encode(before + traceparent + after));
      at = to;
    }
  }
  parts.push(text.subarray(at));
  const edited = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let length = 0;
  for (const part of parts) {
    edited.set(part, length);
    length += part.length;
  }
  return edited;
}

/** What is known of the message that is being read. Of members that are there twice the last one counts. */
interface Open {
  id: unknown;
  method: unknown;
  traceparent: string | undefined;
  isRetry: boolean;
  /** Something on the way to the member is no object: there is no place for it. */
  isBarred: boolean;
  readonly places: Place[];
}

class Finder {
  readonly requests: TracedRequest[] = [];
  readonly #text: Uint8Array;
  #open: Open = newMessage();
  #context = TOP;
  #key = '';
  /** Of each open container: what it stands in, by which key, and where it begins. */
  readonly #around: { readonly context: number; readonly key: string; readonly from: number }[] = [];
  /** Whether the open message, params and _meta have the member that the way leads through. */
  readonly #leadsOn = new Uint8Array(META + 1);
  #elements = 0;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  /** False when the text is not JSON, or a batch of more messages than are told apart. */
  read(): boolean {
    const text = this.#text;
    const { length } = text;
    const table = TRANSITIONS;
    let state = VALUE;
    let from = 0;
    let inKey = false;
    for (let at = 0; at < length; at++) {
      let next = table[(state << 8) | (text[at] as number)] as number;
      if (next === NUMBER_END) {
        this.#scalar(from, at);
        next = table[(AFTER << 8) | (text[at] as number)] as number;
        state = AFTER;
      }
      if (next < FIRST_ACTION) {
        state = next;
        if (state === STRING) at = charactersUntil(text, at + 1, length) - 1;
        continue;
      }
      if (next >= SCALAR_START) {
        state = next - SCALAR_START;
        from = at;
        continue;
      }
      switch (next) {
        case KEY_START:
          inKey = true;
          from = at;
          state = STRING;
          break;
        case STRING_END:
          if (inKey) this.#named(from + 1, at);
          else this.#scalar(from, at + 1);
          state = inKey ? COLON : AFTER;
          inKey = false;
          break;
        case TRUE_END:
        case FALSE_END:
        case NULL_END:
          this.#scalar(from, at + 1);
          state = AFTER;
          break;
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          this.#opened(next === OPEN_OBJECT, at);
          state = next === OPEN_OBJECT ? FIRST_KEY : FIRST_VALUE;
          break;
        case COMMA:
          if (this.#context === TOP) return false;
          state = this.#context < MESSAGE ? VALUE : KEY;
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          if (this.#context === TOP || this.#context >= MESSAGE !== (next === CLOSE_OBJECT)) return false;
          this.#closed(at, state === FIRST_KEY);
          state = AFTER;
          break;
        default:
          return false;
      }
    }
    return state === AFTER && this.#context === TOP && this.#elements <= MAX_BATCH_MESSAGES;
  }

  #named(from: number, to: number): void {
    const context = this.#context;
    if (context === OTHER_OBJECT) return;
    this.#key = to - from > MAX_KEY_BYTES ? '' : textOf(this.#text, from, to);
    const open = this.#open;
    if (this.#key === ON_THE_WAY[context]) {
      this.#leadsOn[context] = 1;
      open.traceparent = undefined;
    } else if (context === PARAMS && (this.#key === 'inputResponses' || this.#key === 'requestState')) {
      open.isRetry = true;
    }
  }

  /** A string, a number or a literal ended. */
  #scalar(from: number, to: number): void {
    const context = this.#context;
    if (context === BATCH) this.#elements += 1;
    if (context < MESSAGE || context === OTHER_OBJECT) return;
    const text = this.#text;
    const isString = text[from] === QUOTE;
    const value = (): string | number | undefined => {
      if (to - from > MAX_NAME_BYTES + 2) return undefined;
      if (isString) return textOf(text, from + 1, to - 1);
      return text[from] === 0x2d || isDigit(text[from]) ? numberOf(text, from, to) : undefined;
    };
    if (context === MESSAGE && this.#key === 'id') this.#open.id = value();
    else if (context === MESSAGE && this.#key === 'method') this.#open.method = value();
    else this.#onTheWay(from, to, isString ? value : undefined);
  }

  #opened(isObject: boolean, at: number): void {
    const context = this.#context;
    this.#around.push({ context, key: this.#key, from: at });
    this.#context = isObject ? OTHER_OBJECT : OTHER_ARRAY;
    if (context === TOP && !isObject) this.#context = BATCH;
    if (context === BATCH) this.#elements += 1;
    if (isObject && (context === TOP || context === BATCH)) {
      this.#context = MESSAGE;
      this.#open = newMessage();
    } else if (isObject && (context === MESSAGE || context === PARAMS) && this.#key === ON_THE_WAY[context]) {
      this.#context = context + 1;
    }
    if (this.#context >= MESSAGE && this.#context <= META) this.#leadsOn[this.#context] = 0;
  }

  #closed(at: number, isEmpty: boolean): void {
    const closed = this.#context;
    const { context, key, from } = this.#around.pop() ?? { context: TOP, key: '', from: 0 };
    const missing = MISSING[closed];
    if (missing !== undefined && this.#leadsOn[closed] === 0) {
      const [before, after] = missing;
      this.#open.places.push({ from: at, to: at, before: (isEmpty ? '' : ',') + before, after });
    }
    this.#context = context;
    this.#key = key;
    if (closed === MESSAGE) this.#tell(this.#open);
    else if (context === MESSAGE && (key === 'id' || key === 'method')) this.#open[key] = undefined;
    else if (closed !== PARAMS && closed !== META) this.#onTheWay(from, at + 1, undefined);
  }

  /** A value ended that stands where the way leads on, and is not the object that it should be there. */
  #onTheWay(from: number, to: number, value: (() => unknown) | undefined): void {
    const context = this.#context;
    if (context < MESSAGE || context === OTHER_OBJECT || this.#key !== ON_THE_WAY[context]) return;
    if (context !== META) {
      this.#open.isBarred = true;
      return;
    }
    const told = value?.();
    this.#open.traceparent = typeof told === 'string' ? told : undefined;
    this.#open.places.push({ from, to, before: '"', after: '"' });
  }

  #tell({ id, method, traceparent, isRetry, isBarred, places }: Open): void {
    if (isBarred || typeof method !== 'string' || (typeof id !== 'string' && typeof id !== 'number')) return;
    this.requests.push({ id, method, traceparent, isRetry, places });
  }
}

function newMessage(): Open {
  return {
    id: undefined,
    method: undefined,
    traceparent: undefined,
    isRetry: false,
    isBarred: false,
    places: [],
  };
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
