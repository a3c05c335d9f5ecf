/**
 * Values that the server made and the client sent back: ids, cursors, handles, URIs. In a replay the server makes others, and the
 * client must send those. Learnt from where a value was first seen; what the client knew before is no binding. Pure.
 */
import { isObject } from '../mcp/canonical.ts';
import type { Path } from './paths.ts';
import type { Json, Scenario, Step } from './scenario.ts';

/** Where in an answer a value stands: a place, within the JSON of a text, or a word of a text. */
export interface Place {
  readonly path: Path;
  /** Of a text that is no JSON: which of its words. */
  readonly word?: number;
}

export interface Binding {
  /** The step whose answer made the value, and where in it. */
  readonly from: number;
  readonly at: Place;
  /** The step that sends it, and where in its params. */
  readonly to: number;
  readonly into: Path;
  readonly recorded: string | number;
}

/** What somebody wrote instead of what was learnt: `step 4 $.arguments.id`, and a value. */
export interface FixedValue {
  readonly to: number;
  readonly into: Path;
  readonly value: unknown;
}

/** Shorter values are found by chance. */
const MIN_LENGTH = 4;
const MIN_NUMBER = 1000;
const MAX_DEPTH = 40;
/** Values that are remembered from answers; the oldest go first. */
const MAX_VALUES = 200_000;
const SEPARATOR = /[^\w.:/@%+=-]+/;
/** Punctuation of a sentence around a word. */
const EDGES = /^[.:,=]+|[.:,=]+$/g;

export function learnBindings({ steps }: Scenario): Binding[] {
  const made = new Map<string, { readonly from: number; readonly at: Place }>();
  const known = new Set<string>();
  const bindings: Binding[] = [];
  // In the order in which things were heard: an answer counts from the step that came after it.
  for (const step of steps) {
    for (const from of step.after) {
      const answered = steps[from];
      if (answered !== undefined) remember(answered, made, known);
    }
    for (const { path, value } of leaves(step.params ?? {}, [])) {
      const key = keyOf(value);
      if (key === undefined || path[0] === '_meta') continue;
      const source = made.get(key);
      if (source !== undefined)
        bindings.push({ ...source, to: step.index, into: path, recorded: value as string | number });
      else known.add(key);
    }
  }
  return bindings;
}

/** `params` with the values that the live answers have in the places of the recorded ones. */
export function bound(
  step: Step,
  params: Json | undefined,
  bindings: readonly Binding[],
  liveAnswer: (step: number) => unknown,
): { readonly params: Json | undefined; readonly missing: readonly Binding[] } {
  let changed: unknown = params;
  const missing: Binding[] = [];
  for (const binding of bindings) {
    if (binding.to !== step.index) continue;
    const answer = liveAnswer(binding.from);
    const value = answer === undefined ? undefined : valueAt(answer, binding.at);
    // It may have moved: a list in another order still holds the same value.
    if (value === undefined || value === binding.recorded) {
      if (value === undefined && !holds(answer, binding.recorded)) missing.push(binding);
      continue;
    }
    if (typeof value === typeof binding.recorded && !holds(answer, binding.recorded))
      changed = withValue(changed, binding.into, value);
  }
  return { params: changed as Json | undefined, missing };
}

/** A copy with another value at a path that is there; the value itself where it is not. */
export function withValue(value: unknown, path: Path, to: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return to;
  if (Array.isArray(value) && typeof first === 'number')
    return value.map((item: unknown, index) => (index === first ? withValue(item, rest, to) : item));
  if (isObject(value) && typeof first === 'string' && Object.hasOwn(value, first))
    return { ...value, [first]: withValue(value[first], rest, to) };
  return value;
}

function remember(
  { index, answer, method }: Step,
  made: Map<string, { from: number; at: Place }>,
  known: ReadonlySet<string>,
): void {
  if (answer === undefined || !('result' in answer)) return;
  // Names of tools and prompts are what the client is programmed with, and no handles.
  const isNaming = method === 'tools/list' || method === 'prompts/list';
  for (const { place, value } of places(answer.result)) {
    const key = keyOf(value);
    if (key === undefined || known.has(key) || made.has(key)) continue;
    if (isNaming && place.path[0] !== 'nextCursor') continue;
    if (made.size >= MAX_VALUES) return;
    made.set(key, { from: index, at: place });
  }
}

/** Undefined for what is too common to be a handle. */
function keyOf(value: unknown): string | undefined {
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= MIN_NUMBER ? `n${value}` : undefined;
  if (typeof value !== 'string' || value.length < MIN_LENGTH || value.length > 4096) return undefined;
  return `s${value}`;
}

function* places(value: unknown): Generator<{ readonly place: Place; readonly value: unknown }> {
  for (const { path, value: leaf } of leaves(value, [])) {
    yield { place: { path }, value: leaf };
    if (typeof leaf !== 'string') continue;
    const within = jsonOf(leaf);
    if (within !== undefined) {
      for (const inner of leaves(within, path)) yield { place: { path: inner.path }, value: inner.value };
    } else {
      for (const [word, text] of words(leaf).entries()) {
        // A plain word of a sentence is no handle.
        if (/\d|:\/\//.test(text) && text !== leaf) yield { place: { path, word }, value: text };
      }
    }
  }
}

/** What stands at a place of a live answer; undefined: nothing of the kind. */
export function valueAt(value: unknown, { path, word }: Place): string | number | undefined {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at === 'string') at = jsonOf(at);
    if (Array.isArray(at) && typeof part === 'number') at = at[part];
    else if (isObject(at) && typeof part === 'string') at = at[part];
    else return undefined;
  }
  if (word !== undefined) return typeof at === 'string' ? words(at)[word] : undefined;
  return typeof at === 'string' || typeof at === 'number' ? at : undefined;
}

function holds(value: unknown, wanted: string | number): boolean {
  for (const place of places(value)) if (place.value === wanted) return true;
  return false;
}

function words(text: string): string[] {
  return text
    .split(SEPARATOR)
    .map((word) => word.replace(EDGES, ''))
    .filter((word) => word !== '');
}

function* leaves(value: unknown, path: Path): Generator<{ readonly path: Path; readonly value: unknown }> {
  if (path.length > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* leaves(item, [...path, index]);
  } else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) yield* leaves(item, [...path, name]);
  } else yield { path, value };
}

function jsonOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
