import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LogLevel } from '../../src/config/config.ts';
import type { McpEvent } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { LogSink } from '../../src/sink/log.ts';
import { OtlpLogSink } from '../../src/sink/otlp-logs.ts';
import { recordingUrls } from '../../src/sink/recording-url.ts';
import {
  described,
  ended,
  exchange,
  operation,
  operations,
  OVER_HTTP,
  SESSION_ID,
  spanIds,
  START_US,
} from './events.ts';
import { sessionStarted } from './metricWorkload.ts';
import { answering, nobody, OTLP, type ReceivedRecord, startReceiver } from './receiver.ts';

const RECORDING_URL = recordingUrls({ publicUrl: 'https://mcp.example', record: 'full' });
const at = { sessionId: SESSION_ID, atUs: START_US };

const FINDING: McpEvent = {
  type: 'finding_raised',
  ...at,
  rule: 'late_result',
  channel: 'server_to_client',
  seq: 9,
  operationId: 4,
  detail: 'id 4',
};

const said = (level: string, origin: 'notification' | 'stderr' = 'notification'): McpEvent => ({
  type: 'server_logged',
  ...at,
  origin,
  level,
  logger: 'db',
  text: `says "${level}" \ud800`,
});

/** One of each kind of line, and of each kind of value. */
const EVENTS: readonly McpEvent[] = [
  sessionStarted(),
  described(),
  operation({ operationId: 1 }),
  operation({
    ...OVER_HTTP,
    operationId: 2,
    outcome: 'protocol_error',
    error: { code: -32_603, type: '-32603', message: 'broken' },
    span: { ...spanIds(2), parentSpanId: undefined, traceState: undefined, sampled: false },
  }),
  FINDING,
  said('debug'),
  said('critical'),
  said('info', 'stderr'),
  exchange({ exchange: 3, status: 502, failure: 'refused' }),
  { type: 'copies_dropped', ...at, channel: 'server_to_client', chunks: 3, bytes: 4096 },
  ended({ cause: 'server_crashed', exitCode: 3 }),
];

interface Differs {
  readonly level?: LogLevel;
  readonly otlp?: Partial<typeof OTLP>;
}

function exporting(endpoint: string, { level = 'info', otlp }: Differs = {}) {
  const stats = new Stats();
  const lines: string[] = [];
  const sink = new OtlpLogSink(
    {
      level,
      recordingUrl: RECORDING_URL,
      target: { url: `${endpoint}/v1/logs`, headers: {} },
      config: { otlp: { ...OTLP, ...otlp }, serviceName: undefined, resourceAttributes: { team: 'a' } },
      self: { pid: 42, hostname: 'host', version: '0.1.0', instanceId: 'instance' },
      env: {},
    },
    stats,
    new Trouble((line) => lines.push(line)),
  );
  onTestFinished(() => sink.close(0));
  return { sink, stats, lines };
}

/** What the log's file would have. */
async function fileOf(events: readonly McpEvent[], level: LogLevel) {
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-log-'));
  const to = join(folder, 'log');
  const file = new LogSink(
    { level, to, recordingUrl: RECORDING_URL },
    new Stats(),
    new Trouble(() => undefined),
  );
  try {
    await file.write(events);
    await file.close(10_000);
    const lines = readFileSync(to, 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function received(events: readonly McpEvent[], level: LogLevel): Promise<readonly ReceivedRecord[]> {
  const receiver = await startReceiver();
  await exporting(receiver.endpoint, { level }).sink.write(events);
  return receiver.logs.flatMap(({ items }) => items);
}

describe('log records', () => {
  it.each(['debug', 'info', 'warn', 'error'] as const)(
    'from level %s on are the lines of the log, in order',
    async (level) => {
      const lines = await fileOf(EVENTS, level);
      const records = await received(EVENTS, level);
      expect(
        records.map(({ severityText, body, timeUnixNano, traceId, spanId }) => ({
          level: severityText,
          time: new Date(Number(timeUnixNano.slice(0, -6))).toISOString(),
          msg: body,
          ...(traceId !== undefined && { trace_id: traceId, span_id: spanId }),
        })),
      ).toEqual(
        lines.map(({ level: severity, time, msg, trace_id, span_id }) => ({
          level: severity,
          time,
          msg,
          ...(trace_id !== undefined && { trace_id, span_id }),
        })),
      );
      const own = new Set(['level', 'time', 'msg', 'trace_id', 'span_id']);
      expect(records.map(({ attributes }) => Object.keys(attributes).length)).toEqual(
        lines.map((line) => Object.keys(line).filter((key) => !own.has(key)).length),
      );
    },
  );

  it('of an operation have its trace, and attributes by the names of its span', async () => {
    const [fine, failed] = await received(EVENTS.slice(2, 4), 'info');
    expect(fine).toMatchObject({
      timeUnixNano: `${START_US + 12_345}000`,
      severityNumber: 9,
      ...spanIds(1),
      flags: 1,
      body: 'tools/call echo: ok',
      attributes: {
        'sidelight.session.id': SESSION_ID,
        'sidelight.operation.id': `${SESSION_ID}/1`,
        'sidelight.initiator': 'client_to_server',
        'mcp.method.name': 'tools/call',
        'sidelight.target': 'echo',
        'sidelight.outcome': 'ok',
        'sidelight.duration_ms': 12.345,
        'sidelight.server.name': 'everything',
        'sidelight.recording.url': `https://mcp.example/sessions/${SESSION_ID}#operation-1`,
      },
    });
    expect(failed).toMatchObject({
      severityNumber: 13,
      severityText: 'warn',
      ...spanIds(2),
      flags: 0,
      attributes: {
        'rpc.response.status_code': '-32603',
        'error.type': '-32603',
        'sidelight.error_message': 'broken',
        'http.request.method': 'POST',
        'url.path': '/mcp',
        'http.response.status_code': 200,
        'client.address': '192.0.2.7',
      },
    });
  });

  it('of other lines have their fields, whole ones among them', async () => {
    const [started, about, finding] = await received([sessionStarted(), described(), FINDING], 'info');
    expect(started?.traceId).toBeUndefined();
    expect(started?.attributes).toMatchObject({ 'sidelight.command': ['node', 'server.js'] });
    expect(about?.attributes).toMatchObject({
      'sidelight.server_info': { name: 'everything' },
      'mcp.protocol.version': '2025-11-25',
    });
    expect(finding).toMatchObject({
      body: 'finding: late_result',
      attributes: { 'sidelight.rule': 'late_result', 'sidelight.operation.id': `${SESSION_ID}/4` },
    });
  });

  it('come from the server as a service', async () => {
    const receiver = await startReceiver();
    await exporting(receiver.endpoint).sink.write([described(), operation()]);
    expect(receiver.logs[0]?.resource).toMatchObject({ 'service.name': 'everything', team: 'a' });
    expect(receiver.logs[0]?.scope).toEqual({ name: 'sidelight', version: '0.1.0' });
  });

  it('are counted, and none is made of what is not logged', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = exporting(receiver.endpoint, { level: 'silent' });
    await sink.write(EVENTS);
    expect(receiver.headers).toEqual([]);
    const loud = exporting(receiver.endpoint, { level: 'debug' });
    await loud.sink.write(operations(600));
    expect(stats.counts().size).toBe(0);
    expect(Object.fromEntries(loud.stats.counts())).toEqual({
      log_records_created: 600,
      log_records_exported: 600,
    });
  });

  it('of a flood fit into requests that receivers take', async () => {
    const sizes: number[] = [];
    let records = 0;
    const endpoint = await answering((body) => {
      sizes.push(body.length);
      records += body.toString().split('"severityNumber"').length - 1;
      return [200, '{}'];
    });
    const long = { ...said('error'), text: 'ü'.repeat(8000) } as McpEvent;
    await exporting(endpoint).sink.write(Array.from({ length: 600 }, () => long));
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThan(4_000_000);
    expect(records).toBe(600);
  });
});

describe('a receiver of log records that takes none', () => {
  it('costs a line and counted records when it is down', async () => {
    const { sink, stats, lines } = exporting(await nobody(), { otlp: { timeoutMs: 200 } });
    await sink.write(operations(5));
    await sink.write(operations(3));
    expect(stats.drops()).toEqual([{ stage: 'otlp_logs', reason: 'export_failed', count: 8, bytes: 0 }]);
    expect(new Set(stats.failures().map(({ part, reason }) => `${part} ${reason}`))).toEqual(
      new Set(['otlp_logs connection']),
    );
    expect(lines).toEqual([expect.stringMatching(/^sidelight: logs are not delivered: .+/)]);
    expect([...stats.problems().keys()]).toEqual(['otlp_logs']);
  });

  it('counts the records that a partial success rejects', async () => {
    const endpoint = await answering(() => [200, '{"partialSuccess":{"rejectedLogRecords":2}}']);
    const { sink, stats } = exporting(endpoint);
    await sink.write(operations(5));
    expect(stats.drops()).toEqual([{ stage: 'otlp_logs', reason: 'rejected', count: 2, bytes: 0 }]);
    expect(stats.counts().get('log_records_exported')).toBe(3);
  });

  it('cannot hold up the end', async () => {
    const endpoint = await answering(() => undefined);
    const { sink, stats } = exporting(endpoint, { otlp: { timeoutMs: 3_600_000 } });
    const writes = [sink.write(operations(5)), sink.write(operations(2))];
    await sink.close(100);
    await Promise.all(writes);
    expect(stats.drops()).toMatchObject([{ reason: 'export_failed', count: 7 }]);
  });
});
