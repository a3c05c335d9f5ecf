import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CATALOG, RELAY_BUCKETS } from '../../src/sink/catalog.ts';
import { DELAY_BOUNDS_US } from '../../src/thread.ts';

describe('the catalogue of metrics', () => {
  it('names each metric once', () => {
    const names = CATALOG.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('ends the names of counters, and of nothing else, in _total', () => {
    for (const { name, type } of CATALOG)
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
  });

  it('never takes an id, a URI or content as a label', () => {
    const labels = new Set<string>(CATALOG.flatMap(({ labels }) => [...labels]));
    expect(
      [...labels].filter((label) => /session|request(?!_method)|uri|id$|argument|message|detail/.test(label)),
    ).toEqual([]);
  });

  it('needs no escaping in its help', () => {
    for (const { help } of CATALOG) expect(help).toMatch(/^[^"\\\n]+\.$/);
  });

  it('has the buckets that the relay counts by', () => {
    expect(RELAY_BUCKETS).toEqual(DELAY_BOUNDS_US.map((us) => us / 1e6));
  });

  it('is what docs/metrics.md says', () => {
    const { stderr } = spawnSync(process.execPath, ['scripts/docs.mjs', '--check'], { encoding: 'utf8' });
    expect(stderr).not.toContain('docs/metrics.md');
  });
});
