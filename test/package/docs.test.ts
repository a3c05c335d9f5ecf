/** What docs/deployment.md names is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { envOf, KEYS } from '../../src/config/options.ts';
import { VERSION } from '../../src/self/version.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEXT = readFileSync(join(ROOT, 'docs/deployment.md'), 'utf8');

test('every file that it names is there', () => {
  const named = [...TEXT.matchAll(/(?<![\w/])(?:deploy|test|\.github)\/[\w./-]*\w/g)].map(([path]) => path);
  expect(named.length).toBeGreaterThan(5);
  // One that the reader makes.
  const missing = named.filter((path) => !existsSync(join(ROOT, path)) && !path.endsWith('/overlays/yours'));
  expect(missing).toEqual([]);
  const links = [...TEXT.matchAll(/\]\(([\w.-]+\.md)\)/g)].map(([, path = '']) => path);
  expect(links.filter((path) => !existsSync(join(ROOT, 'docs', path)))).toEqual([]);
});

test('every setting that it names is one, and the version is this one', () => {
  const known = new Set<string>(KEYS.map(envOf));
  const named = [...TEXT.matchAll(/\bSIDELIGHT_[A-Z_]*[A-Z]\b/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
  const versions = [...TEXT.matchAll(/sidelight[:@]v?(\d+\.\d+\.\d+)/g)].map(([, version]) => version);
  expect(new Set(versions)).toEqual(new Set([VERSION]));
});
