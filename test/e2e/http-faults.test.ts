/** What goes wrong on either side of the HTTP tap, with real sockets: each side sees what it would see without it. */
import type { Socket } from 'node:net';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ExchangeFact } from '../../src/wire/exchange.ts';
import { messagesOf } from '../property/rawHttp.ts';
import { standsStill, until } from './sidelight.ts';
import { observed } from './observed.ts';
import { CALL, client, GET, OK, post, rawServer, tapTo, upstream } from './tapped.ts';

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n';
const STREAM = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${CHUNKED}`;
const UPLOAD = `POST /mcp HTTP/1.1\r\nHost: h\r\n${CHUNKED}`;
const MIB = 1024 * 1024;

const chunk = (piece: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), Buffer.from(piece), Buffer.from('\r\n')]);
const failureOf = (facts: readonly ExchangeFact[]): string | undefined =>
  facts.map((fact) => (fact.fact === 'response' ? fact.failure : undefined)).find(Boolean);

describe('a server that cannot answer', () => {
  it.each([
    ['whose name cannot be resolved', 'http://nobody.invalid', 502, 'unresolved'],
    ['that refuses', 'http://127.0.0.1:1', 502, 'refused'],
  ])('%s is told as an error of the request that it was for', async (_which, target, status, failure) => {
    const { port, facts } = await tapTo(0, { target: new URL(target), host: 'preserve' });
    const call = client(port, post('{"jsonrpc":"2.0","id":7,"method":"ping"}'));
    await until(() => call.text().includes('}}'), 'the answer');
    expect(call.text()).toContain(`HTTP/1.1 ${status} `);
    expect(call.text()).toContain('{"jsonrpc":"2.0","id":7,"error":{"code":-32000,');
    const broken = client(port, post('{"jsonrpc"'));
    await until(() => broken.text().includes('}}'), 'the answer');
    expect(broken.text()).toContain('"id":null');
    const page = client(port, GET.replace('GET', 'HEAD'));
    await until(() => page.text().endsWith('\r\n\r\n'), 'the answer without a body');
    expect(failureOf(facts)).toBe(failure);
  });

  it.each([
    ['closes within its headers', 'HTTP/1.1 200 OK\r\nContent-Le', 'closed'],
    ['closes at once', '', 'closed'],
    ['sends headers without an end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`, 'garbage'],
    [
      'frames its answer in two ways',
      `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n${CHUNKED}0\r\n\r\n`,
      'garbage',
    ],
  ])('since it %s, is a 502', async (_how, answer, failure) => {
    const port = await upstream((socket) => socket.end(answer));
    const { port: to, facts } = await tapTo(port);
    const { text } = client(to, post(CALL));
    await until(() => text().includes('}}'), 'the answer');
    expect(text()).toMatch(/^HTTP\/1.1 502 /);
    expect(failureOf(facts)).toBe(failure);
  });

  it('that never finishes a handshake is a 504 after the bound for connecting', async () => {
    const port = await upstream(() => undefined);
    const target = new URL(`https://127.0.0.1:${port}`);
    const { port: to, facts } = await tapTo(port, { target, connectTimeoutMs: 50 });
    const { text } = client(to, GET);
    await until(() => text().startsWith('HTTP/1.1 504 '), 'the answer');
    expect(failureOf(facts)).toBe('timeout');
  });

  it('that takes its time has it, unless a bound is set: what the bound for connecting is, is none', async () => {
    let server: Socket | undefined;
    const port = await upstream((socket, received) => {
      if (received.startsWith('POST')) server = socket;
    });
    const patient = client((await tapTo(port, { connectTimeoutMs: 20 })).port, post(CALL));
    const bounded = client((await tapTo(port, { responseTimeoutMs: 100 })).port, GET);
    await until(() => bounded.text().startsWith('HTTP/1.1 504 '), 'the bound');
    server?.write(OK);
    await until(() => patient.text().endsWith('ok'), 'the answer');
  });

  it('that does not speak TLS is a 502', async () => {
    const port = await upstream((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { port: to, facts } = await tapTo(port, { target: new URL(`https://127.0.0.1:${port}`) });
    const { text } = client(to, GET);
    await until(() => text().startsWith('HTTP/1.1 502 '), 'the answer');
    expect(failureOf(facts)).toBe('tls');
  });

  it('is no upgrade either', async () => {
    const { port } = await tapTo(0, { target: new URL('http://127.0.0.1:1') });
    const { text, end } = client(
      port,
      'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
    );
    await until(() => end() === 'ended', 'the end');
    expect(text()).toMatch(/^HTTP\/1.1 502 [^]*ECONNREFUSED/);
  });
});

describe('a server that breaks off', () => {
  it('within an event is a reset for the client, which has all that came before', async () => {
    let server: Socket | undefined;
    const port = await upstream((socket) => {
      server = socket;
      socket.write(STREAM);
      socket.write(chunk('data: whole\n\ndata: {"jso'));
    });
    const { port: to } = await tapTo(port);
    const { text, end } = client(to, GET);
    await until(() => text().includes('{"jso'), 'the beginning');
    server?.resetAndDestroy();
    await until(() => end() !== 'open', 'the end');
    expect(end()).toBe('reset');
    expect(text()).toContain('data: whole');
    expect(text()).not.toMatch(/\r\n0\r\n/);
  });

  it.each([
    ['of a known length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell'],
    ['in chunks', `${STREAM}4\r\nhell\r\n`],
  ])('with an end is a reset, too, where a body %s is not whole', async (_which, answer) => {
    const port = await upstream((socket) => socket.end(answer));
    const { port: to, facts } = await tapTo(port);
    const { text, end } = client(to, GET);
    await until(() => end() !== 'open', 'the end');
    expect([end(), text().includes('hell')]).toEqual(['reset', true]);
    expect(facts.at(-1)).toMatchObject({ fact: 'response_ended', end: 'server_gone' });
  });

  it('within a request is told, though the request is not over', async () => {
    const port = await upstream((socket, received) => {
      if (received.includes('hello')) socket.resetAndDestroy();
    });
    const { port: to, facts } = await tapTo(port);
    const { text } = client(to, `${UPLOAD}5\r\nhello\r\n`);
    await until(() => text().includes('sidelight:'), 'the answer');
    expect(text()).toMatch(/^HTTP\/1.1 502 /);
    expect(failureOf(facts)).toBe('closed');
  });

  it('on a kept connection, as the next request comes, is a reset and no 502', async () => {
    const port = await upstream((socket, received) => {
      if (received.split('GET').length === 2) socket.write(OK);
      else socket.resetAndDestroy();
    });
    const { port: to, facts } = await tapTo(port);
    const { socket, text, end } = client(to, GET);
    await until(() => text().endsWith('ok'), 'the first answer');
    socket.write(GET);
    await until(() => end() !== 'open', 'the end');
    expect(end()).toBe('reset');
    expect(failureOf(facts)).toBeUndefined();
  });
});

describe('an answer before the request is over', () => {
  it('arrives, the rest of the request arrives too, and the connection serves on', async () => {
    let isAnswered = false;
    const port = await upstream((socket, received) => {
      if (!isAnswered) socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      else if (received.includes('GET')) socket.write(OK);
      isAnswered = true;
    });
    const { port: to, facts, sent } = await tapTo(port);
    const { socket, text } = client(to, UPLOAD);
    await until(() => text().includes(' 401 '), 'the early answer');
    const late = Buffer.alloc(MIB, 'x');
    socket.write(chunk(late));
    socket.write(`0\r\n\r\n${GET}`);
    await until(() => text().endsWith('ok'), 'the second answer');
    expect(Buffer.concat(sent).equals(late)).toBe(true);
    const ends = facts.flatMap((fact) => (fact.fact === 'response_ended' ? [fact.end] : []));
    expect(ends).toEqual(['complete', 'complete']);
  });

  it('after which the server goes is what the client gets, whatever it still sends', async () => {
    const port = await upstream((socket) => {
      socket.end('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    const { port: to, facts, sent } = await tapTo(port);
    const { socket, text } = client(to, UPLOAD);
    await until(() => text().includes(' 413 '), 'the early answer');
    const late = Buffer.alloc(8 * MIB, 'x');
    socket.write(chunk(late));
    socket.write('0\r\n\r\n');
    await until(() => facts.at(-1)?.fact === 'response_ended', 'the end of the exchange');
    expect(facts.map(({ fact }) => fact)).toEqual(['request', 'response', 'request_ended', 'response_ended']);
    expect(Buffer.concat(sent).equals(late)).toBe(true);
    expect(failureOf(facts)).toBeUndefined();
  });

  it.each(['resetAndDestroy', 'end'] as const)('and a client that then breaks off: %s', async (goes) => {
    let isGone = false;
    const port = await upstream((socket, received) => {
      if (!received.endsWith('\r\n\r\n')) return;
      socket.once('close', () => (isGone = true));
      socket.once('end', () => socket.end());
      socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    });
    const { port: to, facts } = await tapTo(port);
    const { socket, text } = client(to, UPLOAD);
    await until(() => text().includes(' 401 '), 'the early answer');
    socket[goes]();
    await until(() => isGone, 'the server to see it');
    await until(() => facts.at(-1)?.fact === 'response_ended', 'the end of the exchange');
    expect(facts.slice(-2)).toMatchObject([{ aborted: true }, { end: 'complete' }]);
  });
});

describe('after an upgrade', () => {
  const ASK = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
  const GRANT = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

  it('a client that ends its side gets all that the server still says', async () => {
    const long = 'x'.repeat(8 * MIB);
    const port = await upstream((socket, received) => {
      if (!received.endsWith('\r\n\r\n')) return;
      socket.write(GRANT);
      socket.once('end', () => socket.end(`${long}bye`));
    });
    const { port: to, facts } = await tapTo(port);
    const { socket, text, end } = client(to, ASK);
    await until(() => text().startsWith('HTTP/1.1 101 '), 'the upgrade');
    socket.end('the last');
    await until(() => end() !== 'open', 'the end');
    expect([end(), text().length]).toEqual(['ended', GRANT.length + long.length + 3]);
    await until(() => facts.at(-1)?.fact === 'response_ended', 'the end to be told');
  });

  it('what breaks on one side breaks on the other', async () => {
    for (const side of ['client', 'server'] as const) {
      let server: Socket | undefined;
      let isGone = false;
      const port = await upstream((socket) => {
        server = socket;
        socket.once('close', () => (isGone = true));
        socket.once('end', () => socket.end());
        socket.write(GRANT);
      });
      const { port: to } = await tapTo(port);
      const { socket, text, end } = client(to, ASK);
      await until(() => text().startsWith('HTTP/1.1 101 '), 'the upgrade');
      (side === 'client' ? socket : server)?.resetAndDestroy();
      await until(() => isGone && (side === 'client' || end() !== 'open'), `${side} to break off`);
    }
  });

  it('that the server refuses, the answer is as the server says, whole, and the last', async () => {
    const long = Buffer.alloc(8 * MIB, 'x');
    const port = await upstream((socket) => {
      socket.write(`HTTP/1.1 426 Upgrade Required\r\nX-L: caf\xe9\r\n${CHUNKED}`, 'latin1');
      socket.write(chunk(long));
      socket.write('0\r\n\r\n');
    });
    const { port: to } = await tapTo(port);
    const { text, end } = client(to, ASK);
    await until(() => end() !== 'open', 'the end');
    expect(text()).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\nX-L: caf\xe9\r\n/);
    expect(text().split('x').length - 1).toBe(long.length);
    expect([end(), text().endsWith('\r\n0\r\n\r\n')]).toEqual(['ended', true]);
  });
});

describe('a client that goes away', () => {
  const goes = { 'with a reset': 'resetAndDestroy', 'with an end': 'destroy' } as const;
  const while_ = {
    'it uploads': [`${UPLOAD}5\r\nhello\r\n`, 'hello', ''],
    'it waits for an answer': [post(CALL), CALL, ''],
    'it gets an answer of a known length': [
      GET,
      '\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell',
    ],
    'it listens to a stream': [GET, '\r\n\r\n', `${STREAM}2\r\n:\n\r\n`],
    'it waits for the answer to a POST that is a stream': [post(CALL), CALL, `${STREAM}2\r\n:\n\r\n`],
  } as const;
  const cases = Object.keys(while_).flatMap((what) => Object.keys(goes).map((how) => [what, how] as const));

  it.each(cases)('while %s, %s, is gone for the server', async (what, how) => {
    const [request, last, answer] = while_[what as keyof typeof while_];
    let hasAll = false;
    let isGone = false;
    const port = await upstream((socket, received) => {
      if (hasAll || (!received.endsWith(last) && !received.includes('hello'))) return;
      hasAll = true;
      // As servers do: whoever ends its side has gone.
      socket.once('end', () => socket.end());
      socket.once('close', () => (isGone = true));
      socket.write(answer);
    });
    const { port: to, facts } = await tapTo(port);
    const { socket, text } = client(to, request);
    await until(() => hasAll && text().length >= answer.length, 'the exchange to be under way');
    socket[goes[how as keyof typeof goes]]();
    await until(() => isGone, 'the server to see it');
    await until(() => facts.at(-1)?.fact === 'response_ended', 'the end to be told');
    expect(facts.at(-1)).toMatchObject({ end: 'client_gone' });
    expect(failureOf(facts)).toBeUndefined();
  });

  it('from a stream is gone, whether or not the server looks', async () => {
    const port = await upstream((socket) => socket.write(`${STREAM}2\r\n:\n\r\n`));
    const { port: to, facts } = await tapTo(port);
    const { socket, text } = client(to, GET);
    await until(() => text().includes(':\n'), 'the stream');
    socket.end();
    await until(() => facts.at(-1)?.fact === 'response_ended', 'the end to be told');
  });
});

describe('a client that ends its side and waits', () => {
  it('gets its answer, and the server sees that end', async () => {
    const long = 'x'.repeat(MIB);
    const port = await upstream((socket) => {
      socket.once('end', () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${MIB + 2}\r\n\r\n${long}ok`));
    });
    const { port: to, facts } = await tapTo(port);
    const { socket, text, end } = client(to, post(CALL));
    socket.end();
    await until(() => end() === 'ended', 'the end');
    expect(text().endsWith(`${long}ok`)).toBe(true);
    expect(facts.at(-1)).toMatchObject({ end: 'complete' });
  });

  it('gets all its answers, if it has asked several times', async () => {
    const port = await upstream((socket, received) => {
      if (received.endsWith('\r\n\r\n')) socket.write(OK);
    });
    const { port: to } = await tapTo(port);
    const { socket, text, end } = client(to, GET + GET + GET);
    socket.end();
    await until(() => end() === 'ended', 'the end');
    expect(text().split(OK.slice(0, 15))).toHaveLength(4);
  });
});

describe('a client that sends what is not HTTP', () => {
  it('is refused, and counted', async () => {
    const port = await upstream((socket) => socket.write(OK));
    const { port: to, refused } = await tapTo(port);
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01',
      'SSH-2.0-x\r\n\r\n',
      'GET /caf\xe9 HTTP/1.1\r\nHost: h\r\n\r\n',
    ]) {
      const { text, end } = client(to, bytes);
      await until(() => end() !== 'open', 'the end');
      expect(text()).toMatch(/^HTTP\/1.1 400 /);
    }
    expect(refused).toEqual(['bad_request', 'bad_request', 'bad_request']);
  });

  it('within a body is refused, and the server sees no end of that body', async () => {
    let got = '';
    let isGone = false;
    const port = await upstream((socket, received) => {
      got = received;
      socket.once('close', () => (isGone = true));
      socket.once('end', () => socket.end());
    });
    const { port: to, facts, refused } = await tapTo(port);
    const { socket, text, end } = client(to, `${UPLOAD}5\r\nhello\r\n`);
    await until(() => got.includes('hello'), 'the beginning');
    socket.write('zzz\r\n');
    await until(() => end() !== 'open' && isGone, 'both to end');
    expect(text()).toMatch(/^HTTP\/1.1 400 /);
    expect(got).not.toMatch(/\r\n0\r\n/);
    expect(facts.filter(({ fact }) => fact === 'request_ended')).toMatchObject([{ aborted: true }]);
    expect(refused).toEqual([]);
  });

  it('while it is answered finds nothing in the answer that the server did not say', async () => {
    const port = await upstream((socket, received) => {
      if (received.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell');
    });
    const { port: to } = await tapTo(port);
    const { socket, text, end } = client(to, GET);
    await until(() => text().endsWith('hell'), 'the beginning');
    socket.write('SSH-2.0-x\r\n\r\n');
    await until(() => end() !== 'open', 'the end');
    expect(text()).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell$/);
  });

  it('never finishes its headers is cut off, while a body takes the time that it takes', async () => {
    const port = await upstream((socket, received) => {
      if (received.endsWith('hello')) socket.write(OK);
    });
    const { port: to, refused } = await tapTo(port, { headersTimeoutMs: 120 });
    const slow = client(to, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe');
    const loris = client(to, 'GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n');
    await until(() => loris.end() !== 'open', 'the cut');
    expect(loris.text()).toMatch(/^HTTP\/1.1 408 /);
    expect(refused).toEqual(['headers_timeout']);
    slow.socket.write('llo');
    await until(() => slow.text().endsWith('ok'), 'the answer');
  });
});

describe('who does not read stops who sends, and misses nothing', () => {
  const SIZE = 64 * MIB;
  /** What the kernel holds of four sockets, and then some. */
  const MOST_HELD = 32 * MIB;
  const PIECE = Buffer.alloc(64 * 1024, 'x');
  const flood = (socket: Socket): void => {
    let left = SIZE;
    const more = (): void => {
      while (left > 0) {
        left -= PIECE.length;
        if (!socket.write(PIECE)) return void socket.once('drain', more);
      }
    };
    more();
  };
  const passed = (socket: Socket | undefined): number =>
    socket === undefined ? 0 : socket.bytesWritten - socket.writableLength;

  it('a client', async () => {
    let server: Socket | undefined;
    const port = await upstream((socket) => {
      server = socket;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
      flood(socket);
    });
    const { port: to } = await tapTo(port);
    const { socket } = client(to, GET);
    socket.removeAllListeners('data').pause();
    expect(await standsStill(() => passed(server))).toBeLessThan(MOST_HELD);
    let bytes = 0;
    socket.on('data', (piece) => (bytes += piece.length)).resume();
    await until(() => bytes > SIZE, 'all of it');
  });

  it('a server', async () => {
    let server: Socket | undefined;
    const port = await rawServer((socket) => (server = socket));
    const { port: to } = await tapTo(port);
    const { socket, text } = client(to, `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${SIZE}\r\n\r\n`);
    flood(socket);
    expect(await standsStill(() => passed(socket))).toBeLessThan(MOST_HELD);
    let bytes = 0;
    server?.on('data', (piece) => {
      bytes += piece.length;
      if (bytes > SIZE) server?.write(OK);
    });
    await until(() => text().endsWith('ok'), 'the answer to all of it');
  });
});

describe('a stream that is cut anywhere', () => {
  const EVENTS = Buffer.from('\ufeff: hi\r\nid: 1\ndata: {"a":"é€😀"}\r\ndata: two\r\rretry: 9\n\n');

  it('arrives as it came, each part at once', async () => {
    const cuts: number[] = [];
    const port = await upstream((socket, received) => {
      const at = Number(/GET \/(\d+)/.exec(received)?.[1]);
      cuts.push(at);
      socket.write(STREAM);
      socket.write(chunk(EVENTS.subarray(0, at)));
      rest = () => {
        socket.write(chunk(EVENTS.subarray(at)));
        socket.end('0\r\n\r\n');
      };
    });
    let rest = (): void => undefined;
    const { port: to, received } = await tapTo(port);
    for (let at = 1; at < EVENTS.length; at += 1) {
      received.length = 0;
      const { text, end } = client(to, `GET /${at} HTTP/1.1\r\nHost: h\r\n\r\n`);
      const first = chunk(EVENTS.subarray(0, at)).toString('latin1');
      await until(() => text().endsWith(first), `the first ${at} bytes`);
      rest();
      await until(() => end() === 'ended', 'the end');
      expect(text().slice(text().indexOf('\r\n\r\n') + 4)).toBe(
        `${first}${chunk(EVENTS.subarray(at)).toString('latin1')}0\r\n\r\n`,
      );
      expect(Buffer.concat(received).equals(EVENTS)).toBe(true);
    }
    expect(cuts).toHaveLength(EVENTS.length - 1);
  });

  const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: string) => Buffer };
  it.each<[coding: string, encode: (text: string) => Buffer]>([
    ['identity', (text) => Buffer.from(text)],
    ['gzip', (text) => zlib.gzipSync(text)],
    ['br', (text) => zlib.brotliCompressSync(text)],
    ...(zstdCompressSync === undefined
      ? []
      : [['zstd', zstdCompressSync] as [string, typeof zstdCompressSync]]),
  ])('byte by byte, in %s, arrives as it came and is recorded as text', async (coding, encode) => {
    const said = JSON.stringify({ jsonrpc: '2.0', id: 7, result: { text: 'é€😀'.repeat(20) } });
    const bytes = encode(`: hi\r\n\r\nevent: message\ndata: ${said}\n\n`);
    const port = await upstream((socket, received) => {
      if (!received.endsWith('}')) return;
      socket.setNoDelay();
      socket.write(STREAM.replace('\r\n\r\n', `\r\nContent-Encoding: ${coding}\r\n\r\n`));
      let at = 0;
      const next = (): void => {
        if (at === bytes.length) return void socket.write('0\r\n\r\n');
        socket.write(chunk(bytes.subarray(at, (at += 1))));
        setImmediate(next);
      };
      next();
    });
    const all = await observed(`http://127.0.0.1:${port}/mcp`);
    const call = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}';
    const { text } = client(Number(new URL(all.url).port), post(call));
    await until(() => text().endsWith('\r\n0\r\n\r\n'), 'the end');
    const got = messagesOf(text(), () => 'as told', false).messages[0]?.body ?? '';
    expect(Buffer.from(got, 'latin1').equals(bytes)).toBe(true);
    await all.stop();
    const { frames, operations } = await all.show();
    expect(operations).toMatchObject([{ method: 'tools/list', outcome: 'ok' }]);
    expect(frames.map((frame) => frame.text)).toContain(said);
  });
});
