/** The deprecated features that a message uses, as the registry of 2026-07-28 has them, and what takes their place. */
import { memberOf } from './json.ts';

export type Deprecated = 'roots' | 'sampling' | 'logging' | 'includeContext' | 'HTTP+SSE';

export const REPLACED_BY: Readonly<Record<Deprecated, string>> = {
  roots: 'tool parameters, resource URIs or configuration of the server',
  sampling: 'calls of the model provider’s own API',
  logging: 'stderr on stdio, and OpenTelemetry',
  includeContext: 'none, or nothing',
  'HTTP+SSE': 'Streamable HTTP',
};

const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

/** Of a request of 2026-07-28. */
export function deprecatedInRequest(params: unknown): readonly Deprecated[] {
  return memberOf(memberOf(params, '_meta'), LOG_LEVEL) === undefined ? [] : ['logging'];
}

/** Of something that a server asks of its client, in a request or in an `input_required` result. */
export function deprecatedInQuestion(method: string, params: unknown): readonly Deprecated[] {
  if (method === 'roots/list') return ['roots'];
  return method === 'sampling/createMessage' ? ['sampling', ...includesContext(params)] : [];
}

export function includesContext(params: unknown): readonly Deprecated[] {
  const value = memberOf(params, 'includeContext');
  return value === 'thisServer' || value === 'allServers' ? ['includeContext'] : [];
}
