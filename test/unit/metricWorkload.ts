/** Events that feed every metric of the catalogue which events feed, and a sink that has taken them. */
import type { McpEvent, OperationFinished } from '../../src/event/event.ts';
import { Buckets } from '../../src/self/buckets.ts';
import { Stats } from '../../src/self/stats.ts';
import { RELAY_BUCKETS } from '../../src/sink/catalog.ts';
import { MetricSink, type MetricSinkOptions } from '../../src/sink/metric.ts';
import { described, ended, exchange, operation, SESSION_ID, START_US } from './events.ts';

const at = { sessionId: SESSION_ID, atUs: START_US };

export function sessionStarted(
  differs: { readonly sessionId?: string; readonly name?: string } = {},
): McpEvent {
  return {
    type: 'session_started',
    ...at,
    sessionId: differs.sessionId ?? SESSION_ID,
    transport: 'stdio',
    configuredName: differs.name,
    command: ['node', 'server.js'],
    cwd: '/srv',
    envNames: [],
    pid: 1,
    hostname: 'host',
    sidelightVersion: '0.1.0',
  };
}

export function started(differs: Partial<OperationFinished> = {}): McpEvent {
  const { operationId, initiator, method, target, startedAtUs } = operation(differs);
  return { type: 'operation_started', ...at, atUs: startedAtUs, operationId, initiator, method, target };
}

export function seen(
  channel: 'client_to_server' | 'server_to_client',
  kind: 'request' | 'result',
  sizeBytes: number,
): McpEvent {
  return { type: 'message_seen', ...at, channel, kind, sizeBytes };
}

/** A life of a server with each kind of thing in it; `serverPid` is a process whose use of the machine is read. */
export function workload(serverPid: number): readonly McpEvent[] {
  const leg = operation().legs[0];
  return [
    sessionStarted(),
    { type: 'server_started', ...at, serverPid },
    seen('client_to_server', 'request', 300),
    seen('server_to_client', 'result', 500),
    described(),
    { type: 'catalog_listed', ...at, kind: 'tools', names: ['echo', 'slow'], sizeBytes: 1001 },
    { type: 'catalog_listed', ...at, kind: 'prompts', names: ['greet'], sizeBytes: 70 },
    started(),
    operation(),
    operation({
      operationId: 2,
      outcome: 'tool_error',
      error: { code: undefined, type: 'tool_error', message: undefined },
      endedAtUs: START_US + 700_000,
    }),
    operation({ operationId: 3, method: 'prompts/get', target: { kind: 'prompt', name: 'greet' } }),
    operation({ operationId: 4, target: { kind: 'tool', name: 'made-up' }, targetListed: false }),
    operation({
      operationId: 5,
      method: 'no/such',
      target: undefined,
      outcome: 'protocol_error',
      error: { code: -32601, type: '-32601', message: 'no such method' },
    }),
    operation({
      operationId: 6,
      ...(leg !== undefined && {
        legs: [
          { ...leg, outcome: 'input_required', asked: ['elicitation/create'] },
          { ...leg, startedAtUs: leg.endedAtUs + 42_000_000 },
        ],
      }),
      task: { states: [], polls: 3 },
    }),
    operation({ operationId: 7, initiator: 'server_to_client', method: 'roots/list', target: undefined }),
    started({ operationId: 8 }),
    started({ operationId: 10 }),
    { type: 'input_asked', ...at, operationId: 10, initiator: 'client_to_server', asked: [] },
    started({ operationId: 9, method: 'subscriptions/listen', target: undefined }),
    {
      type: 'finding_raised',
      ...at,
      rule: 'late_result',
      channel: 'server_to_client',
      seq: 9,
      operationId: 1,
      detail: '',
    },
    sessionStarted({ sessionId: 'earlier', name: 'everything' }),
    { type: 'server_started', ...at, sessionId: 'earlier', serverPid: 0 },
    {
      type: 'server_exited',
      ...at,
      sessionId: 'earlier',
      code: 1,
      signal: null,
      crashed: true,
      lastStderr: [],
    },
    ended({ sessionId: 'earlier', cause: 'server_crashed' }),
    { type: 'stream_opened', ...at, exchange: 2 },
    exchange({ exchange: 1 }),
    exchange({ exchange: 2, method: 'GET', end: 'client_gone', stream: true, atUs: START_US + 90_000_000 }),
    exchange({ exchange: 3, status: 502, failure: 'refused' }),
  ];
}

const METHODS = new Set(['tools/call', 'prompts/get', 'roots/list', 'subscriptions/listen']);

export function newSink(differs: Partial<MetricSinkOptions> = {}): { sink: MetricSink; stats: Stats } {
  const stats = differs.stats ?? new Stats();
  const sink = new MetricSink({
    stats,
    version: '0.1.0',
    nowUs: () => START_US + 2_500_000,
    isKnownMethod: (method) => METHODS.has(method),
    isStream: (method) => method === 'subscriptions/listen',
    ...differs,
  });
  return { sink, stats };
}

/** A sink where every metric has a sample. */
export function fullSink(serverPid: number): MetricSink {
  const relay = new Buckets(RELAY_BUCKETS);
  relay.observe(0.00002);
  const { sink, stats } = newSink({ relayDelay: () => relay, connections: () => 3, storeBytes: () => 8192 });
  stats.drop('store', 'queue_full', 3, 4096);
  stats.fail('traces', 'ECONNREFUSED');
  stats.add('spans_created', 4);
  stats.add('store_pruned_age', 2);
  stats.add('store_packed', 5);
  stats.add('fleet_rows_frames', 12);
  stats.add('fleet_batches', 2);
  stats.add('fleet_bytes', 4096);
  stats.add('fleet_lost_payloads_spool_size', 3);
  stats.gauge('fleet_lag_seconds', () => 7);
  stats.gauge('fleet_waiting_sessions', () => undefined);
  stats.took('store', 0.002);
  stats.queue('capture', () => ({ depth: 512, capacity: 1024 }));
  sink.write(workload(serverPid));
  return sink;
}

export interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** What follows `#` on an OpenMetrics line. */
  readonly exemplar: string | undefined;
}

/** The samples of an exposition. Throws for a line that is none. */
export function samplesOf(body: string): readonly Line[] {
  return body
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [sample = '', exemplar] = line.split(' # ');
      const parts = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(sample);
      if (parts === null) throw new Error(`no sample: ${line}`);
      const [, name = '', labels = '', value = ''] = parts;
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        name,
        labels: Object.fromEntries(pairs.map(([, label = '', text = '']) => [label, text])),
        value: Number(value),
        exemplar,
      };
    });
}
