/** What plays and follows recordings, over a fleet's store: on a machine that recorded nothing, what failed on another one. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { connect, type Peer } from '../e2e/peers.ts';
import { type Ended, Running, server, SIDELIGHT, temporaryFolder, until } from '../e2e/sidelight.ts';
import { run } from '../unit/commandRun.ts';
import { FleetEngine } from './engine.ts';

const NODE = process.execPath;
const LOCKS = [NODE, server('locks.mjs')];
const engine = new FleetEngine();
/** The machine that is looked from, and the folder of recordings that it never gets. */
const here = mkdtempSync(join(tmpdir(), 'sidelight-players-'));
const none = join(here, 'none');

beforeAll(async () => {
  await engine.start();
  expect(await run(here, 'store', 'migrate', '--store', engine.url('played'))).toMatchObject({ code: 0 });
}, 60_000);
afterAll(async () => {
  await engine.remove();
  rmSync(here, { recursive: true, force: true });
});

const there = (): readonly string[] => ['--store', engine.url('played'), '--data-dir', none];

/** A command over the fleet; `after`: what stands behind `--`. */
function started(args: readonly string[], after: readonly string[] = []): Running {
  const rest = after.length === 0 ? [] : ['--', ...after];
  return new Running(NODE, [SIDELIGHT, ...args, ...there(), ...rest], { cwd: here });
}

function sidelight(args: readonly string[], after?: readonly string[]): Promise<Ended> {
  const running = started(args, after);
  running.process.stdin.end();
  return running.ended;
}

/** A session on a machine of its own, which brings it: calls that do not matter, and three of which the last one fails. */
async function failedElsewhere(): Promise<void> {
  const dir = temporaryFolder();
  const peer = await connect('v1', [NODE, SIDELIGHT, '--data-dir', join(dir, 'data'), '--', ...LOCKS]);
  await peer.request('tools/list');
  for (let number = 0; number < 12; number += 1) await call(peer, 'read', { number });
  await call(peer, 'open', { door: 'a', note: 'why not' });
  await call(peer, 'lock', { door: 'a', force: true });
  await call(peer, 'enter', { door: 'a', who: 'me' });
  await peer.close();
  const flags = ['--store', engine.url('played'), '--ship-payloads', 'all'];
  expect(await run(dir, 'store', 'ship', ...flags)).toMatchObject({ code: 0, err: '' });
}

function call(peer: Peer, name: string, args: Record<string, unknown>): Promise<unknown> {
  return peer.call({ name, arguments: args }).catch((error: unknown) => ({ error: String(error) }));
}

it('a replay reproduces it, and minimize leaves what matters', async () => {
  await failedElsewhere();
  const again = await sidelight(['replay', 'last', '--allow-all', '--execute', '--unrecorded'], LOCKS);
  expect([again.code, again.stderr.toString()]).toEqual([0, '']);
  expect(again.stdout.toString()).toContain('reproduced');
  const small = join(here, 'small.case.yaml');
  const reduced = await sidelight(['minimize', 'last', '--allow-all', '-o', small], LOCKS);
  expect([reduced.code, reduced.stderr.toString()]).toEqual([0, '']);
  const file = parse(readFileSync(small, 'utf8')) as { steps: { target: string }[] };
  expect(file.steps.map(({ target }) => target)).toEqual(['open', 'lock', 'enter']);
  expect(existsSync(none)).toBe(false);
}, 60_000);

it('bisect names the first server on which it is otherwise', async () => {
  await failedElsewhere();
  for (const version of [1, 2, 3])
    writeFileSync(
      join(here, `v${version}.mjs`),
      `${version < 3 ? '' : "process.env.MENDED = '1'; "}await import(${JSON.stringify(server('locks.mjs'))});`,
    );
  const { code, stdout } = await sidelight([
    ...['bisect', 'last', '--allow-all', '--servers', `${NODE} v{1,2,3}.mjs`],
  ]);
  expect([code, stdout.toString()]).toEqual([
    1,
    expect.stringContaining(`The first that differs: ${NODE} v3.mjs`),
  ]);
}, 60_000);

it('a mock plays the server of it to a client', async () => {
  await failedElsewhere();
  const peer = await connect('v1', [NODE, SIDELIGHT, 'mock', 'last', ...there()]);
  const read = await call(peer, 'read', { number: 3 });
  expect(JSON.stringify(read)).toContain('3');
  const direct = await connect('v1', LOCKS);
  expect(read).toEqual(await call(direct, 'read', { number: 3 }));
  await Promise.all([peer.close(), direct.close()]);
}, 60_000);

it('tail tells of it as it comes, each operation once', async () => {
  const tail = started(['tail', '--json', 'tool:enter']);
  await tail.says('following');
  for (let session = 0; session < 2; session += 1) await failedElsewhere();
  const finished = (): readonly string[] => tail.stdout.toString().match(/"operation_finished"/g) ?? [];
  await until(() => finished().length >= 2, 'both to be told');
  tail.process.kill('SIGTERM');
  const { stdout, stderr } = await tail.ended;
  expect(stderr.toString()).toMatch(/^sidelight: following; [^\n]*\n$/);
  const told = stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; sessionId: string });
  const operations = told.filter(({ event }) => event === 'operation_finished');
  expect([operations.length, new Set(operations.map(({ sessionId }) => sessionId)).size]).toEqual([2, 2]);
}, 60_000);
