/** What stands in a recording for what was not recorded, a secret or media, and whether a live value may be that. */
import { createHash } from 'node:crypto';

/** `[redacted:kind:mark]`, or the form without a mark. */
const REDACTED = /\[redacted(?::[\w-]+){1,3}\]/g;
const ELIDED = /\[media:[^\]]*;sha256=([0-9a-f]{64})\]/;
const EITHER = new RegExp(`(${REDACTED.source}|${ELIDED.source.replace(/[()]/g, '')})`);

/** The placeholders of secrets in a JSON text, each once. */
export function redactedIn(text: string): readonly string[] {
  return [...new Set(text.match(REDACTED) ?? [])];
}

export function hasElided(text: string): boolean {
  return ELIDED.test(text);
}

/** A secret may be anything, media are known by their hash. False where nothing stands for something in `recorded`. */
export function standsFor(recorded: string, live: unknown): boolean {
  if (!recorded.includes('[redacted') && !recorded.includes('[media:')) return false;
  // Text, placeholder, text, placeholder, ..., text.
  const parts = recorded.split(EITHER);
  if (parts.length < 3) return false;
  if (typeof live !== 'string') return parts.join('') === parts[1] && !hasElided(recorded);
  // Placeholders on both sides: two recordings, in which the same secret is the same mark.
  if (EITHER.test(live)) return false;
  let at = live.startsWith(parts[0] ?? '') ? (parts[0] ?? '').length : -1;
  for (let index = 1; index < parts.length && at !== -1; index += 2) {
    const after = parts[index + 1] ?? '';
    const isLast = index + 2 >= parts.length;
    const end = isLast
      ? live.endsWith(after)
        ? live.length - after.length
        : -1
      : live.indexOf(after, at + 1);
    if (end <= at || !isOf(parts[index] ?? '', live.slice(at, end))) return false;
    at = end + after.length;
  }
  return at !== -1;
}

function isOf(placeholder: string, live: string): boolean {
  const [, sha256] = ELIDED.exec(placeholder) ?? [];
  if (sha256 === undefined) return true;
  return createHash('sha256').update(Buffer.from(live, 'base64')).digest('hex') === sha256;
}
