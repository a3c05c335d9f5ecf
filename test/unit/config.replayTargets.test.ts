/** Targets of replays are named in the configuration alone, and nothing of how they are reached is shown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { printConfigJson } from '../../src/config/print.ts';

async function loaded(yaml: string) {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-targets-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true });
  });
  writeFileSync(join(dir, 'sidelight.yaml'), yaml);
  const place = { env: {}, cwd: dir, homedir: dir, platform: process.platform };
  return { dir, ...(await loadConfig({ ...place, flags: {} })) };
}

test('a target is a URL or a command, in words or with what else it needs', async () => {
  const { dir, config } = await loaded(`replay:
  targets:
    plain: http://127.0.0.1:3000/mcp
    words: node server.js --name "two words"
    list: { command: [node, a b.js], cwd: sub }
    keyed: { url: https://mcp.example/mcp, headers: { Authorization: Bearer x } }
`);
  expect(config.replayTargets).toEqual({
    plain: { url: 'http://127.0.0.1:3000/mcp', headers: {} },
    words: { command: 'node', args: ['server.js', '--name', 'two words'], cwd: dir },
    list: { command: 'node', args: ['a b.js'], cwd: join(dir, 'sub') },
    keyed: { url: 'https://mcp.example/mcp', headers: { Authorization: 'Bearer x' } },
  });
});

test('arguments, headers, passwords and queries are not shown', async () => {
  const shown = printConfigJson(
    await loaded(`replay:
  targets:
    a: node server.js --api-key hunter2
    b: { url: 'https://user:hunter2@mcp.example/mcp?key=hunter2', headers: { X-Key: hunter2 } }
`),
  );
  expect(shown).toContain('a=node,b=https://');
  expect(shown).not.toContain('hunter2');
});

test.each([
  ['a: [node, server.js]', 'a list'],
  ['"a b": node server.js', 'a name with a blank'],
  ['a: { url: "file:///etc/passwd" }', 'a URL of another scheme'],
  ['a: { url: http://x, command: node }', 'both'],
  ['a: ""', 'nothing'],
  ['a: { command: [node], shell: true }', 'a member that there is not'],
])('%s is refused, for it is %s', async (yaml) => {
  await expect(loaded(`replay:\n  targets:\n    ${yaml}\n`)).rejects.toThrow(
    /sidelight.yaml:3:5: replay.targets: its value .* is not a mapping of names/,
  );
});
