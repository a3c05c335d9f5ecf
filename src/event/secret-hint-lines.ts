/**
 * The parts of secrets that are looked for, and which of them are looked for together. It is worked out once, when the
 * program starts.
 */
import { PATTERNS } from './redact-patterns.ts';

export const KEY = 'key';
export const CARD = 'card_number';
export const ESCAPED = 'escaped';

/** A choice of bytes for each of four places in a row. */
export type Hint = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

export interface Known {
  readonly kind: string;
  readonly hint: Hint;
}

/** Bits in half a word: the hints that begin at a position, and those that began a byte before. */
export const HALF_BITS = 16;

const HINTS: readonly { readonly kind: string; readonly hints: readonly string[] }[] = [
  {
    // Of the names that redact-keys.ts knows, in either case.
    kind: KEY,
    hints: [
      '[aA][sS][sS][wWpPcC]',
      '[cC][rR][eE][tTdD]',
      '[oO][kK][eEiI][nNeE]',
      '[-_iIsSeEgGtTnNrRhH][kK][eE][yY]',
      '[oO][rR][iI][zZ]',
      '[oO][oO][kK][iI]',
    ],
  },
  // An escaped letter or digit: any secret may be written so. And the slashes of a URL.
  { kind: ESCAPED, hints: ['u00[2-7]', ':\\/\\'] },
  ...PATTERNS,
];

/** From what is in most texts to what is in few; each is about a quarter rarer than the one before it. */
const BY_FREQUENCY = [' e', 'taoins', 'r"h', 'ldc', 'ump', ':,fg', '.wyb/', 'v-_', 'k0123456789'];

/** Of a byte in what is usually sent, in thousandths. */
const FREQUENCY = Float64Array.from({ length: 256 }, (_, byte) => {
  const place = BY_FREQUENCY.findIndex((chars) => chars.includes(String.fromCharCode(byte)));
  return place < 0 ? 1 : 80 * 0.75 ** place;
});

/**
 * Hints that share a line are looked for together, and a mixture of them passes for a moment: so those share one that
 * have most in common. Cards have the first for themselves, as digits are in everything.
 */
export const LINES: readonly (readonly Known[])[] = lines();

/** Those that are in most of what is sent come first: each gets a line as long as there are any. */
function lines(): Known[][] {
  const known = HINTS.flatMap(({ kind, hints }) => hints.map((hint): Known => ({ kind, hint: read(hint) })));
  const others = known
    .filter(({ kind }) => kind !== CARD)
    .map((one) => ({ one, often: often(one.hint) }))
    .sort((a, b) => b.often - a.often);
  const lines = [known.filter(({ kind }) => kind === CARD)];
  const together: { hint: Hint; often: number }[] = [];
  for (const { one, ...own } of others) {
    if (lines.length < HALF_BITS) {
      lines.push([one]);
      together.push({ hint: one.hint, ...own });
      continue;
    }
    let best = 0;
    let least = Infinity;
    for (const [line, before] of together.entries()) {
      const grown = often(either(before.hint, one.hint)) - before.often;
      if (grown < least) [least, best] = [grown, line];
    }
    lines[best + 1]?.push(one);
    const hint = either(together[best]?.hint ?? one.hint, one.hint);
    together[best] = { hint, often: often(hint) };
  }
  return lines;
}

/** How often three bytes in a row are those of a hint. */
function often(hint: Hint): number {
  const [a, b, c, d] = hint.map((choice) => {
    let sum = 0;
    for (let byte = 0; byte < 256; byte += 1) if (choice[byte] === 1) sum += FREQUENCY[byte] as number;
    return sum;
  }) as [number, number, number, number];
  return a * b * c + b * c * d;
}

function either(a: Hint, b: Hint): Hint {
  return a.map((choice, place) => {
    const both = choice.slice();
    const other = b[place] as Uint8Array;
    for (let byte = 0; byte < 256; byte += 1) if (other[byte] === 1) both[byte] = 1;
    return both;
  }) as unknown as Hint;
}

/** `gh[ps]_`: four places, each a character, a choice of them (`[^...]`: of others), or any. */
function read(hint: string): Hint {
  const places = hint.match(/\[[^\]]*\]|[^]/g) ?? [];
  return places.map((place) => {
    const choice = new Uint8Array(256);
    if (place === '.') return choice.fill(1);
    const isOthers = place.startsWith('[^');
    if (isOthers) choice.fill(1);
    for (const [, from = '', to = from] of place.replace('[^', '[').matchAll(/([^[\]])(?:-([^[\]]))?/g))
      choice.fill(isOthers ? 0 : 1, from.charCodeAt(0), to.charCodeAt(0) + 1);
    return choice;
  }) as unknown as Hint;
}
