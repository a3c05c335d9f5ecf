/**
 * The edits that put Sidelight in front of a server in a config file, and those that take it out again. The server's own words stay
 * as they are written, so that taking it out gives the same bytes. It never touches anything but the server's command or URL.
 */
import type { CommandEntry, Entry, UrlEntry } from './entry.ts';
import { ORIGIN, URL_MARK } from './entry.ts';
import { launchWords, type Sidelight } from './launch.ts';
import { type Edit, type List, quoted } from './tree.ts';

export interface How {
  readonly sidelight: Sidelight;
  /** Where `sidelight http` listens, HOST:PORT. Undefined: URLs stay. */
  readonly listen: string | undefined;
}

/** None where there is nothing to do. */
export function wrapEdits(text: string, name: string, entry: Entry, how: How): readonly Edit[] {
  switch (entry.kind) {
    case 'odd':
      return [];
    case 'url':
      return how.listen === undefined || entry.ours !== undefined ? [] : [towards(entry, how.listen)];
    case 'words': {
      if (entry.through !== undefined) return [];
      const words = launchWords(how.sidelight, name, true).map(quoted);
      return [inFront(text, entry.list, words)];
    }
    case 'command':
      return entry.through === undefined ? commandEdits(text, name, entry, how) : [];
  }
}

export function unwrapEdits(text: string, entry: Entry): readonly Edit[] {
  switch (entry.kind) {
    case 'odd':
      return [];
    case 'url':
      if (entry.ours === undefined) return [];
      return [{ start: contentOf(entry), end: contentOf(entry) + entry.ours, text: '' }];
    case 'words':
      return entry.through === undefined ? [] : [withoutFirst(text, entry.list, entry.through.own)];
    case 'command':
      return bare(text, entry);
  }
}

function commandEdits(
  text: string,
  name: string,
  { command, args }: CommandEntry,
  how: How,
): readonly Edit[] {
  const [program, ...words] = launchWords(how.sidelight, name, args !== undefined);
  const own = [...words.map(quoted), text.slice(command.value.start, command.value.end)];
  const start = { start: command.value.start, end: command.value.end, text: quoted(program) };
  if (args !== undefined) return [start, inFront(text, args.value, own)];
  const [before, after] = command.member.sibling;
  return [{ ...start, text: `${start.text}${before}args${after}[${own.join(', ')}]` }];
}

/** Its command again, which stands behind our words in `args`. */
function bare(text: string, { command, args, through }: CommandEntry): readonly Edit[] {
  const original = args?.value.items[(through?.own ?? 0) - 1];
  if (args === undefined || through === undefined || original === undefined) return [];
  const program = text.slice(original.start, original.end);
  const { start, end } = command.value;
  const isEmptied = through.own === args.value.items.length;
  const isBehind = /^[\s,]*$/.test(text.slice(end, Math.max(end, args.member.written.start)));
  if (isEmptied && through.saysRun && isBehind && args.value.start > end) {
    return [{ start, end: args.value.end, text: program }];
  }
  return [{ start, end, text: program }, withoutFirst(text, args.value, through.own)];
}

/** Behind the comments and on the line of the first item, which moves to the next one where it has one of its own. */
function inFront(text: string, list: List, words: readonly string[]): Edit {
  const [first] = list.items;
  if (first === undefined) return { start: list.start + 1, end: list.start + 1, text: words.join(', ') };
  const [blank = ''] = /\s*$/.exec(text.slice(list.start + 1, first.start)) ?? [];
  const gap = blank.includes('\n') ? blank.slice(blank.search(/\r?\n/)) : ' ';
  return { start: first.start, end: first.start, text: `${words.join(', ')},${gap}` };
}

function withoutFirst(text: string, list: List, count: number): Edit {
  const start = list.items[0]?.start ?? list.start + 1;
  const last = list.items[count - 1]?.end ?? start;
  const [comma = ''] = /^\s*,/.exec(text.slice(last, list.end)) ?? [];
  // The last one may have a comma, too, and then what follows it is not between two items.
  const [blank = ''] = count < list.items.length ? (/^\s*/.exec(text.slice(last + comma.length)) ?? []) : [];
  return { start, end: last + comma.length + blank.length, text: '' };
}

/** The URL's own text goes behind the mark; of the listener's, path and query are the same. */
function towards(entry: UrlEntry, listen: string): Edit {
  const at = contentOf(entry);
  const rest = entry.raw.replace(ORIGIN, '').replace(/#.*$/s, '');
  return { start: at, end: at, text: `http://${listen}${rest}${URL_MARK}` };
}

function contentOf({ url }: UrlEntry): number {
  return url.start + url.quote;
}
