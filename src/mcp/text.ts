/** JSON strings and numbers, as bytes that the scanner found valid, to values. It never validates. */

/** Without it, a string that begins with U+FEFF would lose it. */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** From here on the decoder is faster than building the text from character codes. */
const SHORT_BYTES = 40;
/** Integers of so many digits are exact when summed up. */
const SHORT_NUMBER_BYTES = 15;

/** The text of `bytes[from, to)`, which stands between the quotes of a valid JSON string. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x5c) return JSON.parse(`"${UTF8.decode(bytes.subarray(from, to))}"`) as string;
    if (byte >= 0x80) {
      const text = UTF8.decode(bytes.subarray(from, to));
      return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
    }
  }
  return to - from > SHORT_BYTES ? UTF8.decode(bytes.subarray(from, to)) : ascii(bytes, from, to);
}

/** The number that is `bytes[from, to)`, a valid JSON number. */
export function numberOf(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > SHORT_NUMBER_BYTES) return Number(ascii(bytes, from, to));
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return Number(ascii(bytes, from, to));
    value = value * 10 + digit;
  }
  return value;
}

/** Four at a time: a call for each character costs three times as much. */
function ascii(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  let at = from;
  for (; at + 4 <= to; at += 4) {
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
    );
  }
  for (; at < to; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
