/** Wrapped configs in use: what is written there starts, speaks MCP and is recorded; and what a kill or a folder does to a file. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { connectHttp } from './http-peers.ts';
import { freePort, startListening } from './listening.ts';
import { connect } from './peers.ts';
import { packageFile, read, Running, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const NODE = process.execPath;
const EVERYTHING = packageFile('@modelcontextprotocol/server-everything/dist/index.js');

interface Entry {
  readonly command: string | readonly string[];
  readonly args?: readonly string[];
}

/** A client's home with one config file in it. */
function homeWith(path: string, text: string): { readonly home: string; readonly file: string } {
  const home = temporaryFolder();
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return { home, file };
}

function envOf(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: home, XDG_STATE_HOME: join(home, 'state') };
}

async function sidelight(home: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await new Running(NODE, [SIDELIGHT, ...args], {
    env: envOf(home),
    cwd: home,
  }).ended;
  return { code, out: stdout.toString(), err: stderr.toString() };
}

const words = JSON.stringify([EVERYTHING, 'stdio']);
const CONFIGS: readonly (readonly [
  client: string,
  path: string,
  text: string,
  entry: (text: string) => Entry | undefined,
])[] = [
  [
    'claude-code',
    '.claude.json',
    `{"mcpServers":{"everything":{"type":"stdio","command":${JSON.stringify(NODE)},"args":${words},"env":{}}}}`,
    (text) => (JSON.parse(text) as { mcpServers: Record<string, Entry> }).mcpServers.everything,
  ],
  [
    'codex',
    '.codex/config.toml',
    `[mcp_servers.everything]\ncommand = '${NODE}'\nargs = ${words} # all of it\n`,
    (text) => (parseToml(text) as unknown as { mcp_servers: Record<string, Entry> }).mcp_servers.everything,
  ],
  [
    'opencode',
    '.config/opencode/opencode.json',
    `{"mcp":{"everything":{"type":"local","command":${JSON.stringify([NODE, EVERYTHING, 'stdio'])}}}}`,
    (text) => (JSON.parse(text) as { mcp: Record<string, Entry> }).mcp.everything,
  ],
];

describe('a wrapped config', () => {
  it.each(CONFIGS)(
    'of %s starts the server through Sidelight, which records it',
    async (client, path, text, entryOf) => {
      const { home, file } = homeWith(path, text);
      expect((await sidelight(home, 'wrap', client, '--yes')).code).toBe(0);
      const { command = '', args = [] } = entryOf(readFileSync(file, 'utf8')) ?? {};
      const line = typeof command === 'string' ? [command, ...args] : command;
      expect(line).toContain(SIDELIGHT);
      const dataDir = join(home, 'data');
      // As a client starts it, but for where it records.
      const peer = await connect('v2 auto', line, { SIDELIGHT_DATA_DIR: dataDir });
      const { content } = (await peer.call({ name: 'echo', arguments: { message: 'hello' } })) as {
        content: { text: string }[];
      };
      expect(content[0]?.text).toContain('hello');
      await peer.close();
      const [session] = (await read(dataDir, 'sessions')) as { server: string }[];
      expect(session).toMatchObject({ server: 'everything' });
      expect((await sidelight(home, 'unwrap', client, '--yes')).code).toBe(0);
      expect(readFileSync(file, 'utf8')).toBe(text);
    },
  );

  it("leads a client that speaks HTTP through a listener, with the server's own URL behind a mark", async () => {
    const target = await startListening([server('http-dual-era.mjs')]);
    const listen = `127.0.0.1:${await freePort()}`;
    const text = `{"mcpServers":{"web":{"url":"http://127.0.0.1:${target.port}/mcp"}}}\n`;
    const { home, file } = homeWith('.cursor/mcp.json', text);
    const { out } = await sidelight(home, 'wrap', 'cursor', 'web', '--listen', listen, '--yes');
    const [, command = ''] = /keep this running: sidelight (.*)/.exec(out) ?? [];
    const between = await startListening([SIDELIGHT, ...command.split(' ')], envOf(home));
    try {
      const { mcpServers } = JSON.parse(readFileSync(file, 'utf8')) as {
        mcpServers: { web: { url: string } };
      };
      const { url } = mcpServers.web;
      expect(url).toBe(`http://${listen}/mcp#sidelight:http://127.0.0.1:${target.port}/mcp`);
      for (const sdk of ['v1', 'v2 auto'] as const) {
        const peer = await connectHttp(sdk, url);
        expect(await peer.request('tools/list')).toHaveProperty('tools');
        expect(peer.exchanges.join('\n')).not.toContain('sidelight');
        await peer.close();
      }
    } finally {
      await between.stop();
      await target.stop();
    }
    const sessions = (await read(join(home, 'state/sidelight'), 'sessions')) as { server: string }[];
    expect(sessions[0]).toMatchObject({ server: 'web' });
    await sidelight(home, 'unwrap', '--yes');
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});

describe('a config file', () => {
  /** Large, so that writing takes its time. */
  const history = JSON.stringify(
    Array.from({ length: 40_000 }, (_, index) => `line ${String(index)} of a history`),
  );

  it('is the old or the new one after a kill in the middle of writing, and can be wrapped again', async () => {
    const text = `{"history":${history},"mcpServers":{"a":{"command":"x","args":["1"]}}}`;
    const { home, file } = homeWith('.claude.json', text);
    const run = (): Running =>
      new Running(NODE, [SIDELIGHT, 'wrap', 'claude-code', '--yes'], { env: envOf(home), cwd: home });
    // A copy beside it, or a file that is not what it was.
    const isWriting = (): boolean => readdirSync(home).length > 1 || statSync(file).size !== text.length;
    for (let round = 0; round < 3; round += 1) {
      const writing = run();
      await until(() => isWriting() || writing.process.exitCode !== null, 'the first byte');
      writing.process.kill('SIGKILL');
      await writing.ended;
      const now = readFileSync(file, 'utf8');
      expect(now === text || now.includes('"--name", "a", "--", "x", "1"]}}}')).toBe(true);
      if (now !== text) writeFileSync(file, text);
      for (const name of readdirSync(home)) if (join(home, name) !== file) rmSync(join(home, name));
    }
    expect((await run().ended).code).toBe(0);
    expect((await sidelight(home, 'unwrap', '--yes')).code).toBe(0);
    expect(readFileSync(file, 'utf8') === text).toBe(true);
  });

  it('in a folder that cannot be written to stays as it is, and one line says so', async () => {
    const text = '{"mcpServers":{"a":{"command":"x"}}}';
    const { home, file } = homeWith('.cursor/mcp.json', text);
    chmodSync(home, 0o755);
    chmodSync(dirname(file), 0o555);
    chmodSync(file, 0o644);
    // Nothing is forbidden to the superuser.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const child = spawn(NODE, [SIDELIGHT, 'wrap', 'cursor', '--yes'], {
      env: envOf(home),
      cwd: home,
      ...nobody,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    const code = await new Promise((resolve) => child.once('close', resolve));
    chmodSync(dirname(file), 0o755);
    expect(Buffer.concat(said).toString()).toMatch(
      /^sidelight: .*mcp\.json cannot be written \(E(?:ACCES|ROFS|PERM)\); nothing was changed\n$/,
    );
    expect(code).toBe(1);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(dirname(file))).toEqual(['mcp.json']);
  });
});
