/**
 * A text as it reads with its JSON escapes undone, and the way back to its own places. It exists so that `\u0067hp_...`
 * is found as `ghp_...`; quotes and backslashes stay escaped, since they say where strings end.
 */

export interface View {
  readonly text: string;
  /** The offset in the original for a boundary between two characters of the view. */
  readonly origin: (offset: number) => number;
}

/** At any depth of JSON in JSON. Of `\u00..` those of ASCII that can be read. A run of backslashes is looked at once. */
const ESCAPE = /(?<!\\)\\+(?:u00([2-7][0-9a-fA-F])|([nrtbf])|(\/))/g;

/** Undefined for a text that reads the same. */
export function viewOf(text: string): View | undefined {
  if (!text.includes('\\')) return undefined;
  const ends: number[] = [];
  const shifts: number[] = [];
  let view = '';
  let done = 0;
  for (const match of text.matchAll(ESCAPE)) {
    const char = undone(match);
    if (char === undefined) continue;
    view += text.slice(done, match.index) + char;
    done = match.index + match[0].length;
    ends.push(view.length);
    shifts.push(done - view.length);
  }
  if (ends.length === 0) return undefined;
  return {
    text: view + text.slice(done),
    origin: (offset) => offset + (shifts[lastAtMost(ends, offset)] ?? 0),
  };
}

function undone([, hex, white]: RegExpExecArray): string | undefined {
  if (white !== undefined) return '\n';
  if (hex === undefined) return '/';
  const char = String.fromCharCode(Number.parseInt(hex, 16));
  return char === '"' || char === '\\' || char === '\u007f' ? undefined : char;
}

/** The place of the last of sorted numbers that is not above the given one; -1 when there is none. */
function lastAtMost(sorted: readonly number[], most: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
