/** The sources keep to the import table, by our own reading, and dependency-cruiser really read all of them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { modulesIn, violations, type Table } from './importTable.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = `${root}src`;
const table = JSON.parse(readFileSync(`${root}scripts/layers.json`, 'utf8')) as Table;

describe('layering', () => {
  it('has no import that the table does not allow', () => {
    expect(modulesIn(src).length).toBeGreaterThan(0);
    expect(violations(src, table)).toEqual([]);
  });

  it('keeps wire, mcp, event and track free of Node and npm', () => {
    for (const name of ['wire', 'mcp', 'event', 'track']) {
      expect(table.folders[name]).toMatchObject({ pure: true, packages: [] });
    }
  });

  it('lets no row of the table allow a cycle between folders', () => {
    const below = (name: string): readonly string[] => {
      const folder = table.folders[name];
      return folder ? [...folder.imports, ...folder.types] : [];
    };
    const reach = (name: string, seen: Set<string>): Set<string> => {
      for (const next of below(name)) if (!seen.has(next)) reach(next, seen.add(next));
      return seen;
    };
    const cyclic = Object.keys(table.folders).filter((name) => reach(name, new Set()).has(name));
    expect(cyclic).toEqual([]);
  });

  it('is cruised whole by dependency-cruiser, without a violation', () => {
    const cruised = JSON.parse(
      execFileSync(
        process.execPath,
        [
          'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
          '--config',
          '.dependency-cruiser.cjs',
          '--output-type',
          'json',
          'src',
        ],
        { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
      ),
    ) as {
      modules: { source: string }[];
      summary: { violations: { from: string; to: string; rule: { name: string } }[] };
    };
    const sources = cruised.modules.map(({ source }) => source).filter((source) => source.startsWith('src/'));
    expect(sources.sort()).toEqual(modulesIn(src).map((module) => `src/${module}`));
    const told = cruised.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
    expect(told).toEqual([]);
  });
});
