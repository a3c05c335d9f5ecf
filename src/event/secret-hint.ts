/**
 * Whether bytes may hold a secret: one pass that never misses what redact.ts would find, and is wrong the other way now
 * and then. Nearly every frame holds none, and need not become text to be searched.
 */

/**
 * Four characters in a row of all that some pattern finds; `.` is any. Those of a line are looked for together: also a
 * mixture of them passes, so they have much in common or are rare.
 */
const IN_KEYS: readonly (readonly string[])[] = [
  ['assw', 'assp', 'assc'],
  ['cret', 'cred'],
  ['oken', 'ooki'],
  ['ikey', 'skey', 'ekey', 'gkey', '_key', '-key'],
  ['oriz'],
];
const IN_VALUES: readonly (readonly string[])[] = [
  ['KEY-'],
  ['eyJ.'],
  ['arer'],
  ['asic'],
  ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'],
  ['pat_', 'pat-'],
  ['sk-.'],
  ['sk_l', 'sk_t', 'rk_l', 'rk_t'],
  ['AKIA', 'ASIA', 'AIza'],
  ['npm_', 'xox.'],
  ['://.'],
];

/** Two halves of a word: the lines' bits for a hint that begins at a position, and for one that began a byte before. */
const HALF_BITS = 16;

/** By place in a hint and byte: a bit for each line that has the byte there. */
const AT = [0, 1, 2, 3].map((place) => {
  const bits = new Int32Array(256);
  // Keys are found in either case.
  const lines = [...IN_KEYS.map((line) => line.flatMap((hint) => [hint, hint.toUpperCase()])), ...IN_VALUES];
  for (const [line, hints] of lines.entries()) {
    for (const hint of hints) {
      const char = hint.charAt(place);
      const [from, to] = char === '.' ? [0, 256] : [char.charCodeAt(0), char.charCodeAt(0) + 1];
      for (let byte = from; byte < to; byte += 1) bits[byte] = (bits[byte] ?? 0) | (1 << line);
    }
  }
  return bits;
}) as [Int32Array, Int32Array, Int32Array, Int32Array];

const both = (begins: Int32Array, began: Int32Array): Int32Array =>
  begins.map((bits, byte) => bits | ((began[byte] ?? 0) << HALF_BITS));

const FIRST = both(AT[0], AT[1]);
const SECOND = both(AT[1], AT[2]);
const THIRD = both(AT[2], AT[3]);

export function mayHoldSecret(bytes: Uint8Array): boolean {
  // Looked up once: in a bundle, a name of another module is a variable like any other.
  const first = FIRST;
  const second = SECOND;
  const third = THIRD;
  const last = bytes.length - 2;
  for (let at = 0; at < last; at += 2) {
    const three =
      (first[bytes[at] as number] as number) &
      (second[bytes[at + 1] as number] as number) &
      (third[bytes[at + 2] as number] as number);
    if (three !== 0 && isFourth(three, bytes, at)) return true;
  }
  return false;
}

/** Whether the byte after, or before, makes four of the three. */
function isFourth(three: number, bytes: Uint8Array, at: number): boolean {
  const after = at + 3 < bytes.length ? (AT[3][bytes[at + 3] as number] as number) : 0;
  const before = at > 0 ? (AT[0][bytes[at - 1] as number] as number) : 0;
  return (three & (after | (before << HALF_BITS))) !== 0;
}
