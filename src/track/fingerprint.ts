/** What one call has in common with another that is the same call: method, target and arguments, whatever their order of members. */

import { canonical, isObject } from '../mcp/canonical.ts';

/** A canonical text of `{method, params: {name, uri, arguments}}`; undefined for what is no such message. */
export function fingerprintOf(message: unknown): string | undefined {
  if (!isObject(message)) return undefined;
  const { method, params } = message;
  const { name = null, uri = null, arguments: args = null } = isObject(params) ? params : {};
  return canonical([method, name, uri, args]);
}
