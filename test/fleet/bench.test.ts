/** The bench of the fleet's store, at its smallest: every figure of it is there, and its tables are written from them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const BENCH = join(import.meta.dirname, '../../bench/fleet.mjs');
const SMALLEST =
  '--sidecars 1 --seconds 3 --rate 5 --sessions 80 --quiet 2 --frames 50000 --days 3 --repeats 2'.split(' ');

function bench(...args: string[]) {
  return spawnSync(process.execPath, [BENCH, ...args], { encoding: 'utf8', timeout: 180_000 });
}

/** Where a figure is none, by its path. */
function gapsIn(value: unknown, path = 'figures'): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (typeof value !== 'object' || value === null) return value === null ? [path] : [];
  return Object.entries(value).flatMap(([name, one]) => gapsIn(one, `${path}.${name}`));
}

interface Asked {
  readonly name: string;
  readonly found: number;
  readonly rowsRead: number;
  readonly granules: number;
}

interface Figures {
  readonly loads: readonly { readonly missing: number; readonly rowsPerSecond: number }[];
  readonly shipped: Readonly<Record<'all' | 'telling', { readonly rows: number; readonly inserts: number }>>;
  readonly quiet: { readonly rows: number };
  readonly big: {
    readonly first: { readonly rows: readonly Asked[] };
    readonly whole: {
      readonly rows: readonly Asked[];
      readonly sizes: Readonly<Record<'frame' | 'operation', { readonly rows: number }>>;
    };
  };
  readonly constants: Readonly<Record<string, number>>;
}

describe('the bench of the fleet', () => {
  let ran: ReturnType<typeof bench>;
  beforeAll(() => {
    ran = bench('--json', ...SMALLEST);
  }, 180_000);

  it('gives a number for every figure, and all frames of the sidecars arrive', () => {
    expect(ran.status, ran.stderr).toBe(0);
    const figures = JSON.parse(ran.stdout) as Figures;
    expect(gapsIn(figures)).toEqual([]);
    expect(figures.loads.map(({ missing }) => missing)).toEqual([0]);
    for (const { rows } of [figures.shipped.all, figures.shipped.telling, figures.quiet])
      expect(rows).toBeGreaterThan(0);
    expect(Math.min(...Object.values(figures.constants))).toBeGreaterThan(0);
  });

  it('asks a store of the size that was wanted, and what is asked of a day reads that day alone', () => {
    const { big } = JSON.parse(ran.stdout) as Figures;
    expect(big.whole.sizes.frame.rows).toBeGreaterThan(40_000);
    const ofADay = ({ name }: Asked) => name.startsWith('fail');
    const [few, all] = [big.first.rows.filter(ofADay), big.whole.rows.filter(ofADay)];
    expect(all.map(({ found }) => found > 0)).toEqual([true, true]);
    // By its index: of all operations that there are, next to none.
    const trace = big.whole.rows.find(({ name }) => name.includes('trace'));
    expect([trace?.found, (trace?.rowsRead ?? Infinity) < big.whole.sizes.operation.rows / 2]).toEqual([
      1,
      true,
    ]);
    // Merges make fewer of them.
    for (const [index, { granules }] of all.entries())
      expect(granules).toBeLessThanOrEqual(few[index]?.granules ?? 0);
  });

  it('refuses what is no number, in a line', () => {
    const { status, stderr } = bench('--days', '2');
    expect([status, stderr]).toEqual([2, 'fleet: --days 2: expected a whole number from 3 on\n']);
  });
});
