/**
 * Everything real: sidecars under a workload that fails in every way, a Prometheus that scrapes them and has the rules,
 * an Alertmanager, a receiver. What the panels say is compared with what was done, and alerts are told to somebody.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Prometheus, startPrometheus } from '../e2e/prometheusServer.ts';
import { until } from '../e2e/sidelight.ts';
import { type Alertmanager, startAlertmanager } from './alertmanager.ts';
import { boardsIn, queriesOf, ROOT } from './boards.ts';
import { withVariables } from './promql.ts';
import {
  CANCELLED,
  COUNTS,
  FORMS,
  MISMATCHES,
  scraped,
  startWorkload,
  TIMED_OUT,
  type Workload,
} from './workload.ts';

/** Longer than the workload takes, so that all of it is in one range. */
const WINDOW_S = 120;
/** Prometheus guesses what was before the first sample and after the last one: with so many that is next to nothing. */
const SAMPLES = 45;
/** By so much rules are quicker: five minutes are two seconds. */
const QUICKER = 150;

/** Panels without data after this workload, and why. */
const WITHOUT_DATA: Readonly<Record<string, string>> = {
  'interaction / Input never came / A': 'no session ended with a question open',
  'interaction / Abandoned / A': 'no session ended with a request open',
  'interaction / Ended sessions / A': 'both sessions are active',
  'interaction / Length of sessions / A': 'both sessions are active',
  'interaction / Length of sessions / B': 'both sessions are active',
  'process / Crashes / A': 'a sidecar on stdio is gone with its server before it is scraped',
  'process / Ended processes / A': 'a sidecar on stdio is gone with its server before it is scraped',
  'process / Hung requests found / A': 'it takes five minutes to be found',
  'overview / HTTP requests that Sidelight had to answer / A': 'the server was there',
  'fleet / Sidecars that do not answer / A': 'both answered',
  'fleet / Failed tries / A': 'nothing is sent to a fleet',
  'fleet / Dead letters / A': 'nothing is sent to a fleet',
};

const queries = queriesOf(boardsIn('dashboards/generated'));
const MADE = Object.values(COUNTS).reduce((sum, count) => sum + count, 0) + CANCELLED + TIMED_OUT;
/** A form is one operation of two requests. */
const CALLS = MADE + FORMS + MISMATCHES;
const BROKEN = COUNTS.crunch + TIMED_OUT;
/** Models make up names; the SDK of the server answers them with -32602, which is the caller's mistake. */
const FAILED = BROKEN + COUNTS.write;

let workload: Workload;
let alertmanager: Alertmanager;
let prometheus: Prometheus;

/** What a panel shows, with all servers and tools chosen; by the labels of its legend. */
async function shown(name: string): Promise<ReadonlyMap<string, number>> {
  const query = queries.find((one) => one.name === name);
  if (query === undefined) throw new Error(`there is no ${name}`);
  const series = await prometheus.ask('query', { query: withVariables(query.target.expr, `${WINDOW_S}s`) });
  return new Map(
    series.map(({ metric = {}, value }) => {
      const legend = query.target.legendFormat ?? '';
      const label = legend.replace(/\{\{(\w+)\}\}/g, (_all, key: string) => metric[key] ?? '').trim();
      return [label, Number(value?.[1])];
    }),
  );
}

beforeAll(async () => {
  workload = await startWorkload();
  const example = readFileSync(join(ROOT, 'alerts/alertmanager.example.yml'), 'utf8');
  alertmanager = await startAlertmanager(
    example
      .replace(/group_wait: \S+/, 'group_wait: 100ms')
      .replace(/group_interval: \S+/, 'group_interval: 200ms'),
  );
  const yaml = ['recording', 'alerts'].map((file) =>
    quicker(readFileSync(join(ROOT, 'alerts/generated', `${file}.yaml`), 'utf8')),
  );
  prometheus = await startPrometheus(workload.admins, { yaml, alertmanager: alertmanager.address });
  await workload.once();
  const [stdio, http] = workload.admins;
  await scraped(stdio, (page) => page.includes('outcome="timeout"'), 'one of each on stdio');
  await scraped(
    http,
    (page) => page.includes('sidelight_stream_duration_seconds_count'),
    'one of each over HTTP',
  );
  await until(async () => (await total()) === OF_ONCE, 'the first of each to be scraped');
  await workload.counted();
  await until(async () => (await total()) === OF_ONCE + CALLS, 'the counted ones to be scraped');
  await until(
    async () => (await prometheus.value(`count(rate(sidelight_dropped_total[${WINDOW_S}s]))`)) > 0,
    'spans that nobody takes to be given up',
  );
  await until(
    async () => (await prometheus.value(`min(count_over_time(up[${WINDOW_S}s]))`)) >= SAMPLES,
    'enough samples',
  );
}, 60_000);

afterAll(async () => {
  await prometheus.stop();
  await alertmanager.stop();
  await workload.stop();
});

const OF_ONCE = Object.keys(COUNTS).length + 2 + 1 + 1;
const total = (): Promise<number> =>
  prometheus.value('sum(sidelight_operations_total{mcp_method_name="tools/call"})');

describe('every query of every board', () => {
  it.each(queries.map((query) => [query.name, query] as const))('%s', async (name, { target }) => {
    const expr = withVariables(target.expr, `${WINDOW_S}s`);
    const response = (await prometheus.json('query', { query: expr })) as
      { result?: readonly unknown[] } | undefined;
    expect(response, 'what Prometheus understands').toBeDefined();
    const found = response?.result ?? [];
    if (name in WITHOUT_DATA) expect(found, WITHOUT_DATA[name]).toEqual([]);
    else expect(found.length, expr).toBeGreaterThan(0);
  });
});

describe('what panels say is what was done', () => {
  const CLOSE = 0.06;
  const expectClose = (found: number | undefined, wanted: number): void => {
    expect(found).toBeGreaterThan(wanted * (1 - CLOSE));
    expect(found).toBeLessThan(wanted * (1 + CLOSE));
  };

  const COUNTED: readonly (readonly [name: string, legend: string, wanted: number])[] = [
    ['overview / Operations / A', '', CALLS],
    ['overview / Failed / A', '', FAILED / CALLS],
    ['overview / Tool errors / A', '', COUNTS.write / CALLS],
    ['overview / Operations by server / A', 'files', MADE / WINDOW_S],
    ['overview / Operations by server / A', 'forms', (FORMS + MISMATCHES) / WINDOW_S],
    ['overview / Failed share by server / A', 'files', FAILED / MADE],
    ['overview / Error classes / A', 'files tool_error', COUNTS.write / WINDOW_S],
    ['overview / Error classes / A', 'files -32603', COUNTS.crunch / WINDOW_S],
    ['overview / Error classes / A', 'files timeout', TIMED_OUT / WINDOW_S],
    ['overview / Outcomes / A', 'cancelled', CANCELLED / WINDOW_S],
    ['overview / Outcomes / A', 'protocol_error', (COUNTS.crunch + COUNTS['made-up']) / WINDOW_S],
    ['tools / Calls / A', '', CALLS],
    ['tools / Calls by tool / A', 'files read', COUNTS.read / WINDOW_S],
    ['tools / Calls by tool / A', 'files _other', COUNTS['made-up'] / WINDOW_S],
    ['interaction / What servers ask for / A', 'forms elicitation/create', FORMS / WINDOW_S],
    ['interaction / Findings / A', 'forms header_mismatch', MISMATCHES / WINDOW_S],
    ['interaction / Requests of servers / A', 'files elicitation/create', COUNTS.ask / WINDOW_S],
    // Over HTTP nobody listed the tools.
    [
      'itself / Values that became no label / A',
      'gen_ai_tool_name',
      (COUNTS['made-up'] + FORMS + MISMATCHES) / WINDOW_S,
    ],
  ];
  it.each(COUNTED)('%s (%s)', async (name, legend, wanted) => {
    expectClose((await shown(name)).get(legend), wanted);
  });

  it('counts seldom things exactly, the first ones too', async () => {
    const counts = async (name: string): Promise<unknown> => (await shown(name)).get('');
    expect(await counts('interaction / Cancelled or timed out / A')).toBe(CANCELLED + TIMED_OUT + 2);
    expect(await counts('interaction / Late results / A')).toBe(CANCELLED + TIMED_OUT + 2);
    expect(await counts('process / Output on stdout that is no message / A')).toBe(COUNTS.stray + 1);
    expect(await counts('context / Tools with very large results / A')).toBe(1);
  });

  it('shares that are exact: every call of write fails, none of read', async () => {
    const shares = await shown('tools / Failed share by tool / A');
    expect(shares.get('files write')).toBe(1);
    expect(shares.get('files crunch')).toBe(1);
    expect(shares.get('files read')).toBe(0);
  });

  it('gauges are what is there now', async () => {
    expect(await shown('overview / Active sessions / A')).toEqual(new Map([['', 2]]));
    expect((await shown('process / In flight / A')).get('')).toBe(1);
    expect((await shown('process / Running / A')).get('')).toBe(1);
    expect((await shown('fleet / Sidecars / A')).get('')).toBe(2);
    expect((await shown('fleet / Servers / A')).get('')).toBe(2);
    expect((await shown('overview / Clients / A')).size).toBe(1);
  });

  it('a slow call takes as long as it takes', async () => {
    const slow = (await shown('tools / Duration by tool, 95th percentile / A')).get('files slow');
    expect(slow).toBeGreaterThan(0.2);
    expect(slow).toBeLessThanOrEqual(0.5);
    const cells = await prometheus.ask('query', {
      query: withVariables(
        queries.find(({ name }) => name === 'tools / Calls by duration / A')?.target.expr ?? '',
        `${WINDOW_S}s`,
      ),
    });
    const counts = new Map(cells.map(({ metric, value }) => [metric?.le, Number(value?.[1])]));
    expectClose(counts.get('+Inf'), CALLS);
  });

  it('large results are as large as they were', async () => {
    const bytes = (await shown('tools / Bytes of a result by tool / A')).get('files big') ?? 0;
    expect(bytes).toBeGreaterThan(120_000);
    expect(bytes).toBeLessThan(121_000);
    const tokens = (await shown('context / Tokens of a result by tool / A')).get('files big') ?? 0;
    expect(tokens).toBeCloseTo(bytes / 4, 0);
  });

  it('more of the error budget is spent than there is', async () => {
    const left = (await shown('overview / Error budget left / A')).get('') ?? 1;
    expectClose((1 - left) * 0.01, BROKEN / CALLS);
  });

  test('an exemplar of a slow call leads to its trace', async () => {
    const query = withVariables(
      'mcp_server_operation_duration_seconds_bucket{gen_ai_tool_name=~"$tool"}',
      `${WINDOW_S}s`,
    );
    const now = Date.now() / 1000;
    const range = { start: String(now - WINDOW_S), end: String(now + 1) };
    const found = await prometheus.ask('query_exemplars', { query, ...range });
    expect(found.flatMap(({ exemplars }) => exemplars ?? [])).toContainEqual(
      expect.objectContaining({
        labels: expect.objectContaining({
          trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        }) as object,
      }),
    );
  });
});

describe('alerts', () => {
  const EXPECTED: readonly (readonly [
    alert: string,
    receiver: string,
    labels: Readonly<Record<string, string>>,
  ])[] = [
    ['SidelightErrorBudgetBurn', '/pager', { severity: 'critical', server: 'files', window: '1h' }],
    ['SidelightToolFailing', '/ticket', { server: 'files', gen_ai_tool_name: 'write' }],
    ['SidelightInvalidFrames', '/ticket', { server: 'files' }],
    ['SidelightHeaderMismatches', '/ticket', { server: 'forms' }],
    ['SidelightDroppingCopies', '/ticket', { stage: 'traces' }],
    ['SidelightContextBudget', '/channel', { severity: 'info', server: 'files' }],
    ['SidelightServerUnreachable', '/pager', { severity: 'critical', server: 'forms' }],
    ['SidelightAbsent', '/ticket', { instance: '' }],
  ];
  const SILENT = [
    'SidelightServerDown',
    'SidelightServerCrashLoop',
    'SidelightRestarting',
    'SidelightLatencyBudgetBurn',
    'SidelightInputAbandoned',
    'SidelightServerDescriptorsGrowing',
    'SidelightServerMemoryGrowing',
    'SidelightStoreFailing',
    'SidelightToolsChanged',
  ];
  const told = (alert: string, receiver: string, labels: Readonly<Record<string, string>>) =>
    alertmanager.received.find(
      (one) =>
        one.status === 'firing' &&
        one.receiver === receiver &&
        one.labels.alertname === alert &&
        Object.entries(labels).every(([name, value]) => one.labels[name] === value),
    );

  it('are told to who is to be told, with what happened, and the others are not', async () => {
    const [, http] = workload.admins;
    const untilToldOf = async (...names: readonly string[]): Promise<void> => {
      const wanted = EXPECTED.filter(([alert]) => names.includes(alert)).map(
        ([alert, receiver, labels]) =>
          [alert, receiver, labels.instance === '' ? { instance: http } : labels] as const,
      );
      await until(
        async () => {
          await workload.trouble();
          return wanted.every((one) => told(...one) !== undefined);
        },
        `${names.join(', ')}; told: ${JSON.stringify(alertmanager.received.map(({ labels }) => labels.alertname))}`,
        40_000,
      );
    };
    const inPlace = EXPECTED.map(([alert]) => alert).filter((alert) => !/Unreachable|Absent/.test(alert));
    await untilToldOf(...inPlace);
    await workload.unreachable();
    await untilToldOf('SidelightServerUnreachable');
    await workload.absent();
    await untilToldOf('SidelightAbsent');

    const failing = told('SidelightToolFailing', '/ticket', { gen_ai_tool_name: 'write' });
    expect(failing?.annotations).toMatchObject({
      summary: 'Tool write of files fails most of the time',
      description: expect.stringMatching(
        /^Server files \(job sidelight\): 100% of the calls of write/,
      ) as string,
      dashboard_url: expect.stringMatching(
        /\/d\/sidelight-tools\?var-job=sidelight&var-server=files&var-tool=write$/,
      ) as string,
    });
    const names = new Set(alertmanager.received.map(({ labels }) => labels.alertname));
    expect(SILENT.filter((alert) => names.has(alert))).toEqual([]);
  }, 90_000);
});

/** Windows, offsets and waits of rules; thresholds stay. */
function quicker(yaml: string): string {
  const SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };
  const quick = (count: string, unit: string): string =>
    `${Math.round((1000 * Number(count) * (SECONDS[unit] ?? 1)) / QUICKER)}ms`;
  return yaml
    .replace(/\[(\d+)([mhd])\]/g, (_all, count: string, unit: string) => `[${quick(count, unit)}]`)
    .replace(
      /\b(offset|for:) (\d+)([mhd])\b/g,
      (_all, word: string, count: string, unit: string) => `${word} ${quick(count, unit)}`,
    );
}
