/** Looks for a text in the keys and the values of a JSON value. Pure; bounded; without recursion. */
import { MAX_DEPTH, type Path } from './treeRows.ts';

/** Places that one goes through. */
const MAX_FOUND = 1000;

export interface Found {
  readonly paths: readonly Path[];
  /** There may be more. */
  readonly isCut: boolean;
}

interface Link {
  readonly key: string | number;
  readonly above: Link | undefined;
  readonly depth: number;
}

/** Whatever the capitals; in the order in which they stand. */
export function findIn(root: unknown, text: string): Found {
  const wanted = text.toLowerCase();
  const paths: Path[] = [];
  if (wanted === '') return { paths, isCut: false };
  const waiting: { readonly value: unknown; readonly link: Link | undefined }[] = [
    { value: root, link: undefined },
  ];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, link } = next;
    if (isMeant(value, link?.key, wanted)) {
      if (paths.length === MAX_FOUND) return { paths, isCut: true };
      paths.push(pathOf(link));
    }
    const depth = (link?.depth ?? 0) + 1;
    if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) continue;
    const entries: [string | number, unknown][] = Array.isArray(value)
      ? [...(value as unknown[]).entries()]
      : Object.entries(value);
    for (const [key, one] of entries.reverse())
      waiting.push({ value: one, link: { key, above: link, depth } });
  }
  return { paths, isCut: false };
}

function isMeant(value: unknown, key: string | number | undefined, wanted: string): boolean {
  if (typeof key === 'string' && key.toLowerCase().includes(wanted)) return true;
  if (typeof value === 'string') return value.toLowerCase().includes(wanted);
  return typeof value !== 'object' || value === null ? String(value).includes(wanted) : false;
}

function pathOf(link: Link | undefined): Path {
  const path: (string | number)[] = [];
  for (let at = link; at !== undefined; at = at.above) path.push(at.key);
  return path.reverse();
}
