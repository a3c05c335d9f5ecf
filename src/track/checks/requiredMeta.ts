/** What the `_meta` of every request must have since 2026-07-28. */
import { memberOf } from './json.ts';

const REQUIRED = [
  'io.modelcontextprotocol/protocolVersion',
  'io.modelcontextprotocol/clientCapabilities',
] as const;

const CAPABILITIES = REQUIRED[1];

export function missingMeta(params: unknown): readonly string[] {
  const meta = memberOf(params, '_meta');
  return REQUIRED.filter((key) => memberOf(meta, key) === undefined);
}

/** The capabilities that a request declares for itself. */
export function declaredBy(params: unknown): readonly string[] | undefined {
  const declared = memberOf(memberOf(params, '_meta'), CAPABILITIES);
  return typeof declared === 'object' && declared !== null ? Object.keys(declared) : undefined;
}
