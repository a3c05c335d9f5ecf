import fc from 'fast-check';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HttpTap } from '../../src/tap/http/proxy.ts';
import type { ExchangeFact } from '../../src/wire/exchange.ts';
import { chunked, settings } from './cuts.ts';
import { messagesOf, type RawMessage } from './rawHttp.ts';

/**
 * Generated requests and responses, against a raw server, once directly and once through the tap: what arrives at the
 * server and what the client gets is compared byte for byte, but for the fields that are of one connection alone.
 */
const RUNS = 800;
const DEADLINE_MS = 10_000;

interface Body {
  readonly framing: 'none' | 'sized' | 'chunked';
  readonly bytes: string;
  readonly cuts: readonly number[];
  readonly trailers: readonly string[];
}
interface Request {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  readonly body: Body;
}
interface Response {
  readonly hints: readonly string[];
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly string[];
  readonly body: Body | { readonly framing: 'close'; readonly bytes: string };
}
interface Exchange {
  readonly request: Request;
  readonly response: Response;
}

const name = fc.constantFrom(
  'X-A',
  'x-a',
  'Mcp-Session-Id',
  'MCP-METHOD',
  'accept',
  'Cookie',
  'X-Empty',
  'ETag',
  'x-Forwarded-For',
);
/** Visible ASCII, spaces within, and bytes above it, as fields may have them. */
const value = fc.oneof(
  fc.constantFrom('', 'a', 'text/event-stream, application/json', '"q; w"', 'caf\xe9 \xff'),
  fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  }),
);
const fields = fc.array(
  fc.tuple(name, value).map(([key, text]) => `${key}: ${text}`),
  { maxLength: 6 },
);
const bytes = fc.uint8Array({ maxLength: 2000 }).map((content) => Buffer.from(content).toString('latin1'));
const cuts = fc.array(fc.nat(2000), { maxLength: 4 });
const trailers = fc.array(
  fc.tuple(fc.constantFrom('X-Sum', 'x-sum', 'X-Other'), value).map(([key, text]) => `${key}: ${text}`),
  { maxLength: 2 },
);
const sized = fc.record({ framing: fc.constant('sized' as const), bytes, cuts, trailers: fc.constant([]) });
const inChunks = fc.record({ framing: fc.constant('chunked' as const), bytes, cuts, trailers });
const nothing = fc.constant<Body>({ framing: 'none', bytes: '', cuts: [], trailers: [] });

const request: fc.Arbitrary<Request> = fc.record({
  method: fc.constantFrom(
    'GET',
    'POST',
    'POST',
    'PUT',
    'DELETE',
    'PATCH',
    'HEAD',
    'OPTIONS',
    'PROPFIND',
    'QUERY',
  ),
  target: fc.constantFrom(
    '/',
    '/mcp',
    '/mcp?a=%2F&b=[]',
    '/a%20b;c',
    "/x?q=a|b'{}",
    '//two',
    '/.well-known/oauth-protected-resource/mcp',
  ),
  fields,
  body: fc.oneof(nothing, sized, inChunks),
});
const response: fc.Arbitrary<Response> = fc.record({
  hints: fc.array(
    fc.constantFrom(
      '103 Early Hints\r\nLink: </a>; rel=preload',
      '102 Processing',
      '103 \r\nX-A: 1\r\nx-a: 2',
    ),
    { maxLength: 2 },
  ),
  status: fc.constantFrom(200, 200, 201, 202, 204, 206, 301, 304, 400, 401, 404, 405, 429, 500, 503, 599),
  reason: fc.constantFrom('OK', '', 'Not What You Think', 'caf\xe9'),
  fields,
  body: fc.oneof(
    sized,
    inChunks,
    bytes.map((content) => ({ framing: 'close' as const, bytes: content })),
  ),
});
/** On one connection; what is delimited by its end can only be the last. */
const series = fc
  .record({
    exchanges: fc.array(fc.record({ request, response }), { minLength: 1, maxLength: 3 }),
    pipelined: fc.boolean(),
  })
  .map(({ exchanges, pipelined }) => ({
    exchanges: exchanges.filter(
      (exchange, index) => index === exchanges.length - 1 || exchange.response.body.framing !== 'close',
    ),
    pipelined,
  }));

const hasNoBody = ({ method }: Request, { status }: Response): boolean =>
  method === 'HEAD' || status === 204 || status === 304;

function framed(body: Body): { readonly head: readonly string[]; readonly parts: readonly string[] } {
  const pieces = chunked(Buffer.from(body.bytes, 'latin1'), body.cuts).map((part) =>
    Buffer.from(part).toString('latin1'),
  );
  if (body.framing === 'none') return { head: [], parts: [] };
  if (body.framing === 'sized') return { head: [`Content-Length: ${body.bytes.length}`], parts: pieces };
  const chunks = pieces
    .filter((piece) => piece !== '')
    .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return {
    head: ['Transfer-Encoding: chunked'],
    parts: [...chunks, `0\r\n${body.trailers.map((field) => `${field}\r\n`).join('')}\r\n`],
  };
}

function requestParts({ method, target, fields: own, body }: Request): readonly string[] {
  const { head, parts } = framed(body);
  return [
    [`${method} ${target} HTTP/1.1`, 'Host: example.test', ...own, ...head, '', ''].join('\r\n'),
    ...parts,
  ];
}

function responseParts(asked: Request, answer: Response): readonly string[] {
  const { hints, status, reason, fields: own, body } = answer;
  const early = hints.map((hint) => `HTTP/1.1 ${hint}\r\n\r\n`);
  const { head, parts } =
    body.framing === 'close' ? { head: ['Connection: close'], parts: [body.bytes] } : framed(body);
  const top = [`HTTP/1.1 ${status} ${reason}`, ...own, ...head, '', ''].join('\r\n');
  return [...early, top, ...(hasNoBody(asked, answer) ? [] : parts)];
}

let exchanges: readonly Exchange[] = [];
let arrived: RawMessage[] = [];
let server: Server;
let tap: HttpTap;
const facts: ExchangeFact[] = [];
const observed = { client_to_server: '', server_to_client: '' };
const sockets = new Set<Socket>();

/** The raw server: answers each request that is whole with the next generated response. */
function serve(socket: Socket): void {
  sockets.add(socket);
  let received = '';
  let answered = 0;
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    const { messages, rest } = messagesOf(received, () => 'as told', false);
    received = rest;
    for (const message of messages) {
      arrived.push(message);
      const exchange = exchanges[answered];
      answered += 1;
      if (exchange === undefined) continue;
      for (const part of responseParts(exchange.request, exchange.response)) socket.write(part, 'latin1');
      if (exchange.response.body.framing === 'close') socket.end();
    }
  });
}

beforeAll(async () => {
  server = createServer({ noDelay: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  tap = new HttpTap(
    {
      target: new URL(`http://127.0.0.1:${port}`),
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
    },
    {
      fact: (_exchange, fact) => facts.push(fact),
      body: (_exchange, direction, chunk) => (observed[direction] += chunk.toString('latin1')),
    },
    () => undefined,
  );
});
afterAll(async () => {
  await tap.close(0);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

interface Outcome {
  readonly arrived: readonly RawMessage[];
  readonly got: readonly RawMessage[];
}

/** Sends the requests on one connection, all at once or each after the answer to the one before. */
function exchanged(port: number, all: readonly Exchange[], pipelined: boolean): Promise<Outcome> {
  exchanges = all;
  arrived = [];
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let text = '';
    const finals = (ended: boolean): { readonly got: readonly RawMessage[]; readonly answers: number } => {
      let answers = 0;
      const { messages } = messagesOf(
        text,
        ({ line }) => {
          if (line.startsWith('HTTP/1.1 1')) return 'none';
          const exchange = all[answers];
          answers += 1;
          return exchange !== undefined && hasNoBody(exchange.request, exchange.response)
            ? 'none'
            : 'as told';
        },
        ended,
      );
      return { got: messages, answers: messages.filter(({ line }) => !line.startsWith('HTTP/1.1 1')).length };
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer; so far: ${JSON.stringify(text)}; arrived: ${JSON.stringify(arrived)}`));
    }, DEADLINE_MS);
    const finish = (got: readonly RawMessage[]): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ arrived, got });
    };
    let sent = 0;
    const send = (): void => {
      const exchange = all[sent];
      sent += 1;
      if (exchange === undefined) return;
      for (const part of requestParts(exchange.request)) socket.write(part, 'latin1');
      if (pipelined) send();
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const { got, answers } = finals(false);
      if (answers === all.length) finish(got);
      else if (!pipelined && answers === sent) send();
    });
    socket.on('close', () => {
      const { got } = finals(true);
      finish(got);
    });
    socket.on('error', () => undefined);
    socket.on('connect', send);
  });
}

/** A body that the end of the connection delimits has no framing to keep: it may come in chunks, or until the end. */
function comparable({ arrived: atServer, got }: Outcome, all: readonly Exchange[]): Outcome {
  const isOpenEnded = all.some(({ response: { body } }) => body.framing === 'close');
  return {
    arrived: atServer,
    got: isOpenEnded
      ? got.map((message) =>
          message.framing === 'close' || message.framing === 'chunked'
            ? { ...message, framing: 'close' }
            : message,
        )
      : got,
  };
}

it('whatever passes through the tap arrives as it would without it, and the copy is what passed', async () => {
  const through = Number(new URL(await tap.listen()).port);
  const direct = (server.address() as AddressInfo).port;
  await fc.assert(
    fc.asyncProperty(series, async ({ exchanges: all, pipelined }) => {
      const plain = comparable(await exchanged(direct, all, pipelined), all);
      facts.length = 0;
      observed.client_to_server = observed.server_to_client = '';
      const tapped = comparable(await exchanged(through, all, pipelined), all);
      expect(tapped).toEqual(plain);
      expect(plain.got.filter(({ line }) => !/ 1\d\d/.test(line))).toHaveLength(all.length);
      expect(observed.client_to_server).toBe(plain.arrived.map(({ body }) => body).join(''));
      expect(observed.server_to_client).toBe(plain.got.map(({ body }) => body).join(''));
      const asked = facts.filter((fact) => fact.fact === 'request');
      expect(asked.map(({ method, target }) => [method, target])).toEqual(
        all.map(({ request: { method, target } }) => [method, target]),
      );
    }),
    settings(RUNS),
  );
}, 240_000);
