/** Which capability a request needs of the side that it asks, and whether that was declared. */
import type { Era } from '../../mcp/era.ts';

/** Servers, by the first word of the method. */
const OF_SERVER: ReadonlyMap<string, string> = new Map([
  ['tools', 'tools'],
  ['prompts', 'prompts'],
  ['resources', 'resources'],
  ['logging', 'logging'],
  ['completion', 'completions'],
]);

const OF_CLIENT: ReadonlyMap<string, string> = new Map([
  ['sampling/createMessage', 'sampling'],
  ['elicitation/create', 'elicitation'],
  ['roots/list', 'roots'],
]);

/** Revisions whose servers could complete without a word of it. */
const WITHOUT_COMPLETIONS: ReadonlySet<string> = new Set(['2024-10-07', '2024-11-05']);

/** Since 2026-07-28 there is no capability to set a level with: each request says its own. */
export function neededOfServer(method: string, version: string | undefined, era: Era | undefined) {
  const needed = OF_SERVER.get(method.split('/', 1)[0] ?? '');
  if (needed === 'completions' && version !== undefined && WITHOUT_COMPLETIONS.has(version)) return undefined;
  return needed === 'logging' && era === 'modern' ? undefined : needed;
}

export function neededOfClient(method: string): string | undefined {
  return OF_CLIENT.get(method);
}

/** The evidence; undefined where it was declared, or nothing is known of what was. */
export function undeclared(
  method: string,
  needed: string | undefined,
  declared: readonly string[] | undefined,
  by: 'client' | 'server',
): string | undefined {
  if (needed === undefined || declared === undefined || declared.includes(needed)) return undefined;
  const said = declared.length === 0 ? 'nothing' : declared.join(', ');
  return `${method} needs ${needed}; the ${by} declared ${said}`;
}
