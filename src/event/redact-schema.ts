/** Which members of a tool's arguments or results are secret by its JSON Schema, whatever their names. */
import { isObject } from '../mcp/canonical.ts';
import type { Place } from './redact-json.ts';

/** A way into a value; `*` is every element, or every member that is not named. */
export type SchemaPlace = readonly (string | { readonly any: true })[];

export interface SchemaSecrets {
  readonly places: readonly SchemaPlace[];
  /** Names that stand after `Mcp-Param-` in the headers that repeat a secret. */
  readonly headers: readonly string[];
}

const ANY = { any: true } as const;
/** Schemas refer to themselves; deeper members are found by name and pattern alone. */
const MAX_DEPTH = 12;
/** Of one schema. */
const MAX_PLACES = 200;

/** `isSecretName`: of a header. Secret is what is `writeOnly`, of `format: password`, or sent in a header for secrets. */
export function secretsOf(schema: unknown, isSecretName: (name: string) => boolean): SchemaSecrets {
  const places: SchemaPlace[] = [];
  const headers: string[] = [];
  const walk = (given: unknown, way: SchemaPlace, depth: number): void => {
    if (!isObject(given) || depth > MAX_DEPTH || places.length >= MAX_PLACES) return;
    const header = given['x-mcp-header'];
    const isSecretHeader = typeof header === 'string' && isSecretName(header);
    if (given.writeOnly === true || given.format === 'password' || isSecretHeader) {
      places.push(way);
      if (typeof header === 'string') headers.push(header);
      return;
    }
    const next = depth + 1;
    if (typeof given.$ref === 'string') walk(referred(schema, given.$ref), way, next);
    for (const name of ['allOf', 'anyOf', 'oneOf']) {
      const list = given[name];
      if (Array.isArray(list)) for (const one of list) walk(one, way, next);
    }
    for (const name of ['if', 'then', 'else']) walk(given[name], way, next);
    if (isObject(given.properties))
      for (const [name, property] of Object.entries(given.properties)) walk(property, [...way, name], next);
    if (isObject(given.patternProperties))
      for (const property of Object.values(given.patternProperties)) walk(property, [...way, ANY], next);
    walk(given.additionalProperties, [...way, ANY], next);
    const items = Array.isArray(given.items) ? (given.items as readonly unknown[]) : [given.items];
    const prefix = Array.isArray(given.prefixItems) ? (given.prefixItems as readonly unknown[]) : [];
    for (const item of [...items, ...prefix]) walk(item, [...way, ANY], next);
  };
  walk(schema, [], 0);
  return { places, headers };
}

/** The places in a value that a way leads to. */
export function* matching(value: unknown, way: SchemaPlace, before: Place): Iterable<Place> {
  const [step, ...rest] = way;
  if (step === undefined) {
    if (value !== undefined) yield before;
  } else if (typeof step === 'string') {
    if (isObject(value) && Object.hasOwn(value, step)) yield* matching(value[step], rest, [...before, step]);
  } else if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) yield* matching(one, rest, [...before, index]);
  } else if (isObject(value)) {
    for (const [name, one] of Object.entries(value)) yield* matching(one, rest, [...before, name]);
  }
}

/** `#/$defs/secret`: within the same schema; others are not fetched. */
function referred(schema: unknown, reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  let found = schema;
  for (const step of reference.slice(2).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
  }
  return found;
}
