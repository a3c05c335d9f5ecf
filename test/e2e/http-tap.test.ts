import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ExchangeFact } from '../../src/wire/exchange.ts';
import { until } from './sidelight.ts';
import { CALL, client, GET, OK, post, tapTo, upstream } from './tapped.ts';

const headOf = (received: string): string => received.slice(0, received.indexOf('\r\n\r\n'));
/** The fields that are of one connection alone. */
const endToEnd = (head: string): string[] =>
  head
    .split('\r\n')
    .filter((line) => !/^(?:connection|keep-alive|proxy-connection):/i.test(line))
    // White space around a value is none of it (RFC 9110, 5.5).
    .map((line) => line.replace(/:[ \t]*(?=$)/, ':'));

/** What arrives at a raw server when a client sends just this, directly or through the tap. */
async function arrives(request: string, through: boolean): Promise<{ head: string[]; body: string }> {
  let got = '';
  const port = await upstream((socket, received) => {
    got = received;
    if (received.includes('\r\n\r\n')) socket.write(OK);
  });
  const to = through ? (await tapTo(port)).port : port;
  const { text } = client(to, request);
  await until(() => text().includes('ok'), 'the answer');
  return { head: endToEnd(headOf(got)), body: got.slice(got.indexOf('\r\n\r\n') + 4) };
}

describe('a request arrives as it was sent', () => {
  it.each([
    [
      'with an odd target',
      'GET /a//b/../c?x=%zz&y=[]|"{}` HTTP/1.1\r\nHost: h\r\n\r\n'.replace(/[`"{}|]/g, ''),
    ],
    [
      'with headers in their own case, order and number',
      'GET / HTTP/1.1\r\nhOsT: h\r\nX-B: 2\r\nx-a: 1\r\nX-B: 3\r\nAccept:\r\nX-L: caf\xe9\r\n\r\n',
    ],
    ['as a POST without a body', 'POST /x HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n'],
    ['as a POST with an empty body', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'],
    ['as a GET with a body', 'GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc'],
    ['as a DELETE', 'DELETE /x HTTP/1.1\r\nHost: h\r\nMcp-Session-Id: s\r\n\r\n'],
    ['as an OPTIONS of everything', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n'],
    [
      'with a chunked body',
      'PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ],
    [
      'with trailers',
      'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
    ],
    [
      'with a Host and an Origin of somebody else',
      'GET / HTTP/1.1\r\nHost: evil.test\r\nOrigin: http://evil.test\r\n\r\n',
    ],
  ])('%s', async (_how, request) => {
    const direct = await arrives(request, false);
    expect(await arrives(request, true)).toEqual(direct);
  });
});

it.each([
  ['of a known length', 'Content-Length: 4'],
  ['in chunks', 'Transfer-Encoding: chunked'],
  ['that the server is asked for', 'Expect: 100-continue\r\nContent-Length: 4'],
])(
  'the head of a request arrives before its body, in its own bytes above ASCII: a body %s',
  async (_which, framing) => {
    let got = '';
    const port = await upstream((_socket, received) => (got = received));
    const { port: to } = await tapTo(port);
    client(to, `POST / HTTP/1.1\r\nHost: h\r\nX-L: caf\xe9 \xff\r\n${framing}\r\n\r\n`);
    await until(() => got.includes('\r\n\r\n'), 'the head');
    expect(endToEnd(headOf(got)).slice(1).join('\r\n')).toBe(`Host: h\r\nX-L: caf\xe9 \xff\r\n${framing}`);
  },
);

/** What a client gets of raw bytes that the server sends, directly or through the tap. */
async function gets(
  request: string,
  answer: string,
  through: boolean,
): Promise<{ head: string[]; rest: string }> {
  const port = await upstream((socket, received) => {
    if (!received.includes('\r\n\r\n')) return;
    socket.write(answer, 'latin1');
    if (!/content-length|chunked|HTTP\/1.1 (?:204|304)/i.test(answer)) socket.end();
  });
  const to = through ? (await tapTo(port)).port : port;
  const { text, end } = client(to, request);
  const last = answer.slice(-4);
  await until(() => text().endsWith(last) || end() !== 'open', 'the answer');
  const got = text();
  const at = got.lastIndexOf('HTTP/1.1');
  const split = got.indexOf('\r\n\r\n', at);
  return { head: endToEnd(got.slice(0, split)), rest: got.slice(split + 4) };
}

describe('a response arrives as it was sent', () => {
  it.each([
    [
      'with its own reason and no date',
      GET,
      'HTTP/1.1 200 Fine by me\r\nX-B: 1\r\nx-a: 2\r\nX-B: caf\xe9\r\nContent-Length: 2\r\n\r\nok',
    ],
    ['without a reason', GET, 'HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno'],
    ['204', GET, 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n'],
    [
      '304 with the length of what it stands for',
      GET,
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "x"\r\n\r\n',
    ],
    ['to HEAD', GET.replace('GET', 'HEAD'), 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'],
    ['in chunks', GET, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
    [
      'with trailers',
      GET,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
    ],
    [
      'with an early hint',
      GET,
      'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ],
    ['up to the end of its connection', GET, 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nall there is'],
  ])('%s', async (_how, request, answer) => {
    const direct = await gets(request, answer, false);
    expect(await gets(request, answer, true)).toEqual(direct);
  });

  it('to a client that waits for a 100, which the server alone says', async () => {
    const port = await upstream((socket, received) => {
      if (received.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      else if (received.endsWith('body')) socket.write(OK);
    });
    const { port: to } = await tapTo(port);
    const { socket, text } = client(
      to,
      'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
    );
    await until(() => text().includes('100 Continue'), 'the server to ask for the body');
    socket.write('body');
    await until(() => text().endsWith('ok'), 'the answer');
  });

  it('to a client that waits for a 100 and is refused', async () => {
    const port = await upstream((socket) =>
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'),
    );
    const { port: to } = await tapTo(port);
    const { text } = client(
      to,
      'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
    );
    await until(() => text().includes('413'), 'the refusal');
    expect(text()).not.toContain('100 Continue');
  });

  it('in the order of pipelined requests, whichever is slow', async () => {
    const port = await upstream((socket, received) => {
      const last = received.trimEnd().split('\r\n\r\n').at(-1) ?? '';
      const name = /GET \/(\w)/.exec(last)?.[1] ?? '';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${name}`);
    });
    const { port: to } = await tapTo(port);
    const request = (name: string): string => `GET /${name} HTTP/1.1\r\nHost: h\r\n\r\n`;
    const { text } = client(to, request('a') + request('b') + request('c'));
    await until(() => text().endsWith('c'), 'the third answer');
    expect(
      text()
        .match(/\r\n\r\n\w/g)
        ?.map((match) => match.at(-1)),
    ).toEqual(['a', 'b', 'c']);
  });
});

describe('a stream', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';

  it('is there for the client before its first event, and each piece as it comes', async () => {
    let server: Socket | undefined;
    const port = await upstream((socket) => {
      server = socket;
      socket.write(HEAD);
    });
    const { port: to } = await tapTo(port);
    const { text } = client(to, GET);
    await until(() => text().includes('text/event-stream'), 'the head of the stream');
    for (const piece of [': ping\n\n', 'data: {"a"', ':1}\n\n']) {
      server?.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
      await until(() => text().includes(piece), piece);
    }
  });

  it('whose client goes away is closed at the server', async () => {
    let closed = false;
    const port = await upstream((socket) => {
      socket.once('end', () => (closed = true));
      socket.once('close', () => (closed = true));
      socket.write(`${HEAD}5\r\n: hi\n\r\n`);
    });
    const { port: to, facts } = await tapTo(port);
    const { socket, text } = client(to, GET);
    await until(() => text().includes(': hi'), 'the stream');
    socket.destroy();
    await until(() => closed, 'the server to see it');
    await until(() => facts.at(-1)?.fact === 'response_ended', 'the end to be told');
    expect(facts.at(-1)).toMatchObject({ end: 'client_gone' });
  });

  it.each([
    ['a chunked one', HEAD],
    ['one with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'],
    ['one that ends with its connection', 'HTTP/1.1 200 OK\r\n\r\n'],
  ])('%s that the server resets is reset for the client', async (_which, head) => {
    let server: Socket | undefined;
    const port = await upstream((socket) => {
      server = socket;
      socket.write(`${head}5\r\nhello`);
    });
    const { port: to, facts } = await tapTo(port);
    const { end, text } = client(to, GET);
    await until(() => text().includes('hello'), 'the beginning');
    server?.resetAndDestroy();
    await until(() => end() !== 'open', 'the end');
    expect(end()).toBe('reset');
    expect(facts.at(-1)).toMatchObject({ fact: 'response_ended', end: 'server_gone' });
  });
});

describe('what goes wrong with the server', () => {
  const failureOf = (facts: readonly ExchangeFact[]): string | undefined =>
    facts.map((fact) => (fact.fact === 'response' ? fact.failure : undefined)).find(Boolean);

  it('is told a JSON-RPC client as an error of its request: refused', async () => {
    const port = await upstream(() => undefined);
    const { port: to, facts } = await tapTo(1, { target: new URL('http://127.0.0.1:1') });
    expect(port).toBeGreaterThan(0);
    const { text } = client(to, post(CALL));
    await until(() => text().includes('}}'), 'the answer');
    expect(text()).toMatch(/^HTTP\/1.1 502 /);
    expect(JSON.parse(text().slice(text().indexOf('\r\n\r\n')))).toMatchObject({
      jsonrpc: '2.0',
      id: 'seven',
      error: { code: -32000, message: expect.stringContaining('ECONNREFUSED') as string },
    });
    expect(failureOf(facts)).toBe('refused');
  });

  it.each([
    ['garbage', 502, 'garbage', (socket: Socket) => socket.write('SSH-2.0-x\r\n\r\n')],
    ['a closed connection', 502, 'closed', (socket: Socket) => socket.destroy()],
  ] as const)('is a 502 for others: %s', async (_what, status, failure, answer) => {
    const port = await upstream((socket) => {
      answer(socket);
    });
    const { port: to, facts } = await tapTo(port);
    const { text } = client(to, GET);
    await until(() => text().includes('sidelight:'), 'the answer');
    expect(text()).toContain(`HTTP/1.1 ${status} `);
    expect(failureOf(facts)).toBe(failure);
  });

  it('is a 504 where a bound is set', async () => {
    const port = await upstream(() => undefined);
    const { port: to, facts } = await tapTo(port, { responseTimeoutMs: 50 });
    const { text } = client(to, GET);
    await until(() => text().includes('HTTP/1.1 504 '), 'the answer');
    expect(failureOf(facts)).toBe('timeout');
  });

  it('is no 502 on a connection that the server closed while it was idle: the client is closed, too', async () => {
    let first: Socket | undefined;
    const port = await upstream((socket) => {
      first ??= socket;
      socket.write(OK);
    });
    const { port: to } = await tapTo(port);
    const { text, end } = client(to, GET);
    await until(() => text().endsWith('ok'), 'the answer');
    first?.end();
    await until(() => end() !== 'open', 'the close');
  });
});

describe('the listener', () => {
  it('lets in only the Host and Origin that it is told to', async () => {
    const port = await upstream((socket) => socket.write(OK));
    const { port: to } = await tapTo(port, {
      allowedHosts: ['good.test'],
      allowedOrigins: ['http://good.test'],
    });
    const ask = async (fields: string): Promise<string> => {
      const { text } = client(to, `GET / HTTP/1.1\r\n${fields}\r\n\r\n`);
      await until(() => text().includes('\r\n\r\n'), 'the answer');
      return text().slice(9, 12);
    };
    expect(await ask('Host: good.test:8808')).toBe('200');
    expect(await ask('Host: evil.test')).toBe('403');
    expect(await ask('Host: good.test\r\nOrigin: http://good.test')).toBe('200');
    expect(await ask('Host: good.test\r\nOrigin: http://evil.test')).toBe('403');
  });

  it('refuses a header above its bound, and a request to be a tunnel', async () => {
    const port = await upstream((socket) => socket.write(OK));
    const { port: to, refused } = await tapTo(port);
    const long = client(to, `GET / HTTP/1.1\r\nHost: h\r\nX-Long: ${'x'.repeat(70_000)}\r\n\r\n`);
    await until(() => long.text().startsWith('HTTP/1.1 431'), '431');
    const fits = client(to, `GET / HTTP/1.1\r\nHost: h\r\nMcp-Name: ${'x'.repeat(60_000)}\r\n\r\n`);
    await until(() => fits.text().endsWith('ok'), 'the answer');
    const tunnel = client(to, 'CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n');
    await until(() => tunnel.text().startsWith('HTTP/1.1 405'), '405');
    expect(refused).toEqual(['header_size', 'connect']);
  });

  it('passes an upgrade, and bytes both ways after it', async () => {
    const port = await upstream((socket, received) => {
      if (received.endsWith('\r\n\r\n')) {
        expect(received).toMatch(/\r\nUpgrade: echo\r\n/);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello');
      } else socket.write(received.slice(received.indexOf('\r\n\r\n') + 4));
    });
    const { port: to } = await tapTo(port);
    const { socket, text } = client(
      to,
      'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
    );
    await until(() => text().endsWith('hello'), 'the upgrade');
    socket.write('there and back');
    await until(() => text().endsWith('there and back'), 'the echo');
  });

  it('maps its mount and the root to the target, and nothing else', async () => {
    const seen: string[] = [];
    const port = await upstream((socket, received) => {
      seen.push(received.split(' ')[1] ?? '');
      socket.end(OK.replace('\r\n', '\r\nConnection: close\r\n'));
    });
    const { port: to } = await tapTo(port, { mount: '/m', target: new URL(`http://127.0.0.1:${port}/mcp`) });
    for (const path of [
      '/m',
      '/m/',
      '/m/x?y',
      '/m?z',
      '/more',
      '/.well-known/oauth-protected-resource/mcp',
    ]) {
      const { text } = client(to, `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
      await until(() => text().endsWith('ok'), path);
    }
    expect(seen).toEqual([
      '/mcp',
      '/mcp',
      '/x?y',
      '/mcp?z',
      '/more',
      '/.well-known/oauth-protected-resource/mcp',
    ]);
  });

  it('ends: streams at once, answers when they are whole, and takes no more', async () => {
    let server: Socket | undefined;
    const port = await upstream((socket, received) => {
      if (received.startsWith('GET'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: x\n');
      else server = socket;
    });
    const { port: to, tap } = await tapTo(port);
    const stream = client(to, GET);
    const call = client(to, post(CALL));
    await until(() => stream.text().includes(': x') && server !== undefined, 'both under way');
    const closed = tap.close(10_000);
    await until(() => stream.end() === 'ended', 'the stream to end');
    server?.write(OK);
    await until(() => call.text().endsWith('ok'), 'the answer');
    call.socket.end();
    await closed;
    const late = client(to, GET);
    await until(() => late.end() === 'reset', 'to be refused');
  });
});
