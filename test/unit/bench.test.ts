/** The parts of the bench that are in C: that they compile without a warning, speak with each other and count right. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

const bench = fileURLToPath(new URL('../../bench', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'));
const part = (name: string): string => join(folder, name);

beforeAll(() => {
  for (const name of ['driver', 'server', 'receiver', 'http-driver', 'http-server']) {
    const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-o', part(name), join(bench, `${name}.c`)];
    const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function drive(
  kind: string,
  options: string,
  command: readonly string[],
  driver = 'driver',
): Record<string, number> {
  const args = [kind, ...options.split(' '), 'limit=20', '--', ...command];
  const { stdout, stderr } = spawnSync(part(driver), args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Record<string, number>;
}

const relay = [process.execPath, join(bench, 'relay.mjs')];

test.each([
  ['one at a time, direct', 'rtt', 'bytes=300', []],
  ['64 in flight, direct', 'flow', 'bytes=10000', []],
  ['larger than any buffer, through the bare relay', 'flow', 'bytes=1000000 inflight=8', relay],
])('the driver counts each answer once: %s', (_, kind, options, through) => {
  const { allCalls, exitCode, exitMs } = drive(kind, `${options} calls=200 warmup=0`, [
    ...through,
    part('server'),
    '5000',
  ]);
  expect({ allCalls, exitCode }).toEqual({ allCalls: 200, exitCode: 0 });
  expect(exitMs).toBeGreaterThan(0);
});

test('a flood comes whole, also when the driver does not read at first', () => {
  const command = [...relay, part('server'), '300', '2000', '1000'];
  const { allCalls } = drive('flow', 'calls=1 lines=2001 stall=100 warmup=0', command);
  expect(allCalls).toBe(1);
});

test('messages are JSON of exactly the size asked for', () => {
  const requests = '{"id":0}\n{"method":"tools/call","id":12345}\n{"method":"notifications/x"}\n';
  for (const bytes of [200, 301, 10_000]) {
    const ran = spawnSync(part('server'), [String(bytes), '1', '777'], { input: requests, encoding: 'utf8' });
    const [initialized = '', note = '', answer = '', ...rest] = ran.stdout.split('\n');
    expect(rest).toEqual(['']);
    expect(JSON.parse(initialized)).toMatchObject({ id: 0, result: { serverInfo: { name: 'bench' } } });
    expect(JSON.parse(note)).toMatchObject({ method: 'notifications/message' });
    expect(JSON.parse(answer)).toMatchObject({ id: 12345, result: { content: [{ type: 'text' }] } });
    expect([note, answer].map((line) => Buffer.byteLength(line) + 1)).toEqual([777, bytes]);
  }
});

test('the receiver counts the spans of all requests of a connection', async () => {
  const receiver = spawn(part('receiver'), [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  const port = String((await lines.next()).value);
  const spans = Array.from({ length: 700 }, (_, n) => ({ name: `span ${n}`, startTimeUnixNano: '1' }));
  for (let sent = 0; sent < 3; sent += 1) {
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
    const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', body });
    expect(await answer.json()).toEqual({});
  }
  receiver.stdin.end();
  expect(JSON.parse(String((await lines.next()).value))).toEqual({ requests: 3, spans: 2100 });
  await once(receiver, 'exit');
});

/** Where it listens; it ends with its stdin. */
async function startHttpServer(
  bytes: number,
  form: string,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = spawn(part('http-server'), [String(bytes), form], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = /http:.*/.exec(String((await lines.next()).value))?.[0] ?? '';
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  };
  return { url, stop };
}

const INITIALIZE = { method: 'initialize', params: {}, jsonrpc: '2.0', id: 0 };
const CALL = { method: 'tools/call', params: { name: 'write_document' }, jsonrpc: '2.0', id: 12345 };

async function post(url: string, message: unknown, session?: string): Promise<Response> {
  const headers = session === undefined ? {} : { 'mcp-session-id': session };
  return await fetch(`${url}/mcp`, { method: 'POST', body: JSON.stringify(message), headers });
}

test('the HTTP server answers a session only, with JSON of exactly the size asked for', async () => {
  const { url, stop } = await startHttpServer(1000, 'json');
  expect((await post(url, CALL)).status).toBe(400);
  const initialized = await post(url, INITIALIZE);
  expect(await initialized.json()).toMatchObject({ id: 0, result: { serverInfo: { name: 'bench' } } });
  const session = initialized.headers.get('mcp-session-id') ?? '';
  const note = await post(url, { method: 'notifications/initialized', jsonrpc: '2.0' }, session);
  expect(note.status).toBe(202);
  const text = await (await post(url, CALL, session)).text();
  expect(Buffer.byteLength(text)).toBe(1000);
  expect(JSON.parse(text)).toMatchObject({ id: 12345, result: { content: [{ type: 'text' }] } });
  const chunks = new Blob([JSON.stringify(CALL)]).stream();
  const init = { method: 'POST', body: chunks, headers: { 'mcp-session-id': session }, duplex: 'half' };
  expect(await (await fetch(`${url}/mcp`, init as RequestInit)).text()).toBe(text);
  await stop();
});

test('the HTTP server answers with one event, and writes one to each open stream when it is told to', async () => {
  const { url, stop } = await startHttpServer(400, 'sse');
  const session = (await post(url, INITIALIZE)).headers.get('mcp-session-id') ?? '';
  const answer = await post(url, CALL, session);
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const [, data = ''] = /^event: message\ndata: (.*)\n\n$/.exec(await answer.text()) ?? [];
  expect(JSON.parse(data)).toMatchObject({ id: 12345 });
  const streams = await Promise.all(
    [1, 2].map(() => fetch(`${url}/mcp`, { headers: { 'mcp-session-id': session } })),
  );
  expect(await (await fetch(`${url}/streams`)).text()).toBe('2');
  await fetch(`${url}/broadcast`, { method: 'POST' });
  for (const { body } of streams) {
    for await (const chunk of body ?? []) {
      const event = /data: (.*)\n\n$/.exec(new TextDecoder().decode(chunk));
      expect(JSON.parse(event?.[1] ?? '')).toMatchObject({ method: 'notifications/message' });
      break;
    }
  }
  await vi.waitFor(async () => {
    expect(await (await fetch(`${url}/streams`)).text()).toBe('0');
  });
  await stop();
});

test.each([
  ['alone', 'json', 300],
  ['together', 'json', 10_000],
  ['alone', 'sse', 10_000],
  ['together', 'sse', 1_000_000],
])('the HTTP driver counts each answer and its bytes once: %s, %s of %i bytes', (kind, form, bytes) => {
  const command = [part('http-server'), String(bytes), form];
  const options = `bytes=${bytes} seconds=0.1 warmup=0 inflight=5`;
  const { allCalls = 0, bodyBytes = 0, framingBytes } = drive(kind, options, command, 'http-driver');
  expect(allCalls).toBeGreaterThan(0);
  expect(framingBytes).toBe(form === 'sse' ? allCalls * 'event: message\ndata: \n'.length : 0);
  // What is left is the handshake of each connection.
  const rest = bodyBytes - (framingBytes ?? 0) - allCalls * 2 * bytes;
  const connections = kind === 'alone' ? 1 : 5;
  expect(rest / connections).toBeGreaterThan(300);
  expect(rest / connections).toBeLessThan(600);
});

const httpRelay = join(bench, 'http-relay.mjs');

test('the HTTP driver goes through the bare relay, and each of its streams has each event and leaves nothing', async () => {
  const { url, stop } = await startHttpServer(300, 'json');
  const control = `control=${new URL(url).port}`;
  const command = [process.execPath, httpRelay, url];
  const { allCalls } = drive('together', `${control} seconds=0.1 inflight=5`, command, 'http-driver');
  expect(allCalls).toBeGreaterThan(0);
  const told = drive('streams', `${control} streams=150 broadcasts=2 warmup=0.05`, command, 'http-driver');
  expect(told).toMatchObject({ streams: 150, leftAtCommand: 0, leftAtServer: 0 });
  expect(told.broadcastMs).toHaveLength(2);
  await stop();
});

test('streams that a relay leaves open at the server are found', async () => {
  const { url, stop } = await startHttpServer(300, 'json');
  const leaky = part('leaky-relay.mjs');
  const source = readFileSync(httpRelay, 'utf8');
  const closes = "outgoing.on('close', () => upstream.destroy());";
  expect(source).toContain(closes);
  writeFileSync(leaky, source.replace(closes, ''));
  const options = `control=${new URL(url).port} streams=20 broadcasts=1 warmup=0`;
  const told = drive('streams', options, [process.execPath, leaky, url], 'http-driver');
  expect(told).toMatchObject({ streams: 20, leftAtCommand: 0, leftAtServer: 20 });
  await stop();
}, 20_000);
