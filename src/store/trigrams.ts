/**
 * The trigrams of texts, as words that the index of texts is made of. Three UTF-16 units each, as `includes` compares them, so
 * that a text is in another only if all its trigrams are; no tokenizer of SQLite's has a say. Pure.
 */

/** Four digits of base 36 name one. Two that share a word only make more blocks be read; with ASCII that is seldom. */
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const WORDS = DIGITS.length ** 4;
const PAIRS = DIGITS.length ** 2;
/** A longer text is looked up by those at its start. */
const MAX_SOUGHT = 64;

export class Trigrams {
  /** 1: it is in the list. Between two calls it is 0 everywhere. */
  readonly #seen = new Uint8Array(WORDS);
  readonly #pairs: readonly string[] = Array.from(
    { length: PAIRS },
    (_, pair) => (DIGITS[Math.floor(pair / DIGITS.length)] ?? '') + (DIGITS[pair % DIGITS.length] ?? ''),
  );

  /** The words of all texts, each once, between spaces. */
  wordsOf(texts: Iterable<string>): string {
    const found: number[] = [];
    for (const text of texts) {
      let first = text.charCodeAt(0);
      let second = text.charCodeAt(1);
      for (let index = 2; index < text.length; index += 1) {
        const third = text.charCodeAt(index);
        const word = wordOf(first, second, third);
        if (this.#seen[word] === 0) {
          this.#seen[word] = 1;
          found.push(word);
        }
        first = second;
        second = third;
      }
    }
    let words = '';
    for (const word of found) {
      this.#seen[word] = 0;
      words += `${this.#pairs[Math.floor(word / PAIRS)] ?? ''}${this.#pairs[word % PAIRS] ?? ''} `;
    }
    return words;
  }
}

/** A query of FTS5 for what may have a text; undefined: too short to have a trigram. */
export function queryFor(text: string): string | undefined {
  const words = new Set<string>();
  for (let index = 2; index < text.length && words.size < MAX_SOUGHT; index += 1) {
    const word = wordOf(text.charCodeAt(index - 2), text.charCodeAt(index - 1), text.charCodeAt(index));
    words.add(word.toString(DIGITS.length).padStart(4, '0'));
  }
  return words.size === 0 ? undefined : [...words].join(' AND ');
}

/** Below 2^31, so that the engine reckons with small integers. */
function wordOf(first: number, second: number, third: number): number {
  return ((first * 128 + second) * 128 + third) % WORDS;
}
