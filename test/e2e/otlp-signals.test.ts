import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Line, samplesOf } from '../unit/metricWorkload.ts';
import { nobody, type ReceivedRecord } from '../unit/receiver.ts';
import { everyOutput, type LogLine, type Outputs } from './outputs.ts';
import { connect, hears, settled } from './peers.ts';
import { packageFile, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const EVERYTHING = [process.execPath, packageFile('@modelcontextprotocol/server-everything/dist/index.js')];
/** What a receiver's Prometheus adds to the names. */
const UNIT_SUFFIX: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes', '': '' };
/** Of the traffic alone: what does not go on by itself while the page is read. */
const OF_TRAFFIC =
  /^(?:mcp_\w+_operation_duration_seconds_(?:count|bucket)|sidelight_(?:operations|operation_round_trips|messages|message_bytes|tool_result_bytes|findings|server_starts)_total)$/;
/** How records name the fields of lines that they do not name `sidelight.<field>`. */
const FIELDS: Readonly<Record<string, string>> = {
  'sidelight.session.id': 'session',
  'sidelight.operation.id': 'operation',
  'sidelight.server.name': 'server',
  'sidelight.session.end_cause': 'cause',
  'sidelight.session.probe': 'probe',
  'sidelight.session.operations': 'operations',
  'sidelight.session.failed_operations': 'failed_operations',
  'sidelight.session.findings': 'findings',
  'sidelight.server.exit_code': 'exit_code',
  'sidelight.log.level': 'mcp_level',
  'sidelight.recording.url': 'recording_url',
  'mcp.method.name': 'method',
  'mcp.protocol.version': 'protocol_version',
  'error.type': 'error_type',
  'rpc.response.status_code': 'error_code',
};
const TEXT_IN_RECORDS = new Set(['error_code']);

/** The lines of a page, for the last value that was received of each. */
function receivedLines({ receiver }: Outputs): readonly Line[] {
  const lines = new Map<string, Line>();
  const take = (name: string, labels: Readonly<Record<string, string>>, value: number): void => {
    lines.set(textOf({ name, labels, value: 0 }), { name, labels, value, exemplar: undefined });
  };
  for (const { name, unit, sum, gauge, histogram } of receiver.metrics.flatMap(({ items }) => items)) {
    const plain = name.replaceAll('.', '_');
    const suffix = UNIT_SUFFIX[unit] ?? '';
    const withUnit = plain.endsWith(suffix) ? plain : `${plain}${suffix}`;
    for (const { attributes, asDouble, bucketCounts = [], explicitBounds = [], count } of (
      sum ??
      gauge ??
      histogram
    )?.dataPoints ?? []) {
      const labels = Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key.replaceAll('.', '_'), String(value)]),
      );
      if (histogram === undefined)
        take(sum === undefined ? withUnit : `${withUnit}_total`, labels, asDouble ?? NaN);
      else take(`${withUnit}_count`, labels, Number(count));
      let below = 0;
      for (const [index, inBucket] of bucketCounts.entries()) {
        below += Number(inBucket);
        take(`${withUnit}_bucket`, { ...labels, le: String(explicitBounds[index] ?? '+Inf') }, below);
      }
    }
  }
  return [...lines.values()];
}

function textOf({ name, labels, value }: Pick<Line, 'name' | 'labels' | 'value'>): string {
  const present = Object.entries(labels).filter(([, text]) => text !== '');
  return JSON.stringify([name, present.sort(([a], [b]) => a.localeCompare(b)), value]);
}

const ofTraffic = (lines: readonly Line[]): readonly string[] =>
  lines
    .filter(({ name }) => OF_TRAFFIC.test(name))
    .map(textOf)
    .sort();

/** The line of the log that a record is. */
function lineOf({ severityText, body, timeUnixNano, attributes, traceId, spanId }: ReceivedRecord): LogLine {
  const fields = Object.entries(attributes).map(([key, value]): readonly [string, unknown] => {
    const field = FIELDS[key] ?? key.replace(/^sidelight\./, '');
    if (field === 'operation') return [field, Number(String(value).split('/')[1])];
    return [field, TEXT_IN_RECORDS.has(field) ? Number(value) : value];
  });
  return {
    level: severityText,
    time: new Date(Number(timeUnixNano.slice(0, -6))).toISOString(),
    msg: body,
    ...(Object.fromEntries(fields) as LogLine),
    ...(traceId !== undefined && { trace_id: traceId, span_id: spanId }),
  };
}

describe('one run over OTLP', () => {
  it('has the totals of the page in its metrics, and the lines of the log in its records', async () => {
    const outputs = await everyOutput();
    const flags = ['--otlp-metrics', '--otlp-logs', '--otlp-metric-interval', '1s', '--log-level', 'debug'];
    const more = ['--public-url', 'https://mcp.example'];
    const peer = await connect('v1', outputs.around(EVERYTHING, ...flags, ...more));
    // The last that this server says by itself.
    await hears(peer, 'notifications/message');
    await peer.request('tools/list');
    await peer.call({ name: 'echo', arguments: { message: 'hello' } });
    await peer.call({ name: 'get-sum', arguments: { a: 'one', b: 2 } });
    await settled(peer.request('prompts/get', { name: 'no-such-prompt' }));
    await peer.request('ping');
    await until(
      async () => /sidelight_operations_total\{[^}]*"ping"[^}]*\} 1/.test(await outputs.metrics()),
      'the last operation in the metrics',
    );
    const page = ofTraffic(samplesOf(await outputs.metrics()));
    // Each second there is an export, while the session goes on.
    await expect.poll(() => ofTraffic(receivedLines(outputs)), { timeout: 20_000 }).toEqual(page);
    await peer.close();

    expect(page.length).toBeGreaterThan(50);
    const up = receivedLines(outputs).find(({ name }) => name === 'sidelight_server_up');
    expect(up?.value).toBe(0);

    const records = outputs.receiver.logs.flatMap(({ items }) => items);
    expect(records.map(lineOf)).toEqual(outputs.log());
    expect(new Set(records.map(({ severityText }) => severityText))).toContain('warn');
    const spans = new Set(outputs.spans().map(({ spanId }) => spanId));
    const traced = records.filter(({ traceId }) => traceId !== undefined);
    expect(traced.length).toBeGreaterThanOrEqual(6);
    expect(traced.every(({ spanId = '' }) => spans.has(spanId))).toBe(true);
  });

  it('needs no admin listener and no log file, and tells what happened in the last moment', async () => {
    const outputs = await everyOutput();
    const flags = ['--otlp-metrics', '--otlp-logs', '--otlp-endpoint', outputs.receiver.endpoint];
    const command = [SIDELIGHT, ...flags, '--data-dir', outputs.dataDir, '--', process.execPath];
    const peer = await connect('v1', [process.execPath, ...command, server('asks-the-client.mjs')]);
    await peer.request('tools/list');
    await peer.close();
    const received = receivedLines(outputs);
    expect(
      received.find(
        ({ name, labels }) =>
          name === 'sidelight_operations_total' && labels.mcp_method_name === 'tools/list',
      )?.value,
    ).toBe(1);
    expect(received.find(({ name }) => name === 'mcp_server_session_duration_seconds_count')?.value).toBe(1);
    const bodies = outputs.receiver.logs.flatMap(({ items }) => items.map(({ body }) => body));
    expect(bodies).toContain('tools/list: ok');
    expect(bodies.at(-1)).toMatch(/^session ended: /);
  });

  it('to a receiver that is down costs one line for each signal, and no message', async () => {
    const folder = temporaryFolder();
    const logFile = join(folder, 'log');
    const flags = ['--otlp-metrics', '--otlp-logs', '--otlp-endpoint', await nobody(), '--log-file', logFile];
    const own = ['--otlp-metric-interval', '1s', '--otlp-timeout', '100ms', '--data-dir', folder];
    const command = [process.execPath, SIDELIGHT, ...flags, ...own, '--', ...EVERYTHING];
    const peer = await connect('v1', command);
    for (const message of ['a', 'b', 'c'])
      expect(await peer.call({ name: 'echo', arguments: { message } })).toMatchObject({
        content: [{ text: `Echo: ${message}` }],
      });
    await until(() => peer.stderr().includes('metrics are not delivered'), 'the line about metrics');
    await peer.request('ping');
    await peer.close();
    await peer.stderrEnded;
    const lines = peer
      .stderr()
      .split('\n')
      .filter((line) => line.includes('not delivered'));
    expect(lines.map((line) => /^sidelight: (\w+) are not delivered: .+/.exec(line)?.[1]).sort()).toEqual([
      'logs',
      'metrics',
      'traces',
    ]);
    expect(readFileSync(logFile, 'utf8')).toContain('ping: ok');
  });
});
