/** What can stand at a place of a filter that somebody writes: for a shell, and for a field of a page. */
import type { Key } from './ast.ts';
import { KEYS, keyInfo } from './keys.ts';

export interface Completion {
  /** The part of the text that a candidate takes the place of. */
  readonly from: number;
  readonly to: number;
  readonly candidates: readonly string[];
}

/** Values that somebody knows of a key whose values are free, such as the names of servers. */
export type Known = Partial<Readonly<Record<Key, readonly string[]>>>;

const TIMES: readonly string[] = ['15m', '1h', '24h', '7d'];
const STARTS: Known = {
  dur: ['>100ms', '>1s', '>10s'],
  bytes: ['>64KiB', '>1MB'],
  since: TIMES,
  until: TIMES,
};

/** More than can be looked over says nothing. */
const MAX_CANDIDATES = 50;

export function completeFilter(text: string, at: number, known: Known = {}): Completion {
  const before = text.slice(0, at);
  // In quotes, nothing is known.
  if ((before.replace(/\\["\\]/g, '').split('"').length - 1) % 2 === 1)
    return { from: at, to: at, candidates: [] };
  const [word = ''] = /[^\s()"]*$/.exec(before) ?? [];
  const [, minus = '', key, list = ''] = /^(-*)(?:([a-z]+):(.*,)?)?/i.exec(word) ?? [];
  const isValue = key !== undefined;
  const from = at - word.length + minus.length + (isValue ? key.length + 1 + list.length : 0);
  const written = text.slice(from, at).toLowerCase();
  const candidates = isValue ? valuesOf(key.toLowerCase(), known) : words(minus);
  return {
    from,
    to: at,
    candidates: candidates
      .filter((candidate) => candidate.toLowerCase().startsWith(written))
      .slice(0, MAX_CANDIDATES),
  };
}

function words(minus: string): readonly string[] {
  return [...KEYS.map(({ key }) => `${key}:`), ...(minus === '' ? ['OR', 'NOT'] : [])];
}

function valuesOf(written: string, known: Known): readonly string[] {
  const info = keyInfo(written);
  if (info === undefined) return [];
  return info.words ?? (known[info.key] ?? STARTS[info.key] ?? []).map(asValue);
}

/** A value as it has to be written. */
function asValue(value: string): string {
  return /^[^\s"(),*]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
