/** The head of a JSON text that was cut, made a JSON text again: what was open is closed, nothing is made up. Pure. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSERS: Readonly<Record<number, number>> = { 0x7b: 0x7d, 0x5b: 0x5d };

/** A text that cannot be closed without guessing comes back as it is, or is none either. */
export function closedJson(bytes: Uint8Array): Uint8Array {
  const closers: number[] = [];
  let inString = false;
  let escaped = 0;
  for (const byte of bytes) {
    if (inString) {
      if (escaped > 0) escaped -= 1;
      else if (byte === BACKSLASH) escaped = 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (CLOSERS[byte] !== undefined) closers.push(CLOSERS[byte]);
    else if (byte === closers.at(-1)) closers.pop();
  }
  if (closers.length === 0 && !inString) return bytes;
  const whole = inString ? withoutPart(bytes) : bytes;
  const end = [...(inString ? [QUOTE] : []), ...closers.reverse()];
  const closed = new Uint8Array(whole.length + end.length);
  closed.set(whole);
  closed.set(end, whole.length);
  return closed;
}

/** An escape or a character of several bytes that the cut went through goes with it. */
function withoutPart(bytes: Uint8Array): Uint8Array {
  let to = bytes.length;
  for (let back = 1; back <= 6 && back <= to; back += 1) {
    const byte = bytes[to - back] ?? 0;
    if (byte === BACKSLASH && bytes[to - back - 1] !== BACKSLASH) return bytes.subarray(0, to - back);
    if (byte >= 0xc0) {
      to -= back;
      break;
    }
    if (byte < 0x80 && back > 1 && (bytes[to - 1] ?? 0) >= 0x80) break;
  }
  return bytes.subarray(0, to);
}
