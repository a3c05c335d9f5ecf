import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Admin, type AdminOptions, startAdmin } from '../../src/self/admin.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';

const PAGE = { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'a 1\nb “2”\n' };
const open: Admin[] = [];

afterEach(async () => {
  for (const admin of open.splice(0)) await admin.close();
});

async function start(differs: Partial<AdminOptions> = {}) {
  const stats = new Stats();
  const said: string[] = [];
  const trouble = new Trouble((line) => void said.push(line));
  const admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    scrape: () => Promise.resolve(PAGE),
    stats,
    trouble,
    ...differs,
  });
  open.push(admin);
  return { admin, stats, said };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function ask(
  { address }: Admin,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    request({ ...address, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('the admin listener', () => {
  it('serves the metrics in the form that the Accept header asks for', async () => {
    const asked: (string | undefined)[] = [];
    const { admin } = await start({
      scrape: (accept) => {
        asked.push(accept);
        return Promise.resolve(PAGE);
      },
    });
    const reply = await ask(admin, '/metrics?x=1', { headers: { accept: 'text/plain;q=0.5' } });
    expect(reply).toMatchObject({ status: 200, body: PAGE.body });
    expect(reply.headers['content-type']).toBe(PAGE.contentType);
    expect(asked).toEqual(['text/plain;q=0.5']);
  });

  it('answers HEAD with the headers of GET and no body', async () => {
    const { admin } = await start();
    const reply = await ask(admin, '/metrics', { method: 'HEAD' });
    expect(reply).toMatchObject({ status: 200, body: '' });
    expect(reply.headers['content-length']).toBe(String(Buffer.byteLength(PAGE.body)));
  });

  it('is healthy as long as it answers, and ready as long as nothing is wrong', async () => {
    const { admin, stats } = await start();
    expect(await ask(admin, '/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    stats.condition('store', 'the disk is full');
    stats.condition('traces', 'the receiver refuses');
    expect(await ask(admin, '/readyz')).toMatchObject({
      status: 503,
      body: 'store: the disk is full\ntraces: the receiver refuses\n',
    });
    expect(await ask(admin, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    stats.condition('store', undefined);
    stats.condition('traces', undefined);
    expect(await ask(admin, '/readyz')).toMatchObject({ status: 200 });
  });

  it('says in one line what there is when something else is asked for', async () => {
    const { admin } = await start();
    for (const path of ['/', '/metrics/', '//', '/../etc/passwd', '/__proto__']) {
      const { status, body } = await ask(admin, path);
      expect([path, status, body]).toEqual([path, 404, 'not here; there are /metrics /healthz /readyz\n']);
    }
  });

  it('only reads', async () => {
    const { admin } = await start();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await ask(admin, '/metrics', { method });
      expect([method, status, headers.allow]).toEqual([method, 405, 'GET, HEAD']);
    }
  });

  it('answers 500 in one line when the page cannot be made, counted', async () => {
    const { admin, stats } = await start({ scrape: () => Promise.reject(new Error('broken')) });
    expect(await ask(admin, '/metrics')).toMatchObject({ status: 500, body: 'internal error\n' });
    expect(stats.failures()).toEqual([{ part: 'admin', reason: 'internal_error', count: 1 }]);
    expect(await ask(admin, '/healthz')).toMatchObject({ status: 200 });
  });
});

describe('a page in a browser', () => {
  it.each(['localhost', 'localhost:9464', 'LOCALHOST', '127.0.0.1', '127.8.9.1:80', '[::1]:9464'])(
    'reads it under %s',
    async (host) => {
      const { admin } = await start();
      expect(await ask(admin, '/healthz', { headers: { host } })).toMatchObject({ status: 200 });
    },
  );

  it.each([
    'evil.example',
    'evil.example:9464',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
  ])('cannot read it under "%s", a name that it may have had resolved to loopback', async (host) => {
    const { admin } = await start();
    expect(await ask(admin, '/metrics', { headers: { host } })).toMatchObject({ status: 403 });
  });
});

describe('a port in use', () => {
  it('is one warning and a condition, never a failure', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { admin, stats, said } = await start({ port });
    expect(admin.address).toBeUndefined();
    expect(said).toEqual([
      `sidelight: admin listener on 127.0.0.1:${port} is off: the port is in use; traffic goes on`,
    ]);
    expect(stats.problems().get('admin')).toContain('the port is in use');
    await admin.close();
    other.close();
  });
});

describe('closing', () => {
  it('ends connections that are kept alive, and those that say nothing', async () => {
    const { admin } = await start();
    const { host = '', port = 0 } = admin.address ?? {};
    const idle = connect(port, host);
    const kept = connect(port, host);
    await Promise.all([once(idle, 'connect'), once(kept, 'connect')]);
    kept.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(kept, 'data');
    const ended = Promise.all([idle, kept].map((socket) => once(socket.resume(), 'close')));
    await admin.close();
    await ended;
    await expect(ask(admin, '/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('is not what a process waits for', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    await start();
    const after = process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    expect(after).toBe(before);
  });
});
