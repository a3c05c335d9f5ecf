/**
 * An HTTP tap in the process of the test, between a server and a client of raw bytes: nothing of HTTP is hidden by a
 * library that the tap uses as well.
 */
import { createServer as createTcpServer, connect, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { HttpTap, type HttpTapOptions } from '../../src/tap/http/proxy.ts';
import type { ExchangeFact } from '../../src/wire/exchange.ts';

export interface Seen {
  readonly facts: ExchangeFact[];
  readonly sent: Buffer[];
  readonly received: Buffer[];
  readonly refused: string[];
}

const DEFAULTS: Omit<HttpTapOptions, 'target'> = {
  listen: { host: '127.0.0.1', port: 0 },
  mount: '',
  host: 'auto',
  forwarded: false,
  allowedHosts: [],
  allowedOrigins: [],
  tls: undefined,
  targetTls: {},
  connectTimeoutMs: undefined,
  responseTimeoutMs: undefined,
  maxHeaderBytes: 64 * 1024,
  maxConnections: 100,
  rewriteOauth: false,
};

/** A server of raw bytes: `answer` is called with each connection and all that came on it so far. */
export function upstream(answer: (socket: Socket, received: string) => void): Promise<number> {
  return rawServer((socket) => {
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      answer(socket, received);
    });
  });
}

/** A server that does with each connection what it is told, and nothing else: an end from the client ends nothing. */
export async function rawServer(connected: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    connected(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

export async function tapTo(
  port: number,
  differs: Partial<HttpTapOptions> = {},
): Promise<Seen & { readonly port: number; readonly tap: HttpTap }> {
  const seen: Seen = { facts: [], sent: [], received: [], refused: [] };
  const tap = new HttpTap(
    { ...DEFAULTS, target: new URL(`http://127.0.0.1:${port}`), ...differs },
    {
      fact: (_exchange, fact) => seen.facts.push(fact),
      body: (_exchange, direction, bytes) =>
        seen[direction === 'client_to_server' ? 'sent' : 'received'].push(Buffer.from(bytes)),
    },
    (reason) => seen.refused.push(reason),
  );
  const url = await tap.listen();
  onTestFinished(() => tap.close(0));
  return { ...seen, port: Number(new URL(url).port), tap };
}

export interface Client {
  readonly socket: Socket;
  readonly text: () => string;
  readonly end: () => 'open' | 'ended' | 'reset';
}

export function client(port: number, request: string): Client {
  let text = '';
  let end: 'open' | 'ended' | 'reset' = 'open';
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('end', () => (end = end === 'open' ? 'ended' : end));
  socket.on('error', () => (end = 'reset'));
  socket.write(request, 'latin1');
  onTestFinished(() => void socket.destroy());
  return { socket, text: () => text, end: () => end };
}

export const GET = 'GET /mcp?a=%2F&b=[] HTTP/1.1\r\nHost: example.test\r\n\r\n';
export const post = (body: string): string =>
  `POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
export const CALL = '{"jsonrpc":"2.0","id":"seven","method":"tools/list"}';
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
