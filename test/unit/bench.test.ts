/** The parts of the bench that are in C: that they compile without a warning, speak with each other and count right. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const bench = fileURLToPath(new URL('../../bench', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'));
const part = (name: string): string => join(folder, name);

beforeAll(() => {
  for (const name of ['driver', 'server', 'receiver']) {
    const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-o', part(name), join(bench, `${name}.c`)];
    const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function drive(kind: string, options: string, command: readonly string[]): Record<string, number> {
  const args = [kind, ...options.split(' '), 'limit=20', '--', ...command];
  const { stdout, stderr } = spawnSync(part('driver'), args, { encoding: 'utf8' });
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
