/**
 * A unified diff of two texts whose edits are known. Line numbers are those of the texts; what is beyond a line's middle is cut, since
 * a config file may be a single line.
 */
import { type Edit, inOrder } from './tree.ts';

const CONTEXT_LINES = 3;
/** Of a line, around where it changes. */
const MAX_LINE_CHARS = 400;
const BEFORE_CHANGE_CHARS = 80;

interface Hunk {
  /** Of the old text: the first line, from 0, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Of the new text, instead of it. */
  readonly newFrom: number;
  readonly newTo: number;
}

export interface Shown {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Lines of the hunks, without the two lines of names. `edits` are those of `text`; `shown` has its lines, one for one. */
export function difference(
  text: string,
  edits: readonly Edit[],
  { before, after }: Shown,
): readonly string[] {
  const lines: string[] = [];
  for (const group of grouped(trimmed(hunks(text, edits), before, after))) {
    const first = group[0];
    const last = group.at(-1);
    if (first === undefined || last === undefined) continue;
    const lead = Math.min(CONTEXT_LINES, first.from);
    const tail = Math.min(CONTEXT_LINES, before.length - last.to);
    const oldCount = last.to + tail - (first.from - lead);
    const newCount = last.newTo + tail - (first.newFrom - lead);
    lines.push(`@@ -${first.from - lead + 1},${oldCount} +${first.newFrom - lead + 1},${newCount} @@`);
    let at = first.from - lead;
    for (const hunk of group) {
      lines.push(...before.slice(at, hunk.from).map((line) => ` ${cut(line, '')}`));
      const olds = before.slice(hunk.from, hunk.to);
      const news = after.slice(hunk.newFrom, hunk.newTo);
      lines.push(...olds.map((line, index) => `-${cut(line, news[index])}`));
      lines.push(...news.map((line, index) => `+${cut(line, olds[index])}`));
      at = hunk.to;
    }
    lines.push(...before.slice(at, at + tail).map((line) => ` ${cut(line, '')}`));
  }
  return lines;
}

function hunks(text: string, edits: readonly Edit[]): readonly Hunk[] {
  const found: Hunk[] = [];
  let line = 0;
  let at = 0;
  let shift = 0;
  for (const edit of inOrder(edits)) {
    line += breaks(text.slice(at, edit.start));
    const from = line;
    line += breaks(text.slice(edit.start, edit.end));
    at = edit.end;
    const grown = breaks(edit.text) - (line - from);
    const last = found.at(-1);
    const isSame = last !== undefined && last.to > from;
    if (isSame) found[found.length - 1] = { ...last, to: line + 1, newTo: line + 1 + shift + grown };
    else found.push({ from, to: line + 1, newFrom: from + shift, newTo: line + 1 + shift + grown });
    shift += grown;
  }
  return found;
}

/** Without the lines at both ends that are the same. */
function trimmed(all: readonly Hunk[], before: readonly string[], after: readonly string[]): readonly Hunk[] {
  return all.map(({ from, to, newFrom, newTo }) => {
    let [a, b, c, d] = [from, to, newFrom, newTo];
    while (a < b && c < d && before[a] === after[c]) [a, c] = [a + 1, c + 1];
    while (a < b && c < d && before[b - 1] === after[d - 1]) [b, d] = [b - 1, d - 1];
    return { from: a, to: b, newFrom: c, newTo: d };
  });
}

/** Hunks whose contexts touch are one. */
function grouped(all: readonly Hunk[]): readonly (readonly Hunk[])[] {
  const groups: Hunk[][] = [];
  for (const hunk of all) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    if (last !== undefined && hunk.from - last.to <= 2 * CONTEXT_LINES) group?.push(hunk);
    else groups.push([hunk]);
  }
  return groups;
}

function breaks(text: string): number {
  return text.split('\n').length - 1;
}

/** What of a long line shows where it differs from the other. */
function cut(line: string, other: string | undefined): string {
  if (line.length <= MAX_LINE_CHARS) return line;
  let at = 0;
  while (at < line.length && line[at] === other?.[at]) at += 1;
  const from = Math.max(0, at - BEFORE_CHANGE_CHARS);
  const to = from + MAX_LINE_CHARS;
  return `${from > 0 ? '…' : ''}${line.slice(from, to)}${to < line.length ? '…' : ''}`;
}
