/** What the documents say can be typed, followed and found: commands, links, and the messages that are explained. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTS = [
  ...filesIn('.', /\.md$/),
  ...filesIn('docs', /\.md$/),
  ...filesIn('docs/adr', /\.md$/),
  ...filesIn('alerts/runbooks', /\.md$/),
];
const home = mkdtempSync(join(tmpdir(), 'sidelight-docs-'));

afterAll(() => {
  rmSync(home, { recursive: true });
});

function filesIn(folder: string, which: RegExp): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => which.test(name))
    .map((name) => join(folder, name));
}

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Commands of blocks and between backticks, each once, as words without what a shell takes for itself. */
function commandsIn(text: string): readonly (readonly string[])[] {
  const blocks = [...text.matchAll(/```(?:sh|console)\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  );
  const inline = [...text.replace(/```.*?```/gs, '').matchAll(/`(sidelight [^`\n]+)`/g)].map(
    ([, code = '']) => code,
  );
  // A synopsis is no command.
  const lines = [...blocks, ...inline]
    .map((line) => line.replace(/^\$ /, ''))
    .filter((line) => !/\w\|\w|\[\w+\]/.test(line));
  const commands = lines.filter((line) => /^(?:[A-Z_]+=\S+ )*sidelight /.test(line)).map(wordsOf);
  return [...new Map(commands.map((words) => [words.join(' '), words])).values()];
}

/** Up to a comment, a pipe, or a redirection. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  for (const [word = ''] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (/^(?:#|\||[<>]|&&|;|2>)/.test(word) && !/^<[\w-]+>$/.test(word)) break;
    words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, one?: string, two?: string) => one ?? two ?? ''));
  }
  return words.slice(words.indexOf('sidelight') + 1);
}

/** What the command line says before it does anything: the config file that is named is not there. */
async function said(words: readonly string[]): Promise<string> {
  let text = '';
  const sink = (): PassThrough =>
    new PassThrough().setEncoding('utf8').on('data', (part: string) => (text += part));
  const stopped = AbortSignal.abort();
  await runCli(words, {
    env: { SIDELIGHT_CONFIG: join(home, 'none.yaml'), HOME: home, NO_COLOR: '1' },
    ...{ cwd: home, homedir: home, platform: process.platform, version: '1.2.3', self: [process.execPath] },
    ask: () => Promise.resolve(undefined),
    stdin: () => new PassThrough().end(),
    ...{ stdout: sink, stderr: sink, interrupted: () => stopped, endLike: () => undefined },
    run: () => Promise.resolve(),
    http: () => Promise.resolve(),
  });
  return text;
}

/** A command may be named without what it needs. */
const USAGE =
  /no such (?:option|command)|value is missing|too many arguments|is invalid|an option of sidelight/;

describe('a command of a document is one that there is', () => {
  test.each(DOCUMENTS.flatMap((path) => commandsIn(textOf(path)).map((words) => [path, words] as const)))(
    '%s: %j',
    async (_, words) => {
      expect(await said(words)).not.toMatch(USAGE);
    },
  );

  test('and one that there is not would be found', async () => {
    const [made = []] = commandsIn('```sh\n$ A=1 sidelight show last --fulll | less  # all\n```\n');
    expect(made).toEqual(['show', 'last', '--fulll']);
    expect(await said(made)).toMatch(USAGE);
    expect(await said(['shwo', 'last'])).toMatch(USAGE);
  });
});

/** Each command with its help, those of groups after the group. */
async function helps(path: readonly string[] = []): Promise<readonly (readonly [string, string])[]> {
  const help = await said([...path, '--help']);
  const [, listed = ''] = help.split(/^Commands:$/m);
  const below = [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name);
  const found = await Promise.all(
    below.filter((name) => name !== 'help').map((name) => helps([...path, name])),
  );
  return [[path.join(' '), help], ...found.flat()];
}

test('the help of each command has examples, and each of them can be typed', async () => {
  const all = await helps();
  expect(all.length).toBeGreaterThan(40);
  const wrong: string[] = [];
  for (const [command, help] of all.filter(([, text]) => !text.includes('Commands:'))) {
    const examples = [...help.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = '']) => line);
    if (examples.length === 0) wrong.push(`${command}: no example`);
    for (const line of examples.filter((one) => one.includes('sidelight ')))
      if (USAGE.test(await said(wordsOf(line.replace(/^.*?(?=sidelight )|\)$/g, '')))))
        wrong.push(`${command}: ${line}`);
  }
  expect(wrong).toEqual([]);
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.replace(/```.*?```/gs, '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
  return new Set([...headings, ...[...text.matchAll(/<a (?:name|id)="([^"]+)"/g)].map(([, id = '']) => id)]);
}

describe('a link of a document', () => {
  test.each(DOCUMENTS)('in %s leads to what is there', (path) => {
    const text = textOf(path).replace(/```.*?```/gs, '');
    const links = [
      ...[...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link),
      ...[...text.matchAll(/(?:src|srcset|href)="([^"]+)"/g)].map(([, link = '']) => link),
    ].filter((link) => !/^[a-z]+:/.test(link));
    const broken = links.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? join(ROOT, path) : resolve(ROOT, dirname(path), file);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(textOf(relative(ROOT, target))).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

/** All that is written in the sources, with a space for what is put in. */
const SOURCES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => textOf(join('src', name)).replaceAll(/\s*['"`]\s*\+\s*['"`]/g, ''))
  .join('\n');

describe('a message that is explained', () => {
  const quoted = [...textOf('docs/troubleshooting.md').matchAll(/^\| (`[^|]*`[^|]*)\|/gm)]
    .flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message))
    .filter((message) => message.includes(' '));

  test('there are many', () => {
    expect(quoted.length).toBeGreaterThan(25);
  });

  test.each(quoted)('%s', (message) => {
    // Capitals, ... and numbers stand for what is put in.
    const parts = message
      .split(/\.\.\.|\b[A-Z]{1,}(?:[ _-][A-Z]+)*\b(?!-)|\d+:\d+|\([A-Z]+\)/)
      .map((part) => part.replace(/^[\s:;,()]+|[\s:;,()]+$/g, ''))
      .filter((part) => part.length > 3);
    expect(parts.filter((part) => !SOURCES.includes(part))).toEqual([]);
  });
});
