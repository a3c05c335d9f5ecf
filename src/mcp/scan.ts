/**
 * A resumable JSON scanner: reads a text once, in pieces of any size, says whether JSON.parse would accept it, and
 * keeps the few members that observing needs. It never throws, never holds the text, and its memory is bounded by what
 * is kept and by how deep the text nests.
 */
import { AN_ARRAY, AN_OBJECT, Capture, type Fact } from './capture.ts';
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
import { ARRAY, BATCH, CONTEXT_IN, type Member, MESSAGE, NO_MEMBER, OBJECT, TOP } from './members.ts';

/** Nesting that fits in the stack's first 64 bytes, which V8 keeps inside its own heap: cheap to make. */
const USUAL_DEPTH = 64;
/** One byte of stack a level: as much as a message at the default parse cap can nest. Deeper is refused. */
export const MAX_DEPTH = 16 * 1024 * 1024;
/** Messages of a batch that are told apart, ten times what SDK servers accept; one more is noted to tell that. */
export const MAX_BATCH_MESSAGES = 1000;

const QUOTE = 0x22;
const SPACE = 0x20;
const COLON_SIGN = 0x3a;

export class Scanner {
  #state = VALUE;
  /** What the innermost open container is; the stack has what is around it. */
  #context = TOP;
  #stack = new Uint8Array(USUAL_DEPTH);
  #depth = 0;
  /** The member whose value is expected or being read; none inside arrays, nor in objects inside them. */
  #member = MESSAGE;
  #inKey = false;
  #notUtf8 = false;
  readonly #capture = new Capture();
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
      let next = table[(state << 8) | (bytes[at] as number)] as number;
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
        if (state !== STRING) continue;
        at = charactersUntil(bytes, at, length);
        if (at === length || bytes[at] !== QUOTE) continue;
        next = STRING_END;
      } else if (next === KEY_START) {
        inKey = true;
        state = STRING;
        from = at++;
        while (at < length && plain[bytes[at] as number] === 1) at++;
        if (at === length || bytes[at] !== QUOTE) continue;
        next = STRING_END;
      }
      switch (next) {
        case STRING_END:
          if (inKey) {
            inKey = false;
            member = context > OBJECT ? this.#capture.key(context, bytes, from, at) : NO_MEMBER;
            state = bytes[at + 1] === COLON_SIGN ? VALUE : COLON;
            if (state === VALUE) at++;
          } else {
            if (member !== NO_MEMBER) this.#capture.scalar(member, bytes, from, at);
            state = AFTER;
          }
          break;
        case NUMBER_END:
          if (member !== NO_MEMBER) this.#capture.scalar(member, bytes, from, at);
          state = AFTER;
          continue;
        case TRUE_END:
        case FALSE_END:
        case NULL_END:
          if (member !== NO_MEMBER) this.#capture.keep(member, next === NULL_END ? null : next === TRUE_END);
          state = AFTER;
          break;
        case OPEN_OBJECT:
          if (!this.#open(context)) return;
          if (member !== NO_MEMBER) this.#capture.keep(member, AN_OBJECT);
          context = CONTEXT_IN[member] as number;
          state = FIRST_KEY;
          break;
        case OPEN_ARRAY:
          if (!this.#open(context)) return;
          if (member !== NO_MEMBER) this.#capture.keep(member, AN_ARRAY);
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
    if (isKept && state >= STRING && state < LITERALS) this.#capture.carryOn(bytes, from, length);
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
    return this.#capture.fact(member);
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
}
