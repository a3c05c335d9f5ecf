/**
 * What one server of a config file is: a command, a URL, or something else, through Sidelight already or not. It reads; what would
 * change is in edits.ts.
 */
import type { Client } from './clients.ts';
import { isSidelight, type Launched, launched } from './launch.ts';
import { type List, type Member, membersOf, type Span, type Table, type Text, type Value } from './tree.ts';

/** A command and its arguments, in two members. */
export interface CommandEntry {
  readonly kind: 'command';
  readonly words: readonly string[];
  readonly command: { readonly member: Member; readonly value: Text };
  readonly args: { readonly member: Member; readonly value: List } | undefined;
  readonly through: Launched | undefined;
}

/** All words in one array. */
export interface WordsEntry {
  readonly kind: 'words';
  readonly words: readonly string[];
  readonly list: List;
  readonly through: Launched | undefined;
}

export interface UrlEntry {
  readonly kind: 'url';
  readonly url: Text;
  /** As it is written between the quotes. */
  readonly raw: string;
  /** Of `raw` that is ours, to the end of the mark; undefined: the URL is the server's own. */
  readonly ours: number | undefined;
}

export type Usable = CommandEntry | WordsEntry | UrlEntry;
export type Entry = Usable | { readonly kind: 'odd'; readonly why: string };

export interface Server {
  readonly name: string;
  /** Keys from the top of the file down to the table of servers. */
  readonly path: readonly string[];
  readonly entry: Entry;
  /** All of it, where it is in one place. */
  readonly span: Span;
}

/** Between a listener's URL and the server's own behind it, in the part of a URL that no client sends. */
export const URL_MARK = '#sidelight:';

export function serversIn(
  root: Table,
  text: string,
  client: Client,
  script: string | undefined,
): readonly Server[] {
  return client.servers
    .flatMap((way) => tablesAt(root, way, []))
    .flatMap(({ table, path }) =>
      table.members
        // A table of servers can lie where another revision of the client has the servers themselves.
        .filter(({ key }) => !client.servers.some((way) => matches(way, [...path, key])))
        .map((member) => {
          const isTwice = membersOf(table, member.key).length > 1;
          const entry: Entry = isTwice
            ? { kind: 'odd', why: 'it is there twice' }
            : entryOf(member.value, text, client, script);
          return {
            name: member.key,
            path,
            entry,
            span: { start: member.value.start, end: member.value.end },
          };
        }),
    );
}

function tablesAt(
  table: Table,
  [key, ...rest]: readonly string[],
  path: readonly string[],
): readonly { readonly table: Table; readonly path: readonly string[] }[] {
  if (key === undefined) return [{ table, path }];
  return table.members
    .filter((member) => key === '*' || member.key === key)
    .flatMap(({ key: found, value }) =>
      value.kind === 'table' ? tablesAt(value, rest, [...path, found]) : [],
    );
}

function matches(way: readonly string[], path: readonly string[]): boolean {
  return way.length === path.length && way.every((key, index) => key === '*' || key === path[index]);
}

function entryOf(value: Value, text: string, client: Client, script: string | undefined): Entry {
  const odd = (why: string): Entry => ({ kind: 'odd', why });
  if (value.kind !== 'table') return odd('it is no table of settings');
  const [command, ...others] = membersOf(value, client.command);
  if (others.length > 0) return odd(`${client.command} is there twice`);
  if (command === undefined) return urlEntry(value, text, client);
  switch (command.value.kind) {
    case 'text':
      return commandEntry(value, { member: command, value: command.value }, script);
    case 'list': {
      const words = textsOf(command.value);
      if (words === undefined) return odd(`${client.command} has something else than texts`);
      if (words.length === 0) return odd(`${client.command} is empty`);
      return judged({ kind: 'words', words, list: command.value, through: launched(words, script) }, script);
    }
    case 'table': {
      // Zed wrote so once.
      const [path, ...more] = membersOf(command.value, 'path');
      return path?.value.kind === 'text' && more.length === 0
        ? commandEntry(command.value, { member: path, value: path.value }, script)
        : odd(`${client.command} is neither a text nor an array`);
    }
    case 'other':
      return odd(`${client.command} is neither a text nor an array`);
  }
}

function commandEntry(table: Table, command: CommandEntry['command'], script: string | undefined): Entry {
  const [args, ...others] = membersOf(table, 'args');
  if (others.length > 0) return { kind: 'odd', why: 'args is there twice' };
  if (command.value.text.trim() === '') return { kind: 'odd', why: 'its command is empty' };
  if (args === undefined) {
    const words = [command.value.text];
    return judged({ kind: 'command', words, command, args: undefined, through: undefined }, script);
  }
  const texts = args.value.kind === 'list' ? textsOf(args.value) : undefined;
  if (args.value.kind !== 'list' || texts === undefined) {
    return { kind: 'odd', why: 'args is not an array of texts' };
  }
  const words = [command.value.text, ...texts];
  const through = launched(words, script);
  return judged(
    { kind: 'command', words, command, args: { member: args, value: args.value }, through },
    script,
  );
}

function judged(entry: CommandEntry | WordsEntry, script: string | undefined): Entry {
  return entry.through === undefined && isSidelight(entry.words, script)
    ? { kind: 'odd', why: 'it is Sidelight itself' }
    : entry;
}

function urlEntry(table: Table, text: string, { urls, command }: Client): Entry {
  const found = urls.flatMap((key) => membersOf(table, key));
  const [url] = found;
  if (url === undefined) {
    return { kind: 'odd', why: urls.length > 0 ? `it has no ${command} and no URL` : `it has no ${command}` };
  }
  if (found.length > 1) return { kind: 'odd', why: 'it has more than one URL' };
  if (url.value.kind !== 'text') return { kind: 'odd', why: `${url.key} is not a text` };
  const { start, end, quote } = url.value;
  const raw = text.slice(start + quote, end - quote);
  const mark = raw.indexOf(URL_MARK);
  if (mark !== -1) return { kind: 'url', url: url.value, raw, ours: mark + URL_MARK.length };
  const why = whyNotUrl(url.value.text);
  return why === undefined
    ? { kind: 'url', url: url.value, raw, ours: undefined }
    : { kind: 'odd', why: `its ${url.key} ${why}` };
}

/** The part of a URL that goes, as it is written in JSON, too: `\/` is a slash. */
export const ORIGIN = /^https?:(?:\\?\/){2}[^/?#\\\s]+/i;

function whyNotUrl(url: string): string | undefined {
  const [origin = ''] = ORIGIN.exec(url) ?? [];
  if (/[${}]/.test(origin)) return 'names its host by a variable';
  if (origin === '' || !URL.canParse(url)) return 'is no http or https URL';
  return origin.includes('@') ? 'holds credentials' : undefined;
}

function textsOf(list: List): readonly string[] | undefined {
  const texts = list.items.flatMap((item) => (item.kind === 'text' ? [item.text] : []));
  return texts.length === list.items.length ? texts : undefined;
}
