import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Stats } from '../../src/self/stats.ts';
import { Fanout } from '../../src/sink/fanout.ts';
import { operation, operations } from '../unit/events.ts';
import { sinkTo, startReceiver } from '../unit/receiver.ts';

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const httpReceiver = (listener: RequestListener): Promise<string> => listen(createHttpServer(listener));
const tcpReceiver = (connected: (socket: Socket) => void): Promise<string> => listen(createServer(connected));

/** A port that was just free: nobody listens there. */
async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** Reads whole requests and answers each with raw bytes; the socket stays as the answer leaves it. */
function raw(answer: (socket: Socket, request: number) => void): Promise<string> {
  let requests = 0;
  return tcpReceiver((socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (head < 0 || text.length < head + 4 + length) return;
      text = '';
      answer(socket, ++requests);
    });
  });
}

function dropped(stats: Stats, reason = 'export_failed'): number {
  return stats.drops().find((drop) => drop.stage === 'traces' && drop.reason === reason)?.count ?? 0;
}

/** What was created is exactly what was exported, dropped or not sampled. */
function expectBalance(stats: Stats): void {
  const count = (name: string): number => stats.counts().get(name) ?? 0;
  expect(count('spans_created')).toBe(
    count('spans_exported') + count('spans_unsampled') + dropped(stats) + dropped(stats, 'rejected'),
  );
}

const reasons = (stats: Stats): readonly string[] => stats.failures().map(({ reason }) => reason);

describe('a receiver that takes nothing costs counted drops, and one line', () => {
  it.each<[string, string, () => Promise<string>]>([
    ['is down', 'connection', nobody],
    [
      'answers 400',
      'http_4xx',
      () => httpReceiver((_request, response) => response.writeHead(400).end('no')),
    ],
    ['answers 503', 'http_5xx', () => httpReceiver((_request, response) => response.writeHead(503).end())],
    ['redirects', 'http_3xx', () => httpReceiver((_request, response) => response.writeHead(302).end())],
    ['never answers', 'timeout', () => tcpReceiver(() => undefined)],
    ['closes at once', 'connection', () => tcpReceiver((socket) => socket.destroy())],
    [
      'closes in the middle of the request',
      'connection',
      () => tcpReceiver((socket) => socket.once('data', () => socket.destroy())),
    ],
    [
      'closes in the middle of the head',
      'connection',
      () => raw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le')),
    ],
    ['speaks something else', 'connection', () => raw((socket) => socket.end('+PONG\r\n'))],
  ])('when it %s', async (_what, reason, start) => {
    const { sink, stats, said } = sinkTo(await start(), { otlp: { timeoutMs: 200 } });
    await sink.write(operations(600));
    expect(reasons(stats)).toEqual([reason]);
    expect(dropped(stats)).toBe(600);
    expect(said).toEqual([expect.stringMatching(/^sidelight: traces are not delivered: .+/)]);
    expect(stats.problems().get('traces')).toBeTypeOf('string');
    expectBalance(stats);
  });

  it('when it gives its answer a byte at a time, for ever', async () => {
    const endpoint = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-endless: ');
      const timer = setInterval(() => socket.write('x'), 10);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    const { sink, stats } = sinkTo(endpoint, { otlp: { timeoutMs: 200 } });
    await sink.write(operations(3));
    expect(reasons(stats)).toEqual(['timeout']);
    expect(dropped(stats)).toBe(3);
  });

  it('when the URL, a header or a certificate is nothing that can be used', async () => {
    const receiver = await startReceiver();
    const bad = [
      sinkTo('no url'),
      sinkTo('ftp://127.0.0.1'),
      sinkTo(receiver.endpoint, { otlp: { headers: { 'x-bad': 'a\nb' } } }),
      sinkTo(receiver.endpoint.replace('http:', 'https:'), {
        env: { OTEL_EXPORTER_OTLP_CERTIFICATE: '/nonexistent/ca.pem' },
      }),
      sinkTo(receiver.endpoint.replace('http:', 'https:')),
    ];
    for (const { sink, stats, said } of bad) {
      await sink.write([operation()]);
      expect(dropped(stats)).toBe(1);
      expect(said).toHaveLength(1);
    }
    expect(receiver.headers).toEqual([]);
  });
});

describe('lossless capture', () => {
  const HALF = 40_000;

  it('waits for a receiver that takes its time, until what waited is there', async () => {
    const endpoint = await httpReceiver((request, response) => {
      request.resume();
      setTimeout(() => response.end('{}'), 100);
    });
    const { sink, stats } = sinkTo(endpoint);
    const fanout = new Fanout([sink], stats);
    // The first batch is on its way; the others wait.
    fanout.push(operations(1000));
    fanout.push(operations(HALF));
    await expect.poll(() => fanout.isBehind(), { interval: 1 }).toBe(true);
    await expect.poll(() => fanout.isBehind()).toBe(false);
    await fanout.close(30_000);
    expect(stats.counts().get('spans_exported')).toBe(HALF + 1000);
    expect(stats.drops()).toEqual([]);
  });

  it.each<[string, () => Promise<string>]>([
    ['does not answer', () => tcpReceiver(() => undefined)],
    ['is down', nobody],
  ])('waits for no receiver that %s', async (_what, start) => {
    const { sink, stats } = sinkTo(await start());
    const fanout = new Fanout([sink], stats);
    fanout.push(operations(1000));
    fanout.push(operations(HALF));
    // At first it may yet answer.
    await expect.poll(() => fanout.isBehind()).toBe(false);
    await fanout.close(100);
    expect(stats.drops().reduce((sum, { count }) => sum + count, 0)).toBe(HALF + 1000);
  });
});

describe('a receiver that comes back', () => {
  it('gets the batch that it had refused, and the trouble is over', async () => {
    let refusals = 1;
    const endpoint = await httpReceiver((request, response) => {
      request.resume();
      response.writeHead(refusals-- > 0 ? 503 : 200).end('{}');
    });
    const { sink, stats, said } = sinkTo(endpoint);
    await sink.write(operations(5));
    expect(Object.fromEntries(stats.counts())).toEqual({ spans_created: 5, spans_exported: 5 });
    expect(stats.drops()).toEqual([]);
    expect(reasons(stats)).toEqual(['http_5xx']);
    expect(stats.problems().size).toBe(0);
    expect(said).toHaveLength(1);
  });

  it('gets what waited, after a batch was lost', async () => {
    let status = 400;
    const endpoint = await httpReceiver((request, response) => {
      request.resume();
      response.writeHead(status).end('{}');
    });
    const { sink, stats } = sinkTo(endpoint);
    await sink.write(operations(2));
    status = 200;
    await sink.write(operations(3));
    expect(Object.fromEntries(stats.counts())).toEqual({ spans_created: 5, spans_exported: 3 });
    expect(dropped(stats)).toBe(2);
    expect(stats.problems().size).toBe(0);
  });

  it('is not asked again before the pause is over', async () => {
    let requests = 0;
    const endpoint = await httpReceiver((request, response) => {
      requests += 1;
      request.resume();
      response.writeHead(429, { 'retry-after': '3600' }).end();
    });
    const { sink, stats } = sinkTo(endpoint);
    await sink.write(operations(1));
    const waiting = sink.write(operations(1));
    expect(requests).toBe(1);
    await sink.close(1000);
    await waiting;
    expect(requests).toBe(2);
    expect(dropped(stats)).toBe(2);
  });

  it('is not troubled for an idle connection that it had ended', async () => {
    const endpoint = await raw((socket, request) => {
      if (request === 2) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
    });
    const { sink, stats } = sinkTo(endpoint);
    await sink.write(operations(1));
    await sink.write(operations(1));
    expect(Object.fromEntries(stats.counts())).toEqual({ spans_created: 2, spans_exported: 2 });
    expect(stats.failures()).toEqual([]);
  });
});

describe('an answer', () => {
  it.each([
    [
      'of a partial success counts what was rejected',
      '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}}',
      2,
    ],
    ['that rejects more than was sent is not believed', '{"partialSuccess":{"rejectedSpans":99}}', 5],
    ['that is no JSON is a success', '<html>', 0],
    ['that is empty is a success', '', 0],
    ['that is larger than an answer can be is a success', 'x'.repeat(1_000_000), 0],
  ])('%s', async (_what, body, rejected) => {
    const endpoint = await httpReceiver((request, response) => {
      request.resume();
      response.end(body);
    });
    const { sink, stats } = sinkTo(endpoint);
    await sink.write(operations(5));
    expect(dropped(stats, 'rejected')).toBe(rejected);
    expect(stats.counts().get('spans_exported')).toBe(5 - rejected);
    expect(stats.failures()).toEqual([]);
    expectBalance(stats);
  });

  it('that is torn off after its status counts as its status says', async () => {
    const endpoint = await raw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{'));
    const { sink, stats } = sinkTo(endpoint);
    await sink.write(operations(5));
    expect(stats.counts().get('spans_exported')).toBe(5);
  });

  it('of a partial success in protobuf counts, too', async () => {
    const endpoint = await httpReceiver((request, response) => {
      request.resume();
      // ExportTraceServiceResponse { partial_success { rejected_spans: 3 } }
      response.end(Buffer.from([0x0a, 0x02, 0x08, 0x03]));
    });
    const { sink, stats } = sinkTo(endpoint, { otlp: { protocol: 'http/protobuf' } });
    await sink.write(operations(5));
    expect(dropped(stats, 'rejected')).toBe(3);
    expectBalance(stats);
  });
});

describe('closing', () => {
  it.each<[string, () => Promise<string>]>([
    ['down', nobody],
    ['hanging', () => tcpReceiver(() => undefined)],
    ['refusing', () => httpReceiver((_request, response) => response.writeHead(503).end())],
  ])('ends within its bound with a receiver that is %s, and counts what is lost', async (_what, start) => {
    const { sink, stats } = sinkTo(await start(), { otlp: { timeoutMs: 3_600_000 } });
    const writes = [sink.write(operations(2000)), sink.write(operations(10))];
    await sink.close(300);
    await Promise.all(writes);
    expect(dropped(stats)).toBe(2010);
    expectBalance(stats);
  });

  it('still delivers what a working receiver takes', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = sinkTo(receiver.endpoint);
    const written = sink.write(operations(1000));
    await sink.close(10_000);
    await written;
    expect(receiver.spans()).toHaveLength(1000);
    expectBalance(stats);
  });

  it('asks a receiver that was down once more, without waiting for the pause', async () => {
    let status = 503;
    const endpoint = await httpReceiver((request, response) => {
      request.resume();
      response.writeHead(status, { 'retry-after': '3600' }).end('{}');
    });
    const { sink, stats } = sinkTo(endpoint);
    await sink.write(operations(1));
    status = 200;
    const written = sink.write(operations(4));
    await sink.close(10_000);
    await written;
    expect(stats.counts().get('spans_exported')).toBe(4);
    expectBalance(stats);
  });

  it('counts what is written after it', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = sinkTo(receiver.endpoint);
    await sink.close(0);
    await sink.write(operations(2));
    expect(receiver.headers).toEqual([]);
    expect(dropped(stats)).toBe(2);
    expectBalance(stats);
  });
});
