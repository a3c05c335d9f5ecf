/** How long the fleet's store keeps what, and where: on the real engine, with two volumes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uuidV7 } from '../../src/self/uuid.ts';
import { until } from '../e2e/sidelight.ts';
import { FleetEngine } from './engine.ts';
import { countsThere, machine, session } from './machines.ts';

const DAY_US = 86_400_000_000;
const disks = mkdtempSync(join(tmpdir(), 'sidelight-disks-'));
const config = join(disks, 'config.xml');
mkdirSync(join(disks, 'cold'));
writeFileSync(
  config,
  `<clickhouse><storage_configuration>
    <disks><cold><path>${disks}/cold/</path></cold></disks>
    <policies><tiered><volumes>
      <default><disk>default</disk></default>
      <archive><disk>cold</disk></archive>
    </volumes></tiered></policies>
  </storage_configuration></clickhouse>`,
);
const engine = new FleetEngine([`--config-file=${config}`]);
beforeAll(() => engine.start(), 60_000);
afterAll(async () => {
  await engine.remove();
  rmSync(disks, { recursive: true, force: true });
});

const TIERS = ['--cold-after-days', '7', '--cold-volume', 'archive', '--storage-policy', 'tiered'];

it('payloads go before rows, old rows lie on the cold volume, and older ones are gone', async () => {
  const url = engine.url('kept');
  const one = machine(url);
  const nowUs = Date.now() * 1000;
  // Of now, of ten days, of twenty days, and of forty days ago.
  for (const days of [0, 10, 20, 40])
    await one.record(session(uuidV7(), { frames: 10, failed: 1, atUs: nowUs - days * DAY_US }));
  expect(await one.store('migrate')).toMatchObject({ code: 0, err: '' });
  expect(await one.store('ship', '--ship-payloads', 'all')).toMatchObject({ code: 0, err: '' });
  expect(await countsThere(engine, 'kept')).toMatchObject({ sessions: 4, frames: 40 });

  // Of tables that are there, and of new ones.
  const flags = ['--keep-days', '30', '--payload-days', '15', ...TIERS];
  expect(await one.store('migrate', ...flags)).toMatchObject({ code: 0, err: '' });
  const [table] = await engine.query<{ create_table_query: string }>(
    "SELECT create_table_query FROM system.tables WHERE database = 'kept' AND name = 'frame'",
  );
  const fresh = machine(engine.url('fresh'));
  expect(await fresh.store('migrate', ...flags)).toMatchObject({ code: 0, err: '' });
  const [other] = await engine.query<{ create_table_query: string }>(
    "SELECT create_table_query FROM system.tables WHERE database = 'fresh' AND name = 'frame'",
  );
  const ttl = (text = ''): string | undefined => / TTL [^S]*/.exec(text.slice(text.indexOf('ENGINE')))?.[0];
  expect(ttl(table?.create_table_query)).toContain("TO VOLUME 'archive'");
  expect(ttl(table?.create_table_query)).toBe(ttl(other?.create_table_query));
  expect(table?.create_table_query).toContain("storage_policy = 'tiered'");
  expect(table?.create_table_query).toMatch(/`payload` String CODEC\(ZSTD\(3\)\) TTL .*toIntervalDay\(15\)/);

  for (const name of ['session', 'operation', 'frame'])
    await engine.query(`OPTIMIZE TABLE kept.${name} FINAL SETTINGS mutations_sync = 2`);
  expect(await countsThere(engine, 'kept')).toMatchObject({ sessions: 3, frames: 30, operations: 15 });
  const places = async (): Promise<readonly string[]> => {
    const parts = await engine.query<{ place: string }>(
      "SELECT DISTINCT concat(toString(dateDiff('day', toDate(partition), today()) >= 7), ' ', disk_name) AS place " +
        "FROM system.parts WHERE database = 'kept' AND table = 'frame' AND active AND rows > 0 ORDER BY place",
    );
    return parts.map(({ place }) => place);
  };
  await until(
    async () => (await places()).join() === '0 default,1 cold',
    'old rows to be on the cold volume',
  );
  const payloads = await engine.query<{ days: string; n: string }>(
    "SELECT intDiv(dateDiff('hour', at, now()) + 12, 24) AS days, countIf(payload != '') AS n FROM kept.frame FINAL GROUP BY days ORDER BY days",
  );
  expect(payloads.map(({ days, n }) => [Number(days), Number(n)])).toEqual([
    [0, 10],
    [10, 10],
    [20, 0],
  ]);
});

it('days that contradict each other and half a tier are refused in a line', async () => {
  const one = machine(engine.url('refused'));
  for (const [flags, line] of [
    [['--keep-days', '7', '--payload-days', '7'], '--payload-days 7: fewer than --keep-days 7 are expected'],
    [
      ['--keep-days', '7', '--cold-after-days', '9'],
      '--cold-after-days 9: fewer than --keep-days 7 are expected',
    ],
    [
      ['--cold-after-days', '9'],
      '--cold-after-days, --cold-volume and --storage-policy belong together: give all three',
    ],
    [['--cold-volume', "a'b"], `--cold-volume "a'b": a name of letters, digits and _ is expected`],
    [['--payload-days', '0'], '--payload-days "0": a whole number from 1 to 36500 is expected'],
  ] as const) {
    const { code, err } = await one.store('migrate', ...flags);
    expect([code, err]).toEqual([2, `sidelight: ${line}\n`]);
  }
});

it('for a cluster is statements whose syntax the engine accepts', async () => {
  const one = machine('clickhouse://h:1/x?cluster=main');
  const { out } = await one.store(
    'migrate',
    '--print',
    '--keep-days',
    '30',
    '--payload-days',
    '15',
    ...TIERS,
  );
  expect(out).toContain("TO VOLUME 'archive'");
  for (const statement of out.trim().split(';\n')) {
    const text = statement.replace(/;$/, '');
    if (/^(?:CREATE|ALTER)/.test(text)) await engine.query(`EXPLAIN AST ${text}`);
  }
});
