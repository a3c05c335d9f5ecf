/** The statements of docs/fleet-operations.md that save a fleet's database and bring it back, on the real engine. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { run } from '../unit/commandRun.ts';
import { folder, stored } from '../unit/recordings.ts';
import { described, ended, frame, operation, sessionId, started } from '../unit/storeEvents.ts';
import { FleetEngine } from './engine.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/fleet-operations.md');
const [BACKUPS, DATABASE] = ['/backups/', 'sidelight'];
const backups = mkdtempSync(join(tmpdir(), 'sidelight-backups-'));
const config = join(backups, 'config.xml');
const engine = new FleetEngine([`--config-file=${config}`]);

beforeAll(async () => {
  writeFileSync(
    config,
    `<clickhouse><backups><allowed_path>${backups}</allowed_path></backups></clickhouse>`,
  );
  await engine.start();
}, 60_000);
afterAll(async () => {
  await engine.remove();
  rmSync(backups, { recursive: true, force: true });
});

/** As documented, in their order, in a folder of this test. */
function statements(): string[] {
  const [, block = ''] = /```sql\n(-- a whole backup[^]*?)```/.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
  return block
    .replace(/^--.*$/gm, '')
    .replaceAll(BACKUPS, `${backups}/`)
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

function session(number: number): McpEvent[] {
  const id = sessionId(number);
  return [
    started(id),
    described(id),
    ...Array.from({ length: 20 }, (_, seq) => frame(id, seq)),
    ...Array.from({ length: 10 }, (_, one) => operation(id, one)),
    ended(id, { operations: 10, failedOperations: 0 }),
  ];
}

/** By their rows, and by what the engine keeps of them for the live view. */
async function sessionsIn(database: string): Promise<number[]> {
  const counts = ['session', 'session_first'].map(async (table) => {
    const [row] = await engine.query<{ n: string }>(`SELECT count() AS n FROM ${database}.${table} FINAL`);
    return Number(row?.n);
  });
  return Promise.all(counts);
}

it('a backup, what came after it, and both back again; what came later still is brought by the machines', async () => {
  const dir = folder();
  const store = (command: string, database: string) =>
    run(dir, 'store', command, '--store', engine.url(database));
  const [whole = '', more = '', restore = ''] = statements();
  expect(statements()).toHaveLength(3);
  expect(await store('migrate', DATABASE)).toMatchObject({ code: 0, err: '' });

  await stored(join(dir, 'data'), session(1));
  await store('ship', DATABASE);
  await engine.query(whole);
  await stored(join(dir, 'data'), session(2));
  await store('ship', DATABASE);
  await engine.query(more);
  await stored(join(dir, 'data'), session(3));
  await store('ship', DATABASE);
  await engine.query(`DROP DATABASE ${DATABASE}`);

  await engine.query(restore);
  const [, restored = ''] = / AS (\w+) /.exec(restore) ?? [];
  expect(await sessionsIn(restored)).toEqual([2, 2]);
  expect(await store('ship', restored)).toMatchObject({ code: 0, err: '' });
  expect(await sessionsIn(restored)).toEqual([3, 3]);
  expect((await store('verify', restored)).out).toBe('Everything of 3 sessions is there.\n');
});
