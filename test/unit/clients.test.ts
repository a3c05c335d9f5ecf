/** Configs of clients: what wrap writes, and that unwrap gives back the bytes that were there. */
import fc from 'fast-check';
import { parse as parseJson } from 'jsonc-parser';
import { parse as parseTomlText, stringify as writeToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { CLIENTS, filesOf } from '../../src/clients/clients.ts';
import { difference } from '../../src/clients/difference.ts';
import type { How } from '../../src/clients/edits.ts';
import { launched, sidelightOf } from '../../src/clients/launch.ts';
import { formatOf, listed, rewritten, type Source } from '../../src/clients/rewrite.ts';
import { masked, shownUrl, shownWords } from '../../src/clients/shown.ts';
import { CORPUS, type Sample } from './clientsCorpus.ts';

const HOW: How = {
  sidelight: { words: ['npx', '-y', 'sidelight'], script: undefined },
  listen: undefined,
};
const LISTENING: How = { ...HOW, listen: '127.0.0.1:8808' };

function sourceOf({ client: id, path, text }: Pick<Sample, 'client' | 'path' | 'text'>): Source {
  const client = CLIENTS.find((one) => one.id === id);
  if (client === undefined) throw new Error(`no client ${id}`);
  return { text, client, format: formatOf(path) };
}

function done(source: Source, direction: 'wrap' | 'unwrap', how = HOW) {
  const result = rewritten(source, direction, () => true, how);
  if ('problem' in result) throw new Error(result.problem);
  return result;
}

function valueOf({ path, text }: Pick<Sample, 'path' | 'text'>): unknown {
  const bare = text.replace(/^\ufeff/, '');
  return path.endsWith('.toml') ? parseTomlText(bare) : parseJson(bare, [], { allowTrailingComma: true });
}

type Json = Record<string, unknown>;

/** What wrapping does to values, said once more. */
function wrappedValue(value: unknown, client: string, how: How): unknown {
  const copy = structuredClone(value) as Json | undefined;
  if (copy === undefined) return copy;
  const tables: Json[] = [];
  const at = (from: unknown, ...keys: string[]): void => {
    const found = keys.reduce<unknown>((inner, key) => (inner as Json | undefined)?.[key], from);
    if (typeof found === 'object' && found !== null) tables.push(found as Json);
  };
  const key = { vscode: 'servers', codex: 'mcp_servers', zed: 'context_servers', opencode: 'mcp' }[client];
  at(copy, key ?? 'mcpServers');
  if (client === 'opencode') at(copy, 'mcp', 'servers');
  for (const project of Object.values((copy.projects as Json | undefined) ?? {})) at(project, 'mcpServers');
  for (const table of tables)
    for (const [name, entry] of Object.entries(table)) wrapValue(name, entry as Json, how);
  return copy;
}

function wrapValue(name: string, entry: Json, how: How): void {
  const [program, ...first] = how.sidelight.words;
  const named = name === '' || name === '--' || name.includes('\n') ? [] : ['--name', name];
  const { command, args } = entry;
  if (Array.isArray(command)) {
    entry.command = [program, ...first, ...named, '--', ...(command as unknown[])];
  } else if (typeof command === 'string') {
    entry.command = program;
    const run = args === undefined ? ['run'] : [];
    entry.args = [...first, ...run, ...named, '--', command, ...((args ?? []) as unknown[])];
  } else if (typeof command === 'object' && command !== null) {
    const { path, args: inner } = command as { path: string; args: string[] };
    entry.command = { ...command, path: program, args: [...first, ...named, '--', path, ...inner] };
  }
  for (const key of ['url', 'httpUrl', 'serverUrl']) {
    const url = entry[key];
    if (how.listen === undefined || typeof url !== 'string' || !url.startsWith('http')) continue;
    const local = new URL(url);
    entry[key] = `http://${how.listen}${local.pathname}${local.search}#sidelight:${url}`;
  }
}

describe('the corpus', () => {
  it('has more than sixty files, of every client', () => {
    expect(CORPUS.length).toBeGreaterThan(60);
    expect(new Set(CORPUS.map(({ client }) => client))).toEqual(new Set(CLIENTS.map(({ id }) => id)));
  });

  it.each([
    ['commands', HOW],
    ['commands and URLs', LISTENING],
  ] as const)('is wrapped, its %s and nothing else', (_, how) => {
    for (const sample of CORPUS) {
      const { text } = done(sourceOf(sample), 'wrap', how);
      expect(valueOf({ ...sample, text }), sample.title).toEqual(
        wrappedValue(valueOf(sample), sample.client, how),
      );
    }
  });

  it('is given back to the byte by unwrap', () => {
    for (const how of [HOW, LISTENING]) {
      for (const sample of CORPUS) {
        const source = sourceOf(sample);
        const { text } = done(source, 'wrap', how);
        expect(done({ ...source, text }, 'unwrap').text, sample.title).toBe(sample.text);
      }
    }
  });

  it('is not changed by a second wrap, or by an unwrap without a wrap', () => {
    for (const sample of CORPUS) {
      const source = sourceOf(sample);
      const { text } = done(source, 'wrap', LISTENING);
      expect(done({ ...source, text }, 'wrap', LISTENING).text, sample.title).toBe(text);
      expect(done(source, 'unwrap').text, sample.title).toBe(sample.text);
    }
  });

  it('is wrapped and unwrapped one server at a time, in any order', () => {
    for (const sample of CORPUS) {
      const source = sourceOf(sample);
      const found = listed(source, undefined);
      if ('problem' in found) throw new Error(found.problem);
      let { text } = sample;
      const names = [...new Set(found.servers.map(({ name }) => name))];
      for (const direction of ['wrap', 'unwrap'] as const) {
        for (const name of names) {
          const one = rewritten({ ...source, text }, direction, (server) => server.name === name, LISTENING);
          if ('problem' in one) throw new Error(one.problem);
          ({ text } = one);
        }
      }
      expect(text, sample.title).toBe(sample.text);
    }
  });

  it('is shown without a value of environment, headers or comments', () => {
    for (const sample of CORPUS) {
      const source = sourceOf(sample);
      const found = listed(source, undefined);
      if ('problem' in found) throw new Error(found.problem);
      const shown = masked(sample.text, found, source.format.comment);
      expect(shown, sample.title).not.toMatch(
        /secret|hunter2|s3cr3t|ghp_|us-east-1|me@example|Bearer|my_env_var_value|asked once|TOKEN=abc|key=abc/,
      );
      expect(shown.split('\n').length, sample.title).toBe(sample.text.split('\n').length);
    }
  });

  it('has a diff that patches the shown text', () => {
    for (const sample of CORPUS) {
      const source = sourceOf(sample);
      const { text, edits } = done(source, 'wrap', LISTENING);
      const before = sample.text.split('\n');
      const after = text.split('\n');
      expect(patched(before, difference(sample.text, edits, { before, after })), sample.title).toEqual(after);
    }
  });
});

/** The lines of a unified diff applied to a text, for texts whose lines are shorter than what is cut. */
function patched(before: readonly string[], diff: readonly string[]): readonly string[] {
  const out: string[] = [];
  let at = 0;
  for (const line of diff) {
    const [, from, , to] = /^@@ -(\d+),(\d+) \+(\d+),\d+ @@$/.exec(line) ?? [];
    if (from !== undefined) {
      out.push(...before.slice(at, Number(from) - 1));
      at = Number(from) - 1;
      expect(out.length).toBe(Number(to) - 1);
    } else if (line.startsWith('+')) out.push(line.slice(1));
    else {
      expect(before[at]).toBe(line.slice(1));
      if (line.startsWith(' ')) out.push(line.slice(1));
      at += 1;
    }
  }
  return [...out, ...before.slice(at)];
}

describe('unwrap', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 12 });
  const name = fc.oneof(word, fc.constantFrom('files', 'run', '--name', '-y', 'sidelight', 'é"\\'));
  const blank = fc.constantFrom('', ' ', '\n', '\t', '\r\n    ', ' /* c */ ', ' // c\n  ');

  /** JSON with any blanks and comments between its tokens. */
  const written = (value: unknown): fc.Arbitrary<string> => {
    const tokens = JSON.stringify(value).match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^"[\]{}:,]+/g) ?? [];
    return fc
      .array(blank, { minLength: tokens.length, maxLength: tokens.length })
      .map((blanks) => tokens.map((token, index) => `${token}${blanks[index] ?? ''}`).join(''));
  };
  const entry = fc.record(
    {
      command: word.filter((one) => one.trim() !== ''),
      args: fc.array(word, { maxLength: 4 }),
      env: fc.dictionary(word, word),
    },
    { requiredKeys: ['command'] },
  );
  const config = fc
    .record({ other: fc.jsonValue({ maxDepth: 2 }), mcpServers: fc.dictionary(name, entry, { maxKeys: 4 }) })
    .filter((value) => !JSON.stringify(value).includes('__proto__'))
    .chain(written);

  it('gives back any JSON to the byte', () => {
    fc.assert(
      fc.property(config, (text) => {
        const source = sourceOf({ client: 'cursor', path: 'mcp.json', text });
        const wrapped = done(source, 'wrap').text;
        expect(done({ ...source, text: wrapped }, 'wrap').text).toBe(wrapped);
        expect(done({ ...source, text: wrapped }, 'unwrap').text).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('gives back any TOML to the byte', () => {
    const inline = (value: object): string =>
      Object.entries(value)
        .map(([key, one]) => `${JSON.stringify(key)} = { ${lines(one as object).join(', ')} }`)
        .join('\n');
    const lines = (value: object): readonly string[] =>
      Object.entries(value).map(([key, one]) =>
        Array.isArray(one) || typeof one === 'string' ? `${key} = ${JSON.stringify(one)}` : `${key} = {}`,
      );
    const servers = fc.dictionary(name, entry, { maxKeys: 4 }).filter((one) => !('__proto__' in one));
    const way = fc.constantFrom(
      (mcp_servers: object) => writeToml({ model: 'm', mcp_servers, tui: { on: true } }),
      (mcp_servers: object) => `[mcp_servers]\n${inline(mcp_servers)}\n[tui]\n# end`,
    );
    fc.assert(
      fc.property(servers, way, fc.boolean(), (value, write, crlf) => {
        const lf = write(JSON.parse(JSON.stringify(value)) as object);
        const text = crlf ? lf.replace(/\n/g, '\r\n') : lf;
        const source = sourceOf({ client: 'codex', path: 'config.toml', text });
        const wrapped = done(source, 'wrap').text;
        expect(done({ ...source, text: wrapped }, 'wrap').text).toBe(wrapped);
        expect(done({ ...source, text: wrapped }, 'unwrap').text).toBe(text);
        expect(valueOf({ path: 'config.toml', text: wrapped })).toEqual(
          wrappedValue(valueOf({ path: 'config.toml', text }), 'codex', HOW),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('gives back what was edited elsewhere since, edited', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CORPUS), fc.nat(), blank, (sample, seed, inserted) => {
        // Blanks and comments may come in wherever the servers are not.
        const isToml = sample.path.endsWith('.toml');
        const extra = isToml ? '\n# edited since\n' : `${inserted} /* edited since */ `;
        const places = isToml
          ? [sample.text.length]
          : [sample.text.startsWith('\ufeff') ? 1 : 0, sample.text.length];
        const place = places[seed % places.length] ?? 0;
        const edit = (text: string, at: number): string => text.slice(0, at) + extra + text.slice(at);
        const source = sourceOf(sample);
        const { text } = done(source, 'wrap', LISTENING);
        const later = place === sample.text.length ? text.length : place;
        expect(done({ ...source, text: edit(text, later) }, 'unwrap').text).toBe(edit(sample.text, place));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['an environment value', '"A": "1"', '"A": "2", "B": "3"'],
    ['a server beside it', '"mcpServers": {', '"mcpServers": {\n "new": { "command": "n" },'],
    ['a key of the same server', '"type": "stdio",', '"type": "stdio", "disabled": true,'],
  ])('keeps %s that was edited since', (_, from, to) => {
    const text =
      '{\n "mcpServers": {\n  "a": { "type": "stdio", "command": "c", "env": { "A": "1" } }\n }\n}\n';
    const source = sourceOf({ client: 'cursor', path: 'mcp.json', text });
    const wrapped = done(source, 'wrap').text.replace(from, to);
    expect(done({ ...source, text: wrapped }, 'unwrap').text).toBe(text.replace(from, to));
  });

  it('keeps arguments that were added since', () => {
    const text = '{"mcpServers":{"a":{"command":"c"},"b":{"command":"d","args":["1"]}}}';
    const source = sourceOf({ client: 'cursor', path: 'mcp.json', text });
    const wrapped = done(source, 'wrap').text.replace('"c"]', '"c", "new"]').replace('"1"]', '"1","2"]');
    expect(done({ ...source, text: wrapped }, 'unwrap').text).toBe(
      '{"mcpServers":{"a":{"command":"c","args":["new"]},"b":{"command":"d","args":["1","2"]}}}',
    );
  });

  it('still takes Sidelight out of a file that was formatted anew', () => {
    const text =
      '{"mcpServers":{"a":{"command":"c"},"b":{"command":"d","args":["1"]},"u":{"url":"https://u.example/mcp"}}}';
    const source = sourceOf({ client: 'cursor', path: 'mcp.json', text });
    const formatted = JSON.stringify(JSON.parse(done(source, 'wrap', LISTENING).text), undefined, 4);
    expect(JSON.parse(done({ ...source, text: formatted }, 'unwrap').text)).toEqual(JSON.parse(text));
  });

  it('takes out what was put in by hand', () => {
    const text =
      '{"mcpServers":{"a":{"command":"npx","args":["-y","sidelight","--admin","9464","--","node","s.js"]}}}';
    const source = sourceOf({ client: 'cursor', path: 'mcp.json', text });
    expect(done(source, 'unwrap').text).toBe('{"mcpServers":{"a":{"command":"node","args":["s.js"]}}}');
  });
});

describe('a command', () => {
  it.each([
    ['npx -y sidelight --name a -- x', 6],
    ['npx -y sidelight@0.1.0 run -- x', 5],
    ['cmd /c npx -y sidelight -- x', 6],
    ['/usr/bin/node /usr/lib/node_modules/sidelight/dist/main.js run --name a -- x', 6],
    ['C:\\n\\node.exe C:\\m\\sidelight\\dist\\main.js -- x', 3],
    ['node /anywhere/dist/main.js -- x', 3],
    ['sidelight -- x', 2],
    ['/usr/local/bin/sidelight --admin 9464 -- x -- y', 4],
    ['npx --package sidelight sidelight -- x', 5],
    ['pnpm dlx sidelight -- x', 4],
  ])('%s goes through Sidelight', (line, own) => {
    expect(launched(line.split(' '), '/anywhere/dist/main.js')?.own).toBe(own);
  });

  it.each([
    'npx -y sidelight mcp',
    'npx -y sidelight-helper -- x',
    'node server.js sidelight -- x',
    'docker run --name files -- image',
    'node /other/dist/main.js -- x',
    'sidelight',
    'sidelight --',
    'sidelight http --target http://x -- y',
  ])('%s does not', (line) => {
    expect(launched(line.split(' '), '/anywhere/dist/main.js')).toBeUndefined();
  });

  it('starts Sidelight as it was started: npx where that was npx, else full paths', () => {
    const installed = ['/usr/bin/node', '/usr/lib/node_modules/sidelight/dist/main.js'] as const;
    expect(sidelightOf(installed, 'linux').words).toEqual(installed);
    const cached = ['/usr/bin/node', '/home/me/.npm/_npx/0a1b/node_modules/sidelight/dist/main.js'] as const;
    expect(sidelightOf(cached, 'linux').words).toEqual(['npx', '-y', 'sidelight']);
    expect(sidelightOf(cached, 'win32').words).toEqual(['cmd', '/c', 'npx', '-y', 'sidelight']);
  });

  it('keeps a Windows shell whole behind --', () => {
    const text = '{"mcpServers":{"a":{"command":"cmd","args":["/c","npx","-y","x"]}}}';
    const { text: wrapped } = done(sourceOf({ client: 'cursor', path: 'mcp.json', text }), 'wrap');
    expect(wrapped).toContain('"--", "cmd", "/c","npx","-y","x"]');
  });
});

describe('what cannot be wrapped', () => {
  it.each([
    ['cursor', '{"mcpServers":{"a":{"command":5}}}', 'command is neither a text nor an array'],
    ['cursor', '{"mcpServers":{"a":{"command":""}}}', 'its command is empty'],
    ['cursor', '{"mcpServers":{"a":{"command":"x","args":"y"}}}', 'args is not an array of texts'],
    ['cursor', '{"mcpServers":{"a":{"command":"x","args":["y",1]}}}', 'args is not an array of texts'],
    ['cursor', '{"mcpServers":{"a":{"command":"x","command":"y"}}}', 'command is there twice'],
    ['cursor', '{"mcpServers":{"a":{"command":"x"},"a":{"command":"y"}}}', 'it is there twice'],
    ['cursor', '{"mcpServers":{"a":{"command":"x","args":[],"args":[]}}}', 'args is there twice'],
    ['cursor', '{"mcpServers":{"a":null}}', 'it is no table of settings'],
    ['cursor', '{"mcpServers":{"a":{"url":"https://u:p@x.example/"}}}', 'its url holds credentials'],
    ['cursor', '{"mcpServers":{"a":{"url":"ws://x.example/"}}}', 'its url is no http or https URL'],
    ['cursor', '{"mcpServers":{"a":{"url":"https://${HOST}/mcp"}}}', 'its url names its host by a variable'],
    ['cursor', '{"mcpServers":{"a":{"command":"npx","args":["sidelight","mcp"]}}}', 'it is Sidelight itself'],
    ['gemini', '{"mcpServers":{"a":{"url":"http://x","httpUrl":"http://y"}}}', 'it has more than one URL'],
    ['claude-desktop', '{"mcpServers":{"a":{"url":"https://x.example/"}}}', 'it has no command'],
    ['opencode', '{"mcp":{"a":{"command":[]}}}', 'command is empty'],
    ['zed', '{"context_servers":{"a":{"source":"extension"}}}', 'it has no command and no URL'],
  ])('%s %s: %s', (client, text, why) => {
    const source = sourceOf({ client, path: 'x.json', text });
    const found = listed(source, undefined);
    expect('servers' in found && found.servers.map(({ entry }) => entry)).toContainEqual({
      kind: 'odd',
      why,
    });
    expect(done(source, 'wrap', LISTENING).text).toBe(text);
  });

  it.each([
    ['x.json', '{"mcpServers": {', /^not valid JSON at 1:17: /],
    ['x.json', '{"a": 1} trailing', /^not valid JSON at 1:10: /],
    ['x.json', '[]', /^not a JSON object$/],
    ['x.json', '['.repeat(5000), /^nested more than 200 deep$/],
    ['x.toml', 'a = 1\na = 2\n', /^not valid TOML at 2:/],
    ['x.toml', '[mcp_servers', /^not valid TOML at 1:/],
  ])('a file that is broken says where, and not what is in it (%#, %s)', (path, text, problem) => {
    const found = listed(sourceOf({ client: 'codex', path, text }), undefined);
    expect('problem' in found && found.problem).toMatch(problem);
  });
});

describe('what is shown', () => {
  it.each([
    ['npx -y @scope/server@1.2.3 /home/me/my-project', 'npx -y @scope/server@1.2.3 /home/me/my-project'],
    ['x --api-key abc --name files', 'x --api-key *** --name files'],
    ['x --token=abc', 'x --token=***'],
    ['docker run -e KEY=value -e OTHER image', 'docker run -e *** -e *** image'],
    ['KEY=value x', 'KEY=*** x'],
    ['x sk-ant-abcdefgh ghp_0123456789', 'x *** ***'],
    ['x 0123456789abcdef0123456789abcdef', 'x ***'],
    ['mcp-remote https://x.example/mcp?key=1 --path ./a', 'mcp-remote https://x.example/mcp?*** --path ./a'],
  ])('of %s is %s', (line, shown) => {
    expect(shownWords(line.split(' ')).join(' ')).toBe(shown);
  });

  it('has no header of a remote server', () => {
    expect(shownWords(['mcp-remote', 'https://x', '--header', 'Authorization: Bearer abc'])).toEqual([
      'mcp-remote',
      'https://x',
      '--header',
      '***',
    ]);
  });

  it('has no user and no query of a URL', () => {
    expect(shownUrl('https://me:pw@x.example/a/0123456789abcdef01234567/mcp?k=v#f')).toBe(
      'https://***@x.example/a/***/mcp?***',
    );
  });
});

describe('where clients keep their files', () => {
  const idOf = (id: string) => CLIENTS.find((client) => client.id === id) ?? expect.fail(id);
  const base = { env: {}, homedir: '/h', cwd: '/p' } as const;

  it.each([
    ['claude-desktop', 'darwin', '/h/Library/Application Support/Claude/claude_desktop_config.json'],
    ['claude-desktop', 'linux', '/h/.config/Claude/claude_desktop_config.json'],
    ['claude-code', 'linux', '/h/.claude.json'],
    ['claude-code', 'linux', '/p/.mcp.json'],
    ['vscode', 'darwin', '/h/Library/Application Support/Code/User/mcp.json'],
    ['vscode', 'linux', '/p/.vscode/mcp.json'],
    ['cursor', 'linux', '/h/.cursor/mcp.json'],
    ['windsurf', 'linux', '/h/.codeium/windsurf/mcp_config.json'],
    ['codex', 'linux', '/h/.codex/config.toml'],
    ['gemini', 'linux', '/h/.gemini/settings.json'],
    ['zed', 'darwin', '/h/.config/zed/settings.json'],
    ['opencode', 'linux', '/h/.config/opencode/opencode.jsonc'],
  ] as const)('%s on %s: %s', (id, platform, path) => {
    expect(filesOf(idOf(id), { ...base, platform })).toContain(path);
  });

  it('keeps to the folders that variables name', () => {
    const env = { CODEX_HOME: '/c', CLAUDE_CONFIG_DIR: '/d', XDG_CONFIG_HOME: '/x' };
    const where = { ...base, env, platform: 'linux' } as const;
    expect(filesOf(idOf('codex'), where)[0]).toBe('/c/config.toml');
    expect(filesOf(idOf('claude-code'), where)[0]).toBe('/d/.claude.json');
    expect(filesOf(idOf('zed'), where)[0]).toBe('/x/zed/settings.json');
  });

  it('knows those of Windows', () => {
    const env = { APPDATA: 'C:\\Users\\me\\AppData\\Roaming' };
    expect(
      filesOf(idOf('claude-desktop'), { env, homedir: 'C:\\Users\\me', cwd: 'C:\\p', platform: 'win32' }),
    ).toEqual(['C:\\Users\\me\\AppData\\Roaming\\Claude\\claude_desktop_config.json']);
  });
});
