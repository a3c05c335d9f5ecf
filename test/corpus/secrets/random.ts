/** Random texts that are the same in every run. */

export const DIGITS = '0123456789';
export const HEX = '0123456789abcdef';
export const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
export const LOWER = 'abcdefghijklmnopqrstuvwxyz';
export const ALNUM = `${DIGITS}${UPPER}${LOWER}`;
export const URL_SAFE = `${ALNUM}-_`;

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** mulberry32: from 0 to below `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  /** Has a digit and a letter wherever the alphabet has both. */
  text(alphabet: string, length: number): string {
    for (;;) {
      const text = Array.from({ length }, () => alphabet.charAt(this.below(alphabet.length))).join('');
      const isMixed = /\d/.test(text) && /[A-Za-z]/.test(text);
      // A dash at an end is where a scanner may see the end.
      if ((isMixed || !/\d/.test(alphabet) || !/[A-Za-z]/.test(alphabet)) && !/^[-_.]|[-_.]$/.test(text)) return text;
    }
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** `length` digits, of which the last makes them pass Luhn's test (or fail it). */
  luhn(begin: string, length: number, passes: boolean): string {
    const body = begin + this.text(DIGITS, length - begin.length - 1);
    for (let last = 0; last < 10; last += 1) {
      const number = `${body}${last}`;
      let sum = 0;
      for (let place = 0; place < length; place += 1) {
        const digit = Number(number[length - 1 - place]) * (place % 2 === 1 ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
      }
      if ((sum % 10 === 0) === passes) return number;
    }
    throw new Error('one digit in ten does');
  }
}
