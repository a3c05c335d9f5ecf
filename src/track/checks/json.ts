/** Parts of parsed messages, looked at without trust in their shape or size. */
import type { Request, Result } from '../../mcp/message.ts';
import { at } from '../identity.ts';

/** A message above this is not parsed to be checked: it bounds what one check may cost. */
export const MAX_CHECKED_BYTES = 64 * 1024;

export type Json = Readonly<Record<string, unknown>>;

/** `params` or `result` of a message; undefined where it is no object, or was too large to be looked at. */
export function bodyOf(message: Request | Result, maxBytes = MAX_CHECKED_BYTES): Json | undefined {
  if (message.sizeBytes > maxBytes) return undefined;
  const body = at(message, message.kind === 'request' ? 'params' : 'result');
  return isObject(body) ? body : undefined;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined for what is no object. A key of its prototype is no member. */
export function memberOf(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/**
 * A number that equal values have in common, and others hardly: 53 bits (after cyrb53), of what they are made of in one order of
 * members. It is taken of every call, so that no text is made for it.
 */
export function hashOf(value: unknown): number {
  const lanes = Int32Array.of(0xdeadbeef, 0x41c6ce57);
  // Without recursion: a peer nests as it likes, and the stack has an end.
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (Array.isArray(next)) {
      mix(`[${next.length}`, lanes);
      for (const item of next) rest.push(item);
    } else if (isObject(next)) {
      const keys = Object.keys(next).sort();
      mix(`{${keys.length}`, lanes);
      for (const key of keys) {
        mix(`${key.length}:`, lanes);
        mix(key, lanes);
        rest.push(next[key]);
      }
    } else if (typeof next === 'string') {
      mix(`"${next.length}:`, lanes);
      mix(next, lanes);
    } else mix(String(next), lanes);
  }
  let [high = 0, low = 0] = lanes;
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** Into one lane after the other: neither waits for the other's product. */
function mix(text: string, lanes: Int32Array): void {
  let [high = 0, low = 0] = lanes;
  const even = text.length & ~1;
  for (let at = 0; at < even; at += 2) {
    high = Math.imul(high ^ text.charCodeAt(at), 2654435761);
    low = Math.imul(low ^ text.charCodeAt(at + 1), 1597334677);
  }
  if (even < text.length) high = Math.imul(high ^ text.charCodeAt(even), 2654435761);
  lanes[0] = high;
  lanes[1] = low;
}
