import { spawn, type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Admin, startAdmin } from '../../src/self/admin.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { CATALOG } from '../../src/sink/catalog.ts';
import { operation, spanIds } from '../unit/events.ts';
import { fullSink } from '../unit/metricWorkload.ts';

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
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-prometheus-'));
  let admin: Admin;
  let prometheus: ChildProcess;
  let api: string;
  let log = '';

  beforeAll(async () => {
    admin = await startAdmin({
      host: '127.0.0.1',
      port: 0,
      scrape: (accept) => sink.scrape(accept),
      stats: new Stats(),
      trouble: new Trouble((line) => (log += `${line}\n`)),
    });
    const target = `${admin.address?.host}:${admin.address?.port}`;
    writeFileSync(
      join(folder, 'prometheus.yml'),
      `scrape_configs: [{job_name: sidelight, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: ['${target}']}]}]`,
    );
    const address = `127.0.0.1:${await freePort()}`;
    api = `http://${address}/api/v1`;
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        '--enable-feature=exemplar-storage',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    prometheus.stderr?.on('data', (text: Buffer) => (log += text.toString()));
    await once(prometheus, 'spawn');
    await until(async () => (await ask('query', { query: 'scrape_samples_scraped' })).length > 0);
  });

  afterAll(async () => {
    if (prometheus.exitCode === null) {
      const exited = once(prometheus, 'exit');
      prometheus.kill('SIGKILL');
      await exited;
    }
    await admin.close();
    rmSync(folder, { recursive: true });
  });

  it('takes the whole page', async () => {
    const [up] = await ask('query', { query: 'up' });
    expect(up?.value?.[1]).toBe('1');
  });

  it('knows every metric with its type', async () => {
    const metadata = (await json('metadata', {})) as Record<string, readonly { type: string }[]>;
    // OpenMetrics knows a counter without its suffix.
    const types = CATALOG.map(
      ({ name }) => metadata[name]?.[0]?.type ?? metadata[name.replace(/_total$/, '')]?.[0]?.type,
    );
    expect(types).toEqual(CATALOG.map(({ type }) => type));
  });

  it('has the samples, under their names', async () => {
    const labels =
      'server="everything",mcp_method_name="tools/call",gen_ai_tool_name="echo",error_type="tool_error"';
    const [sum] = await ask('query', { query: `mcp_server_operation_duration_seconds_sum{${labels}}` });
    expect(Number(sum?.value?.[1])).toBeCloseTo(0.7);
    const [total] = await ask('query', { query: 'sidelight_dropped_total{stage="store"}' });
    expect(total?.value?.[1]).toBe('3');
  });

  it('finds the trace of a slow operation by its exemplar', async () => {
    const found = await ask('query_exemplars', {
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

  interface Series {
    readonly value?: readonly [number, string];
    readonly exemplars?: readonly unknown[];
  }

  async function ask(path: string, parameters: Record<string, string>): Promise<readonly Series[]> {
    const data = (await json(path, parameters)) as { result?: readonly Series[] } | readonly Series[];
    return 'result' in data ? (data.result ?? []) : (data as readonly Series[]);
  }

  async function json(path: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${api}/${path}?${new URLSearchParams(parameters).toString()}`);
    return ((await response.json()) as { data: unknown }).data;
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!(await condition().catch(() => false))) {
      if (Date.now() > deadline || prometheus.exitCode !== null)
        throw new Error(`Prometheus does not answer:\n${log}`);
      await delay(50);
    }
  }
});

/** Prometheus does not say which port it got, so it cannot be given 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
