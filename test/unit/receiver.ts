/** An independent OTLP receiver with what it understood of what was sent to it, and a sink that sends spans. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { TraceSink, type TraceSinkOptions } from '../../src/sink/trace.ts';

interface Resourced {
  readonly resource: { readonly attributes: Readonly<Record<string, unknown>> };
  readonly scopeSpans: readonly { readonly scope: unknown; readonly spans: readonly ReceivedSpan[] }[];
}

export interface ReceivedSpan {
  readonly name: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

type Attributes = Readonly<Record<string, unknown>>;

/** Of any kind of metric. */
export interface ReceivedPoint {
  readonly attributes: Attributes;
  readonly startTimeUnixNano?: string;
  readonly timeUnixNano: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
  readonly exemplars?: readonly Readonly<Record<string, unknown>>[];
}

interface Points {
  readonly dataPoints: readonly ReceivedPoint[];
  readonly isMonotonic?: boolean;
  readonly aggregationTemporality?: number;
}

export interface ReceivedMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly sum?: Points;
  readonly gauge?: Points;
  readonly histogram?: Points;
}

export interface ReceivedRecord {
  readonly timeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: unknown;
  readonly attributes: Attributes;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly flags?: number;
}

/** One export of metrics or logs. */
export interface Received<T> {
  readonly resource: Attributes;
  readonly scope: unknown;
  readonly items: readonly T[];
}

interface MockOtlpServer {
  readonly httpUrl: URL;
  start(): Promise<void>;
  close(): Promise<void>;
}

interface MockOtlp {
  readonly MockOtlpServer: new (options: Readonly<Record<string, unknown>>) => MockOtlpServer;
  readonly normalizeTrace: (raw: unknown) => { readonly resourceSpans: readonly Resourced[] };
  readonly normalizeMetrics: (raw: unknown) => { readonly resourceMetrics: readonly ScopedMetrics[] };
  readonly normalizeLogs: (raw: unknown) => { readonly resourceLogs: readonly ScopedLogs[] };
}

interface Scoped {
  readonly resource: { readonly attributes: Attributes };
}

interface ScopedMetrics extends Scoped {
  readonly scopeMetrics: readonly { readonly scope: unknown; readonly metrics: readonly ReceivedMetric[] }[];
}

interface ScopedLogs extends Scoped {
  readonly scopeLogs: readonly { readonly scope: unknown; readonly logRecords: readonly ReceivedRecord[] }[];
}

/** A message of opentelemetry-proto. */
interface MessageType {
  readonly fromObject: (message: object) => object;
  readonly toObject: (message: object, options: object) => object;
}

const require = createRequire(import.meta.url);
const mockOtlp = require('@elastic/mockotlpserver') as MockOtlp;
const { getProtoRoot } = require('@elastic/mockotlpserver/lib/proto') as {
  readonly getProtoRoot: () => { readonly lookupType: (name: string) => MessageType };
};

/** That opentelemetry-proto knows every member of a request, and that each is of its type. */
function expectKnown(type: string, request: object): void {
  const message = getProtoRoot().lookupType(`opentelemetry.proto.collector.${type}`);
  const known = message.toObject(message.fromObject(request), {
    longs: String,
    enums: Number,
    bytes: String,
  });
  expect(known).toEqual(withoutEmptyLists(request));
}

function withoutEmptyLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyLists);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(
    ([, member]) => !(Array.isArray(member) && member.length === 0),
  );
  return Object.fromEntries(members.map(([key, member]) => [key, withoutEmptyLists(member)]));
}

export interface Receiver {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>[];
  readonly requests: Resourced[];
  readonly spans: () => readonly ReceivedSpan[];
  readonly metrics: Received<ReceivedMetric>[];
  readonly logs: Received<ReceivedRecord>[];
}

/** Listens until the test is over. Members that hold protobuf's defaults are left out of what it tells. */
export async function startReceiver(): Promise<Receiver> {
  const requests: Resourced[] = [];
  const headers: Readonly<Record<string, string>>[] = [];
  const metrics: Received<ReceivedMetric>[] = [];
  const logs: Received<ReceivedRecord>[] = [];
  const unknown: unknown[] = [];
  const take = (type: string, raw: object): void => {
    try {
      expectKnown(type, raw);
    } catch (cause) {
      unknown.push(cause);
    }
  };
  const server = new mockOtlp.MockOtlpServer({
    services: ['http'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    logLevel: 'fatal',
    onTrace: (raw: unknown) => requests.push(...mockOtlp.normalizeTrace(raw).resourceSpans),
    onMetrics: (raw: object) => {
      take('metrics.v1.ExportMetricsServiceRequest', raw);
      for (const { resource, scopeMetrics } of mockOtlp.normalizeMetrics(raw).resourceMetrics)
        for (const { scope, metrics: items } of scopeMetrics)
          metrics.push({ resource: resource.attributes, scope, items });
    },
    onLogs: (raw: object) => {
      take('logs.v1.ExportLogsServiceRequest', raw);
      for (const { resource, scopeLogs } of mockOtlp.normalizeLogs(raw).resourceLogs)
        for (const { scope, logRecords: items } of scopeLogs)
          logs.push({ resource: resource.attributes, scope, items });
    },
    onRequest: (request: { headers: Readonly<Record<string, string>> }) => headers.push(request.headers),
  });
  await server.start();
  onTestFinished(async () => {
    await server.close();
    expect(unknown).toEqual([]);
  });
  return {
    endpoint: server.httpUrl.origin,
    headers,
    requests,
    metrics,
    logs,
    spans: () =>
      requests.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map((span) => withoutDefaults(span) as ReceivedSpan)),
      ),
  };
}

/** A receiver that answers each body as told; undefined: not at all. */
export async function answering(
  answer: (body: Buffer) => readonly [number, string] | undefined,
): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const told = answer(Buffer.concat(chunks));
      if (told !== undefined) response.writeHead(told[0]).end(told[1]);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port that was just free: nobody listens there. */
export async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

const DEFAULTS: readonly (readonly [string, unknown])[] = [
  ['droppedAttributesCount', 0],
  ['droppedEventsCount', 0],
  ['droppedLinksCount', 0],
  ['code', 'STATUS_CODE_UNSET'],
];

function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .filter(([key, member]) => !DEFAULTS.some(([name, byDefault]) => name === key && member === byDefault))
    .map(([key, member]) => [key, withoutDefaults(member)] as const)
    .filter(([key, member]) => !(EMPTY_IS_DEFAULT.has(key) && Object.keys(member as object).length === 0));
  return Object.fromEntries(members);
}

const EMPTY_IS_DEFAULT: ReadonlySet<string> = new Set(['status', 'events', 'links']);

export const OTLP: Config['otlp'] = {
  endpoint: undefined,
  tracesEndpoint: undefined,
  metricsEndpoint: undefined,
  logsEndpoint: undefined,
  traces: true,
  metrics: false,
  logs: false,
  protocol: 'http/json',
  headers: {},
  tracesHeaders: undefined,
  metricsHeaders: undefined,
  logsHeaders: undefined,
  timeoutMs: 10_000,
  metricIntervalMs: 60_000,
  sampleRatio: 1,
  slowMs: 5000,
  slowMsByMethod: {},
  captureContent: false,
};

interface Differs {
  readonly otlp?: Partial<Config['otlp']>;
  readonly serviceName?: string;
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  readonly env?: TraceSinkOptions['env'];
  readonly recordingUrl?: TraceSinkOptions['recordingUrl'];
}

/** A trace sink that is closed when the test is over, with what it counted and what it said. */
export function sinkTo(
  endpoint: string,
  differs: Differs = {},
): { readonly sink: TraceSink; readonly stats: Stats; readonly said: readonly string[] } {
  const stats = new Stats();
  const said: string[] = [];
  const sink = new TraceSink(
    {
      target: { url: `${endpoint}/v1/traces`, headers: differs.otlp?.headers ?? {} },
      config: {
        otlp: { ...OTLP, ...differs.otlp },
        serviceName: differs.serviceName,
        resourceAttributes: differs.resourceAttributes ?? {},
      },
      self: { pid: 42, hostname: 'host', version: '0.1.0', instanceId: 'instance' },
      env: differs.env ?? {},
      recordingUrl: differs.recordingUrl,
    },
    stats,
    new Trouble((line) => said.push(line)),
  );
  onTestFinished(() => sink.close(0));
  return { sink, stats, said };
}
