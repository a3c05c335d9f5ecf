/** Where the HTTP tap listens, whom it lets in, what it changes because it was asked to, and how it ends. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HttpTapOptions } from '../../src/tap/http/proxy.ts';
import { TLS } from '../tls/files.ts';
import { freePort } from './listening.ts';
import { Running, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';
import { CALL, client, GET, OK, post, tapTo, upstream } from './tapped.ts';

const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';

/** The whole answer to a request of these fields, from a connection of its own. */
async function answerTo(port: number, fields: string, target = '/mcp'): Promise<string> {
  const { text } = client(port, `GET ${target} HTTP/1.1\r\n${fields}\r\n\r\n`);
  await until(() => /\r\n\r\n[^]|Content-Length: 0/.test(text()), 'the answer');
  return text();
}

/** The fields that the server gets of a request. */
async function fieldsOf(request: string, differs: Partial<HttpTapOptions>): Promise<readonly string[]> {
  let got = '';
  const port = await upstream((socket, received) => {
    got = received;
    socket.write(OK);
  });
  const { port: to } = await tapTo(port, differs);
  await answerTo(to, request);
  return got
    .split('\r\n')
    .slice(1, -2)
    .filter((field) => !field.startsWith('Connection'));
}

describe('over TLS', () => {
  const secure = (port: number, request: string, options: ConnectionOptions = {}) => {
    let text = '';
    let end: 'open' | 'ended' | 'closed' = 'open';
    const socket = connectTls({ port, host: '127.0.0.1', ca: TLS.ca, ...options });
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => (end = 'ended'));
    socket.on('error', () => undefined);
    socket.on('close', () => (end = end === 'open' ? 'closed' : end));
    socket.write(request);
    onTestFinished(() => void socket.destroy());
    return { text: () => text, end: () => end };
  };

  it('clients are served with the certificate, and see it when the server breaks off', async () => {
    let server: Socket | undefined;
    const port = await upstream((socket, received) => {
      server = socket;
      socket.write(received.startsWith('GET') ? `${STREAM}5\r\nhello\r\n` : OK);
    });
    const { port: to, facts } = await tapTo(port, { tls: TLS.server });
    const call = secure(to, post(CALL));
    await until(() => call.text().endsWith('ok'), 'the answer');
    const stream = secure(to, GET);
    await until(() => stream.text().includes('hello'), 'the stream');
    server?.resetAndDestroy();
    await until(() => stream.end() !== 'open', 'the end');
    expect(stream.text()).not.toMatch(/\r\n0\r\n/);
    expect(facts.at(-1)).toMatchObject({ end: 'server_gone' });
  });

  it('what is not TLS is let go, and nothing else is', async () => {
    const port = await upstream((socket) => socket.write(OK));
    const { port: to } = await tapTo(port, { tls: TLS.server });
    const plain = client(to, GET);
    await until(() => plain.end() !== 'open', 'the end');
    const call = secure(to, GET);
    await until(() => call.text().endsWith('ok'), 'the answer');
  });

  it.each([
    ['with the authority and a certificate that it asks for', { ca: TLS.ca, ...TLS.client }, 'HTTP/1.1 200 '],
    ['not without the certificate', { ca: TLS.ca }, 'HTTP/1.1 502 '],
    ['not without the authority', TLS.client, 'HTTP/1.1 502 '],
  ])('a server is reached %s', async (_how, targetTls, status) => {
    const server = createTlsServer(
      { ...TLS.server, ca: TLS.ca, requestCert: true, rejectUnauthorized: true },
      (_request, response) => response.end('ok'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(
      () =>
        new Promise<void>(
          (resolve) =>
            void server.close(() => {
              resolve();
            }),
        ),
    );
    const { port } = server.address() as AddressInfo;
    const { port: to, facts } = await tapTo(port, {
      target: new URL(`https://127.0.0.1:${port}`),
      targetTls,
    });
    expect(await answerTo(to, 'Host: h\r\nConnection: close')).toContain(status);
    const failures = facts.flatMap((fact) => (fact.fact === 'response' ? [fact.failure] : []));
    expect(failures).toEqual([status.includes('200') ? undefined : 'tls']);
  });
});

describe('the server sees', () => {
  const evil = 'Host: evil.test\r\nOrigin: http://evil.test';

  it.each([
    ['auto', evil],
    ['preserve', evil],
  ] as const)('the Host and Origin of the client, on loopback, with --host %s', async (host, fields) => {
    expect(await fieldsOf(fields, { host })).toEqual(fields.split('\r\n'));
  });

  it('its own Host with --host rewrite, and still the Origin of the client', async () => {
    const [host, origin] = await fieldsOf('hOST: localhost:1\r\nOrigin: http://evil.test', {
      host: 'rewrite',
    });
    expect(host).toMatch(/^hOST: 127\.0\.0\.1:\d+$/);
    expect(origin).toBe('Origin: http://evil.test');
  });

  it('who asks where --forwarded is set, and nobody where it is not', async () => {
    const fields = 'Host: a.test\r\nX-Forwarded-For: 192.0.2.1';
    expect(await fieldsOf(fields, {})).toEqual(fields.split('\r\n'));
    expect(await fieldsOf(fields, { forwarded: true })).toEqual([
      'Host: a.test',
      'X-Forwarded-For: 192.0.2.1, 127.0.0.1',
      'Forwarded: for=127.0.0.1;host="a.test";proto=http',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: a.test',
    ]);
  });
});

describe('names that could be those of a page in a browser', () => {
  it.each([
    ['where the server does not see them', { host: 'rewrite' }],
    ['in front of a server elsewhere', { target: new URL('http://nobody.invalid') }],
  ] as const)('are not let in %s, with a JSON-RPC error for who speaks that', async (_where, differs) => {
    const port = await upstream((socket) => socket.write(OK));
    const { port: to, facts } = await tapTo(port, differs);
    const call = client(to, post(CALL).replace('Host: h', 'Host: evil.test'));
    await until(() => call.text().includes('}}'), 'the answer');
    expect(call.text()).toMatch(/^HTTP\/1.1 403 [^]*"id":null,"error":\{"code":-32000,/);
    expect(facts).toContainEqual(expect.objectContaining({ failure: 'forbidden' }));
    for (const host of ['localhost:8808', '127.0.0.1', '[::1]:1'])
      expect(await answerTo(to, `Host: ${host}`)).not.toMatch(/^HTTP\/1.1 403 /);
    expect(await answerTo(to, 'X-No: host')).toMatch(/^HTTP\/1.1 403 /);
    const upgrade = await answerTo(to, 'Host: evil.test\r\nConnection: Upgrade\r\nUpgrade: echo');
    expect(upgrade).toMatch(/^HTTP\/1.1 403 /);
  });
});

describe('the address that a legacy client posts to', () => {
  const event = (url: string): string => `event: endpoint\r\ndata: ${url}\r\n\r\n: more\n\n`;
  /** What a client gets of a stream that is cut there, without the transfer coding. */
  async function streamed(body: string, at: number, differs: Partial<HttpTapOptions>): Promise<string> {
    let rest = (): unknown => undefined;
    const piece = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);
    const port = await upstream((socket) => {
      const own = body.replaceAll('PORT', String(port));
      socket.write(STREAM + piece(own.slice(0, at)));
      rest = () => socket.end(`${piece(own.slice(at))}0\r\n\r\n`);
    });
    const { port: to, received } = await tapTo(port, differs);
    const { text, end } = client(to, 'GET /sse HTTP/1.1\r\nHost: side.test\r\n\r\n');
    await until(() => text() !== '' && (at === 0 || received.length > 0), 'the first part');
    rest();
    await until(() => end() === 'ended', 'the end');
    return text()
      .slice(text().indexOf('\r\n\r\n') + 4)
      .replaceAll(/[\da-f]+\r\n([^]*?)\r\n(?=[\da-f]+\r\n)/g, '$1')
      .replace(/0\r\n\r\n$/, '')
      .replaceAll(String(port), 'PORT');
  }

  it('is on our origin, wherever the stream is cut', async () => {
    const body = event('http://127.0.0.1:PORT/m?sessionId=1');
    for (let at = 0; at < body.length; at += 1)
      expect(await streamed(body, at, {})).toBe(event('http://side.test/m?sessionId=1'));
  });

  it.each([
    ['a path, as it is', '/m?s=1', '/m?s=1', ''],
    ['a path, below the mount', '/m?s=1', '/files/m?s=1', '/files'],
    ['a relative one, as it is', 'm?s=1', 'm?s=1', '/files'],
    [
      'the URL of the server, below the mount',
      'http://127.0.0.1:PORT/m',
      'http://side.test/files/m',
      '/files',
    ],
    ['the URL of another server, as it is', 'http://127.0.0.1:PORT9/m', 'http://127.0.0.1:PORT9/m', '/files'],
  ])('is %s', async (_what, url, seen, mount) => {
    expect(await streamed(event(url), 20, { mount })).toBe(event(seen));
  });

  it('is in the first event or nowhere', async () => {
    const body = `: hi\n\n${event('http://127.0.0.1:PORT/m')}`;
    expect(await streamed(body, 3, {})).toBe(body);
  });
});

describe('the URL of the server in what OAuth clients compare', () => {
  const wellKnown = '/.well-known/oauth-protected-resource/mcp';
  async function discovered(rewriteOauth: boolean): Promise<readonly string[]> {
    const port = await upstream((socket, received) => {
      const own = `http://127.0.0.1:${port}`;
      const metadata = JSON.stringify({ resource: `${own}/mcp`, authorization_servers: [own] });
      const challenge = `Bearer resource_metadata="${own}${wellKnown}", scope="a"`;
      const answer = received.startsWith('GET /.well-known')
        ? `200 OK\r\nContent-Type: application/json\r\nContent-Length: ${metadata.length}\r\n\r\n${metadata}`
        : `401 Unauthorized\r\nWWW-Authenticate: ${challenge}\r\nContent-Length: 0\r\n\r\n`;
      socket.end(`HTTP/1.1 ${answer}`);
    });
    const { port: to } = await tapTo(port, { rewriteOauth });
    const of = async (target: string): Promise<string> =>
      (await answerTo(to, 'Host: side.test', target)).replaceAll(String(port), 'PORT');
    return [await of('/mcp'), await of(wellKnown)];
  }

  it('is as the server says', async () => {
    const [challenge, metadata] = await discovered(false);
    expect(challenge).toContain(`resource_metadata="http://127.0.0.1:PORT${wellKnown}"`);
    expect(metadata).toMatch(/\{"resource":"http:\/\/127\.0\.0\.1:PORT\/mcp",.*\}$/);
  });

  it('is ours with --rewrite-oauth; who grants is not changed', async () => {
    const [challenge, metadata] = await discovered(true);
    expect(challenge).toContain(`Bearer resource_metadata="http://side.test${wellKnown}", scope="a"`);
    expect(metadata).toContain(
      '{"resource":"http://side.test/mcp","authorization_servers":["http://127.0.0.1:PORT"]}',
    );
  });
});

/** The program, in front of this port. */
function sidelight(port: number, listen: string, ...flags: readonly string[]): Running {
  const args = ['--target', `http://127.0.0.1:${port}`, '--listen', listen, '--data-dir', temporaryFolder()];
  return new Running(process.execPath, [SIDELIGHT, 'http', ...args, ...flags]);
}

describe('a Unix socket', () => {
  const askOn = (path: string) => {
    let text = '';
    const socket = connect(path);
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.write(GET);
    onTestFinished(() => void socket.destroy());
    return () => text;
  };

  it('is listened on, replaced where a killed process has left one, and removed at the end', async () => {
    const path = join(temporaryFolder(), 's.sock');
    const port = await upstream((socket) => socket.write(OK));
    const killed = sidelight(port, `unix:${path}`);
    await killed.says(`listening on unix:${path}`);
    killed.process.kill('SIGKILL');
    await killed.ended;
    expect(existsSync(path)).toBe(true);

    const second = sidelight(port, `unix:${path}`);
    await second.says(`listening on unix:${path}`);
    const text = askOn(path);
    await until(() => text().endsWith('ok'), 'the answer');

    const third = await sidelight(port, `unix:${path}`).ended;
    expect([third.code, third.stderr.toString()]).toEqual([
      1,
      `sidelight: cannot listen on unix:${path}: it is in use; choose another with --listen\n`,
    ]);
    const still = askOn(path);
    await until(() => still().endsWith('ok'), 'the answer of the one that listens');

    second.process.kill('SIGTERM');
    expect((await second.ended).code).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('never takes the place of a file', async () => {
    const path = join(temporaryFolder(), 'precious');
    writeFileSync(path, 'mine');
    const { code, stderr } = await sidelight(1, `unix:${path}`).ended;
    expect([code, stderr.toString().split('\n').length]).toEqual([1, 2]);
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });
});

it('a port that is in use is one line, and 1', async () => {
  const taken = await upstream(() => undefined);
  const { code, stderr } = await sidelight(1, `127.0.0.1:${taken}`).ended;
  expect([code, stderr.toString()]).toEqual([
    1,
    `sidelight: cannot listen on 127.0.0.1:${taken}: it is in use; choose another with --listen\n`,
  ]);
});

describe('told to end', () => {
  /** One stream and one call under way. */
  async function underWay(...flags: readonly string[]) {
    let server: Socket | undefined;
    const target = await upstream((socket, received) => {
      if (received.startsWith('GET')) socket.write(`${STREAM}2\r\n:\n\r\n`);
      else server = socket;
    });
    const admin = `127.0.0.1:${await freePort()}`;
    const running = sidelight(target, '127.0.0.1:0', '--admin', admin, ...flags);
    await running.says('listening on http');
    const port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(running.stderr)?.[1]);
    const ready = (): Promise<number> =>
      fetch(`http://${admin}/readyz`).then(
        ({ status }) => status,
        () => 0,
      );
    await until(async () => (await ready()) === 200, 'the listener to be ready');
    const stream = client(port, GET);
    const call = client(port, post(CALL));
    await until(() => stream.text().includes(':\n') && server !== undefined, 'both to be under way');
    return { running, port, ready, stream, call, answer: (bytes: string) => server?.write(bytes) };
  }

  it('it is not ready any more, takes nothing new, ends streams cleanly and lets a call finish', async () => {
    const { running, port, ready, stream, call, answer } = await underWay();
    running.process.kill('SIGTERM');
    await until(async () => (await ready()) === 503, '/readyz to be red');
    await until(() => stream.end() === 'ended', 'the stream to end');
    expect(stream.text()).toMatch(/\r\n0\r\n\r\n$/);
    const late = client(port, GET);
    await until(() => late.end() === 'reset', 'a new client to be refused');
    expect([call.end(), running.process.exitCode]).toEqual(['open', null]);
    answer(OK);
    await until(() => call.end() === 'ended', 'the answer');
    expect(call.text().endsWith('ok')).toBe(true);
    expect((await running.ended).code).toBe(0);
  });

  it('it waits no longer than it may', async () => {
    const { running, call } = await underWay('--shutdown-timeout', '100ms');
    running.process.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
    await until(() => call.end() !== 'open', 'the call to be cut');
    expect(call.text()).toBe('');
  });

  it('twice, it is gone at once', async () => {
    const { running, stream, call } = await underWay('--shutdown-timeout', '60s');
    running.process.kill('SIGTERM');
    await until(() => stream.end() === 'ended', 'the first to be heard');
    expect(running.process.exitCode).toBeNull();
    running.process.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    await until(() => call.end() !== 'open', 'the call to be cut');
  });
});
