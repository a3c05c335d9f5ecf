/**
 * A resumable JSON scanner: reads a text once, in pieces of any size, says whether JSON.parse would accept it, and
 * keeps the few members that observing needs. It never throws, never holds the text, and its memory is bounded by what
 * is kept and by how deep the text nests.
 */
import {
  AFTER,
  BROKEN,
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
  LITERALS,
  NOT_UTF8,
  NULL_END,
  NUMBER_END,
  OPEN_ARRAY,
  OPEN_OBJECT,
  PLAIN,
  SCALAR_START,
  STRING,
  STRING_END,
  TRANSITIONS,
  TRUE_END,
  VALUE,
} from './grammar.ts';
import {
  ARRAY,
  BATCH,
  CONTEXT_IN,
  END_OF,
  KEPT,
  MAX_KEPT_BYTES,
  MAX_KEY_BYTES,
  MEMBER_COUNT,
  type Member,
  memberOf,
  MESSAGE,
  NO_MEMBER,
  OBJECT,
  TOP,
} from './members.ts';
import { numberOf, textOf } from './text.ts';

/** Values of which only the kind is told. */
export const AN_OBJECT = Symbol('object');
export const AN_ARRAY = Symbol('array');
/** A string or number of which only the presence is asked for, or that is longer than what is kept of it. */
export const UNKEPT = Symbol('unkept');

/** What is known of a member's value; undefined when the member is missing. */
export type Fact = string | number | boolean | null | typeof AN_OBJECT | typeof AN_ARRAY | typeof UNKEPT;

/** Nesting that fits in the stack's first 64 bytes, which V8 keeps inside its own heap: cheap to make. */
const USUAL_DEPTH = 64;
/** One byte of stack a level: as much as a message at the default parse cap can nest. Deeper is refused. */
export const MAX_DEPTH = 16 * 1024 * 1024;
/** Messages of a batch that are told apart, ten times what SDK servers accept; one more is noted to tell that. */
export const MAX_BATCH_MESSAGES = 1000;

const QUOTE = 0x22;
const SPACE = 0x20;
/** A token that goes on in the next piece is collected: room for the longest kept, its quote, and one byte too many. */
const CARRY_BYTES = 2 + Math.max(MAX_KEPT_BYTES, MAX_KEY_BYTES);

export class Scanner {
  #state = VALUE;
  /** What the innermost open container is; the stack has what is around it. */
  #context = TOP;
  #stack = new Uint8Array(USUAL_DEPTH);
  #depth = 0;
  /** The member whose value is expected or being read. */
  #member = MESSAGE;
  #inKey = false;
  #notUtf8 = false;
  #carry: Uint8Array | undefined;
  /** Length so far of a token from an earlier piece; 0 when none goes on. */
  #carried = 0;
  readonly #facts = new Array<Fact | undefined>(MEMBER_COUNT);
  readonly #separators: number[] = [];

  /** Reads the next piece; keeps no reference to it. */
  push(bytes: Uint8Array): void {
    let state = this.#state;
    if (state === BROKEN) return;
    let context = this.#context;
    let member = this.#member;
    let inKey = this.#inKey;
    // Looked up once: in a bundle, a name of another module is a variable like any other.
    const table = TRANSITIONS;
    const plain = PLAIN;
    let from = 0;
    let at = 0;
    const length = bytes.length;
    while (at < length) {
      const next = table[(state << 8) | (bytes[at] as number)] as number;
      if (next < FIRST_ACTION) {
        at++;
        if (next === state) {
          if (state === STRING) at = charactersUntil(bytes, at, length);
          else {
            const row = state << 8;
            while (at < length && table[row | (bytes[at] as number)] === next) at++;
          }
        }
        state = next;
        continue;
      }
      if (next >= SCALAR_START) {
        state = next - SCALAR_START;
        from = at++;
        if (state === STRING) at = charactersUntil(bytes, at, length);
        continue;
      }
      switch (next) {
        case KEY_START:
          inKey = true;
          state = STRING;
          from = at++;
          while (at < length && plain[bytes[at] as number] === 1) at++;
          continue;
        case STRING_END:
          if (inKey) {
            inKey = false;
            member = context > OBJECT ? this.#key(context, bytes, from, at) : NO_MEMBER;
            state = COLON;
          } else {
            if (member !== NO_MEMBER) this.#scalar(member, bytes, from, at);
            state = AFTER;
          }
          break;
        case NUMBER_END:
          if (member !== NO_MEMBER) this.#scalar(member, bytes, from, at);
          state = AFTER;
          continue;
        case TRUE_END:
        case FALSE_END:
        case NULL_END:
          if (member !== NO_MEMBER) this.#facts[member] = next === NULL_END ? null : next === TRUE_END;
          state = AFTER;
          break;
        case OPEN_OBJECT:
          if (!this.#open(context)) return;
          if (member !== NO_MEMBER) this.#facts[member] = AN_OBJECT;
          context = CONTEXT_IN[member] as number;
          state = FIRST_KEY;
          break;
        case OPEN_ARRAY:
          if (!this.#open(context)) return;
          if (member !== NO_MEMBER) this.#facts[member] = AN_ARRAY;
          member = NO_MEMBER;
          context = context === TOP ? BATCH : ARRAY;
          if (context === BATCH) this.#separator(at);
          state = FIRST_VALUE;
          break;
        case COMMA:
          if (context === TOP) {
            this.#break(false);
            return;
          }
          if (context === BATCH) this.#separator(at);
          if (context < OBJECT) member = NO_MEMBER;
          state = context < OBJECT ? VALUE : KEY;
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          if (context === TOP || context >= OBJECT !== (next === CLOSE_OBJECT)) {
            this.#break(false);
            return;
          }
          if (context === BATCH) this.#separator(at);
          context = this.#stack[--this.#depth] as number;
          state = AFTER;
          break;
        default:
          this.#break(next === NOT_UTF8);
          return;
      }
      at++;
    }
    const isKept = inKey ? context > OBJECT : member !== NO_MEMBER;
    if (isKept && state >= STRING && state < LITERALS) this.#carryOn(bytes, from, length);
    this.#state = state;
    this.#context = context;
    this.#member = member;
    this.#inKey = inKey;
  }

  /** The text is over. Gives what is wrong with it: the first thing found. */
  end(): 'not_json' | 'not_utf8' | undefined {
    // A number at the top is ended by nothing but the end.
    const isComplete = this.#state === AFTER || TRANSITIONS[(this.#state << 8) | SPACE] === NUMBER_END;
    if (isComplete && this.#context === TOP) return undefined;
    return this.#notUtf8 ? 'not_utf8' : 'not_json';
  }

  /** Of the last member of that name, as JSON.parse does it. Means nothing before the end, or when it was not JSON. */
  fact(member: Member): Fact | undefined {
    return this.#facts[member];
  }

  /**
   * Of a text that is an array, and was pushed in one piece: where its bracket opens, where its commas stand, where it
   * closes. Told up to one message above MAX_BATCH_MESSAGES.
   */
  get separators(): readonly number[] {
    return this.#separators;
  }

  #break(notUtf8: boolean): void {
    this.#state = BROKEN;
    this.#notUtf8 = notUtf8;
  }

  #open(context: number): boolean {
    if (this.#depth === this.#stack.length) {
      if (this.#depth >= MAX_DEPTH) {
        this.#break(false);
        return false;
      }
      const stack = new Uint8Array(this.#depth * 4);
      stack.set(this.#stack);
      this.#stack = stack;
    }
    this.#stack[this.#depth++] = context;
    return true;
  }

  #separator(at: number): void {
    if (this.#separators.length < MAX_BATCH_MESSAGES + 2) this.#separators.push(at);
  }

  /** A key ended: its quote is at `from`, or came with an earlier piece. */
  #key(context: number, bytes: Uint8Array, from: number, to: number): Member {
    if (this.#carried > 0) {
      const token = this.#join(bytes, to);
      return this.#key(context, token, 0, token.length);
    }
    const member = memberOf(context, bytes, from + 1, to);
    if (this.#facts[member] !== undefined) this.#facts.fill(undefined, member, END_OF[member]);
    return member;
  }

  /** A string or number ended: its first byte is at `from`, or came with an earlier piece. */
  #scalar(member: Member, bytes: Uint8Array, from: number, to: number): void {
    if (this.#carried > 0) {
      const token = this.#join(bytes, to);
      this.#scalar(member, token, 0, token.length);
      return;
    }
    const isString = bytes[from] === QUOTE;
    if (isString) from++;
    if (to - from > (KEPT[member] as number)) this.#facts[member] = UNKEPT;
    else this.#facts[member] = isString ? textOf(bytes, from, to) : numberOf(bytes, from, to);
  }

  /** What does not fit is too long to be kept: what is stored then is still longer than what may be. */
  #carryOn(bytes: Uint8Array, from: number, to: number): void {
    this.#carry ??= new Uint8Array(CARRY_BYTES);
    const fits = Math.min(to - from, CARRY_BYTES - this.#carried);
    this.#carry.set(bytes.subarray(from, from + fits), this.#carried);
    this.#carried += fits;
  }

  #join(bytes: Uint8Array, to: number): Uint8Array {
    this.#carryOn(bytes, 0, to);
    const token = (this.#carry as Uint8Array).subarray(0, this.#carried);
    this.#carried = 0;
    return token;
  }
}
