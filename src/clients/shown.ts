/**
 * A config file as it may be shown: of its values only what starts a server, without what may be a secret in it. Environment, headers
 * and comments are never shown. Lines stay lines, so that their numbers are those of the file.
 */
import { type Edit, edited, quoted, type Span, type Table, type Value } from './tree.ts';
import { URL_MARK } from './entry.ts';
import type { Format, Listed } from './rewrite.ts';

export const MASK = '***';

/** Flags whose value is not for others, by their words: `--api-key`, `-H`, `-e`. */
const TELLING = /^-(?:[eHpu]|-?.*(?:auth|cookie|cred|env|header|key|pass|pwd|secret|session|token).*)$/i;
/** What a package, a path, a host, a flag or a short word is written with. */
const HARMLESS = /^[\w@./\\:,+~^-]*$/;
/** A long run of letters and digits: an id or a key. */
const RANDOM = /(?=[A-Za-z_]*\d)(?=[\d_]*[A-Za-z])[A-Za-z0-9_]{20,}|[0-9a-f]{8}-[0-9a-f]{4}-/i;
const KNOWN =
  /(?:^|[^A-Za-z0-9])(?:sk|pk|rk|gh[opsu]|github_pat|glpat|xox[abp]|AKIA|ya29|hf|npm|eyJ)[-_A-Za-z0-9.]{6,}/;

/** A command's words as they may be shown. */
export function shownWords(words: readonly string[]): readonly string[] {
  return words.map((word, index) => shownWord(word, index === 0 ? '' : (words[index - 1] ?? '')));
}

function shownWord(word: string, before: string): string {
  if (isUrl(word)) return shownUrl(word);
  if (TELLING.test(before) && !word.startsWith('-')) return MASK;
  const [, flag, value] = /^(-[\w.-]*=|[A-Za-z_]\w*=)(.*)$/s.exec(word) ?? [];
  if (flag !== undefined) return value === '' ? flag : `${flag}${MASK}`;
  return HARMLESS.test(word) && !RANDOM.test(word) && !KNOWN.test(word) ? word : MASK;
}

function isUrl(word: string): boolean {
  return /^https?:\/\//i.test(word);
}

/** How a server is reached: it tells nothing of who. */
const TRANSPORT = /^(?:stdio|local|custom|remote|sse|http|streamable-?http)$/i;

/** Host and path: a query and the user are for the server, and a path may hold a key. */
export function shownUrl(url: string): string {
  const at = url.indexOf(URL_MARK);
  if (at !== -1)
    return `${shownUrl(url.slice(0, at))}${URL_MARK}${shownUrl(url.slice(at + URL_MARK.length))}`;
  const [, origin = '', path = '', rest = ''] = /^([a-z]+:\/\/[^/?#]*)([^?#]*)(.*)$/is.exec(url) ?? [];
  const safePath = path.replace(/[^/]+/g, (part) =>
    HARMLESS.test(part) && !RANDOM.test(part) && !KNOWN.test(part) ? part : MASK,
  );
  const safeRest = rest === '' ? '' : `${rest.charAt(0)}${MASK}`;
  return `${origin.replace(/\/\/.*@/, `//${MASK}@`)}${safePath}${safeRest}`;
}

/** The whole text, with everything masked that is not to be shown. */
export function masked(text: string, { root, servers }: Listed, comment: Format['comment']): string {
  const open = new Map<Span, string>();
  for (const { entry } of servers) {
    if (entry.kind === 'url') open.set(entry.url, shownUrl(entry.url.text));
    if (entry.kind !== 'command' && entry.kind !== 'words') continue;
    const values: readonly Value[] =
      entry.kind === 'words' ? entry.list.items : [entry.command.value, ...(entry.args?.value.items ?? [])];
    const words = shownWords(entry.words);
    values.forEach((value, index) => open.set(value, words[index] ?? MASK));
  }
  const edits: Edit[] = [];
  let at = 0;
  for (const leaf of leavesOf(root)) {
    edits.push(...comments(text, at, leaf.start, comment));
    at = Math.max(at, leaf.end);
    if ('value' in leaf) edits.push(...hidden(text, leaf.value, open.get(leaf.value)));
  }
  edits.push(...comments(text, at, text.length, comment));
  return edited(text, edits);
}

type Leaf = Span & ({ readonly value: Value } | { readonly key: true });

/** Keys and values that hold no others, in the order of the text. */
function leavesOf(table: Table): readonly Leaf[] {
  const leaves: Leaf[] = [];
  const add = (value: Value): void => {
    if (value.kind === 'list') value.items.forEach(add);
    else if (value.kind === 'table') {
      for (const { written, value: inner } of value.members) {
        leaves.push({ start: written.start, end: written.end, key: true });
        add(inner);
      }
    } else leaves.push({ start: value.start, end: value.end, value });
  };
  add(table);
  return leaves.sort((a, b) => a.start - b.start);
}

function hidden(text: string, value: Value, shown: string | undefined): readonly Edit[] {
  if (value.kind === 'other' && /^(?:true|false|null)$/.test(text.slice(value.start, value.end))) return [];
  if (value.kind === 'text' && (shown === value.text || TRANSPORT.test(value.text))) return [];
  const lines = text.slice(value.start, value.end).split('\n').length - 1;
  return [{ start: value.start, end: value.end, text: quoted(shown ?? MASK) + '\n'.repeat(lines) }];
}

function comments(text: string, from: number, to: number, comment: RegExp): readonly Edit[] {
  return [...text.slice(from, Math.max(from, to)).matchAll(comment)].map((found) => {
    const start = from + found.index;
    const lines = found[0].split('\n').length - 1;
    const mark = found[0].startsWith('#') ? '#' : found[0].slice(0, 2);
    const close = mark === '/*' ? ' */' : '';
    return { start, end: start + found[0].length, text: `${mark} ${MASK}${close}${'\n'.repeat(lines)}` };
  });
}
