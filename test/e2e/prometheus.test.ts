import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Admin, startAdmin } from '../../src/self/admin.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { CATALOG } from '../../src/sink/catalog.ts';
import { LABEL_CAPS } from '../../src/sink/metric-labels.ts';
import { MAX_LABEL_SETS } from '../../src/sink/metric-operations.ts';
import { operation, spanIds } from '../unit/events.ts';
import { fullSink } from '../unit/metricWorkload.ts';
import { freePort } from './listening.ts';
import { type Prometheus, startPrometheus } from './prometheusServer.ts';
import { server, temporaryFolder, until, wrapped } from './sidelight.ts';

/** Operations of now, since Prometheus takes no exemplar of another time. */
const nowUs = Date.now() * 1000;
const sink = fullSink(process.pid);
sink.write([operation({ operationId: 77, startedAtUs: nowUs - 1_500_000, endedAtUs: nowUs })]);

it('promtool finds nothing to say about the page', async () => {
  const { body } = await sink.scrape('text/plain');
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
  expect([checked.error, checked.stdout, checked.stderr, checked.status]).toEqual([undefined, '', '', 0]);
});

describe('a real Prometheus that scrapes the admin listener', () => {
  let admin: Admin;
  let prometheus: Prometheus;

  beforeAll(async () => {
    admin = await startAdmin({
      host: '127.0.0.1',
      port: 0,
      scrape: (accept) => sink.scrape(accept),
      stats: new Stats(),
      trouble: new Trouble(() => undefined),
    });
    prometheus = await startPrometheus(`${admin.address?.host}:${admin.address?.port}`);
  });

  afterAll(async () => {
    await prometheus.stop();
    await admin.close();
  });

  it('takes the whole page', async () => {
    const [up] = await prometheus.ask('query', { query: 'up' });
    expect(up?.value?.[1]).toBe('1');
  });

  it('knows every metric with its type', async () => {
    const metadata = (await prometheus.json('metadata')) as Record<string, readonly { type: string }[]>;
    // OpenMetrics knows a counter without its suffix.
    const types = CATALOG.map(
      ({ name }) => metadata[name]?.[0]?.type ?? metadata[name.replace(/_total$/, '')]?.[0]?.type,
    );
    expect(types).toEqual(CATALOG.map(({ type }) => type));
  });

  it('has the samples, under their names', async () => {
    const labels =
      'server="everything",mcp_method_name="tools/call",gen_ai_tool_name="echo",error_type="tool_error"';
    const [sum] = await prometheus.ask('query', {
      query: `mcp_server_operation_duration_seconds_sum{${labels}}`,
    });
    expect(Number(sum?.value?.[1])).toBeCloseTo(0.7);
    const [total] = await prometheus.ask('query', { query: 'sidelight_dropped_total{stage="store"}' });
    expect(total?.value?.[1]).toBe('3');
  });

  it('finds the trace of a slow operation by its exemplar', async () => {
    const found = await prometheus.ask('query_exemplars', {
      query: 'mcp_server_operation_duration_seconds_bucket{gen_ai_tool_name="echo",error_type=""}',
      start: String(nowUs / 1e6 - 60),
      end: String(nowUs / 1e6 + 60),
    });
    const { traceId, spanId } = spanIds(77);
    expect(found.flatMap(({ exemplars }) => exemplars ?? [])).toContainEqual({
      labels: { trace_id: traceId, span_id: spanId },
      value: '1.5',
      timestamp: expect.closeTo(nowUs / 1e6, 2) as number,
    });
  });
});

it('sees thousands of made-up tool names as one label value, counted, and every call', async () => {
  const LISTED = LABEL_CAPS.gen_ai_tool_name + 100;
  const MADE_UP = 10_000;
  const CALLS = LISTED + MADE_UP;
  const address = `127.0.0.1:${await freePort()}`;
  const running = wrapped(
    temporaryFolder(),
    [process.execPath, server('any-tool.mjs'), String(LISTED)],
    // What is told of must be what was said: nothing may be lost on the way.
    { flags: ['--admin', address, '--lossless'] },
  );
  let answers = 0;
  createInterface({ input: running.process.stdout }).on('line', () => (answers += 1));
  const ask = (id: number, method: string, params: object): void => {
    running.process.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  };
  const clientInfo = { name: 'pipelining', version: '1' };
  ask(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  ask(1, 'tools/list', {});
  await until(() => answers === 2, 'the list');
  for (let call = 0; call < CALLS; call += 1) {
    const name = call < LISTED ? `listed-${call}` : `made-up-${call}`;
    ask(2 + call, 'tools/call', { name, arguments: {} });
  }
  await until(() => answers === 2 + CALLS, 'every answer');

  const prometheus = await startPrometheus(address);
  onTestFinished(() => prometheus.stop());
  const durations = 'mcp_server_operation_duration_seconds_count';
  const ofCalls = `${durations}{mcp_method_name="tools/call"}`;
  await until(async () => (await prometheus.value(`sum(${ofCalls})`)) === CALLS, 'the sum of all calls');

  const tools = await prometheus.ask('query', { query: `sum by (gen_ai_tool_name) (${ofCalls})` });
  const byTool = new Map(tools.map(({ metric, value }) => [metric?.gen_ai_tool_name, Number(value?.[1])]));
  expect(byTool.size).toBe(LABEL_CAPS.gen_ai_tool_name + 1);
  expect([...byTool.keys()].filter((name) => name?.startsWith('made-up'))).toEqual([]);
  expect(byTool.get('_other')).toBe(CALLS - LABEL_CAPS.gen_ai_tool_name);
  expect(await prometheus.value(`count(${durations})`)).toBeLessThanOrEqual(MAX_LABEL_SETS);
  const overflow = 'sidelight_label_overflow_total{label="gen_ai_tool_name"}';
  expect(await prometheus.value(overflow)).toBe(CALLS - LABEL_CAPS.gen_ai_tool_name);
  expect(await prometheus.value('sum(sidelight_dropped_total)')).toBe(0);

  running.process.stdin.end();
  await once(running.process, 'close');
});
