/**
 * What kinds of secrets a text may hold: one pass that never misses what the rules would find, and is wrong the other
 * way now and then. Nearly every frame holds none, and need not become text to be searched.
 */
import { CARD, ESCAPED, HALF_BITS, type Hint, KEY, LINES } from './secret-hint-lines.ts';

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const COMMA = 0x2c;
const DASH = 0x2d;
const SLASH = 0x2f;
const COLON = 0x3a;
const EQUALS = 0x3d;
const AT_SIGN = 0x40;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;

/** By place in a hint and byte: a bit for each line that has the byte there. */
const AT = [0, 1, 2, 3].map((place) => {
  const bits = new Int32Array(256);
  for (const [line, hints] of LINES.entries()) {
    for (const { hint } of hints) {
      const choice = hint[place] as Uint8Array;
      for (let byte = 0; byte < 256; byte += 1)
        if (choice[byte] === 1) bits[byte] = (bits[byte] ?? 0) | (1 << line);
    }
  }
  return bits;
}) as [Int32Array, Int32Array, Int32Array, Int32Array];

const both = (begins: Int32Array, began: Int32Array): Int32Array =>
  begins.map((bits, byte) => bits | ((began[byte] ?? 0) << HALF_BITS));

const FIRST = both(AT[0], AT[1]);
const SECOND = both(AT[1], AT[2]);
const THIRD = both(AT[2], AT[3]);

/** The first line, in both halves. */
const CARD_BITS = 1 | (1 << HALF_BITS);

const NONE: ReadonlySet<string> = new Set();

/** Which kinds of secrets bytes may hold: kinds of patterns, and `key`. Undefined: any. */
export function kindsIn(bytes: Uint8Array): ReadonlySet<string> | undefined {
  // Looked up once: in a bundle, a name of another module is a variable like any other.
  const first = FIRST;
  const second = SECOND;
  const third = THIRD;
  let kinds: Set<string> | undefined = isDigit(bytes[0]) && isCardAt(bytes, -1) ? new Set([CARD]) : undefined;
  const last = bytes.length - 2;
  for (let at = 0; at < last; at += 2) {
    const three =
      (first[bytes[at] as number] as number) &
      (second[bytes[at + 1] as number] as number) &
      (third[bytes[at + 2] as number] as number);
    if (three !== 0 && ((three & ~CARD_BITS) !== 0 || isLong(bytes, at)))
      kinds = hinted(three, bytes, at, kinds);
  }
  return kinds === undefined ? NONE : kinds.has(ESCAPED) ? undefined : kinds;
}

/** The same of a text. A character beyond Latin-1 is in no hint, nor in the part of a secret that has one. */
export function kindsInText(text: string): ReadonlySet<string> | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = Math.min(text.charCodeAt(at), 0xff);
  return kindsIn(bytes);
}

/** Whether the byte after, or before, makes four of the three, and these are a hint and no mixture of hints. */
function hinted(
  three: number,
  bytes: Uint8Array,
  at: number,
  kinds: Set<string> | undefined,
): Set<string> | undefined {
  const after = at + 3 < bytes.length ? (AT[3][bytes[at + 3] as number] as number) : 0;
  const before = at > 0 ? (AT[0][bytes[at - 1] as number] as number) : 0;
  const begins = three & after & 0xffff;
  const began = (three >>> HALF_BITS) & before;
  const known = begins === 0 ? kinds : add(begins, bytes, at, kinds);
  return began === 0 ? known : add(began, bytes, at - 1, known);
}

function add(
  bits: number,
  bytes: Uint8Array,
  at: number,
  before: Set<string> | undefined,
): Set<string> | undefined {
  let kinds = before;
  for (let line = 0, rest = bits; rest !== 0; line += 1, rest >>>= 1) {
    if ((rest & 1) === 0) continue;
    for (const { kind, hint } of LINES[line] ?? []) {
      if (kinds?.has(kind) === true || !isAt(hint, bytes, at)) continue;
      if (CHECKS[kind]?.(bytes, at) === false) continue;
      kinds = (kinds ?? new Set()).add(kind);
    }
  }
  return kinds;
}

function isAt(hint: Hint, bytes: Uint8Array, at: number): boolean {
  for (let place = 0; place < 4; place += 1) {
    if ((hint[place] as Uint8Array)[bytes[at + place] as number] !== 1) return false;
  }
  return true;
}

/** What is in every text is looked at more closely. None of these says no where a rule would say yes. */
const CHECKS: Readonly<Record<string, (bytes: Uint8Array, at: number) => boolean>> = {
  [KEY]: isKeyAt,
  [CARD]: isCardAt,
  url_password: isUserinfoAt,
};

/** Digits, and what stands between those of a card. */
const OF_CARD = Uint8Array.from({ length: 256 }, (_, byte) =>
  isDigit(byte) || byte === SPACE || byte === DASH ? 1 : 0,
);

/** Whether digits that begin here, or a byte later, go on: most numbers are shorter than those of cards. */
function isLong(bytes: Uint8Array, at: number): boolean {
  const of = OF_CARD;
  const from = isDigit(bytes[at]) ? at : at + 1;
  if (from === at && isDigit(bytes[at - 1])) return false;
  for (let next = from + 4; next < from + MIN_CARD_DIGITS; next += 1)
    if (of[bytes[next] as number] !== 1) return false;
  return true;
}

const MAX_CARD_CHARS = 19;
const MIN_CARD_DIGITS = 13;

/** After the byte that its hint begins with. */
function isCardAt(bytes: Uint8Array, at: number): boolean {
  let digits = 0;
  for (let next = at + 1; next <= at + MAX_CARD_CHARS && next < bytes.length; next += 1) {
    const byte = bytes[next] as number;
    if (OF_CARD[byte] !== 1) break;
    if (isDigit(byte)) digits += 1;
  }
  return digits >= MIN_CARD_DIGITS;
}

/** The user and the password of a URL end at its host, or there are none. */
const MAX_USERINFO_CHARS = 520;

function isUserinfoAt(bytes: Uint8Array, at: number): boolean {
  for (let next = at + 3; next < at + MAX_USERINFO_CHARS && next < bytes.length; next += 1) {
    const byte = bytes[next] as number;
    if (byte === AT_SIGN) return true;
    if (byte === SLASH || byte === QUOTE || byte === BACKSLASH || byte <= SPACE) return false;
  }
  return false;
}

/** The rest of the longest word after its hint, `orization(s)`, and some. */
const MAX_WORD_REST = 16;
const MAX_BLANKS = 80;

/** Whether the word ends a name that has a text for a value, as redact-keys.ts has it. */
function isKeyAt(bytes: Uint8Array, at: number): boolean {
  let next = at + 4;
  while (next < at + MAX_WORD_REST && isLetter(bytes[next])) next += 1;
  const escapes = next;
  while (bytes[next] === BACKSLASH) next += 1;
  const sign = bytes[next];
  if (sign !== QUOTE) {
    if (next > escapes) return false;
    const end = sign === SPACE || sign === TAB ? afterBlanks(bytes, next) : next;
    return bytes[end] === EQUALS || bytes[end] === COLON || sign === APOSTROPHE;
  }
  const colon = afterBlanks(bytes, next + 1);
  if (bytes[colon] === COMMA || bytes[colon] === BACKSLASH) return true;
  if (bytes[colon] !== COLON) return false;
  const value = bytes[afterBlanks(bytes, colon + 1)];
  // Of numbers, those after a password.
  const isPassword = ((bytes[at + 1] ?? 0) | 0x20) === 0x73;
  return (
    value === QUOTE ||
    value === BACKSLASH ||
    value === OPEN_ARRAY ||
    (isPassword && (isDigit(value) || value === DASH))
  );
}

function afterBlanks(bytes: Uint8Array, at: number): number {
  let next = at;
  while (next < at + MAX_BLANKS && isBlank(bytes[next])) next += 1;
  return next;
}

/** What `\s` has of Latin-1. */
function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || (byte !== undefined && byte >= TAB && byte <= 0x0d) || byte === 0xa0;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}
