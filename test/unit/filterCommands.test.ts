/** `sessions`, `operations`, `stats` and `tail` with a filter, and completion, over a real store and as the command line has them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { EXPORT_FORMATS } from '../../src/formats/exportFormats.ts';
import { KEYS } from '../../src/filter/keys.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { MAX_GROUPS, Tally } from '../../src/store/tally.ts';
import { described, ended, finding, frame, operation, sessionId, START_US, started } from './storeEvents.ts';

let dir: string;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function sidelight(...argv: readonly string[]): Promise<Ran> {
  const collect = (): { readonly stream: PassThrough; readonly text: () => string } => {
    const stream = new PassThrough();
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    return { stream, text: () => text };
  };
  const out = collect();
  const err = collect();
  const stop = new AbortController();
  stop.abort();
  const code = await runCli(argv, {
    env: { SIDELIGHT_DATA_DIR: dir, NO_COLOR: '1' },
    cwd: dir,
    homedir: dir,
    platform: process.platform,
    version: '1.2.3',
    self: [process.execPath],
    ask: () => Promise.resolve(undefined),
    stdin: () => new PassThrough(),
    stdout: () => out.stream,
    stderr: () => err.stream,
    interrupted: () => stop.signal,
    endLike: () => undefined,
    run: () => Promise.reject(new Error('run')),
    http: () => Promise.reject(new Error('http')),
  });
  return { code, out: out.text(), err: err.text() };
}

const lines = (text: string): string[] => text.split('\n').slice(0, -1);
const objects = (text: string): Record<string, unknown>[] =>
  lines(text).map((line) => JSON.parse(line) as Record<string, unknown>);

const SLOW_MS = [1, 2, 3, 4, 1000];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-filters-'));
  const sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(() => undefined));
  const [first, second] = [sessionId(1), sessionId(2)];
  await sink.write([
    started(first),
    described(first, { server: 'files' }),
    frame(first, 0, { bytes: Buffer.from('{"path":"/etc/needle"}') }),
    ...SLOW_MS.map((ms, index) =>
      operation(first, index, {
        target: { kind: 'tool', name: 'search' },
        endedAtUs: START_US + index * 2000 + ms * 1000,
        outcome: index === 0 ? 'tool_error' : index === 1 ? 'cancelled' : 'ok',
        ...(index === 0 && { error: { code: undefined, type: 'tool_error', message: 'no such file' } }),
      }),
    ),
    operation(first, 5, { method: 'subscriptions/listen', target: undefined, stream: true }),
    finding(first, 1, { operationId: 0 }),
    ended(first, { operations: 6, failedOperations: 1, findings: 1 }),
    started(second, { atUs: START_US + 1_000_000 }),
    described(second, { server: 'git' }),
    operation(second, 0, { target: { kind: 'tool', name: 'log' }, startedAtUs: START_US + 1_000_001 }),
    ended(second, { operations: 1 }),
  ]);
  await sink.close(1000);
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe('operations', () => {
  test('are listed newest first, with what came of each', async () => {
    const { code, out } = await sidelight('operations');
    expect(code).toBe(0);
    const [title, ...rows] = lines(out);
    expect(title).toMatch(/^STARTED +SESSION +SERVER +OPERATION +OUTCOME +DURATION +FINDINGS +ERROR$/);
    expect(rows).toHaveLength(7);
    expect(rows[0]).toMatch(/ 00000002 +git +→ tools\/call log +ok +/);
    expect(rows[6]).toMatch(
      / 00000001 +files +→ tools\/call search +tool_error +1[.]00 ms +late_result +no such file$/,
    );
  });

  test('that a filter means, as JSON with stable members', async () => {
    const { out } = await sidelight('operations', 'tool:search', 'status:tool_error,timeout', '--json');
    const [one, ...more] = objects(out);
    expect(more).toEqual([]);
    expect(one).toMatchObject({
      sessionId: sessionId(1),
      operationId: 0,
      server: 'files',
      method: 'tools/call',
      target: { kind: 'tool', name: 'search' },
      outcome: 'tool_error',
      findingRules: ['late_result'],
      cursor: expect.stringMatching(/^\d+[.]\d+$/) as string,
    });
  });

  test('come in pages: the last line says where the next one begins', async () => {
    const seen: unknown[] = [];
    for (let after: string | undefined; ;) {
      const rest = after === undefined ? [] : ['--after', after];
      const { out } = await sidelight('operations', '--limit', '2', '--json', ...rest);
      const page = objects(out);
      seen.push(...page.map(({ number }) => number));
      if (page.length < 2) break;
      after = page.at(-1)?.cursor as string;
    }
    const whole = objects((await sidelight('operations', '--json')).out);
    expect(seen).toEqual(whole.map(({ number }) => number));
    const text = await sidelight('operations', '--limit', '2');
    expect(lines(text.out).at(-1)).toBe(`There are more: --after ${String(whole[1]?.cursor)} goes on here.`);
    expect((await sidelight('operations', '--limit', '7')).out).not.toContain('--after');
  });

  test('a term with a minus is a term, and an option an option', async () => {
    const { out } = await sidelight('operations', '-tool:search', '-(is:failed)', '--json');
    expect(objects(out).map(({ method }) => method)).toEqual(['tools/call', 'subscriptions/listen']);
    expect(await sidelight('operations', '-x')).toMatchObject({
      code: 2,
      err: expect.stringContaining('-x: no such option') as string,
    });
  });

  test('none is said so', async () => {
    const { code, out } = await sidelight('operations', 'tool:none');
    expect([code, out]).toEqual([0, `No operation that is meant is recorded in ${dir}.\n`]);
    expect((await sidelight('operations', 'tool:none', '--json')).out).toBe('');
  });
});

describe('sessions', () => {
  test.each([
    ['server:files', [1]],
    ['-server:files', [2]],
    ['tool:search status:tool_error', [1]],
    ['tool:log status:tool_error', []],
    ['tool:log OR finding:late_result', [2, 1]],
    ['needle', [1]],
    ['is:failed', [1]],
  ])('%s', async (filter, numbers) => {
    const { out } = await sidelight('sessions', filter, '--json');
    expect(objects(out).map(({ id }) => id)).toEqual(numbers.map(sessionId));
    const table = await sidelight('sessions', filter);
    expect(lines(table.out).length - 1).toBe(numbers.length);
  });

  test('--failed and a filter must both hold', async () => {
    expect((await sidelight('sessions', '--failed', 'server:git')).out).toMatch(
      /^No failed session that is meant/,
    );
    expect((await sidelight('sessions', '--failed')).out).toContain('files');
  });
});

describe('stats', () => {
  test('count by server and call, with exact percentiles, and without the time that a stream was open', async () => {
    const all = objects((await sidelight('stats', '--json')).out);
    expect(all).toEqual([
      {
        server: 'files',
        method: 'tools/call',
        tool: 'search',
        calls: 5,
        failed: 1,
        outcomes: { tool_error: 1, cancelled: 1 },
        durationUs: { p50: 3000, p95: 1_000_000, p99: 1_000_000, max: 1_000_000 },
        bytes: 3000,
      },
      expect.objectContaining({ server: 'files', method: 'subscriptions/listen', calls: 1 }),
      expect.objectContaining({ server: 'git', tool: 'log', calls: 1, failed: 0, outcomes: {} }),
    ]);
    expect(all[1]).not.toHaveProperty('durationUs');
  });

  test('as a table, of what a filter means', async () => {
    const { out } = await sidelight('stats', 'server:files', 'tool:*');
    expect(lines(out)).toEqual([
      expect.stringMatching(/^SERVER +OPERATION +CALLS +FAILED +P50 +P95 +P99 +MAX +BYTES +NOT OK$/),
      expect.stringMatching(
        /^files +tools\/call search +5 +1 +3[.]00 ms +1[.]00 s .* 2[.]93 KiB +1 tool_error, 1 cancelled$/,
      ),
    ]);
    expect((await sidelight('stats', '--limit', '1')).out).toContain('2 more: raise --limit.');
  });

  test('with a text, of the operations in whose payloads it is', async () => {
    expect(objects((await sidelight('stats', 'needle', '--json')).out)).toMatchObject([
      { tool: 'search', calls: 1 },
    ]);
  });

  test('names without end become one group', () => {
    const tally = new Tally();
    const call = { server: 's', method: 'm', outcome: 'ok', durationUs: 1, stream: false, bytes: 1 } as const;
    for (let number = 0; number < MAX_GROUPS + 50; number += 1) tally.add({ ...call, tool: `t${number}` });
    const all = tally.statistics();
    expect(all).toHaveLength(MAX_GROUPS + 1);
    expect(all[0]).toMatchObject({ server: '(others)', calls: 50 });
  });
});

describe('what is wrong in a filter', () => {
  test.each([
    [
      ['sttus:ok'],
      'no such key "sttus"; to look for the text, quote it; did you mean status?',
      'sttus:ok',
      '^^^^^',
    ],
    [
      ['server:a', 'status:toolerror'],
      /^status: "toolerror" is not one of ok, .*; did you mean tool_error[?]$/,
      'server:a status:toolerror',
      '                ^^^^^^^^^',
    ],
    [['(a', 'b'], 'this ( is never closed; write its ), or quote it to look for the text', '(a b', '^'],
    [['a', 'dur:'], 'expected one of > >= < <= right after dur:, such as dur:>500ms', 'a dur:', '      ^'],
    [
      ['"\u001b[2J日本" x)'],
      'a ) without its (; take it away, or quote it to look for the text',
      '"\\u001b[2J日本" x)',
      '                 ^',
    ],
  ])('%j is shown with its place, in three lines', async (words, message, text, carets) => {
    for (const command of ['sessions', 'operations', 'stats', 'tail']) {
      const { code, out, err } = await sidelight(command, ...words);
      expect([code, out]).toEqual([2, '']);
      const [first, second, third, ...more] = lines(err);
      if (typeof message === 'string') expect(first).toBe(`sidelight: filter: ${message}`);
      else expect(first?.replace('sidelight: filter: ', '')).toMatch(message);
      expect([second, third, more]).toEqual([`  ${text}`, `  ${carets}`, []]);
    }
  });

  test('a long filter is shown around the slip', async () => {
    const { err } = await sidelight('operations', `${'a '.repeat(90)}(b ${'c '.repeat(5)}`);
    const [, second = '', third = ''] = lines(err);
    expect(second.length).toBeLessThan(120);
    expect(second[third.indexOf('^')]).toBe('(');
  });

  test('so is a cursor that no list said', async () => {
    for (const command of ['sessions', 'operations']) {
      const { code, err } = await sidelight(command, '--after', 'soon');
      expect([code, err]).toEqual([
        2,
        expect.stringMatching(/^sidelight: --after: "soon" is not where a list ended; expected [^\n]+\n$/),
      ]);
    }
  });
});

describe('completion', () => {
  test('an unknown shell is told', async () => {
    const { code, err } = await sidelight('completion', 'bsh');
    expect([code, err]).toEqual([
      2,
      'sidelight: completion: "bsh" is not one of bash, zsh, fish; did you mean bash?\n',
    ]);
  });

  test.each(['bash', 'zsh', 'fish'])('%s knows every command, option and key', async (shell) => {
    const { code, out } = await sidelight('completion', shell);
    expect(code).toBe(0);
    for (const word of ['sessions', 'operations', 'stats', 'baseline', 'completion', 'tool_error'])
      expect(out).toContain(word);
    for (const { key } of KEYS) expect(out).toContain(`${key}:`);
    expect(out).toContain(shell === 'fish' ? '-l after' : '--after');
    // Nothing of it is a control character, but for the ends of lines.
    expect(out).not.toMatch(/[^\P{Cc}\n]/u);
  });

  /** What each shell itself makes of a line up to the cursor. */
  const SHELLS: Readonly<Record<string, (script: string, line: string) => Promise<Shown>>> = {
    bash: (script, line) => {
      const words = line.split(' ');
      const quoted = words.map((word) => `'${word}'`).join(' ');
      return shown('bash', [
        '--norc',
        '-c',
        `source "$1"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; COMP_LINE=$2; COMP_POINT=\${#2}; ` +
          `compopt() { :; }; _sidelight; printf '%s\\n' "\${COMPREPLY[@]}"`,
        'bash',
        script,
        line,
      ]);
    },
    // What it says of a candidate follows a tab.
    fish: (script, line) =>
      shown('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', script, line]),
    // It completes only where somebody types: on a terminal of its own, with what it finds written down.
    zsh: (script, line) => {
      const out = join(mkdtempSync(join(dir, 'zsh-')), 'out');
      const typed = `
        zmodload zsh/zpty; : > $2
        zpty shell zsh -f -i
        zpty -w shell "autoload -Uz compinit; compinit -u -D; setopt noautolist noautomenu nobeep; bindkey -e"
        zpty -w shell "compadd() { local -a hits; builtin compadd -O hits \\"\\$@\\"; print -rl -- \\$hits >> $2; builtin compadd \\"\\$@\\" }"
        zpty -w shell "source $1; zle-line-init() { print > $2.ready }; zle -N zle-line-init"
        while [[ ! -e $2.ready ]] sleep 0.02
        zpty -w -n shell "$3"$'\\t\\x15'
        zpty -w shell "print > $2.over"
        while [[ ! -e $2.over ]] sleep 0.02
        zpty -d shell
        cat $2`;
      return shown('zsh', ['-f', '-c', typed, 'zsh', script, out, line]);
    },
  };

  test.each(Object.entries(SHELLS))('%s completes with it', async (shell, ask) => {
    const script = join(dir, `completion.${shell}`);
    writeFileSync(script, (await sidelight('completion', shell)).out);
    const at = (line: string): Promise<Shown> => ask(script, line);
    // Bash takes a word apart at its colons: only what follows the last one is put in.
    const term = (key: string, word: string): string => (shell === 'bash' ? word : `${key}:${word}`);
    expect(await at('sidelight sess')).toEqual(['sessions']);
    expect(await at('sidelight sessions --li')).toEqual(['--limit']);
    expect(await at('sidelight sessions too')).toEqual(['tool:']);
    expect(await at('sidelight operations server:x status:tool')).toEqual([term('status', 'tool_error')]);
    expect(await at('sidelight stats is:p')).toEqual([term('is', 'pinned'), term('is', 'probe')]);
    expect(await at('sidelight completion ')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(await at('sidelight baseline ac')).toEqual(['accept']);
    expect(await at('sidelight show la')).toEqual(['last']);
    expect(await at('sidelight check --format ju')).toEqual(['junit']);
    expect([...(await at('sidelight export --format '))].sort()).toEqual([...EXPORT_FORMATS].sort());
    expect(await at('sidelight run --record me')).toEqual(['metadata']);
    expect(await at('sidelight -- sess')).toEqual([]);
  });

  type Shown = readonly string[];

  async function shown(shell: string, args: readonly string[]): Promise<Shown> {
    const child = spawn(shell, args, {
      cwd: mkdtempSync(join(dir, 'empty-')),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (out += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (err += part));
    await once(child, 'close');
    expect(err).toBe('');
    return out
      .split('\n')
      .map((line) => line.replace(/\t.*/, ''))
      .filter((word) => word !== '');
  }
});

describe('docs/filter.md', () => {
  test('has every key, and every word of those that have few', () => {
    const doc = readFileSync(new URL('../../docs/filter.md', import.meta.url), 'utf8');
    for (const { key, words = [] } of KEYS) {
      expect(doc).toContain(`\`${key}:`);
      if (key !== 'finding')
        for (const word of words) expect(doc).toMatch(new RegExp(`\`(?:${key}:)?${word}\``));
    }
  });
});

describe('help', () => {
  test.each(['sessions', 'operations', 'stats', 'tail', 'completion'])(
    'of %s has examples that are understood',
    async (command) => {
      const { code, out } = await sidelight(command, '--help');
      expect(code).toBe(0);
      const examples = [...out.matchAll(/^ {2}\$ sidelight (.*)$/gm)].map(([, line = '']) => line);
      expect(examples.length).toBeGreaterThan(1);
      for (const line of examples.filter((one) => !/[<>]\(|> /.test(one))) {
        const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
        expect([line, await sidelight(...words)]).toEqual([line, expect.objectContaining({ code: 0 })]);
      }
    },
  );
});
