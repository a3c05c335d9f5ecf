/** An independent OTLP receiver with what it understood of the spans that were sent to it, and a sink that sends. */
import { createRequire } from 'node:module';
import { onTestFinished } from 'vitest';
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

interface MockOtlpServer {
  readonly httpUrl: URL;
  start(): Promise<void>;
  close(): Promise<void>;
}

interface MockOtlp {
  readonly MockOtlpServer: new (options: Readonly<Record<string, unknown>>) => MockOtlpServer;
  readonly normalizeTrace: (raw: unknown) => { readonly resourceSpans: readonly Resourced[] };
}

const mockOtlp = createRequire(import.meta.url)('@elastic/mockotlpserver') as MockOtlp;

export interface Receiver {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>[];
  readonly requests: Resourced[];
  readonly spans: () => readonly ReceivedSpan[];
}

/** Listens until the test is over. Members that hold protobuf's defaults are left out of what it tells. */
export async function startReceiver(): Promise<Receiver> {
  const requests: Resourced[] = [];
  const headers: Readonly<Record<string, string>>[] = [];
  const server = new mockOtlp.MockOtlpServer({
    services: ['http'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    logLevel: 'fatal',
    onTrace: (raw: unknown) => requests.push(...mockOtlp.normalizeTrace(raw).resourceSpans),
    onRequest: (request: { headers: Readonly<Record<string, string>> }) => headers.push(request.headers),
  });
  await server.start();
  onTestFinished(() => server.close());
  return {
    endpoint: server.httpUrl.origin,
    headers,
    requests,
    spans: () =>
      requests.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map((span) => withoutDefaults(span) as ReceivedSpan)),
      ),
  };
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
