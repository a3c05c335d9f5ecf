/**
 * What a scanner keeps of a message while it passes: facts by member. It is told of keys, strings and numbers by where
 * they stand, found valid, and holds no more of the text than one unfinished token.
 */
import {
  END_OF,
  KEPT,
  MAX_KEPT_BYTES,
  MAX_KEY_BYTES,
  MEMBER_COUNT,
  type Member,
  memberOf,
} from './members.ts';
import { numberOf, textOf } from './text.ts';

/** Values of which only the kind is told. */
export const AN_OBJECT = Symbol('object');
export const AN_ARRAY = Symbol('array');
/** A string or number of which only the presence is asked for, or that is longer than what is kept of it. */
export const UNKEPT = Symbol('unkept');

/** What is known of a member's value; undefined when the member is missing. */
export type Fact = string | number | boolean | null | typeof AN_OBJECT | typeof AN_ARRAY | typeof UNKEPT;

const QUOTE = 0x22;
/** A token that goes on in the next piece is collected: room for the longest kept, its quote, and one byte too many. */
const CARRY_BYTES = 2 + Math.max(MAX_KEPT_BYTES, MAX_KEY_BYTES);

export class Capture {
  readonly #facts = new Array<Fact | undefined>(MEMBER_COUNT);
  #carry: Uint8Array | undefined;
  /** Length so far of a token from an earlier piece; 0 when none goes on. */
  #carried = 0;

  fact(member: Member): Fact | undefined {
    return this.#facts[member];
  }

  keep(member: Member, fact: Fact): void {
    this.#facts[member] = fact;
  }

  /** A key ended: its quote is at `from`, or came with an earlier piece. */
  key(context: number, bytes: Uint8Array, from: number, to: number): Member {
    if (this.#carried > 0) {
      const token = this.#join(bytes, to);
      return this.key(context, token, 0, token.length);
    }
    const member = memberOf(context, bytes, from + 1, to);
    if (this.#facts[member] !== undefined) this.#facts.fill(undefined, member, END_OF[member]);
    return member;
  }

  /** A string or number ended: its first byte is at `from`, or came with an earlier piece. */
  scalar(member: Member, bytes: Uint8Array, from: number, to: number): void {
    if (this.#carried > 0) {
      const token = this.#join(bytes, to);
      this.scalar(member, token, 0, token.length);
      return;
    }
    const isString = bytes[from] === QUOTE;
    if (isString) from++;
    if (to - from > (KEPT[member] as number)) this.#facts[member] = UNKEPT;
    else this.#facts[member] = isString ? textOf(bytes, from, to) : numberOf(bytes, from, to);
  }

  /** What does not fit is too long to be kept: what is stored then is still longer than what may be. */
  carryOn(bytes: Uint8Array, from: number, to: number): void {
    this.#carry ??= new Uint8Array(CARRY_BYTES);
    const fits = Math.min(to - from, CARRY_BYTES - this.#carried);
    this.#carry.set(bytes.subarray(from, from + fits), this.#carried);
    this.#carried += fits;
  }

  #join(bytes: Uint8Array, to: number): Uint8Array {
    this.carryOn(bytes, 0, to);
    const token = (this.#carry as Uint8Array).subarray(0, this.#carried);
    this.#carried = 0;
    return token;
  }
}
