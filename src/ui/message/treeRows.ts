/**
 * A JSON value as the rows of a tree that is opened in part. Rows are made of what is open only, and large lists are cut into
 * parts, so that ten megabytes cost as little as what is seen. Pure; it never recurses, whatever the depth.
 */

export type Key = string | number;
export type Path = readonly Key[];

export interface TreeRow {
  /** Of the path, and of a part of a large list. */
  readonly id: string;
  readonly path: Path;
  readonly depth: number;
  /** Undefined for the root, and for a part. */
  readonly key: Key | undefined;
  readonly value: unknown;
  /** Members; undefined for what has none to open. */
  readonly size: number | undefined;
  readonly isOpen: boolean;
  /** A part of a large list: from this member to before that one. */
  readonly part?: readonly [number, number];
}

/** Rows that can be open at once: more than anybody reads, and what a browser bears. */
export const MAX_ROWS = 200_000;
/** Members under one heading. */
const PART = 1000;
/** What is open at first: the outer levels, and small things somewhat deeper. */
const OPEN_DEPTH = 2;
const OPEN_DEPTH_SMALL = 6;
const SMALL = 30;

/** What is deeper is shown by the text alone: a place so deep has a path that nobody reads, and each row would hold it. */
export const MAX_DEPTH = 200;

/** Said by the person: what was opened, and what was closed. */
export type Choices = ReadonlyMap<string, boolean>;

export function idOf(path: Path): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function partId(path: Path, from: number): string {
  return `${idOf(path)}#${from}`;
}

/** The part of a list of `size` members that has this one; undefined where it is not cut. */
function partOf(size: number, index: number): number | undefined {
  return size > PART ? Math.floor(index / PART) * PART : undefined;
}

export function rowsOf(
  root: unknown,
  choices: Choices,
  all = false,
): { rows: readonly TreeRow[]; isCut: boolean } {
  const rows: TreeRow[] = [];
  const waiting: TreeRow[] = [rowOf(root, [], 0, undefined, choices, all)];
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    if (rows.length >= MAX_ROWS) return { rows, isCut: true };
    rows.push(row);
    if (!row.isOpen || row.size === undefined) continue;
    const below = childrenOf(row, choices, all);
    for (let index = below.length - 1; index >= 0; index -= 1) {
      const child = below[index];
      if (child !== undefined) waiting.push(child);
    }
  }
  return { rows, isCut: false };
}

function rowOf(
  value: unknown,
  path: Path,
  depth: number,
  key: Key | undefined,
  choices: Choices,
  all: boolean,
): TreeRow {
  const size = path.length < MAX_DEPTH ? sizeOf(value) : undefined;
  const id = idOf(path);
  const byItself = depth < OPEN_DEPTH || (size !== undefined && size <= SMALL && depth < OPEN_DEPTH_SMALL);
  return {
    id,
    path,
    depth,
    key,
    value,
    size,
    isOpen: size !== undefined && (choices.get(id) ?? (all || byItself)),
  };
}

function childrenOf(
  { value, path, depth, part, size = 0 }: TreeRow,
  choices: Choices,
  all: boolean,
): readonly TreeRow[] {
  if (part === undefined && size > PART)
    return Array.from({ length: Math.ceil(size / PART) }, (_, index) => {
      const from = index * PART;
      const to = Math.min(size, from + PART);
      const id = partId(path, from);
      return {
        id,
        path,
        depth: depth + 1,
        key: undefined,
        value,
        size: to - from,
        isOpen: choices.get(id) ?? all,
        part: [from, to],
      };
    });
  const [from, to] = part ?? [0, size];
  if (Array.isArray(value))
    return (value as unknown[])
      .slice(from, to)
      .map((one, index) => rowOf(one, [...path, from + index], depth + 1, from + index, choices, all));
  const object = value as Readonly<Record<string, unknown>>;
  return Object.keys(object)
    .slice(from, to)
    .map((key) => rowOf(object[key], [...path, key], depth + 1, key, choices, all));
}

function sizeOf(value: unknown): number | undefined {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : undefined;
}

/** What has to be open for a place to be seen. */
export function above(root: unknown, path: Path): readonly string[] {
  const ids: string[] = [];
  let value = root;
  for (const [index, key] of path.entries()) {
    const here = path.slice(0, index);
    ids.push(idOf(here));
    const size = sizeOf(value) ?? 0;
    const place = typeof key === 'number' ? key : Object.keys(value as object).indexOf(key);
    const part = partOf(size, place);
    if (part !== undefined) ids.push(partId(here, part));
    value = (value as Readonly<Record<Key, unknown>>)[key];
  }
  return ids;
}

/** As rules of comparison write it: `$.content[0].text`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return /^[A-Za-z_$][\w$]*$/.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`;
  }, '$');
}
