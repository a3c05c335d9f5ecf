/** `sidelight wrap`, `unwrap` and `status` on files: what they ask, show, write and refuse. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { collected, ioOf } from './commandRun.ts';

const TEXT = `{
  // mine
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "files", "--token", "t0ps3cret"],
      "env": { "KEY": "hunter2" }
    },
    "remote": { "url": "https://mcp.example/mcp?key=k3y", "headers": { "Authorization": "Bearer b3arer" } }
  }
}
`;
const SECRETS = /t0ps3cret|hunter2|k3y|b3arer|mine/;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sidelight-clients-'));
  onTestFinished(() => {
    rmSync(home, { recursive: true, force: true });
  });
});

function file(path: string, text: string | Buffer = TEXT): string {
  const whole = join(home, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

/** `answer`: what somebody at a terminal says; without it there is no terminal. */
async function sidelight(line: string | readonly string[], answer?: (question: string) => string) {
  const [out, err] = [collected(), collected()];
  const io = {
    ...ioOf(home, out.stream, err.stream),
    platform: 'linux' as const,
    stdin: () => Object.assign(new PassThrough().end(), { isTTY: answer !== undefined }),
    ask: (question: string) => Promise.resolve(answer?.(question)),
  };
  const code = await runCli(typeof line === 'string' ? line.split(' ') : line, io);
  return { code, out: out.text(), err: err.text() };
}

function backupsOf(path: string): readonly string[] {
  return readdirSync(dirname(path)).filter((name) => name.includes('.bak-'));
}

describe('wrap', () => {
  it('shows a unified diff without secrets, and asks before it writes', async () => {
    const path = file('.cursor/mcp.json');
    let question = '';
    const { code, out, err } = await sidelight('wrap cursor', (asked) => {
      question = asked;
      expect(readFileSync(path, 'utf8')).toBe(TEXT);
      return 'y';
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(question).toContain(path);
    expect(out).toContain(`--- ${path}\n+++ ${path}\n@@ -`);
    expect(out).toContain('+      "args": ["-y", "sidelight", "--name", "files", "--", "npx", "-y", "files"');
    expect(out).toContain('***: not shown');
    expect(out).not.toMatch(SECRETS);
    expect(readFileSync(path, 'utf8')).toBe(
      TEXT.replace('["-y",', '["-y", "sidelight", "--name", "files", "--", "npx", "-y",'),
    );
  });

  it.each(['n', '', 'maybe'])('changes nothing when the answer is "%s"', async (answer) => {
    const path = file('.cursor/mcp.json');
    const { code, out } = await sidelight('wrap cursor', () => answer);
    expect(code).toBe(0);
    expect(out).toContain('Nothing was changed.');
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
    expect(backupsOf(path)).toEqual([]);
  });

  it('changes nothing without a terminal and without --yes, and says so', async () => {
    const path = file('.cursor/mcp.json');
    const { code, out, err } = await sidelight('wrap cursor');
    expect(code).toBe(1);
    expect(out).toContain('+++');
    expect(err).toMatch(/^sidelight: nothing was changed: there is no terminal to ask; add --yes/);
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it('changes nothing with --dry-run', async () => {
    const path = file('.cursor/mcp.json');
    const { code, out } = await sidelight('wrap cursor --dry-run --yes');
    expect(code).toBe(0);
    expect(out).toContain('+++');
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it('keeps a copy of the file as it was, with its mode', async () => {
    const path = file('.cursor/mcp.json');
    chmodSync(path, 0o600);
    const { code, out } = await sidelight('wrap cursor --yes');
    expect(code).toBe(0);
    const [backup = '', ...others] = backupsOf(path);
    expect(others).toEqual([]);
    expect(backup).toMatch(/^mcp\.json\.bak-\d{4}-\d\d-\d\dT[\d-]+Z$/);
    expect(out).toContain(backup);
    expect(readFileSync(join(dirname(path), backup), 'utf8')).toBe(TEXT);
    for (const name of [path, join(dirname(path), backup)]) expect(statSync(name).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(path)).sort()).toEqual(['mcp.json', backup].sort());
  });

  it('writes through a link and leaves it a link', async () => {
    const real = file('dotfiles/mcp.json');
    const link = join(home, '.cursor/mcp.json');
    mkdirSync(dirname(link));
    symlinkSync('../dotfiles/mcp.json', link);
    expect((await sidelight('wrap cursor --yes')).code).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, 'utf8')).toContain('sidelight');
    expect((await sidelight('unwrap cursor --yes')).code).toBe(0);
    expect(readFileSync(real, 'utf8')).toBe(TEXT);
  });

  it('refuses a file that changed between the question and the answer', async () => {
    const path = file('.cursor/mcp.json');
    const { code, err } = await sidelight('wrap cursor', () => {
      writeFileSync(path, '{"theirs": true}');
      return 'y';
    });
    expect(code).toBe(1);
    expect(err).toBe(
      `sidelight: ${path} was changed by another program meanwhile; nothing was changed, run it again\n`,
    );
    expect(readFileSync(path, 'utf8')).toBe('{"theirs": true}');
    expect(readdirSync(dirname(path))).toEqual(['mcp.json']);
  });

  it('has nothing to do a second time', async () => {
    const path = file('.cursor/mcp.json');
    await sidelight('wrap cursor files --yes');
    const before = readFileSync(path, 'utf8');
    const { code, out } = await sidelight('wrap cursor files --yes');
    expect(code).toBe(0);
    expect(out).toBe(`${path}: files: goes through Sidelight already\n`);
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(backupsOf(path)).toHaveLength(1);
  });

  it('says what to run for a server that speaks HTTP, and changes its URL with --listen', async () => {
    const path = file('.cursor/mcp.json');
    const { out } = await sidelight('wrap cursor remote');
    expect(out).toBe(
      `${path}: remote: speaks HTTP; run sidelight http --target https://mcp.example --listen 127.0.0.1:8808 --name remote, then sidelight wrap cursor remote --listen 127.0.0.1:8808\n`,
    );
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
    const listening = await sidelight('wrap cursor remote --listen localhost:9000 --yes');
    expect(listening.out).toContain(
      'keep this running: sidelight http --target https://mcp.example --listen localhost:9000',
    );
    expect(listening.out).not.toMatch(SECRETS);
    expect(readFileSync(path, 'utf8')).toContain(
      '"http://localhost:9000/mcp?key=k3y#sidelight:https://mcp.example/mcp?key=k3y"',
    );
    await sidelight('unwrap --yes');
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it('starts Sidelight as --command says', async () => {
    const path = file('.cursor/mcp.json');
    const command = JSON.stringify(['/my apps/sidelight', '--admin', '9464']);
    expect((await sidelight(['wrap', 'cursor', 'files', '--yes', '--command', command])).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toContain('"command": "/my apps/sidelight"');
    await sidelight('unwrap --yes');
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it.each([
    ['wrap nobody', /"nobody" is no client; clients: claude-desktop, claude-code, /],
    ['wrap curser', /did you mean cursor\?/],
    ['wrap cursor nothing', /no server named "nothing" in .*mcp\.json; there are files, remote$/],
    ['wrap zed', /no config file is there; looked for .*zed\/settings\.json/],
    ['wrap cursor --listen 127.0.0.1:1', /--listen: name the client and the one server/],
    ['wrap cursor remote --listen 8808', /--listen: "8808" is not HOST:PORT, such as 127\.0\.0\.1:8808$/],
    ['wrap cursor remote --listen a:99999', /--listen: "a:99999" is not HOST:PORT/],
    ['wrap cursor --command timeout', /--command: "timeout" is no way to start sidelight that unwrap/],
    ['wrap cursor --command ["a",1]', /--command: expected words, or a JSON array of texts$/],
    ['wrap --file x.json', /--file: name the client whose config it is/],
  ])('%s is refused in one line', async (line, problem) => {
    file('.cursor/mcp.json');
    const { code, err } = await sidelight(line);
    expect(code).toBeGreaterThan(0);
    expect(err).toMatch(/^sidelight: .*\n$/);
    expect(err.trimEnd()).toMatch(problem);
  });

  it.each([
    ['invalid JSON', '{"mcpServers": {"a": {"command": "x", ]}', /cannot be used: not valid JSON at 1:39: /],
    ['a text that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /is not UTF-8/],
    ['UTF-16', Buffer.from('{}', 'utf16le'), /cannot be used: |is not UTF-8/],
  ])('loses nothing of %s, and says so in one line', async (_, text, problem) => {
    const path = file('.cursor/mcp.json', text);
    const before = readFileSync(path);
    const { code, out, err } = await sidelight('wrap --yes');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^sidelight: .*\n$/);
    expect(err).toMatch(problem);
    expect(readFileSync(path)).toEqual(before);
  });

  it('says in one line that a directory is no config file', async () => {
    mkdirSync(join(home, '.cursor/mcp.json'), { recursive: true });
    const { code, err } = await sidelight('wrap cursor --yes');
    expect(code).toBe(1);
    expect(err).toMatch(/^sidelight: .*mcp\.json is a directory, not a file\n$/);
  });

  it('leaves a read-only file as it is', async () => {
    const path = file('.cursor/mcp.json');
    chmodSync(path, 0o444);
    const { code, err } = await sidelight('wrap cursor --yes');
    expect(code).toBe(1);
    expect(err).toMatch(/^sidelight: .* is read-only; nothing was changed\n$/);
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it('does what it can where one of several files is broken', async () => {
    file('.cursor/mcp.json', '{');
    const good = file('.codex/config.toml', '[mcp_servers.a]\ncommand = "x"\n');
    const { code, err } = await sidelight('wrap --yes');
    expect(code).toBe(1);
    expect(err).toContain('.cursor/mcp.json cannot be used: not valid JSON');
    expect(readFileSync(good, 'utf8')).toBe(
      '[mcp_servers.a]\ncommand = "npx"\nargs = ["-y", "sidelight", "run", "--name", "a", "--", "x"]\n',
    );
  });

  it('changes a file elsewhere that --file names', async () => {
    const path = file('team/mcp.json');
    expect((await sidelight(`wrap claude-code --file ${path} --yes`)).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toContain('sidelight');
  });

  it('shows only the change of a file that is one long line', async () => {
    const much = 'x'.repeat(50_000);
    file('.claude.json', `{"history":["${much}"],"mcpServers":{"a":{"command":"c"}},"more":["${much}"]}`);
    const { out } = await sidelight('wrap claude-code --dry-run');
    expect(out).toContain('"args":["-y", "sidelight", "run", "--name", "a", "--", "c"]');
    expect(out.length).toBeLessThan(2000);
  });

  it('sends no control character of a file to the terminal', async () => {
    file('.cursor/mcp.json', '{"mcpServers":{"a\\u001b[31m\u202e":{"command":"\u009b31mx"}}}');
    const { out } = await sidelight('wrap cursor --yes');
    expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

describe('status', () => {
  it('says which clients are there, which servers are wrapped, and what cannot be and why', async () => {
    const path = file('.cursor/mcp.json', TEXT.replace('"remote"', '"odd": { "command": 1 },\n    "remote"'));
    await sidelight('wrap cursor files --yes');
    const { code, out } = await sidelight('status');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      `Cursor  ${path}`,
      '  files  stdio  wrapped  npx -y files --token ***',
      '  odd  unknown  cannot be wrapped: command is neither a text nor an array',
      '  remote  http  not wrapped  https://mcp.example/mcp?***',
      'Not found: claude-desktop, claude-code, vscode, windsurf, codex, gemini, zed, opencode',
      '',
    ]);
  });

  it('says the same as JSON', async () => {
    const path = file(
      '.claude.json',
      '{"projects":{"/p":{"mcpServers":{"a":{"command":"x","env":{"K":"hunter2"}}}}}}',
    );
    const { code, out } = await sidelight('status claude-code --json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual([
      {
        client: 'claude-code',
        file: path,
        state: 'read',
        servers: [{ name: 'a', project: '/p', transport: 'stdio', wrapped: false, server: 'x' }],
      },
      { client: 'claude-code', file: join(home, '.mcp.json'), state: 'absent', servers: [] },
    ]);
  });

  it('tells of a broken file, and says so by its exit code', async () => {
    file('.cursor/mcp.json', '{');
    const { code, out } = await sidelight('status cursor --json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { state: 'broken', problem: expect.stringContaining('1:2') as string },
    ]);
  });
});
