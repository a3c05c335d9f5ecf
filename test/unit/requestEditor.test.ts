/** Requests that may be changed on their way through the HTTP tap: which are, and that all others pass as they came. */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RequestEditor } from '../../src/tap/http/forwarding.ts';
import { withValue } from '../../src/tap/http/headers.ts';
import { HttpTap } from '../../src/tap/http/proxy.ts';
import { until } from '../e2e/sidelight.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const MIB = 1024 * 1024;

interface Received {
  readonly headers: readonly string[];
  readonly trailers: readonly string[];
  readonly body: string;
}

interface Talk {
  readonly port: number;
  /** What the server got, whole requests only. */
  readonly received: Received[];
  /** Requests of which the server got at least the head. */
  readonly begun: IncomingMessage[];
  /** What the observer was told, in order. */
  readonly told: string[];
}

/** Puts `[]` around a body, and tells of it. */
const around: RequestEditor = (body, headers) => {
  const edited = Buffer.concat([Buffer.from('['), body, Buffer.from(']')]);
  return {
    body: edited,
    headers: withValue(headers, 'Content-Length', String(edited.length)),
    fact: { fact: 'propagated', spans: [] },
  };
};

async function talk(editor: RequestEditor = around): Promise<Talk> {
  const received: Received[] = [];
  const begun: IncomingMessage[] = [];
  const told: string[] = [];
  const server = createServer((request, response) => {
    begun.push(request);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      received.push({ headers: request.rawHeaders, trailers: request.rawTrailers, body });
      response.end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tap = new HttpTap(
    {
      target: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      ...{ listen: { host: '127.0.0.1', port: 0 }, mount: '', host: 'auto', forwarded: false },
      ...{ allowedHosts: [], allowedOrigins: [], tls: undefined, targetTls: {}, rewriteOauth: false },
      ...{ connectTimeoutMs: undefined, responseTimeoutMs: undefined },
      ...{ maxHeaderBytes: 65_536, maxConnections: 10 },
      editor,
    },
    {
      fact: (_exchange, { fact }) => told.push(fact),
      body: (_exchange, direction, bytes) => {
        if (direction === 'client_to_server') told.push(bytes.toString());
      },
    },
    () => undefined,
  );
  const url = await tap.listen();
  onTestFinished(async () => {
    await tap.close(0);
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: Number(new URL(url).port), received, begun, told };
}

function ask(
  port: number,
  method: string,
  headers: Record<string, string>,
  ...chunks: readonly string[]
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        resolve(Buffer.concat(parts).toString());
      });
    });
    request.on('error', reject);
    for (const chunk of chunks) request.write(chunk);
    request.end();
  });
}

const valueOf = (headers: readonly string[], name: string): string | undefined =>
  headers[headers.findIndex((field) => field.toLowerCase() === name) + 1];

describe('a JSON request that comes whole, of a known length', () => {
  it('is changed, and has the right length; the observer is shown it as it came', async () => {
    const { port, received, told } = await talk();
    const headers = { ...JSON_TYPE, 'content-length': '7', 'X-After': 'a' };
    expect(await ask(port, 'POST', headers, '{"é"', ':', '1')).toBe('ok');
    const [whole] = received;
    expect(whole?.body).toBe('[{"é":1]');
    expect(whole?.headers.slice(0, 6)).toEqual([
      'Content-Type',
      'application/json',
      'content-length',
      '9',
      'X-After',
      'a',
    ]);
    expect(told.filter((fact) => !fact.startsWith('response')).join(' ')).toMatch(
      /^request (?:.+ )?propagated \S*1 request_ended$/,
    );
    expect(told.filter((fact) => !/^[a-z_]+$/.test(fact)).join('')).toBe('{"é":1');
  });

  it('is changed when it is as long as may be, and passes when it is longer', async () => {
    const { port, received } = await talk();
    for (const length of [MIB, MIB + 1])
      await ask(port, 'POST', { ...JSON_TYPE, 'Content-Length': String(length) }, 'x'.repeat(length));
    expect(received.map(({ body }) => body.length)).toEqual([MIB + 2, MIB + 1]);
  });

  it('that goes on as it came where nothing is to be changed', async () => {
    const { port, received } = await talk(() => undefined);
    await ask(port, 'POST', { ...JSON_TYPE, 'Content-Length': '3' }, '1', '23');
    expect(received).toMatchObject([{ body: '123' }]);
    expect(valueOf(received[0]?.headers ?? [], 'content-length')).toBe('3');
  });

  it('several on one connection each get their answer', async () => {
    const { port, received } = await talk();
    const socket = connect({ port, host: '127.0.0.1' });
    onTestFinished(() => void socket.destroy());
    let answers = '';
    socket.on('data', (chunk) => (answers += chunk.toString()));
    const one = (body: string) =>
      `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    socket.write(one('1') + one('22') + one('333'));
    await until(() => answers.split('HTTP/1.1 200').length === 4, 'three answers');
    expect(received.map(({ body }) => body)).toEqual(['[1]', '[22]', '[333]']);
  });

  it('that its client breaks off never reaches the server', async () => {
    const { port, begun, told } = await talk();
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a"',
    );
    await until(() => told.includes('{"a"'), 'the beginning of the body');
    socket.destroy();
    await until(() => told.includes('response_ended'), 'the end of the exchange');
    expect(told).toEqual(['request', '{"a"', 'request_ended', 'response_ended']);
    expect(begun).toEqual([]);
  });
});

describe('every other request passes as it came, at once', () => {
  it.each([
    ['of unknown length', 'POST', { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }],
    ['in a content coding', 'POST', { ...JSON_TYPE, 'Content-Encoding': 'identity', 'Content-Length': '3' }],
    ['with expectations', 'POST', { ...JSON_TYPE, Expect: '100-continue', 'Content-Length': '3' }],
    ['that is no JSON', 'POST', { 'Content-Type': 'text/plain', 'Content-Length': '3' }],
    ['that is no POST', 'PUT', { ...JSON_TYPE, 'Content-Length': '3' }],
  ])('%s', async (_name, method, headers) => {
    const { port, received, told } = await talk();
    await ask(port, method, headers, '123');
    expect(received).toMatchObject([{ body: '123' }]);
    expect(told).not.toContain('propagated');
  });

  it('without a body', async () => {
    const { port, received } = await talk();
    await ask(port, 'POST', { ...JSON_TYPE, 'Content-Length': '0' });
    expect(received).toMatchObject([{ body: '' }]);
  });
});
