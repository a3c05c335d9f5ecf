import { describe, expect, it, onTestFinished } from 'vitest';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { CATALOG, type MetricRow, OPERATION_BUCKETS } from '../../src/sink/catalog.ts';
import type { MetricSink } from '../../src/sink/metric.ts';
import { MAX_LABEL_SETS } from '../../src/sink/metric-operations.ts';
import { OtlpMetricSink } from '../../src/sink/otlp-metrics.ts';
import { attributeOf, instrumentName, unitOf } from '../../src/sink/otlp-points.ts';
import { described, operation, spanIds, START_US } from './events.ts';
import { fullSink, type Line, newSink, samplesOf } from './metricWorkload.ts';
import { answering, OTLP, type ReceivedMetric, type ReceivedPoint, startReceiver } from './receiver.ts';

/** No process has it. */
const NO_PID = 0;
const NOW_US = START_US + 2_500_000;
const ROWS: readonly MetricRow[] = CATALOG;
const CUMULATIVE = 2;
/** Each in a bucket of its own, with an exemplar. */
const DURATIONS_US = OPERATION_BUCKETS.map((seconds) => seconds * 1e6);

interface Differs {
  readonly otlp?: Partial<typeof OTLP>;
  readonly nowUs?: () => number;
}

function exporting(endpoint: string, metrics: MetricSink, { otlp, nowUs }: Differs = {}) {
  const stats = new Stats();
  const said: string[] = [];
  const sink = new OtlpMetricSink(
    {
      metrics,
      nowUs: nowUs ?? (() => NOW_US),
      target: { url: `${endpoint}/v1/metrics`, headers: { 'x-key': 'secret' } },
      config: { otlp: { ...OTLP, ...otlp }, serviceName: undefined, resourceAttributes: {} },
      self: { pid: 42, hostname: 'host', version: '0.1.0', instanceId: 'instance' },
      env: {},
    },
    stats,
    new Trouble((line) => said.push(line)),
  );
  onTestFinished(() => sink.close(0));
  return { sink, stats, said };
}

const pointsOf = ({ sum, gauge, histogram }: ReceivedMetric): readonly ReceivedPoint[] =>
  (sum ?? gauge ?? histogram)?.dataPoints ?? [];

/** What a receiver that writes Prometheus makes of a metric's name (OpenTelemetry, "Prometheus and OpenMetrics Compatibility"). */
function prometheusName({ name, unit, sum }: ReceivedMetric): string {
  const plain = name.replaceAll('.', '_');
  const suffix = { s: 'seconds', By: 'bytes', '': '' }[unit] ?? `unknown unit ${unit}`;
  const withUnit = suffix === '' || plain.endsWith(`_${suffix}`) ? plain : `${plain}_${suffix}`;
  return sum === undefined ? withUnit : `${withUnit}_total`;
}

/** The lines that a page would have for what was received, without empty labels. */
function linesOf(metric: ReceivedMetric): readonly string[] {
  const name = prometheusName(metric);
  const line = (suffix: string, labels: Readonly<Record<string, string>>, value: unknown): string =>
    textOf({ name: `${name}${suffix}`, labels, value: Number(value) });
  return pointsOf(metric).flatMap(({ attributes, asDouble, count, sum, bucketCounts, explicitBounds }) => {
    const labels = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key.replaceAll('.', '_'), String(value)]),
    );
    if (bucketCounts === undefined || explicitBounds === undefined) return [line('', labels, asDouble)];
    let below = 0;
    const buckets = bucketCounts.map((inBucket, index) => {
      below += Number(inBucket);
      return line('_bucket', { ...labels, le: String(explicitBounds[index] ?? '+Inf') }, below);
    });
    return [...buckets, line('_sum', labels, sum), line('_count', labels, count)];
  });
}

function textOf({ name, labels, value }: Pick<Line, 'name' | 'labels' | 'value'>): string {
  const present = Object.entries(labels).filter(([, text]) => text !== '');
  return JSON.stringify([name, present.sort(([a], [b]) => a.localeCompare(b)), value]);
}

describe('metrics over OTLP', () => {
  it('tell what the page tells, in the same names, and nothing else', async () => {
    const receiver = await startReceiver();
    const metrics = fullSink(process.pid);
    const { sink } = exporting(receiver.endpoint, metrics);
    const page = samplesOf((await metrics.scrape('text/plain')).body);
    await sink.exportNow();
    const received = receiver.metrics.flatMap(({ items }) => items);
    const isSteady = (line: string): boolean => !line.includes('"sidelight_server_');
    expect(received.flatMap(linesOf).filter(isSteady).sort()).toEqual(
      page.map(textOf).filter(isSteady).sort(),
    );
    const names = page.map(({ name }) => name.replace(/_(?:bucket|sum|count)$/, ''));
    expect(new Set(received.map(prometheusName))).toEqual(new Set(names));
  });

  it('have the names, units, meanings and kinds of the catalogue', async () => {
    const receiver = await startReceiver();
    await exporting(receiver.endpoint, fullSink(NO_PID)).sink.exportNow();
    for (const metric of receiver.metrics.flatMap(({ items }) => items)) {
      const row = ROWS.find((candidate) => candidate.name === prometheusName(metric));
      const { name, description, unit, sum, gauge, histogram } = metric;
      expect([description, name, unit]).toEqual([row?.help, row && instrumentName(row), row && unitOf(row)]);
      const kinds = { counter: sum, gauge, histogram };
      expect(Object.entries(kinds).flatMap(([kind, points]) => (points ? [kind] : []))).toEqual([row?.type]);
      expect(sum?.isMonotonic ?? true).toBe(true);
      expect([CUMULATIVE, undefined]).toContain((sum ?? histogram)?.aggregationTemporality);
    }
  });

  it('have the names of the conventions', () => {
    const row = (name: string): MetricRow => ROWS.find((candidate) => candidate.name === name) as MetricRow;
    expect([
      instrumentName(row('mcp_server_operation_duration_seconds')),
      instrumentName(row('sidelight_operations_in_flight')),
      instrumentName(row('sidelight_server_cpu_seconds_total')),
      instrumentName(row('sidelight_dropped_total')),
      instrumentName(row('sidelight_dropped_bytes_total')),
    ]).toEqual([
      'mcp.server.operation.duration',
      'sidelight.operations_in_flight',
      'sidelight.server_cpu',
      'sidelight.dropped',
      'sidelight.dropped_bytes',
    ]);
    expect(['mcp_method_name', 'gen_ai_tool_name', 'error_type', 'server'].map(attributeOf)).toEqual([
      'mcp.method.name',
      'gen_ai.tool.name',
      'error.type',
      'server',
    ]);
    expect(new Set(ROWS.map(instrumentName)).size).toBe(ROWS.length);
  });

  it('count since the start, with the latest trace of each bucket', async () => {
    const receiver = await startReceiver();
    let nowUs = START_US;
    const { sink } = exporting(receiver.endpoint, newSink().sink, { nowUs: () => nowUs });
    sink.write([described(), operation({ operationId: 7 })]);
    nowUs += 60_000_000;
    await sink.exportNow();
    sink.write([operation({ operationId: 8 })]);
    nowUs += 60_000_000;
    await sink.exportNow();
    const [first, second] = receiver.metrics.map(
      ({ items }) =>
        items.find(({ name }) => name === 'mcp.server.operation.duration')?.histogram?.dataPoints,
    );
    const startTimeUnixNano = `${START_US}000`;
    const exemplar = { timeUnixNano: `${START_US + 12_345}000`, asDouble: 0.012345 };
    expect(first).toMatchObject([
      {
        startTimeUnixNano,
        timeUnixNano: `${START_US + 60_000_000}000`,
        count: '1',
        exemplars: [{ ...exemplar, ...spanIds(7) }],
        attributes: { server: 'everything', 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'echo' },
      },
    ]);
    expect(second).toMatchObject([
      {
        startTimeUnixNano,
        timeUnixNano: `${START_US + 120_000_000}000`,
        count: '2',
        exemplars: [{ ...exemplar, ...spanIds(8) }],
      },
    ]);
  });

  it('come from the server as a service, with the headers that were asked for', async () => {
    const receiver = await startReceiver();
    const { sink } = exporting(receiver.endpoint, newSink().sink);
    sink.write([described()]);
    await sink.exportNow();
    expect(receiver.metrics[0]?.resource).toMatchObject({
      'service.name': 'everything',
      'service.instance.id': 'instance',
    });
    expect(receiver.metrics[0]?.scope).toEqual({ name: 'sidelight', version: '0.1.0' });
    expect(receiver.headers[0]).toMatchObject({ 'x-key': 'secret', 'user-agent': 'sidelight/0.1.0' });
  });

  it('are sent again and again, and at the end', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = exporting(receiver.endpoint, newSink().sink, { otlp: { metricIntervalMs: 1 } });
    await expect.poll(() => receiver.metrics.length).toBeGreaterThan(2);
    sink.write([operation()]);
    await sink.close(10_000);
    const last = receiver.metrics.at(-1)?.items.find(({ name }) => name === 'sidelight.operations');
    expect(last?.sum?.dataPoints).toMatchObject([{ asDouble: 1, attributes: { outcome: 'ok' } }]);
    const sent = receiver.metrics.flatMap(({ items }) => items.flatMap(pointsOf));
    expect(Object.fromEntries(stats.counts())).toEqual({
      metric_points_created: sent.length,
      metric_points_exported: sent.length,
    });
  });

  it('of very many tools fit into requests that receivers take, none twice and none lost', async () => {
    const sizes: number[] = [];
    const keys: string[] = [];
    const endpoint = await answering((bytes) => {
      const body = bytes.toString();
      sizes.push(bytes.length);
      const { resourceMetrics } = JSON.parse(body) as {
        resourceMetrics: { scopeMetrics: { metrics: ReceivedMetric[] }[] }[];
      };
      const metrics = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((of) => of.metrics));
      for (const metric of metrics)
        keys.push(
          ...pointsOf(metric).map(({ attributes }) => `${metric.name} ${JSON.stringify(attributes)}`),
        );
      return [200, '{}'];
    });
    const { sink, stats } = exporting(endpoint, newSink().sink);
    for (let tool = 0; tool < 150; tool += 1) {
      for (let code = 0; code < 10; code += 1)
        sink.write(
          DURATIONS_US.map((durationUs) =>
            operation({
              endedAtUs: START_US + durationUs,
              target: { kind: 'tool', name: `${'long_name_of_a_tool_'.repeat(5)}${tool}` },
              outcome: 'protocol_error',
              error: { code: -32_001 - code, type: String(-32_001 - code), message: undefined },
            }),
          ),
        );
    }
    await sink.exportNow();
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(4_000_000);
    expect(new Set(keys).size).toBe(keys.length);
    expect(stats.counts().get('metric_points_exported')).toBe(keys.length);
    const cells = keys.filter((key) => key.startsWith('mcp.server.operation.duration '));
    expect(cells.length).toBeGreaterThanOrEqual(MAX_LABEL_SETS);
  });
});

describe('a receiver of metrics that takes none', () => {
  it('costs a line and counted points, and has it all with the next export', async () => {
    let status = 400;
    const bodies: string[] = [];
    const endpoint = await answering((body) => {
      if (status === 200) bodies.push(body.toString());
      return [status, '{}'];
    });
    const { sink, stats, said } = exporting(endpoint, newSink().sink);
    sink.write([operation()]);
    await sink.exportNow();
    const created = stats.counts().get('metric_points_created');
    expect(stats.drops()).toEqual([
      { stage: 'otlp_metrics', reason: 'export_failed', count: created, bytes: 0 },
    ]);
    expect(stats.failures()).toEqual([{ part: 'otlp_metrics', reason: 'http_4xx', count: 1 }]);
    expect(said).toEqual([expect.stringMatching(/^sidelight: metrics are not delivered: .*400/)]);
    status = 200;
    await sink.exportNow();
    expect(bodies.join()).toContain('"name":"sidelight.operations"');
    expect(stats.problems().size).toBe(0);
  });

  it('counts the points that a partial success rejects', async () => {
    const endpoint = await answering(() => [200, '{"partialSuccess":{"rejectedDataPoints":"2"}}']);
    const { sink, stats } = exporting(endpoint, newSink().sink);
    await sink.exportNow();
    expect(stats.drops()).toEqual([{ stage: 'otlp_metrics', reason: 'rejected', count: 2, bytes: 0 }]);
    const { metric_points_created: created, metric_points_exported: exported } = Object.fromEntries(
      stats.counts(),
    );
    expect(created).toBe((exported ?? 0) + 2);
  });

  it('cannot hold up the end', async () => {
    const endpoint = await answering(() => undefined);
    const { sink, stats } = exporting(endpoint, newSink().sink, { otlp: { timeoutMs: 3_600_000 } });
    const underWay = sink.exportNow();
    await sink.close(100);
    await underWay;
    expect(stats.counts().get('metric_points_exported')).toBe(0);
    expect(stats.drops()).toMatchObject([
      { reason: 'export_failed', count: stats.counts().get('metric_points_created') },
    ]);
  });
});
