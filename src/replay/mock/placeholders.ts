/** Placeholders of what was redacted or left out of a recording: they stand for any text of a live request. Pure. */
import { isObject } from '../../mcp/canonical.ts';

/** `[redacted:kind:mark]`, the form without a mark, and `[media:...;sha256=...]`. */
const PLACEHOLDER = /\[redacted(?::[\w-]+){1,3}\]|\[media:[^\]]*;sha256=[0-9a-f]{64}\]/;
/** Deeper values are taken for different. */
const MAX_DEPTH = 200;

export function hasPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text);
}

/** Whether a live value may be what was recorded: equal but for the placeholders. */
export function fits(recorded: unknown, live: unknown, depth = 0): boolean {
  if (recorded === live) return true;
  if (depth > MAX_DEPTH) return false;
  // What was redacted as a whole need not have been a text.
  if (typeof recorded === 'string') return textFits(recorded, typeof live === 'string' ? live : '');
  if (Array.isArray(recorded))
    return (
      Array.isArray(live) &&
      recorded.length === live.length &&
      recorded.every((one, index) => fits(one, live[index], depth + 1))
    );
  if (!isObject(recorded) || !isObject(live)) return false;
  const names = Object.keys(recorded);
  return (
    names.length === Object.keys(live).length &&
    names.every((name) => Object.hasOwn(live, name) && fits(recorded[name], live[name], depth + 1))
  );
}

/** The parts between the placeholders, in their order. It never backtracks. */
function textFits(recorded: string, live: string): boolean {
  const parts = recorded.split(PLACEHOLDER);
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1 || !live.startsWith(first)) return false;
  if (live.length < first.length + last.length || !live.endsWith(last)) return false;
  let at = first.length;
  const end = live.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = live.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
