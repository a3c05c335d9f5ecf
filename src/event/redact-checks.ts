/** Tells what is a secret from what only has its form: words, numbers, names of variables. */

/** Letters with a digit among them, long enough without a dash: no words, however they are joined. */
export function isRandom(text: string): boolean {
  return /\d/.test(text) && /[A-Za-z]/.test(text) && /[A-Za-z0-9_]{12}/.test(text);
}

/** RFC 7617: base64 of `user:password`. "Basic authentication" is none. */
export function isUserAndPassword(base64: string): boolean {
  try {
    return /^[^:]*:/.test(atob(base64));
  } catch {
    return false;
  }
}

/** Issuers by how their numbers begin, and how long they are (ISO/IEC 7812). */
const ISSUERS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:30[0-5]|36|38)/, [14]],
  [/^(?:6011|64[4-9]|65)/, [16]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^62/, [16]],
];

export function isCardNumber(text: string): boolean {
  const digits = text.replace(/[ -]/g, '');
  const isIssued = ISSUERS.some(([begin, lengths]) => begin.test(digits) && lengths.includes(digits.length));
  return isIssued && !/^(\d)\1*$/.test(digits) && luhn(digits) % 10 === 0;
}

function luhn(digits: string): number {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place]) * (place % 2 === 1 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum;
}

/** What stands for a value that is not told, or says of which kind it is to be. In any case. */
const STAND_IN =
  /^(?:string|boolean|bool|number|integer|object|array|any|null|undefined|none|nil|true|false|yes|no|optional|required|include|omit|same-origin|redacted|hidden|masked|\*+|x{3,}|\.{3}|your[-_ ].*|<[^<>]*>?|\{\{[^{}]*\}{0,2}|\$\{[^{}]*\}?|%[A-Z_]+%)$/i;
const VARIABLE = /^\$[A-Z_]+$/;

/** `${TOKEN}`, `<your token>`, `***`, `string`: nobody's secret. */
export function isStandIn(value: string): boolean {
  return value.length < 80 && (STAND_IN.test(value) || VARIABLE.test(value));
}
