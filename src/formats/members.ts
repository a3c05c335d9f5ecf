/**
 * Members of parsed JSON that somebody else wrote: looked at before they are believed. Each gives undefined for what is not
 * there and throws a `Malformed` for what is something else. Pure.
 */
export type Json = Readonly<Record<string, unknown>>;

/** What is wrong with a piece of input, in words that name the member and what was expected. It holds no input. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Malformed('is no JSON text');
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectIn(value: unknown, what: string): Json {
  if (isObject(value)) return value;
  throw new Malformed(`${what} is no JSON object`);
}

/** Undefined where there is no such member, or null. */
export function object(from: Json, name: string): Json | undefined {
  const value = from[name];
  return value === undefined || value === null ? undefined : objectIn(value, name);
}

export function text(from: Json, name: string): string | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new Malformed(`${name} is no string`);
}

/** A whole number that is not negative. */
export function count(from: Json, name: string): number | undefined {
  const value = from[name];
  if (value === undefined || value === null) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Malformed(`${name} is no whole number from 0`);
}

export function flag(from: Json, name: string): boolean {
  const value = from[name];
  if (value === undefined || value === null || typeof value === 'boolean') return value === true;
  throw new Malformed(`${name} is neither true nor false`);
}

export function texts(from: Json, name: string): readonly string[] {
  const value = from[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value;
  throw new Malformed(`${name} is no list of strings`);
}

export function oneOf<Word extends string>(
  from: Json,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const value = text(from, name);
  if (value === undefined || (words as readonly string[]).includes(value)) return value as Word | undefined;
  const told = words.map((word) => (/^\w+$/.test(word) ? word : JSON.stringify(word)));
  throw new Malformed(`${name} is none of ${told.join(', ')}`);
}

export function needed<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Malformed(`${name} is missing`);
  return value;
}
