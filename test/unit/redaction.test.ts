/** What the configuration adds to the rules, what schemas mark, and the key of the installation. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { pathTo, redactTest } from '../../src/cli/redact.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { checkRedaction } from '../../src/config/redaction.ts';
import { safePattern } from '../../src/config/safePattern.ts';
import { MAX_MARKED_BYTES, Redactor } from '../../src/event/redact.ts';
import { fingerprint, KEY_FILE, openRedaction, rulesOf } from '../../src/redaction.ts';
import { loadConfig } from '../../src/config/load.ts';

const mark = fingerprint(new Uint8Array(32));
const NONE = { keys: [], headers: [], patterns: {}, paths: [], email: false, allow: [] };
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const redactorWith = async (rules: Partial<Parameters<typeof rulesOf>[0]>): Promise<Redactor> =>
  new Redactor(mark, await rulesOf({ ...NONE, ...rules }));

/** As the recorder does it. */
function recorded(redactor: Redactor, message: unknown): string {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const bytes = Buffer.from(text);
  const out = redactor.frame(bytes, latin1, redactor.mark(bytes));
  return out.count === 0 ? text : Buffer.from(out.text, 'latin1').toString();
}

const MARKED: unknown = expect.stringMatching(/^\[redacted:marked:/);

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'sidelight-redaction-'));
  folders.push(made);
  return made;
};
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true });
});

describe('rules of the configuration', () => {
  it('take the values of further names and headers, however the names are written', async () => {
    const redactor = await redactorWith({ keys: ['employee_id'], headers: ['X-Tenant'] });
    for (const name of ['employee_id', 'employeeId', 'EMPLOYEE-ID'])
      expect(recorded(redactor, { a: { [name]: 'Ada' } })).toMatch(/"\[redacted:key:[0-9a-f]{12}\]"/);
    expect(redactor.header('x-tenant', 'acme')).toMatch(/^\[redacted:header:/);
    expect(redactor.header('x-other', 'acme')).toBe('acme');
  });

  it('take what patterns match, in any place, and JSON stays JSON', async () => {
    const redactor = await redactorWith({
      patterns: { staff: 'E\\d{6}', pin: '\\d{4}', ref: 'ref=([a-z]+)' },
    });
    expect(redactor.redact('of E123456').text).toMatch(/^of \[redacted:staff:\w+\]$/);
    expect(redactor.redact('ref=abc').text).toMatch(/^ref=\[redacted:ref:\w+\]$/);
    for (const text of [
      '{"a":1234}',
      '[12345,{"b": 71234.5}]',
      '{"1234":[true,-1234]}',
      '{"t":"{\\"a\\":1234}"}',
    ]) {
      const out = recorded(redactor, text);
      expect(out).not.toContain('1234');
      expect(() => JSON.parse(out) as unknown).not.toThrow();
    }
  });

  it('take what JSONPaths name: strings, numbers, objects, under any name, in any script', async () => {
    const redactor = await redactorWith({
      paths: ['$.params.arguments.straße', '$..secretly', '$.list[?@.hide == true].value'],
    });
    const out = recorded(redactor, {
      params: { arguments: { straße: 'Köln 5', 'str\u0061ss': 'kept' } },
      deep: [{ secretly: { a: [1, '"}'] } }, { secretly: 42 }, { secretly: null }],
      list: [
        { hide: true, value: 'gone' },
        { hide: false, value: 'stays' },
      ],
    });
    expect(JSON.parse(out)).toEqual({
      params: { arguments: { straße: MARKED, strass: 'kept' } },
      deep: [{ secretly: MARKED }, { secretly: MARKED }, { secretly: null }],
      list: [
        { hide: true, value: MARKED },
        { hide: false, value: 'stays' },
      ],
    });
    // What was marked once is known again: in logs, in answers, as part of a text.
    expect(recorded(redactor, 'stderr: moved to Köln 5.')).toMatch(/moved to \[redacted:marked:\w+\]\.$/);
    expect(redactor.redact('{"to":"Köln 5"}').text).toMatch(/^\{"to":"\[redacted:marked:\w+\]"\}$/);
  });

  it('tell nothing of a message that is too large to be searched for paths', async () => {
    const redactor = await redactorWith({ paths: ['$.a'] });
    const large = JSON.stringify({ a: 'x1', b: 'y'.repeat(MAX_MARKED_BYTES) });
    expect(recorded(redactor, large)).toMatch(/^\[redacted:too_large:\w+\]$/);
    expect(redactor.redact('{"a":"x1"}').text).toMatch(/^\[redacted:too_large:\w+\]$/);
    expect(recorded(redactor, { a: 1, b: 2 })).toMatch(/^\{"a":"\[redacted:marked:\w+\]","b":2\}$/);
  });

  it('leave e-mail addresses unless they are asked for', async () => {
    const text = 'to ada@lovelace.example now';
    expect((await redactorWith({})).redact(text).text).toBe(text);
    expect(recorded(await redactorWith({ email: true }), text)).toMatch(/^to \[redacted:email:\w+\] now$/);
  });

  it('leave what is allowed, by name and by value', async () => {
    const redactor = await redactorWith({ allow: ['user_token', '/test-[a-z]+/'] });
    for (const text of ['{"userToken":"abc"}', '{"password":"test-only"}', 'token=test-x'])
      expect(redactor.redact(text).text).toBe(text);
    expect(redactor.redact('{"password":"test-1"}').count).toBe(1);
    expect(redactor.redact('{"token":"abc"}').count).toBe(1);
  });

  it('keep JSON valid, whatever they are', async () => {
    const redactor = await redactorWith({
      keys: ['pin'],
      patterns: { few: '[a-z0-9]{3}' },
      paths: ['$..a', '$[0]'],
      email: true,
    });
    const json = fc.json({ maxDepth: 4 }).filter((text) => /^[[{]/.test(text));
    fc.assert(
      fc.property(json, (text) => {
        const out = recorded(redactor, text);
        expect(() => JSON.parse(out) as unknown).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });
});

describe('secrets by schema', () => {
  const list = {
    result: {
      tools: [
        {
          name: 'login',
          inputSchema: {
            type: 'object',
            properties: {
              user: { type: 'string' },
              code: { type: 'string', writeOnly: true, 'x-mcp-header': 'Code' },
              many: { type: 'array', items: { $ref: '#/$defs/hidden' } },
            },
            $defs: { hidden: { type: 'string', format: 'password' } },
          },
          outputSchema: { properties: { session: { properties: { handle: { format: 'password' } } } } },
        },
        { name: 'split', inputSchema: { properties: { token: { type: 'string', description: 'A word' } } } },
      ],
    },
  };
  const learnt = (): Redactor => {
    const redactor = new Redactor(mark);
    redactor.learn(Buffer.from(JSON.stringify(list)));
    return redactor;
  };

  it('leave the schemas themselves as they are', () => {
    expect(recorded(learnt(), list)).toBe(JSON.stringify(list));
  });

  it('are taken whatever their names, in arguments, results, texts and headers, and only of that tool', () => {
    const redactor = learnt();
    const call = (name: string): unknown => ({
      method: 'tools/call',
      params: { name, arguments: { user: 'ada', code: 'swordfish', many: ['one-two', 'three'] } },
    });
    expect(recorded(redactor, call('other'))).toBe(JSON.stringify(call('other')));
    const out = recorded(redactor, call('login'));
    expect(out).not.toMatch(/swordfish|one-two|three/);
    expect(out).toContain('"user":"ada"');
    const result = recorded(redactor, {
      result: {
        structuredContent: { session: { handle: 'abcd-efgh' } },
        content: [{ text: '{"handle":"abcd-efgh"}' }],
      },
    });
    expect(result).not.toContain('abcd-efgh');
    expect(redactor.redact('log: code swordfish used').text).not.toContain('swordfish');
    expect(redactor.header('Mcp-Param-Code', 'other-fish')).toMatch(/^\[redacted:header:/);
  });
});

describe('patterns of the configuration', () => {
  it.each([
    'E\\d{6}',
    '[A-Z]{2}-\\d+',
    '(?:ab|cd)x',
    'key-([a-z0-9]+)_[A-Z]',
    '(?:[A-F]{4}-){3}[A-F]{4}',
    '\\w+@corp',
    '.{3}',
  ])('lets %s be', (pattern) => {
    expect(safePattern(pattern)).toHaveProperty('source');
  });

  it.each([
    ['(a+)+', 'repeats a group'],
    ['(a|ab)*c', 'repeats a group'],
    ['\\w*\\w*x', 'does not say where'],
    ['.*x', 'does not say where'],
    ['(?=a)b', 'looks around'],
    ['(a)\\1', 'refers back'],
    ['a*', 'matches the empty text'],
    ['x"y', 'matches a quote'],
    ['[', 'cannot have'],
    ['(a', 'without a )'],
    ['a+?b', 'lazy'],
    ['a'.repeat(501), 'longer than'],
  ])('says of %s what is wrong', (pattern, problem) => {
    expect(safePattern(pattern)).toHaveProperty('problem', expect.stringContaining(problem));
  });

  it('never throws, and what it lets be matches no quote or backslash', () => {
    const part = fc.constantFrom(
      ...Array.from('ab"\\.*+?{}()[]|^$-1,'),
      '\\d',
      '\\w',
      '\\S',
      '[^a]',
      '(?:',
      '{2,}',
      '\\\\',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), fc.string(), (parts, text) => {
        const read = safePattern(parts.join(''));
        if ('problem' in read) return;
        for (const [match] of `${text}ab"\\1-`.matchAll(new RegExp(read.source, 'g')))
          expect(match).not.toMatch(/["\\]/);
      }),
      { numRuns: 5000 },
    );
  });

  it('names the key and the pattern or path that cannot be used', async () => {
    const problemOf = async (rules: object): Promise<string> =>
      checkRedaction({ ...NONE, ...rules }, (key) => `--${key}`).then(
        () => 'none',
        (error: unknown) => String(error),
      );
    expect(await problemOf({ patterns: { staff: '(a+)+' } })).toMatch(
      /--redact\.patterns: the pattern "staff" repeats a group/,
    );
    expect(await problemOf({ allow: ['/.*x/'] })).toMatch(
      /--redact\.allow: the pattern "\/\.\*x\/" does not say/,
    );
    expect(await problemOf({ paths: ['$.a['] })).toMatch(/--redact\.paths: "\$\.a\[" is not a JSONPath/);
    expect(await problemOf({ paths: ["$[?match(@.a, 'b')]"] })).toMatch(
      /match\(\) and search\(\) are not evaluated/,
    );
    expect(await problemOf({ paths: ['$.a'], patterns: { b: 'c' } })).toBe('none');
  });
});

describe('the key of the installation', () => {
  const open = async (dataDir: string): ReturnType<typeof openRedaction> => {
    const { config } = await loadConfig({
      env: {},
      homedir: dataDir,
      platform: process.platform,
      cwd: dataDir,
      flags: { dataDir },
    });
    return openRedaction(config);
  };
  const told = async (dataDir: string): Promise<string | undefined> =>
    (await open(dataDir)).redactor?.redact('password=hunter2').text;

  it('is made once, for its owner alone, so that equal secrets stay equal from session to session', async () => {
    const dataDir = folder();
    expect(await told(dataDir)).toBe(await told(dataDir));
    expect(await told(folder())).not.toBe(await told(dataDir));
    if (process.platform !== 'win32') expect(statSync(join(dataDir, KEY_FILE)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, KEY_FILE), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  });

  it('is not used when others can read it, when it is a link, or no key: that is said, and secrets are redacted', async () => {
    const spoil: ((path: string) => void)[] = [
      (path) => {
        writeFileSync(path, 'ab'.repeat(32));
        chmodSync(path, 0o644);
      },
      (path) => {
        symlinkSync('/dev/zero', path);
      },
      (path) => {
        writeFileSync(path, 'short', { mode: 0o600 });
      },
    ];
    for (const act of spoil) {
      const dataDir = folder();
      act(join(dataDir, KEY_FILE));
      const { redactor, problem } = await open(dataDir);
      expect(problem).toMatch(/^redaction: the key in .* cannot be used/);
      expect(redactor?.redact('password=hunter2').count).toBe(1);
    }
  });
});

describe('sidelight redact --test', () => {
  const shown = async (
    sample: string,
    options: { json?: boolean },
  ): Promise<[code: number, text: string]> => {
    const dataDir = folder();
    const file = join(dataDir, 'sample');
    writeFileSync(file, sample);
    const { config } = await loadConfig({
      env: {},
      homedir: dataDir,
      platform: process.platform,
      cwd: dataDir,
      flags: { dataDir },
    });
    const out = new PassThrough();
    const terminal = new Terminal({ out, err: new PassThrough(), env: {} });
    const code = await redactTest(config, sample === '' ? join(dataDir, 'none') : file, options, terminal);
    return [code, String(out.read() ?? '')];
  };
  const sample = '{"a":{"password":"h\u00fcnter"}}\nnothing\n';

  it('shows each line in which something is taken, before and after, with rule and place', async () => {
    const [code, text] = await shown(sample, {});
    expect(code).toBe(0);
    expect(text.split('\n')).toEqual([
      '1 - {"a":{"password":"h\u00fcnter"}}',
      expect.stringMatching(/^1 \+ \{"a":\{"password":"\[redacted:key:[0-9a-f]{12}\]"\}\}$/),
      '    key at $.a.password: … (7 bytes)',
      '1 value redacted in 2 lines',
      '',
    ]);
  });

  it('gives an object for each line', async () => {
    const [, text] = await shown(sample, { json: true });
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { line: 1, found: [{ rule: 'key', path: '$.a.password', from: 18, to: 25 }] },
      { line: 2, before: 'nothing', after: 'nothing', found: [] },
    ]);
  });

  it('says when there is no sample', async () => {
    expect((await shown('', {}))[0]).toBe(1);
  });
});

it('gives a secret the same mark in bytes and in text, escaped or not', () => {
  const redactor = new Redactor(mark);
  const text = JSON.stringify({ password: 'h\u00fcnter/\u20ac' });
  const markOf = (out: string): string | undefined => /:(\w{12})\]/.exec(out)?.[1];
  expect(markOf(recorded(redactor, text))).toBe(markOf(redactor.redact(text).text));
  expect(markOf(recorded(redactor, text.replace('/', '\\/')))).toBe(markOf(redactor.redact(text).text));
});

it('says where in a JSON text something stands', () => {
  const text = '{"a":[1,{"b c":"x","d":"y"}],"e":"z"}';
  expect(pathTo(text, text.indexOf('x'))).toBe('$.a[1]["b c"]');
  expect(pathTo(text, text.indexOf('y'))).toBe('$.a[1].d');
  expect(pathTo(text, text.indexOf('z'))).toBe('$.e');
  expect(pathTo('no json', 1)).toBeUndefined();
});
