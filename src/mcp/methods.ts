/**
 * Every MCP method of every revision, a row each: what it is about and who may send it. A method that is not here is
 * relayed and recorded as generic.
 */
import type { Direction } from '../wire/chunk.ts';

export interface MethodInfo {
  readonly method: string;
  readonly kind: 'request' | 'notification';
  readonly directions: readonly Direction[];
  /** The first revision that has it, and the first that no longer does. */
  readonly since: string;
  readonly until?: string;
  /** What `params.name` or `params.uri` names. */
  readonly targetKind?: 'tool' | 'prompt' | 'resource';
  /** Stays open on purpose: its duration is no latency. */
  readonly stream?: true;
  /** Its result lists these. */
  readonly listOf?: 'tools' | 'prompts' | 'resources';
}

type Facts = Omit<MethodInfo, 'method' | 'kind' | 'directions' | 'since'>;

const C2S: readonly Direction[] = ['client_to_server'];
const S2C: readonly Direction[] = ['server_to_client'];
const BOTH: readonly Direction[] = ['client_to_server', 'server_to_client'];

const FIRST = '2024-11-05';
const MODERN = '2026-07-28';

function request(
  method: string,
  directions: readonly Direction[],
  since: string,
  facts: Facts = {},
): MethodInfo {
  return { method, kind: 'request', directions, since, ...facts };
}

function notification(
  method: string,
  directions: readonly Direction[],
  since: string,
  facts: Facts = {},
): MethodInfo {
  return { method: `notifications/${method}`, kind: 'notification', directions, since, ...facts };
}

export const METHODS: readonly MethodInfo[] = [
  request('initialize', C2S, FIRST, { until: MODERN }),
  request('ping', BOTH, FIRST, { until: MODERN }),
  request('server/discover', C2S, MODERN),
  request('completion/complete', C2S, FIRST),
  request('logging/setLevel', C2S, FIRST, { until: MODERN }),
  request('prompts/get', C2S, FIRST, { targetKind: 'prompt' }),
  request('prompts/list', C2S, FIRST, { listOf: 'prompts' }),
  request('resources/list', C2S, FIRST, { listOf: 'resources' }),
  request('resources/templates/list', C2S, FIRST),
  request('resources/read', C2S, FIRST, { targetKind: 'resource' }),
  request('resources/subscribe', C2S, FIRST, { until: MODERN, targetKind: 'resource' }),
  request('resources/unsubscribe', C2S, FIRST, { until: MODERN, targetKind: 'resource' }),
  request('subscriptions/listen', C2S, MODERN, { stream: true }),
  request('tools/call', C2S, FIRST, { targetKind: 'tool' }),
  request('tools/list', C2S, FIRST, { listOf: 'tools' }),
  request('tasks/get', BOTH, '2025-11-25'),
  request('tasks/result', BOTH, '2025-11-25', { until: MODERN }),
  request('tasks/list', BOTH, '2025-11-25', { until: MODERN }),
  request('tasks/cancel', BOTH, '2025-11-25'),
  request('tasks/update', C2S, MODERN),
  request('sampling/createMessage', S2C, FIRST, { until: MODERN }),
  request('roots/list', S2C, FIRST, { until: MODERN }),
  request('elicitation/create', S2C, '2025-06-18', { until: MODERN }),
  notification('initialized', C2S, FIRST, { until: MODERN }),
  notification('cancelled', BOTH, FIRST),
  notification('progress', BOTH, FIRST),
  notification('roots/list_changed', C2S, FIRST, { until: MODERN }),
  notification('message', S2C, FIRST),
  notification('resources/updated', S2C, FIRST),
  notification('resources/list_changed', S2C, FIRST),
  notification('tools/list_changed', S2C, FIRST),
  notification('prompts/list_changed', S2C, FIRST),
  notification('elicitation/complete', S2C, '2025-11-25', { until: MODERN }),
  notification('tasks/status', BOTH, '2025-11-25', { until: MODERN }),
  notification('tasks', S2C, MODERN),
  notification('subscriptions/acknowledged', S2C, MODERN),
];

const BY_NAME: ReadonlyMap<string, MethodInfo> = new Map(METHODS.map((info) => [info.method, info]));

export function methodInfo(method: string): MethodInfo | undefined {
  return BY_NAME.get(method);
}
