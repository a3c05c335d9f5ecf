/** Where values stand in a text of JSON. The text is known to be JSON, or the head of some; nothing is judged here. */
import { isPlaceholder, type Span } from './redact-span.ts';

/** The members and elements on the way to a value. */
export type Place = readonly (string | number)[];

/** Deeper, the value around it is taken. */
const MAX_DEPTH = 256;

interface Node {
  readonly below: Map<string, Node>;
  taken: boolean;
}

/** The spans of the values at some places. `null` tells nothing and stays. */
export function placesIn(text: string, places: readonly Place[], kind: string): readonly Span[] {
  const root: Node = { below: new Map(), taken: false };
  for (const place of places) {
    let node = root;
    for (const step of place.slice(0, MAX_DEPTH)) {
      let next = node.below.get(String(step));
      if (next === undefined) node.below.set(String(step), (next = { below: new Map(), taken: false }));
      node = next;
    }
    node.taken = true;
  }
  const spans: Span[] = [];
  walk(text, blank(text, 0), root, kind, spans);
  return spans;
}

/** Gives the end of the value. Goes down only where something is to be taken. */
function walk(text: string, at: number, node: Node | undefined, kind: string, spans: Span[]): number {
  const end = node === undefined || node.taken || node.below.size === 0 ? endOf(text, at) : undefined;
  if (end !== undefined) {
    if (node?.taken === true) spans.push(...taken(text, at, end, kind));
    return end;
  }
  const isObject = text[at] === '{';
  if (!isObject && text[at] !== '[') return endOf(text, at);
  let next = blank(text, at + 1);
  for (let index = 0; next < text.length && text[next] !== '}' && text[next] !== ']'; index += 1) {
    let step = String(index);
    if (isObject) {
      const keyEnd = endOf(text, next);
      step = unquoted(text.slice(next, keyEnd));
      // The colon.
      next = blank(text, blank(text, keyEnd) + 1);
    }
    next = blank(text, walk(text, next, node?.below.get(step), kind, spans));
    if (text[next] === ',') next = blank(text, next + 1);
  }
  return Math.min(next + 1, text.length);
}

function taken(text: string, from: number, to: number, kind: string): readonly Span[] {
  const value = text.slice(from, to);
  if (value === '' || value === 'null') return [];
  if (!value.startsWith('"')) return [{ from, to, kind, quote: '"' }];
  const end = value.length > 1 && isClosed(value) ? to - 1 : to;
  const secret = text.slice(from + 1, end);
  return secret === '' || isPlaceholder(secret) ? [] : [{ from: from + 1, to: end, kind }];
}

function isClosed(string: string): boolean {
  return endOfString(string, 0) === string.length && string.endsWith('"');
}

function endOf(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  if (text[at] !== '{' && text[at] !== '[') {
    const length = text.slice(at).search(/[\s,\]}]/);
    return length < 0 ? text.length : at + length;
  }
  let depth = 0;
  for (let next = at; next < text.length; next += 1) {
    const char = text[next];
    if (char === '"') next = endOfString(text, next) - 1;
    else if (char === '{' || char === '[') depth += 1;
    else if ((char === '}' || char === ']') && (depth -= 1) === 0) return next + 1;
  }
  return text.length;
}

function endOfString(text: string, at: number): number {
  for (let next = at + 1; next < text.length; next += 1) {
    if (text[next] === '\\') next += 1;
    else if (text[next] === '"') return next + 1;
  }
  return text.length;
}

function blank(text: string, at: number): number {
  let next = at;
  while (next < text.length && /\s/.test(text.charAt(next))) next += 1;
  return next;
}

function unquoted(key: string): string {
  try {
    return String(JSON.parse(key));
  } catch {
    return key;
  }
}

/**
 * Makes a span fit to be replaced in a text that may be JSON: a part of a number or literal becomes all of it, with the
 * quotes that its placeholder needs; undefined for what is the structure itself.
 */
export function fitting(text: string): (span: Span) => Span | undefined {
  let ends: readonly number[] | undefined;
  const isJson = /^\s*[[{]/.test(text);
  return (span) => {
    const [from, to] = tokenAround(text, span);
    const isValue = SCALAR.test(text.slice(from, to)) && /^\s*(?:[,}\]]|$)/.test(text.slice(to, to + 16));
    if (isJson) {
      ends ??= quotes(text);
      const isOutside = countBelow(ends, span.from) % 2 === 0;
      if (isOutside) return isValue ? { ...span, from, to, quote: '"' } : undefined;
    }
    // A member of JSON in a string, or in a text: its quotes are escaped as those of its key.
    const [, escape] = /(\\*)"\s*:\s*$/.exec(text.slice(Math.max(0, from - 64), from)) ?? [];
    return escape === undefined || !isValue ? span : { ...span, from, to, quote: `${escape}"` };
  };
}

const SCALAR = /^(?:-?\d[\d.eE+-]*|true|false|null)$/;

function tokenAround(text: string, { from, to }: Span): readonly [number, number] {
  let begin = from;
  let end = to;
  while (begin > 0 && from - begin < 64 && /[\w.+-]/.test(text.charAt(begin - 1))) begin -= 1;
  while (end < text.length && end - to < 64 && /[\w.+-]/.test(text.charAt(end))) end += 1;
  return [begin, end];
}

/** The quotes that begin and end strings, in order. */
function quotes(text: string): readonly number[] {
  const found: number[] = [];
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    const end = endOfString(text, at);
    found.push(at, end - 1);
    at = end;
  }
  return found;
}

function countBelow(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
