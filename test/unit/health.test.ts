/** `sidelight health` against a real admin listener. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { startAdmin } from '../../src/self/admin.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { collected, ioOf } from './commandRun.ts';
import { folder } from './recordings.ts';

async function health(flags: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const [out, err] = [collected(), collected()];
  const code = await runCli(['health', ...flags], { ...ioOf(folder(), out.stream, err.stream), env });
  return { code, out: out.text(), err: err.text() };
}

async function admin(stats = new Stats(), host = '127.0.0.1'): Promise<string> {
  const scrape = () => Promise.resolve({ contentType: 'text/plain', body: '' });
  const trouble = new Trouble(() => undefined);
  const { address, close } = await startAdmin({ host, port: 0, scrape, stats, trouble });
  onTestFinished(close);
  return String(address?.port);
}

/** Listens on loopback and does with each connection as told. */
async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return String((server.address() as AddressInfo).port);
}

describe('sidelight health', () => {
  test('ends with 0 and says so when all is well', async () => {
    expect(await health(['--admin', await admin()])).toEqual({ code: 0, out: 'ready\n', err: '' });
  });

  test('ends with 1 and says which part is not well', async () => {
    const stats = new Stats();
    stats.condition('store', 'the disk is full\u001b[2J');
    const { code, out, err } = await health(['--admin', await admin(stats)]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('store: the disk is full');
    expect(err).not.toContain('\u001b');
  });

  test('with --live an output that does not work is no reason', async () => {
    const stats = new Stats();
    stats.condition('traces', 'the receiver refuses');
    const port = await admin(stats);
    expect(await health(['--admin', port, '--live'])).toEqual({ code: 0, out: 'ok\n', err: '' });
  });

  test('finds the address in the environment, and asks on loopback where all addresses are listened on', async () => {
    const port = await admin();
    const { code } = await health([], { SIDELIGHT_ADMIN: `0.0.0.0:${port}` });
    expect(code).toBe(0);
  });

  test('ends with 1 when nothing listens there', async () => {
    const server = createServer();
    const port = await listening(server);
    server.close();
    await once(server, 'close');
    const { code, err } = await health(['--admin', port]);
    expect(code).toBe(1);
    expect(err).toBe(`sidelight: 127.0.0.1:${port} does not answer (ECONNREFUSED)\n`);
  });

  test('ends with 1 when what listens there says nothing', async () => {
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    const port = await listening(createServer((socket) => void sockets.push(socket)));
    const { code, err } = await health(['--admin', port]);
    expect([code, err]).toEqual([1, expect.stringContaining('does not answer')]);
  });

  test('ends with 1 when what listens there breaks off', async () => {
    const port = await listening(
      createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nready')),
    );
    const { code, err } = await health(['--admin', port]);
    expect([code, err]).toEqual([1, expect.stringContaining('does not answer')]);
  });

  test.each([
    [[], 'sidelight: admin: nothing is served'],
    [['--admin', 'none'], 'sidelight: admin: nothing is served'],
    [['--admin', '0'], 'sidelight: admin: with port 0'],
    [['--admin', 'x:y'], 'sidelight: --admin: '],
  ])('says in one line what is missing: %j', async (flags, line) => {
    const { code, out, err } = await health(flags);
    expect([code, out]).toEqual([2, '']);
    expect(err.startsWith(line)).toBe(true);
    expect(err.split('\n')).toHaveLength(2);
  });
});
