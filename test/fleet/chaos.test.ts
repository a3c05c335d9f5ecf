/** What goes wrong in order: clocks, copies of machines, backups, and several that set the fleet's store up at once. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uuidV7 } from '../../src/self/uuid.ts';
import { openForWriting } from '../../src/store/open.ts';
import { until } from '../e2e/sidelight.ts';
import { folder } from '../unit/recordings.ts';
import { FleetEngine } from './engine.ts';
import {
  countsThere,
  framesHere,
  framesThere,
  type Machine,
  machine,
  session,
  shipping,
  sum,
  totalsOf,
} from './machines.ts';

const DAY_US = 86_400_000_000;
const WHOLE = ['--ship-payloads', 'all', '--ship-max-rate', 'none'];

const engine = new FleetEngine();
beforeAll(() => engine.start(), 60_000);
afterAll(() => engine.remove());

let databases = 0;
async function setUp(): Promise<{ readonly database: string; readonly url: string; readonly one: Machine }> {
  const database = `chaos_${(databases += 1)}`;
  const url = engine.url(database);
  const one = machine(url);
  expect(await one.store('migrate')).toMatchObject({ code: 0 });
  return { database, url, one };
}

/** So many sessions, one after the other. */
async function record(
  one: Machine,
  count: number,
  shape: { atUs?: number; host?: string } = {},
): Promise<void> {
  for (let number = 0; number < count; number += 1)
    await one.record(session(uuidV7(), { frames: 20 + number, failed: number % 2, findings: 1, ...shape }));
}

/** The whole folder, as a backup or an image of the machine has it. */
async function copied({ dataDir }: Machine, to: string): Promise<void> {
  const db = await openForWriting(dataDir);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  rmSync(to, { recursive: true, force: true });
  cpSync(dataDir, to, { recursive: true });
}

it('clocks that are a day ahead and a day behind change neither what is there nor how often', async () => {
  const { database, url, one } = await setUp();
  const nowUs = Date.now() * 1000;
  const machines = [one, machine(url), machine(url)];
  const skews = [0, DAY_US, -DAY_US];
  const shippers = machines.map((each, at) => shipping(each, url, { skewUs: skews[at] ?? 0 }));
  for (const [at, each] of machines.entries()) await record(each, 5, { atUs: nowUs + (skews[at] ?? 0) });
  await until(
    async () => (await countsThere(engine, database)).sessions === 15,
    'fifteen sessions to be there',
  );
  for (const { stats } of shippers) {
    await until(() => stats.gaugeOf('fleet_waiting_sessions') === 0, 'nothing to wait');
    expect(stats.gaugeOf('fleet_lag_seconds')).toBe(0);
  }
  for (const { close } of shippers) await close();
  const here = await framesHere(machines.map(({ dataDir }) => dataDir));
  expect(await framesThere(engine, database)).toEqual(here);
});

it('two that share a folder, and whose clocks disagree by two days, count nothing twice', async () => {
  const { database, url, one } = await setUp();
  const shippers = [-DAY_US, DAY_US].map((skewUs) => shipping(one, url, { skewUs }));
  for (let round = 0; round < 20; round += 1) await record(one, 3);
  await until(
    async () => (await countsThere(engine, database)).sessions === 60,
    'sixty sessions to be there',
  );
  for (const { close } of shippers) await close();
  expect(await one.store('ship', ...WHOLE)).toMatchObject({ code: 0 });
  const here = await framesHere([one.dataDir]);
  expect(await framesThere(engine, database)).toEqual(here);
  const totals = await totalsOf(one, url);
  expect(totals).toEqual({ there: await countsThere(engine, database) });
  const rows = sum(shippers.map(({ stats }) => stats.counts().get('fleet_rows_frames') ?? 0));
  expect(rows).toBeLessThanOrEqual(here.length);
});

it('a lease from a clock that was ahead is nobody’s when the clock is right again', async () => {
  const { database, url, one } = await setUp();
  const db = await openForWriting(one.dataDir);
  const inADay = Date.now() * 1000 + DAY_US;
  const name = url.replace(/^clickhouse:\/\/default@/, '');
  db.prepare('INSERT INTO lease (task, holder, until) VALUES (?, ?, ?)').run(`ship ${name}`, 'gone', inADay);
  db.close();
  const shipper = shipping(one, url);
  await record(one, 1);
  await until(async () => (await countsThere(engine, database)).sessions === 1, 'the session to be there');
  await shipper.close();
});

it('a machine that was cloned, with its name, its ids and what was on its way, is no second source of anything', async () => {
  const { database, url, one } = await setUp();
  await record(one, 4, { host: 'same' });
  // On its way, and not known to have arrived.
  await engine.fault({ count: 1_000_000, after: true });
  const first = shipping(one, url, { holder: 'same' });
  await until(() => first.stats.failures().length > 0, 'a try that failed');
  await first.close();
  const dir = folder();
  await copied(one, join(dir, 'data'));
  const clone = machine(url, dir);
  await engine.fault({ count: 0 });
  await record(one, 3, { host: 'same' });
  await record(clone, 5, { host: 'same' });
  const shippers = [one, clone].map((each) => shipping(each, url, { holder: 'same' }));
  await until(
    async () => (await countsThere(engine, database)).sessions === 12,
    'twelve sessions to be there',
  );
  for (const { stats } of shippers)
    await until(() => stats.gaugeOf('fleet_waiting_sessions') === 0, 'nothing to wait');
  for (const { close } of shippers) await close();
  expect(await framesThere(engine, database)).toEqual(await framesHere([one.dataDir, clone.dataDir]));
  for (const each of [one, clone]) expect(await each.store('verify')).toMatchObject({ code: 0 });
});

it('a machine that was restored from a backup loses nothing that is there, and brings what it records from then on', async () => {
  const { database, url, one } = await setUp();
  const [backup, lost] = [join(folder(), 'backup'), join(folder(), 'lost')];
  await record(one, 3);
  expect(await one.store('ship', ...WHOLE)).toMatchObject({ code: 0 });
  await record(one, 2);
  await copied(one, backup);
  await record(one, 4);
  expect(await one.store('ship', ...WHOLE)).toMatchObject({ code: 0 });
  await copied(one, lost);

  const dir = folder();
  cpSync(backup, join(dir, 'data'), { recursive: true });
  const restored = machine(url, dir);
  await record(restored, 3);
  expect(await restored.store('ship', ...WHOLE)).toMatchObject({ code: 0 });
  expect(await framesThere(engine, database)).toEqual(await framesHere([lost, restored.dataDir]));
  expect(await countsThere(engine, database)).toMatchObject({ sessions: 12, findings: 12 });
  expect((await restored.store('verify')).out).toBe('Everything of 8 sessions is there.\n');
});

it('several that set it up at once, while others ship, are one that did', async () => {
  const database = `chaos_${(databases += 1)}`;
  const url = engine.url(database);
  const machines = [machine(url), machine(url), machine(url)];
  const shippers = machines.map((each) => shipping(each, url));
  for (const each of machines) await record(each, 3);
  const [first] = shippers;
  await until(() => first?.lines.length === 1, 'the line about it');
  expect(first?.lines.join()).toContain(
    `the database ${database} is not set up; run \`sidelight store migrate\``,
  );
  const migrated = await Promise.all(
    [...machines, ...machines].map(({ store }) => store('migrate', '--keep-days', '3650')),
  );
  expect(migrated.map(({ code, err }) => [code, err])).toEqual(migrated.map(() => [0, '']));
  await until(async () => (await countsThere(engine, database)).sessions === 9, 'nine sessions to be there');
  // Again, with the store in use.
  await Promise.all(machines.map((each) => Promise.all([each.store('migrate'), record(each, 2)])));
  await until(async () => (await countsThere(engine, database)).sessions === 15, 'all sessions to be there');
  for (const { stats } of shippers)
    await until(() => stats.gaugeOf('fleet_waiting_sessions') === 0, 'nothing to wait');
  for (const { close } of shippers) await close();
  expect(await framesThere(engine, database)).toEqual(
    await framesHere(machines.map(({ dataDir }) => dataDir)),
  );
});

it('sidecars that are older than the store say in one line what to do, and lose nothing', async () => {
  const { database, url, one } = await setUp();
  const shipper = shipping(one, url);
  await record(one, 2);
  await until(async () => (await countsThere(engine, database)).sessions === 2, 'two sessions to be there');
  await engine.query(`INSERT INTO ${database}.schema_version SELECT 99, now()`);
  await record(one, 2);
  await until(() => shipper.lines.length > 0, 'the line about it');
  expect(shipper.lines).toEqual([
    expect.stringMatching(/schema 99, this Sidelight knows \d+: install a newer Sidelight; recordings wait/),
  ]);
  await until(() => shipper.stats.gaugeOf('fleet_waiting_sessions') === 2, 'two to wait');
  expect(shipper.stats.failures()).toMatchObject([{ part: 'fleet', reason: 'refused' }]);
  await engine.query(
    `ALTER TABLE ${database}.schema_version DELETE WHERE version = 99 SETTINGS mutations_sync = 1`,
  );
  await until(async () => (await countsThere(engine, database)).sessions === 4, 'four sessions to be there');
  await shipper.close();
  expect(await framesThere(engine, database)).toEqual(await framesHere([one.dataDir]));
});
