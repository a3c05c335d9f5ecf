/** The HTTP tap under many streams and large bodies: the real process, whose memory is its own. */
import { createHash } from 'node:crypto';
import {
  createServer,
  request,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, type Listening, startListening } from './listening.ts';
import { peakMemoryBytes } from './proc.ts';
import { SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const MIB = 1024 * 1024;
const STREAMS = 1000;
const BODY_BYTES = 300 * MIB;
/** What it really takes is measured by the bench; here it is to be no multiple of what passes. */
const MOST_PER_STREAM_BYTES = 200 * 1024;
const MOST_FOR_BODIES_BYTES = 200 * MIB;

async function inFrontOf(answer: RequestListener, ...flags: readonly string[]): Promise<Listening> {
  const server = createServer({ requestTimeout: 0 }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 2048, resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = ['--target', target, '--listen', '127.0.0.1:0', '--data-dir', temporaryFolder(), ...flags];
  const sidelight = await startListening([SIDELIGHT, 'http', ...args]);
  onTestFinished(sidelight.stop);
  return sidelight;
}

it('holds a thousand idle streams, tells each of them at once, and none is left after its client', async () => {
  const open = new Set<ServerResponse>();
  const admin = `127.0.0.1:${await freePort()}`;
  const { port, pid } = await inFrontOf(
    (_asked, response) => {
      open.add(response);
      response.on('close', () => open.delete(response));
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    },
    '--admin',
    admin,
  );
  const gauge = async (name: string): Promise<number> => {
    const page = await (await fetch(`http://${admin}/metrics`)).text();
    return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'm').exec(page)?.[1]);
  };
  const before = peakMemoryBytes(pid);
  const clients = Array.from({ length: STREAMS }, () => listen(port));
  onTestFinished(() => {
    for (const { socket } of clients) socket.destroy();
  });
  await until(() => clients.every(({ text }) => text().includes('\r\n\r\n')), 'all streams');
  expect(open.size).toBe(STREAMS);
  expect(await gauge('sidelight_http_connections_open')).toBe(STREAMS);
  for (const response of open) response.write('data: to all\n\n');
  await until(() => clients.every(({ text }) => text().includes('to all')), 'the broadcast');
  expect((peakMemoryBytes(pid) - before) / STREAMS).toBeLessThan(MOST_PER_STREAM_BYTES);
  for (const { socket } of clients) socket.destroy();
  await until(() => open.size === 0, 'the server to see all of them go');
  await until(async () => (await gauge('sidelight_http_connections_open')) === 0, 'no connection to be left');
});

function listen(port: number): { readonly socket: Socket; readonly text: () => string } {
  let text = '';
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.write('GET /mcp HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n');
  return { socket, text: () => text };
}

it.each(['application/json', 'application/octet-stream'])(
  '300 MB each way, of %s, pass whole and are not held',
  async (type) => {
    const { port, pid } = await inFrontOf((asked, response) => {
      void hashOf(asked).then(async (hash) => {
        response.writeHead(200, { 'content-type': type, 'x-got': hash });
        await pipeline(body(), response);
      });
    });
    const before = peakMemoryBytes(pid);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'content-type': type };
      const asking = request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false }, resolve);
      pipeline(body(), asking).catch(reject);
    });
    const hash = await hashOf(body());
    expect(answer.headers['x-got']).toBe(hash);
    expect(await hashOf(answer)).toBe(hash);
    expect(peakMemoryBytes(pid) - before).toBeLessThan(MOST_FOR_BODIES_BYTES);
  },
);

/** A JSON text of a few very long lines. */
function body(): Readable {
  const piece = Buffer.alloc(MIB, 'x');
  return Readable.from(
    (function* () {
      yield Buffer.from('{"a":"');
      for (let sent = 0; sent < BODY_BYTES; sent += piece.length) yield piece;
      yield Buffer.from('"}');
    })(),
  );
}

async function hashOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
