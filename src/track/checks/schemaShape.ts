/** What in the definition of a tool clients and model APIs are known to refuse or to pass over. It compiles nothing. */
import { isObject, memberOf } from './json.ts';

/** Values of a schema that are looked at: the rest of a larger one is taken to be no worse. */
const MAX_NODES = 2000;
const PLAIN_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const COMBINED = ['anyOf', 'oneOf', 'allOf'] as const;
const DEFINITIONS = ['$defs', 'definitions'] as const;

/** In words; empty where there is nothing. */
export function hardConstructs(name: string, inputSchema: unknown): readonly string[] {
  const found: string[] = [];
  if (!PLAIN_NAME.test(name)) found.push('a name outside [A-Za-z0-9_-]{1,64}');
  if (!isObject(inputSchema)) return found;
  if (memberOf(inputSchema, 'type') !== 'object') found.push('a type at the top that is not object');
  for (const keyword of COMBINED)
    if (memberOf(inputSchema, keyword) !== undefined) found.push(`${keyword} at the top`);
  if (DEFINITIONS.some((keyword) => isObject(memberOf(inputSchema, keyword)))) found.push('definitions');
  if (hasReference(inputSchema)) found.push('$ref');
  return found;
}

/** A property may be called `$ref`, but then it is no string; the values of these are data, whatever is in them. */
const DATA: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'example']);

function hasReference(schema: unknown): boolean {
  const open: unknown[] = [schema];
  for (let nodes = 0; nodes < MAX_NODES && open.length > 0; nodes += 1) {
    const node = open.pop();
    if (Array.isArray(node)) open.push(...(node as unknown[]).slice(0, MAX_NODES));
    if (!isObject(node)) continue;
    if (typeof memberOf(node, '$ref') === 'string') return true;
    for (const [key, value] of Object.entries(node).slice(0, MAX_NODES)) if (!DATA.has(key)) open.push(value);
  }
  return false;
}
