/**
 * The grammar of JSON (RFC 8259) over UTF-8 bytes (RFC 3629), as one table: for each state and byte either the next
 * state or something to do. It knows nothing of members and messages; what nests is the scanner's stack.
 */

/** States, each a row of the table. */
export const BROKEN = 0;
/** A value must come. */
export const VALUE = 1;
/** After `[`: a value or the end. */
export const FIRST_VALUE = 2;
/** After `{`: a key or the end. */
export const FIRST_KEY = 3;
/** After a comma in an object. */
export const KEY = 4;
export const COLON = 5;
/** After a value: a comma, an end, or only white space at the top. */
export const AFTER = 6;
/** Inside a string, between characters. */
export const STRING = 7;
const ESCAPE = 8;
/** `\u` and four digits to come; the next three rows are those after it. */
const HEX = 9;
/** One continuation byte to come; the next two rows are two and three. */
const TAIL_1 = 13;
const TAIL_2 = 14;
const TAIL_3 = 15;
/** After lead bytes that narrow the second byte: no overlong forms, no surrogates, nothing above U+10FFFF. */
const TAIL_E0 = 16;
const TAIL_ED = 17;
const TAIL_F0 = 18;
const TAIL_F4 = 19;
const MINUS = 20;
const ZERO = 21;
const INTEGER = 22;
const POINT = 23;
const FRACTION = 24;
const EXPONENT = 25;
const EXPONENT_SIGN = 26;
const EXPONENT_DIGITS = 27;
/** The letters of `true`, `false` and `null` after the first: the states from here on. */
export const LITERALS = 28;
const TRUE = LITERALS;
const FALSE = 31;
const NULL = 35;
const STATES = 38;

/** What to do instead of only going to a state. Every one but NUMBER_END consumes the byte. */
export const FIRST_ACTION = 64;
export const NOT_JSON = 64;
export const NOT_UTF8 = 65;
export const OPEN_OBJECT = 66;
export const OPEN_ARRAY = 67;
export const CLOSE_OBJECT = 68;
export const CLOSE_ARRAY = 69;
export const COMMA = 70;
export const KEY_START = 71;
export const STRING_END = 72;
/** The byte comes after the number: it is to be looked at again in AFTER. */
export const NUMBER_END = 73;
export const TRUE_END = 74;
export const FALSE_END = 75;
export const NULL_END = 76;
/** A string, number or literal begins as a value: the state is what is above this. */
export const SCALAR_START = 128;

/** `TRANSITIONS[state * 256 + byte]`. */
export const TRANSITIONS = new Uint8Array(STATES * 256).fill(NOT_JSON);

/** 1 for a byte that is a character of a string by itself and changes nothing: most bytes of most messages. */
export const PLAIN = new Uint8Array(256);

type Bytes = string | readonly [from: number, to: number];

const WHITE_SPACE = ' \t\n\r';
const DIGITS = '0123456789';
const CONTINUATION = [0x80, 0xbf] as const;

function on(state: number, bytes: Bytes, next: number): void {
  if (typeof bytes === 'string') {
    for (const char of bytes) TRANSITIONS[state * 256 + char.charCodeAt(0)] = next;
  } else {
    TRANSITIONS.fill(next, state * 256 + bytes[0], state * 256 + bytes[1] + 1);
  }
}

for (const state of [VALUE, FIRST_VALUE, FIRST_KEY, KEY, COLON, AFTER]) on(state, WHITE_SPACE, state);
for (const state of [VALUE, FIRST_VALUE]) {
  on(state, '{', OPEN_OBJECT);
  on(state, '[', OPEN_ARRAY);
  on(state, '"', SCALAR_START + STRING);
  on(state, '-', SCALAR_START + MINUS);
  on(state, '0', SCALAR_START + ZERO);
  on(state, '123456789', SCALAR_START + INTEGER);
  on(state, 't', SCALAR_START + TRUE);
  on(state, 'f', SCALAR_START + FALSE);
  on(state, 'n', SCALAR_START + NULL);
}
on(FIRST_VALUE, ']', CLOSE_ARRAY);
on(FIRST_KEY, '"', KEY_START);
on(FIRST_KEY, '}', CLOSE_OBJECT);
on(KEY, '"', KEY_START);
on(COLON, ':', VALUE);
on(AFTER, ',', COMMA);
on(AFTER, '}', CLOSE_OBJECT);
on(AFTER, ']', CLOSE_ARRAY);

on(STRING, [0x20, 0x7f], STRING);
on(STRING, '"', STRING_END);
on(STRING, '\\', ESCAPE);
on(ESCAPE, '"\\/bfnrt', STRING);
on(ESCAPE, 'u', HEX);
for (let digit = 0; digit < 4; digit++) {
  on(HEX + digit, DIGITS + 'abcdefABCDEF', digit === 3 ? STRING : HEX + digit + 1);
}

on(STRING, [0x80, 0xff], NOT_UTF8);
for (let state = TAIL_1; state <= TAIL_F4; state++) on(state, [0, 255], NOT_UTF8);
on(STRING, [0xc2, 0xdf], TAIL_1);
on(STRING, [0xe1, 0xef], TAIL_2);
on(STRING, [0xf1, 0xf3], TAIL_3);
on(STRING, '\xe0', TAIL_E0);
on(STRING, '\xed', TAIL_ED);
on(STRING, '\xf0', TAIL_F0);
on(STRING, '\xf4', TAIL_F4);
on(TAIL_1, CONTINUATION, STRING);
on(TAIL_2, CONTINUATION, TAIL_1);
on(TAIL_3, CONTINUATION, TAIL_2);
on(TAIL_E0, [0xa0, 0xbf], TAIL_1);
on(TAIL_ED, [0x80, 0x9f], TAIL_1);
on(TAIL_F0, [0x90, 0xbf], TAIL_2);
on(TAIL_F4, [0x80, 0x8f], TAIL_2);

on(MINUS, '0', ZERO);
on(MINUS, '123456789', INTEGER);
for (const state of [ZERO, INTEGER, FRACTION, EXPONENT_DIGITS]) on(state, WHITE_SPACE + ',]}', NUMBER_END);
for (const state of [INTEGER, FRACTION, EXPONENT_DIGITS]) on(state, DIGITS, state);
for (const state of [ZERO, INTEGER]) on(state, '.', POINT);
for (const state of [ZERO, INTEGER, FRACTION]) on(state, 'eE', EXPONENT);
on(POINT, DIGITS, FRACTION);
on(EXPONENT, '+-', EXPONENT_SIGN);
for (const state of [EXPONENT, EXPONENT_SIGN]) on(state, DIGITS, EXPONENT_DIGITS);

for (const [first, rest, end] of [
  [TRUE, 'rue', TRUE_END],
  [FALSE, 'alse', FALSE_END],
  [NULL, 'ull', NULL_END],
] as const) {
  for (let at = 0; at < rest.length; at++) {
    on(first + at, rest.charAt(at), at === rest.length - 1 ? end : first + at + 1);
  }
}

for (let byte = 0; byte < 256; byte++) PLAIN[byte] = TRANSITIONS[STRING * 256 + byte] === STRING ? 1 : 0;

/** Where, from `at` on, the characters of a string end that are whole in these bytes and need no more than skipping. */
export function charactersUntil(bytes: Uint8Array, at: number, length: number): number {
  const plain = PLAIN;
  const table = TRANSITIONS;
  const last = length - 3;
  while (at < length) {
    // Four at a time: the branch costs more than the look-up.
    while (
      at < last &&
      ((plain[bytes[at] as number] as number) &
        (plain[bytes[at + 1] as number] as number) &
        (plain[bytes[at + 2] as number] as number) &
        (plain[bytes[at + 3] as number] as number)) ===
        1
    ) {
      at += 4;
    }
    while (at < length && plain[bytes[at] as number] === 1) at++;
    if (at === length || bytes[at] === 0x22) return at;
    // An escape or a character of several bytes.
    let state = table[(STRING << 8) | (bytes[at] as number)] as number;
    let to = at + 1;
    while (to < length && state > STRING && state < FIRST_ACTION) {
      state = table[(state << 8) | (bytes[to++] as number)] as number;
    }
    if (state !== STRING) return at;
    at = to;
  }
  return at;
}
