/** What `config print` shows: each setting, its value as one would write it and where it came from. Secrets are masked. */
import { plain } from './error.ts';
import type { Loaded } from './load.ts';
import { type Key, rowOf } from './options.ts';

/** A line per setting. */
export function printConfig(loaded: Loaded): string {
  const rows = [...loaded.sources].map(
    ([key, { value, source }]) => [key, shown(key, value), source] as const,
  );
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [keyWidth, valueWidth] = [width(0), width(1)];
  const lines = rows.map(([key, value, source]) =>
    plain(`${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${source}`),
  );
  return [`# config file: ${plain(loaded.file ?? 'none')}`, ...lines].join('\n');
}

/** `{file, settings: {key: {value, source}}, warnings}`; sizes in bytes, durations in milliseconds. */
export function printConfigJson(loaded: Loaded): string {
  const settings = Object.fromEntries(
    [...loaded.sources].map(([key, { value, source }]) => {
      const exact = typeof value === 'number' || typeof value === 'boolean';
      return [key, { value: exact ? value : value === undefined ? null : shown(key, value), source }];
    }),
  );
  return JSON.stringify({ file: loaded.file ?? null, settings, warnings: loaded.warnings }, null, 2);
}

function shown(key: Key, value: unknown): string {
  if (value === undefined) return '-';
  const text = rowOf(key).kind.show(value);
  return text === '' ? '-' : text;
}
