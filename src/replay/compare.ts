/**
 * What differs between two answers to the same request, at the level that somebody cares for. It says where and how, and
 * judges nothing by chance: what two runs are known to differ in is told to it. Pure.
 */
import { isObject } from '../mcp/canonical.ts';
import { standsFor } from './placeholder.ts';
import { matches, type Path, type Pattern } from './paths.ts';

/**
 * `outcome`: both succeeded, or failed the same way. `shape`: besides, the same members of the same types. `semantic`:
 * besides, the same values, JSON within text read as JSON. `strict`: besides, text to the character.
 */
export const LEVELS = ['outcome', 'shape', 'semantic', 'strict'] as const;

export type Level = (typeof LEVELS)[number];

export type DifferenceKind =
  /** On one side only. */
  | 'missing'
  | 'added'
  | 'type'
  | 'value'
  /** Arrays of different length. */
  | 'length';

export interface Difference {
  readonly path: Path;
  readonly kind: DifferenceKind;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface CompareRules {
  readonly level: Level;
  /** Places at which everything is equal. */
  readonly ignore: readonly Pattern[];
  /** Places at which only the type is compared: ids, times, counters. */
  readonly typeOnly: readonly Pattern[];
  /** Arrays whose order says nothing. */
  readonly unordered: readonly Pattern[];
}

export const NO_RULES: Omit<CompareRules, 'level'> = { ignore: [], typeOnly: [], unordered: [] };

/** More than a person reads; how many there are is not worth the time. */
export const MAX_DIFFERENCES = 100;
/** Text that may be JSON is read as JSON up to this length. */
const MAX_JSON_TEXT = 4 * 1024 * 1024;
const MAX_DEPTH = 200;

/** The differences between two JSON values, at most MAX_DIFFERENCES, in the order of the expected one. */
export function compareValues(expected: unknown, actual: unknown, rules: CompareRules): Difference[] {
  if (rules.level === 'outcome') return [];
  const found: Difference[] = [];
  compareAt(expected, actual, [], rules, found);
  return found;
}

function compareAt(
  expected: unknown,
  actual: unknown,
  path: Path,
  rules: CompareRules,
  found: Difference[],
): void {
  if (found.length >= MAX_DIFFERENCES || path.length > MAX_DEPTH) return;
  if (rules.ignore.some((pattern) => matches(pattern, path))) return;
  const add = (kind: DifferenceKind): void => {
    found.push({ path, kind, expected, actual });
  };
  if (typeof expected === 'string' && expected !== actual && standsFor(expected, actual)) return;
  if (typeOf(expected) !== typeOf(actual)) {
    add('type');
    return;
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    compareArrays(expected, actual, path, rules, found);
  } else if (isObject(expected) && isObject(actual)) {
    compareObjects(expected, actual, path, rules, found);
  } else if (rules.level !== 'shape' && expected !== actual) {
    if (rules.typeOnly.some((pattern) => matches(pattern, path))) return;
    const [a, b] = [withinText(expected, rules), withinText(actual, rules)];
    if (a !== undefined && b !== undefined) compareAt(a, b, path, rules, found);
    else add('value');
  } else if (rules.level === 'shape') {
    const [a, b] = [withinText(expected, rules), withinText(actual, rules)];
    if (a !== undefined && b !== undefined) compareAt(a, b, path, rules, found);
  }
}

function compareObjects(
  expected: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
  path: Path,
  rules: CompareRules,
  found: Difference[],
): void {
  for (const [name, value] of Object.entries(expected)) {
    const at = [...path, name];
    if (Object.hasOwn(actual, name)) compareAt(value, actual[name], at, rules, found);
    else if (!rules.ignore.some((pattern) => matches(pattern, at)))
      found.push({ path: at, kind: 'missing', expected: value, actual: undefined });
  }
  for (const [name, value] of Object.entries(actual)) {
    const at = [...path, name];
    if (!Object.hasOwn(expected, name) && !rules.ignore.some((pattern) => matches(pattern, at)))
      found.push({ path: at, kind: 'added', expected: undefined, actual: value });
  }
}

/** By shape, an array is what its elements may be, however many they are. */
function compareArrays(
  expected: readonly unknown[],
  actual: readonly unknown[],
  path: Path,
  rules: CompareRules,
  found: Difference[],
): void {
  if (rules.level === 'shape') {
    const [first] = expected;
    for (const [index, element] of actual.entries()) {
      if (first === undefined) break;
      const same = expected.some((one) => isSame(one, element, [...path, index], rules));
      if (!same) compareAt(expected[index] ?? first, element, [...path, index], rules, found);
    }
    return;
  }
  if (expected.length !== actual.length) {
    found.push({ path, kind: 'length', expected: expected.length, actual: actual.length });
    return;
  }
  const partners = rules.unordered.some((pattern) => matches(pattern, path))
    ? paired(expected, actual, path, rules)
    : actual;
  for (const [index, element] of expected.entries())
    compareAt(element, partners[index], [...path, index], rules, found);
}

/** The actual elements in the order of their equals; what has none stands where there is room. */
function paired(
  expected: readonly unknown[],
  actual: readonly unknown[],
  path: Path,
  rules: CompareRules,
): unknown[] {
  const left = [...actual];
  const partners = expected.map((one, index) => {
    const at = left.findIndex((other) => isSame(one, other, [...path, index], rules));
    return at === -1 ? undefined : { is: left.splice(at, 1)[0] };
  });
  return partners.map((partner) => (partner === undefined ? left.shift() : partner.is));
}

function isSame(expected: unknown, actual: unknown, path: Path, rules: CompareRules): boolean {
  const found: Difference[] = [];
  compareAt(expected, actual, path, rules, found);
  return found.length === 0;
}

/** The object or array that a text holds, where texts are read so. */
function withinText(value: unknown, { level }: CompareRules): unknown {
  if (level === 'strict' || typeof value !== 'string' || value.length > MAX_JSON_TEXT) return undefined;
  if (!/^\s*[[{]/.test(value)) return undefined;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
