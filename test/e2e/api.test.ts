/** `sidelight serve` as a process, over what other processes record while clients look. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type LiveMessage } from '../../src/api/client.ts';
import { freePort } from './listening.ts';
import { connect, type Peer } from './peers.ts';
import { type Ended, Running, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const NODE = process.execPath;
const NOTES = [NODE, server('keeps-notes.mjs')];

interface Serving {
  readonly running: Running;
  readonly url: string;
  readonly token: string;
}

async function serving(dataDir: string, listen = '0'): Promise<Serving> {
  const running = new Running(NODE, [SIDELIGHT, 'serve', '--data-dir', dataDir, '--listen', listen]);
  await running.says('#token=');
  const [, url = '', token = ''] =
    /^(http:\S+)\/#token=([0-9a-f]{64})$/m.exec(running.stdout.toString()) ?? [];
  return { running, url, token };
}

function recording(dataDir: string): Promise<Peer> {
  return connect('v1', [NODE, SIDELIGHT, '--data-dir', dataDir, '--', ...NOTES]);
}

function following({ url, token }: Serving, cursor = ''): { messages: LiveMessage[]; socket: WebSocket } {
  const path = `/api/v1/live${cursor && `?cursor=${cursor}`}`;
  const socket = new WebSocket(url.replace('http', 'ws') + path, ['sidelight', `token.${token}`]);
  const messages: LiveMessage[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as LiveMessage));
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.terminate();
  });
  return { messages, socket };
}

const numbersOf = (messages: readonly LiveMessage[]): number[] =>
  messages.flatMap((one) => (one.type === 'news' ? one.operations.map(({ number }) => number) : []));

async function refused(args: readonly string[]): Promise<Ended> {
  const running = new Running(NODE, [SIDELIGHT, 'serve', ...args]);
  return running.ended;
}

describe('sidelight serve', () => {
  it('shows what several processes record, as it happens, once, over a restart of its own', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    const first = await serving(dataDir);
    const before = following(first);
    await until(() => before.messages.length > 0, 'a greeting');
    const peers = await Promise.all([recording(dataDir), recording(dataDir), recording(dataDir)]);
    const calls = (count: number): Promise<unknown> =>
      Promise.all(
        peers.map(async (peer) => {
          for (let made = 0; made < count; made += 1)
            await peer.call({ name: 'add_note', arguments: { text: String(made) } });
        }),
      );
    await calls(20);
    // initialize and the calls.
    await until(() => numbersOf(before.messages).length === 63, 'what was called first');
    const client = createClient(first);
    expect((await client.health()).live).toBe(3);
    expect((await client.sessions({ filter: 'is:live' })).items).toHaveLength(3);

    first.running.process.kill('SIGTERM');
    expect(await first.running.ended).toMatchObject({ code: 0 });
    await calls(20);
    const second = await serving(dataDir, new URL(first.url).host);
    expect(second.token).toBe(first.token);
    const cursor = before.messages.flatMap((one) => ('cursor' in one ? [one.cursor] : [])).at(-1);
    const after = following(second, cursor);
    await calls(1);
    await until(() => numbersOf(after.messages).length >= 63, 'what was called meanwhile');
    const all = [...numbersOf(before.messages), ...numbersOf(after.messages)];
    expect(all).toEqual(Array.from({ length: 126 }, (_, index) => index + 1));
    for (const peer of peers) await peer.close();
    await until(
      () =>
        new Set(
          after.messages.flatMap((one) =>
            one.type === 'news'
              ? one.changed.filter(({ status }) => status === 'ok').map(({ id }) => id)
              : [],
          ),
        ).size === 3,
      'the ends of three sessions',
    );
  });

  it('says of a session whose recorder was killed that it was interrupted', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    const api = await serving(dataDir);
    const { messages } = following(api);
    await until(() => messages.length > 0, 'a greeting');
    const recorder = new Running(NODE, [SIDELIGHT, '--data-dir', dataDir, '--', ...NOTES]);
    recorder.process.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    await until(() => numbersOf(messages).length === 1, 'an operation');
    recorder.process.kill('SIGKILL');
    await until(
      () =>
        messages.some(
          (one) => one.type === 'news' && one.changed.some(({ status }) => status === 'interrupted'),
        ),
      'the interruption',
    );
  });

  it('keeps its token, and what it did, where its owner alone can read', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    const peer = await recording(dataDir);
    await peer.call({ name: 'add_note', arguments: { text: 'secret: kJ8xq0PzW3mV' } });
    await peer.close();
    const { url, token } = await serving(dataDir);
    const client = createClient({ url, token });
    const { items } = await client.sessions();
    expect(items).toHaveLength(1);
    const text = await (await client.export(items[0]?.id ?? '', { format: 'html' })).text();
    expect(text).toMatch(/^<!doctype html>/i);
    for (const file of ['api.token', 'audit.log', 'sidelight.db'])
      expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, 'audit.log'), 'utf8')).toContain('"action":"export"');
    expect((await fetch(`${url}/api/v1/sessions`)).status).toBe(401);
  });

  it('ends at once when it is told to, whoever is connected', async () => {
    const api = await serving(join(temporaryFolder(), 'data'));
    const { messages, socket } = following(api);
    await until(() => messages.length > 0, 'a greeting');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const events = await fetch(`${api.url}/api/v1/live`, {
      headers: { authorization: `Bearer ${api.token}` },
    });
    api.running.process.kill('SIGINT');
    expect(await api.running.ended).toMatchObject({ code: 0, signal: null });
    await closed;
    await events.text().catch(() => undefined);
  });

  it.each([
    [
      ['--listen', '0.0.0.0:0'],
      2,
      /^sidelight: --listen: 0[.]0[.]0[.]0:0 can be reached .*; add --allow-remote/,
    ],
    [['--listen', 'here'], 2, /^sidelight: --listen: "here" is not /],
    [['--listen', '0', '--allowed-hosts', 'a b'], 2, /^sidelight: --allowed-hosts: "a b" is not /],
    [['--listen', '192.0.2.1:0', '--allow-remote'], 1, /this machine does not have the address/],
  ])('%j ends with exit code %i and one line', async (args, code, line) => {
    const ended = await refused(['--data-dir', join(temporaryFolder(), 'data'), ...args]);
    expect(ended.code).toBe(code);
    expect(ended.stderr.toString()).toMatch(line);
    expect(ended.stderr.toString().trim().split('\n')).toHaveLength(1);
  });

  it('says when the port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => {
      holder.close();
    });
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as AddressInfo;
    const dataDir = join(temporaryFolder(), 'data');
    const taken = await refused(['--data-dir', dataDir, '--listen', String(port)]);
    expect([taken.code, taken.stderr.toString()]).toEqual([
      1,
      `sidelight: --listen: 127.0.0.1:${port}: the port is in use; choose another\n`,
    ]);
  });
});

describe('the admin listener of a sidecar', () => {
  const started = async (...flags: string[]) => {
    const dataDir = join(temporaryFolder(), 'data');
    const port = await freePort();
    const args = ['--data-dir', dataDir, '--admin', String(port), ...flags, '--', ...NOTES];
    const running = new Running(NODE, [SIDELIGHT, ...args]);
    running.process.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    await running.says('"id":1');
    const url = `http://127.0.0.1:${port}`;
    await until(
      () =>
        fetch(`${url}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      'the listener',
    );
    return { dataDir, url, running };
  };

  it('serves the API of all recordings, too, where that was asked for: behind the token, and without replays', async () => {
    const { dataDir, url, running } = await started('--admin-api');
    expect((await fetch(`${url}/api/v1/sessions`)).status).toBe(401);
    expect((await fetch(`${url}/mcp`, { method: 'POST' })).status).toBe(401);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('sidelight_');
    expect(await (await fetch(`${url}/readyz`)).text()).toBe('ready\n');
    const token = readFileSync(join(dataDir, 'api.token'), 'utf8').trim();
    const client = createClient({ url, token });
    await until(async () => (await client.operations()).items.length > 0, 'the ping in the store');
    expect((await client.sessions({ filter: 'is:live' })).items).toHaveLength(1);
    expect(await client.replayTargets()).toEqual({ enabled: false, items: [] });
    await expect(client.startReplay({ session: 'last', target: 'x' })).rejects.toMatchObject({ status: 403 });
    const { messages } = following({ running, url, token }, '0.0');
    await until(() => numbersOf(messages).length > 0, 'an operation, live');
    // Whoever is connected holds nothing up.
    running.process.stdin.end();
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  it('has no API without that', async () => {
    const { dataDir, url, running } = await started();
    expect((await fetch(`${url}/api/v1/sessions`)).status).toBe(404);
    expect(existsSync(join(dataDir, 'api.token'))).toBe(false);
    running.process.stdin.end();
    expect(await running.ended).toMatchObject({ code: 0 });
  });
});
