/**
 * `sidelight wrap` and `sidelight unwrap`: shows what would change in the configs of clients, and changes it where that is wanted. It
 * never shows values of environment or headers.
 */
import { difference } from '../clients/difference.ts';
import type { How } from '../clients/edits.ts';
import { ORIGIN, type Server, type UrlEntry, URL_MARK } from '../clients/entry.ts';
import { replaceConfigFile } from '../clients/file.ts';
import { launched, sidelightOf, type Sidelight } from '../clients/launch.ts';
import { type Direction, keyOf, listed, rewritten, type Rewritten } from '../clients/rewrite.ts';
import { MASK, masked } from '../clients/shown.ts';
import { ConfigError, quote } from '../config/error.ts';
import { type Asked, filesMeant, type Found, titleOf } from './clientFiles.ts';
import type { Io } from './io.ts';
import { safe, type Style, type Terminal } from './terminal.ts';

export interface WrapOptions {
  readonly yes?: true;
  readonly dryRun?: true;
  readonly file?: string;
  readonly command?: string;
  readonly listen?: string;
}

type Read = Found & { readonly state: 'read' };

interface Deps {
  readonly io: Io;
  readonly terminal: Terminal;
}

/** Where a listener for an HTTP server would be, as an example. */
const EXAMPLE_LISTEN = '127.0.0.1:8808';

/** Prints what changes; resolves to the exit code. Throws ConfigError for what cannot be meant. */
export async function wrap(
  direction: Direction,
  asked: Asked,
  options: WrapOptions,
  deps: Deps,
): Promise<number> {
  const { io, terminal } = deps;
  if (options.listen !== undefined && asked.server === undefined) {
    throw new ConfigError('--listen: name the client and the one server that is to listen there');
  }
  const how: How = { sidelight: sidelightFor(options.command, io), listen: address(options.listen) };
  const files = filesMeant(asked, options.file, io);
  let failed = false;
  for (const file of files) {
    if (file.state !== 'broken') continue;
    terminal.problem(`${file.path} ${file.problem}`);
    failed = true;
  }
  const read = files.filter((file) => file.state === 'read');
  if (read.length === 0 && !failed) {
    terminal.problem(`no config file is there; looked for ${files.map(({ path }) => path).join(', ')}`);
    return 1;
  }
  const isMeant = ({ name }: Server): boolean => asked.server === undefined || name === asked.server;
  if (!failed && !read.some((file) => file.listed.servers.some(isMeant))) {
    terminal.problem(notThere(asked, read));
    return asked.server === undefined ? 0 : 1;
  }
  for (const file of read) {
    const result = rewritten(file.source, direction, isMeant, how);
    if ('problem' in result) {
      terminal.problem(`${file.path} ${result.problem}`);
      failed = true;
      continue;
    }
    await remarks(direction, file, file.listed.servers.filter(isMeant), result, how, terminal);
    if (result.changed.length === 0) continue;
    await showDifference(file, result, how, terminal);
    if (!(await decided(file, options, deps))) {
      failed ||= options.dryRun !== true && !isTerminal(io);
      continue;
    }
    failed = !(await write(direction, file, result, terminal)) || failed;
  }
  return failed ? 1 : 0;
}

function notThere({ server }: Asked, read: readonly Read[]): string {
  const names = [...new Set(read.flatMap(({ listed: { servers } }) => servers.map(({ name }) => name)))];
  const where = read.map(({ path }) => path).join(', ');
  if (server === undefined || names.length === 0) return `no server in ${where}`;
  return `no server named ${quote(server)} in ${where}; there are ${names.join(', ')}`;
}

/** A line for each server that was meant and stays as it is, and for each that needs a listener. */
async function remarks(
  direction: Direction,
  { client, path }: Read,
  servers: readonly Server[],
  { changed }: Rewritten,
  how: How,
  terminal: Terminal,
): Promise<void> {
  const done = new Set(changed.map(keyOf));
  for (const server of servers) {
    const { entry } = server;
    const isChanged = done.has(keyOf(server));
    const remark =
      entry.kind === 'url' && direction === 'wrap' && entry.ours === undefined
        ? listener(entry, server.name, client.id, isChanged ? how.listen : undefined)
        : isChanged
          ? undefined
          : entry.kind === 'odd'
            ? direction === 'wrap'
              ? `cannot be wrapped: ${entry.why}`
              : undefined
            : direction === 'wrap'
              ? 'goes through Sidelight already'
              : 'does not go through Sidelight';
    if (remark !== undefined) await terminal.line(safe(`${path}: ${titleOf(server)}: ${remark}`));
  }
}

/** What is to be run for a server that speaks HTTP: a client starts no proxy. */
function listener(entry: UrlEntry, name: string, client: string, listen: string | undefined): string {
  const [origin = ''] = ORIGIN.exec(entry.url.text) ?? [];
  const called = /^[\w.-]+$/.test(name) ? ` --name ${name}` : '';
  const command = `sidelight http --target ${origin} --listen ${listen ?? EXAMPLE_LISTEN}${called}`;
  if (listen !== undefined) return `speaks HTTP; keep this running: ${command}`;
  return `speaks HTTP; run ${command}, then sidelight wrap ${client} ${name} --listen ${EXAMPLE_LISTEN}`;
}

async function showDifference(
  { path, source, listed: before }: Read,
  { text, edits }: Rewritten,
  how: How,
  terminal: Terminal,
): Promise<void> {
  const after = listed({ ...source, text }, how.sidelight.script);
  if ('problem' in after) return;
  const { comment } = source.format;
  const lines = difference(source.text, edits, {
    before: linesOf(masked(source.text, before, comment)),
    after: linesOf(masked(text, after, comment)),
  });
  for (const line of [`--- ${path}`, `+++ ${path}`, ...lines]) {
    const style = STYLES[line.charAt(0)];
    await terminal.line(terminal.paint(style, line.split('\t').map(safe).join('\t')));
  }
  await terminal.line(`(${MASK}: not shown, such as environment, headers, comments; it stays as it is)`);
}

const STYLES: Readonly<Record<string, Style>> = { '-': 'red', '+': 'green', '@': 'cyan' };

function linesOf(text: string): readonly string[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

async function decided({ path }: Read, options: WrapOptions, { io, terminal }: Deps): Promise<boolean> {
  if (options.dryRun === true) return false;
  if (options.yes === true) return true;
  if (!isTerminal(io)) {
    terminal.problem(
      'nothing was changed: there is no terminal to ask; add --yes, or --dry-run to only look',
    );
    return false;
  }
  const answer = (await io.ask(safe(`Change ${path}? [y/N] `))) ?? '';
  if (/^\s*y(?:es)?\s*$/i.test(answer)) return true;
  await terminal.line('Nothing was changed.');
  return false;
}

function isTerminal(io: Io): boolean {
  return (io.stdin() as { readonly isTTY?: boolean }).isTTY === true;
}

async function write(
  direction: Direction,
  { file, client, path }: Read,
  { text, changed }: Rewritten,
  terminal: Terminal,
): Promise<boolean> {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  const written = replaceConfigFile(file, text, stamp);
  if ('problem' in written) {
    terminal.problem(`${path} ${written.problem}`);
    return false;
  }
  const names = changed.map(titleOf).join(', ');
  await terminal.line(safe(`${direction === 'wrap' ? 'Wrapped' : 'Unwrapped'} ${names} in ${path}`));
  await terminal.line(safe(`The file as it was: ${written.backup}`));
  await terminal.line(`Start ${client.title} anew, or its servers, for it to take effect.`);
  return true;
}

function sidelightFor(command: string | undefined, io: Io): Sidelight {
  const sidelight = sidelightOf(io.self, io.platform);
  if (command === undefined) return sidelight;
  const words = wordsOf(command);
  const [program, ...args] = words;
  if (program === undefined || launched([...words, '--', 'server'], sidelight.script) === undefined) {
    throw new ConfigError(
      `--command: ${quote(command)} is no way to start sidelight that unwrap would know again, such as npx -y sidelight@latest`,
    );
  }
  return { words: [program, ...args], script: sidelight.script };
}

/** Words between blanks, or a JSON array of them for such as have blanks. */
function wordsOf(command: string): readonly string[] {
  if (!command.trimStart().startsWith('[')) return command.split(/\s+/).filter((word) => word !== '');
  try {
    const words: unknown = JSON.parse(command);
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words;
  } catch {
    // Told below.
  }
  throw new ConfigError('--command: expected words, or a JSON array of texts');
}

function address(listen: string | undefined): string | undefined {
  if (listen === undefined) return undefined;
  const [, port] = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+):(\d{1,5})$/i.exec(listen) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65_535 && URL.canParse(`http://${listen}${URL_MARK}`))
    return listen;
  throw new ConfigError(`--listen: ${quote(listen)} is not HOST:PORT, such as ${EXAMPLE_LISTEN}`);
}
