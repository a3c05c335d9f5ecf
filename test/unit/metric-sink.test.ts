import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOG } from '../../src/sink/catalog.ts';
import { formatFor } from '../../src/sink/metric-accept.ts';
import { LABEL_CAPS } from '../../src/sink/metric-labels.ts';
import { MAX_LABEL_SETS } from '../../src/sink/metric-operations.ts';
import { MAX_SESSIONS } from '../../src/sink/metric-sessions.ts';
import { described, ended, exchange, operation, spanIds, START_US } from './events.ts';
import { fullSink, type Line, newSink, samplesOf, seen, sessionStarted, started } from './metricWorkload.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const WANTS_OPENMETRICS = 'application/openmetrics-text;version=1.0.0';
/** What Prometheus 2.42 sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
/** No process has it. */
const NO_PID = 0;

async function scraped(sink: {
  scrape: (accept?: string) => Promise<{ body: string }>;
}): Promise<readonly Line[]> {
  return samplesOf((await sink.scrape()).body);
}

function find(
  lines: readonly Line[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly Line[] {
  return lines.filter(
    (line) =>
      line.name === name && Object.entries(labels).every(([label, value]) => line.labels[label] === value),
  );
}

function valueOf(
  lines: readonly Line[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return find(lines, name, labels).reduce((sum, { value }) => sum + value, 0);
}

function familyOf(name: string): string | undefined {
  const names: readonly string[] = CATALOG.map((row) => row.name);
  return [name, name.replace(/_(?:bucket|sum|count)$/, '')].find((candidate) => names.includes(candidate));
}

describe('the exposition', () => {
  it.skipIf(process.platform !== 'linux')(
    'has a sample of every metric of the catalogue, and no other',
    async () => {
      const lines = await scraped(fullSink(process.pid));
      expect(new Set(lines.map(({ name }) => familyOf(name)))).toEqual(
        new Set(CATALOG.map(({ name }) => name)),
      );
    },
  );

  it('has exactly the labels of the catalogue', async () => {
    for (const { name, labels } of await scraped(fullSink(process.pid))) {
      const row = CATALOG.find((candidate) => candidate.name === familyOf(name));
      const expected = [...(row?.labels ?? []), ...(name.endsWith('_bucket') ? ['le'] : [])];
      expect([name, Object.keys(labels).sort()]).toEqual([name, expected.sort()]);
    }
  });

  it('is the golden page for the golden life of a server', async () => {
    const { body } = await fullSink(NO_PID).scrape(undefined);
    await expect(body.replaceAll(process.version, 'v20.19.0')).toMatchFileSnapshot('../golden/metrics.txt');
  });

  it('tells the same in both formats', async () => {
    const sink = fullSink(NO_PID);
    const plain = ({ name, labels, value }: Line) => ({ name, labels, value });
    const text = samplesOf((await sink.scrape('text/plain')).body).map(plain);
    const openMetrics = samplesOf((await sink.scrape(WANTS_OPENMETRICS)).body).map(plain);
    expect(openMetrics).toEqual(text);
  });

  it('stays right when scrapes in both formats overlap', async () => {
    const sink = fullSink(NO_PID);
    const text = await sink.scrape('text/plain');
    const openMetrics = await sink.scrape(WANTS_OPENMETRICS);
    const wanted = Array.from({ length: 50 }, (_, index) => (index % 3 === 0 ? openMetrics : text));
    const pages = await Promise.all(
      wanted.map((page) => sink.scrape(page === text ? 'text/plain' : WANTS_OPENMETRICS)),
    );
    expect(pages).toEqual(wanted);
    expect(text.body).not.toContain('# EOF');
    expect(openMetrics.body.endsWith('\n# EOF\n')).toBe(true);
  });
});

describe('the format', () => {
  it.each([
    [undefined, TEXT],
    ['', TEXT],
    ['*/*', TEXT],
    ['text/html,application/xhtml+xml,*/*;q=0.8', TEXT],
    [PROMETHEUS, OPENMETRICS],
    ['application/openmetrics-text', OPENMETRICS],
    ['application/openmetrics-text; version="1.0.0"; q=0.9, text/plain;q=0.8', OPENMETRICS],
    ['application/openmetrics-text;q=0.3, text/plain;q=0.8', TEXT],
    ['application/openmetrics-text;q=0', TEXT],
    ['application/openmetrics-text;version=0.0.1', TEXT],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.1', TEXT],
    ['Application/OpenMetrics-Text;Version=1.0.0;Q=0.5,*/*;q=0.1', OPENMETRICS],
    ['text/plain;q=0, */*', OPENMETRICS],
    ['application/*', OPENMETRICS],
    ['application/openmetrics-text;q=nonsense', TEXT],
  ])('for Accept: %s is %s', (accept, contentType) => {
    expect(formatFor(accept)).toBe(contentType === TEXT ? 'text' : 'openmetrics');
  });

  it('is told by the content type', async () => {
    const { sink } = newSink();
    expect((await sink.scrape(undefined)).contentType).toBe(TEXT);
    expect((await sink.scrape(PROMETHEUS)).contentType).toBe(OPENMETRICS);
  });
});

describe('operations', () => {
  it('are counted by duration, with the attributes of the conventions as labels', async () => {
    const lines = await scraped(fullSink(NO_PID));
    const labels = {
      server: 'everything',
      mcp_method_name: 'tools/call',
      gen_ai_tool_name: 'echo',
      error_type: 'tool_error',
      mcp_protocol_version: '2025-11-25',
      network_transport: 'pipe',
    };
    const name = 'mcp_server_operation_duration_seconds';
    expect(valueOf(lines, `${name}_sum`, labels)).toBeCloseTo(0.7);
    expect(valueOf(lines, `${name}_bucket`, { ...labels, le: '0.5' })).toBe(0);
    expect(valueOf(lines, `${name}_bucket`, { ...labels, le: '1' })).toBe(1);
    expect(valueOf(lines, `${name}_bucket`, { ...labels, le: '+Inf' })).toBe(1);
    expect(
      valueOf(lines, 'mcp_client_operation_duration_seconds_count', { mcp_method_name: 'roots/list' }),
    ).toBe(1);
  });

  it('of streams never enter a duration histogram', async () => {
    const { sink } = newSink();
    const stream = { method: 'subscriptions/listen', target: undefined, stream: true };
    sink.write([started(stream), operation(stream)]);
    const lines = await scraped(sink);
    expect(find(lines, 'mcp_server_operation_duration_seconds_count')).toEqual([]);
    expect(valueOf(lines, 'sidelight_operations_total')).toBe(1);
    expect(valueOf(lines, 'sidelight_streams_open')).toBe(0);
  });

  it('that a caller got wrong are no errors of the server, but their code is told', async () => {
    const [line] = find(await scraped(fullSink(NO_PID)), 'mcp_server_operation_duration_seconds_count', {
      rpc_response_status_code: '-32601',
    });
    expect(line?.labels.error_type).toBe('');
  });

  it('in flight are told with the age of the oldest, streams apart', async () => {
    const lines = await scraped(fullSink(NO_PID));
    const labels = { server: 'everything', initiator: 'client_to_server' };
    expect(valueOf(lines, 'sidelight_operations_in_flight', labels)).toBe(1);
    expect(valueOf(lines, 'sidelight_oldest_operation_age_seconds', labels)).toBeCloseTo(2.5);
    expect(valueOf(lines, 'sidelight_streams_open')).toBe(1);
  });

  it('in flight in two sessions of a server are added up, their ages are not', async () => {
    const { sink } = newSink();
    for (const [index, sessionId] of ['a', 'b'].entries()) {
      sink.write([
        sessionStarted({ sessionId, name: 'everything' }),
        { ...started({ startedAtUs: START_US + index * 1_000_000 }), sessionId },
      ]);
    }
    const lines = await scraped(sink);
    const labels = { initiator: 'client_to_server' };
    expect(valueOf(lines, 'sidelight_operations_in_flight', labels)).toBe(2);
    expect(valueOf(lines, 'sidelight_oldest_operation_age_seconds', labels)).toBeCloseTo(2.5);
  });

  it('that wait for input are not in flight, and are again when it came', async () => {
    const { sink } = newSink();
    const at = { sessionId: described().sessionId, atUs: START_US + 2_000_000 };
    const which = { operationId: 1, initiator: 'client_to_server' } as const;
    const gauges = async () => {
      const lines = await scraped(sink);
      return ['in_flight', 'waiting_for_input'].map((name) => valueOf(lines, `sidelight_operations_${name}`));
    };
    sink.write([sessionStarted(), started()]);
    expect(await gauges()).toEqual([1, 0]);
    sink.write([{ type: 'input_asked', ...at, ...which, asked: ['elicitation/create'] }]);
    expect(await gauges()).toEqual([0, 1]);
    sink.write([{ type: 'input_given', ...at, ...which }]);
    expect(await gauges()).toEqual([1, 0]);
    // From the input on, and not from the call.
    const age = valueOf(await scraped(sink), 'sidelight_oldest_operation_age_seconds', {
      initiator: 'client_to_server',
    });
    expect(age).toBe(0.5);
    sink.write([{ type: 'input_asked', ...at, ...which, asked: [] }, operation()]);
    expect(await gauges()).toEqual([0, 0]);
  });

  it('that asked for input tell what for, and how long it took to come', async () => {
    const { sink } = newSink();
    const [leg] = operation().legs;
    if (leg === undefined) throw new Error('an operation has a leg');
    const asked = { ...leg, outcome: 'input_required', asked: ['elicitation/create', 'roots/list'] } as const;
    const legs = [
      asked,
      { ...asked, asked: [], startedAtUs: leg.endedAtUs + 2e6, endedAtUs: leg.endedAtUs + 3e6 },
      { ...leg, startedAtUs: leg.endedAtUs + 7e6 },
    ];
    sink.write([sessionStarted(), operation({ legs })]);
    const lines = await scraped(sink);
    const name = 'sidelight_operation_input_required_total';
    expect(find(lines, name).map(({ labels, value }) => [labels.input, value])).toEqual([
      ['elicitation/create', 1],
      ['roots/list', 1],
      ['none', 1],
    ]);
    expect(valueOf(lines, 'sidelight_operation_input_wait_seconds_sum')).toBeCloseTo(6, 6);
    expect(valueOf(lines, 'sidelight_operation_round_trips_total')).toBe(3);
  });

  it('count a round trip for each leg', async () => {
    const lines = await scraped(fullSink(NO_PID));
    expect(valueOf(lines, 'sidelight_operation_round_trips_total', { gen_ai_tool_name: 'echo' })).toBe(4);
    expect(valueOf(lines, 'sidelight_operation_input_required_total')).toBe(1);
  });
});

describe('HTTP exchanges', () => {
  it('are counted by method, status and end, and by whose answer it was', async () => {
    const { sink } = newSink();
    sink.write([
      sessionStarted({ name: 'everything' }),
      exchange(),
      exchange({ exchange: 2 }),
      exchange({ exchange: 3, status: 502, failure: 'timeout' }),
      exchange({ exchange: 4, status: undefined, end: 'client_gone' }),
    ]);
    const name = 'sidelight_http_exchanges_total';
    const told = (await scraped(sink)).filter((line) => line.name === name);
    const post = { server: 'everything', http_request_method: 'POST' };
    expect(told.map(({ labels, value }) => [labels, value])).toEqual([
      [{ ...post, http_response_status_code: '200', end: 'complete', failure: '' }, 2],
      [{ ...post, http_response_status_code: '502', end: 'complete', failure: 'timeout' }, 1],
      [{ ...post, http_response_status_code: '', end: 'client_gone', failure: '' }, 1],
    ]);
  });

  it('that listen are open streams until they end, and no latency', async () => {
    const { sink } = newSink();
    const at = { sessionId: described().sessionId, atUs: START_US };
    sink.write([sessionStarted(), { type: 'stream_opened', ...at, exchange: 5 }]);
    expect(valueOf(await scraped(sink), 'sidelight_streams_open')).toBe(1);
    sink.write([exchange({ exchange: 5, method: 'GET', stream: true, atUs: START_US + 90_000_000 })]);
    const lines = await scraped(sink);
    expect(valueOf(lines, 'sidelight_streams_open')).toBe(0);
    expect(find(lines, 'mcp_server_operation_duration_seconds_count')).toEqual([]);
    const duration = 'sidelight_stream_duration_seconds';
    expect(find(lines, `${duration}_sum`)).toMatchObject([{ labels: { stream: 'GET' }, value: 90 }]);
    expect(valueOf(lines, `${duration}_bucket`, { le: '60' })).toBe(0);
    expect(valueOf(lines, `${duration}_bucket`, { le: '300' })).toBe(1);
  });

  it('cannot make more series than the caps, whatever clients and servers say', async () => {
    const { sink } = newSink();
    sink.write([sessionStarted()]);
    for (let index = 0; index < 1000; index += 1)
      sink.write([exchange({ exchange: index, method: `M${index}`, status: index })]);
    const told = find(await scraped(sink), 'sidelight_http_exchanges_total');
    const values = (label: string) => new Set(told.map(({ labels }) => labels[label]));
    expect(values('http_request_method').size).toBe(LABEL_CAPS.http_request_method + 1);
    expect(values('http_response_status_code').size).toBe(LABEL_CAPS.http_response_status_code + 1);
    expect(told.reduce((sum, { value }) => sum + value, 0)).toBe(1000);
  });
});

describe('labels', () => {
  it('stay under the cap for 10,000 tool names that the server lists, and say how often', async () => {
    const { sink } = newSink();
    for (let index = 0; index < 10_000; index += 1)
      sink.write([operation({ operationId: index, target: { kind: 'tool', name: `tool-${index}` } })]);
    const lines = await scraped(sink);
    const counts = find(lines, 'mcp_server_operation_duration_seconds_count');
    expect(counts).toHaveLength(LABEL_CAPS.gen_ai_tool_name + 1);
    expect(valueOf(counts, 'mcp_server_operation_duration_seconds_count')).toBe(10_000);
    expect(valueOf(lines, 'sidelight_label_overflow_total', { label: 'gen_ai_tool_name' })).toBe(
      10_000 - LABEL_CAPS.gen_ai_tool_name,
    );
  });

  it('are _other for tools and prompts that the server did not list', async () => {
    const { sink } = newSink();
    for (let index = 0; index < 10_000; index += 1) {
      const kind = index % 2 === 0 ? 'tool' : 'prompt';
      sink.write([operation({ target: { kind, name: `made-up-${index}` }, targetListed: false })]);
    }
    const counts = find(await scraped(sink), 'mcp_server_operation_duration_seconds_count');
    expect(counts.map(({ labels }) => [labels.gen_ai_tool_name, labels.gen_ai_prompt_name])).toEqual([
      ['_other', ''],
      ['', '_other'],
    ]);
  });

  it('are _other for methods outside the specification', async () => {
    const { sink } = newSink();
    sink.write(
      Array.from({ length: 100 }, (_, index) => operation({ method: `x/${index}`, target: undefined })),
    );
    expect(
      find(await scraped(sink), 'sidelight_operations_total').map(({ labels }) => labels.mcp_method_name),
    ).toEqual(['_other']);
  });

  it.each(['a\nb', 'a\0b', '\ud800', 'x'.repeat(129)])(
    'are _other for %j, which is no name',
    async (name) => {
      const { sink } = newSink();
      sink.write([operation({ target: { kind: 'tool', name } })]);
      expect(find(await scraped(sink), 'sidelight_operations_total')[0]?.labels.gen_ai_tool_name).toBe(
        '_other',
      );
    },
  );

  it('are escaped', async () => {
    const { sink } = newSink();
    sink.write([operation({ target: { kind: 'tool', name: 'a"b\\c' } })]);
    expect((await sink.scrape(undefined)).body).toContain('gen_ai_tool_name="a\\"b\\\\c"');
  });

  it('never make more sets than the cap, however they are combined', async () => {
    const { sink } = newSink();
    for (let index = 0; index < 4 * MAX_LABEL_SETS; index += 1) {
      const code = -32000 - (index % 30);
      sink.write([
        operation({
          target: { kind: 'tool', name: `tool-${Math.floor(index / 30)}` },
          outcome: 'protocol_error',
          error: { code, type: String(code), message: undefined },
        }),
      ]);
    }
    const lines = await scraped(sink);
    const counts = find(lines, 'mcp_server_operation_duration_seconds_count');
    expect(counts).toHaveLength(MAX_LABEL_SETS + 1);
    expect(valueOf(lines, 'sidelight_operations_total')).toBe(4 * MAX_LABEL_SETS);
    expect(valueOf(lines, 'sidelight_label_overflow_total', { label: 'label_set' })).toBe(3 * MAX_LABEL_SETS);
  });
});

describe('exemplars', () => {
  const page = async (span: Partial<ReturnType<typeof operation>['span']>, accept: string) => {
    const { sink } = newSink();
    sink.write([operation({ span: { ...operation().span, ...span } })]);
    return samplesOf((await sink.scrape(accept)).body).filter(({ exemplar }) => exemplar !== undefined);
  };

  it('stand on the bucket of the operation, with its ids and its time', async () => {
    const lines = await page({}, WANTS_OPENMETRICS);
    const { traceId, spanId } = spanIds(1);
    expect(lines.map(({ labels, exemplar }) => [labels.le, exemplar])).toEqual([
      ['0.02', `{trace_id="${traceId}",span_id="${spanId}"} 0.012345 ${(START_US + 12_345) / 1e6}`],
    ]);
  });

  it.each([
    ['in the text format', {}, 'text/plain'],
    ['of a span that its caller does not want sampled', { sampled: false }, WANTS_OPENMETRICS],
    ['with a trace id of the wrong length', { traceId: 'ab' }, WANTS_OPENMETRICS],
    ['with a span id that is too long', { spanId: 'ab'.repeat(80) }, WANTS_OPENMETRICS],
    ['with ids that are not hex', { traceId: '"'.repeat(32) }, WANTS_OPENMETRICS],
  ])('do not exist %s', async (_, span, accept) => {
    expect(await page(span, accept)).toEqual([]);
  });
});

describe('sessions', () => {
  it('count everything under the name that the server turns out to have', async () => {
    const { sink } = newSink();
    sink.write([sessionStarted(), seen('client_to_server', 'request', 10)]);
    expect(find(await scraped(sink), 'sidelight_messages_total', { server: 'node' })).not.toEqual([]);
    sink.write([described(), seen('client_to_server', 'request', 10)]);
    const lines = await scraped(sink);
    expect(find(lines, 'sidelight_messages_total', { server: 'node' })).toEqual([]);
    expect(valueOf(lines, 'sidelight_messages_total', { server: 'everything' })).toBe(2);
  });

  it('keep their counts when they have ended, and leave the server down', async () => {
    const { sink } = newSink();
    for (const sessionId of ['a', 'b']) {
      sink.write([
        sessionStarted({ sessionId, name: 'everything' }),
        { type: 'server_started', sessionId, atUs: START_US, serverPid: NO_PID },
        ended({ sessionId }),
      ]);
    }
    const lines = await scraped(sink);
    expect(valueOf(lines, 'sidelight_server_starts_total', { server: 'everything' })).toBe(2);
    expect(find(lines, 'sidelight_server_up').map(({ value }) => value)).toEqual([0]);
    expect(valueOf(lines, 'sidelight_sessions_active')).toBe(0);
    expect(valueOf(lines, 'mcp_server_session_duration_seconds_count')).toBe(2);
  });

  it('that only probe have no duration', async () => {
    const { sink } = newSink();
    sink.write([sessionStarted(), ended({ probe: true })]);
    expect(find(await scraped(sink), 'mcp_server_session_duration_seconds_count')).toEqual([]);
  });

  it('beyond the cap push out the oldest, whose counts stay', async () => {
    const { sink, stats } = newSink();
    for (let index = 0; index <= MAX_SESSIONS; index += 1) {
      const sessionId = String(index);
      sink.write([
        sessionStarted({ sessionId, name: 'everything' }),
        { type: 'server_started', sessionId, atUs: START_US, serverPid: NO_PID },
      ]);
    }
    const lines = await scraped(sink);
    expect(valueOf(lines, 'sidelight_sessions_active')).toBe(MAX_SESSIONS);
    expect(valueOf(lines, 'sidelight_server_starts_total')).toBe(MAX_SESSIONS + 1);
    expect(stats.drops()).toEqual([{ stage: 'metrics', reason: 'session_cap', count: 1, bytes: 0 }]);
  });
});

it.skipIf(process.platform !== 'linux')('the server’s process is read at each scrape', async () => {
  const { sink } = newSink();
  sink.write([
    sessionStarted(),
    { type: 'server_started', sessionId: described().sessionId, atUs: START_US, serverPid: process.pid },
  ]);
  const lines = await scraped(sink);
  const pageBytes = 4096;
  const residentPages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]);
  const resident = valueOf(lines, 'sidelight_server_resident_memory_bytes');
  expect(resident / (residentPages * pageBytes)).toBeGreaterThan(0.5);
  expect(resident / (residentPages * pageBytes)).toBeLessThan(2);
  expect(valueOf(lines, 'sidelight_server_open_fds')).toBeGreaterThan(2);
  expect(valueOf(lines, 'sidelight_server_cpu_seconds_total')).toBeGreaterThan(0);
});
