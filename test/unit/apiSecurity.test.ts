/** Nobody is let in who is not meant to be, whatever the request says it is; and no request makes anything run or be opened. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ROUTES } from '../../src/api/routes.ts';
import { until } from '../e2e/sidelight.ts';
import { recordings, type Served, served } from './apiServer.ts';
import { folder, STDIO_ID } from './recordings.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** With headers that `fetch` does not let anybody choose. */
function raw(
  { port }: Pick<Served, 'port'>,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        resolve({ status, headers: response.headers, body: Buffer.concat(parts).toString() });
      });
    })
      .on('error', reject)
      .end();
  });
}

/** The status with which a WebSocket was refused, or 101. */
function upgraded(
  { port }: Served,
  path: string,
  options: object,
  protocols: string[] = [],
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options);
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('unexpected-response', (_, { statusCode = 0 }) => {
      socket.terminate();
      resolve(statusCode);
    });
    socket.on('error', reject);
  });
}

const bearer = ({ token }: Served): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function withRecordings(): Promise<Served> {
  const dir = folder();
  await recordings(dir);
  return served({}, dir);
}

describe('CVE-2025-49596: what listens on loopback is reached by any page and any program', () => {
  it('tells nothing without the token, on any route and by any method', async () => {
    const api = await withRecordings();
    for (const { path } of Object.values(ROUTES))
      for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH']) {
        const filled = `/api/v1${path.replace('{session}', STDIO_ID).replace(/\{\w+\}/, '0')}`;
        const { status, body } = await raw(api, filled, {}, method);
        expect([method, filled, status]).toEqual([method, filled, 401]);
        expect(body).not.toMatch(/server<|echo|initialize/);
      }
    expect((await raw(api, '/api/v1/nothing')).status).toBe(401);
    expect((await raw(api, '/mcp', {}, 'POST')).status).toBe(401);
    expect(await upgraded(api, '/api/v1/live', {})).toBe(401);
    expect((await raw(api, '/healthz')).body).toBe('ok\n');
  });

  it.each([
    ['', 401],
    ['Bearer', 401],
    ['Bearer x', 401],
    ['Basic TOKEN', 401],
    ['Bearer TOKEN0', 401],
    ['Bearer  TOKEN', 200],
    ['bearer TOKEN', 200],
  ])('%j gets %i', async (written, status) => {
    const api = await served();
    const authorization = written.replace('TOKEN', api.token);
    expect((await raw(api, '/api/v1/health', { authorization })).status).toBe(status);
  });

  it('takes no token from a query, which ends up in logs and histories', async () => {
    const api = await served();
    expect((await raw(api, `/api/v1/health?token=${api.token}`)).status).toBe(401);
  });

  it('lets a WebSocket in by the protocol that holds the token, and does not say it back', async () => {
    const api = await served();
    expect(await upgraded(api, '/api/v1/live', {}, ['sidelight', `token.${api.token}`])).toBe(101);
    expect(await upgraded(api, '/api/v1/live', {}, ['sidelight', 'token.x'])).toBe(401);
    const socket = new WebSocket(`ws://127.0.0.1:${api.port}/api/v1/live`, [
      'sidelight',
      `token.${api.token}`,
    ]);
    await new Promise((resolve) => socket.once('open', resolve));
    expect(socket.protocol).toBe('sidelight');
    socket.terminate();
  });

  it('stops to say that wrong tokens are wrong, and still lets the right one in', async () => {
    const api = await served();
    const statuses: number[] = [];
    for (let tries = 0; tries < 25; tries += 1)
      statuses.push((await raw(api, '/api/v1/health', { authorization: `Bearer ${tries}` })).status);
    expect(new Set(statuses.slice(0, 20))).toEqual(new Set([401]));
    expect(new Set(statuses.slice(20))).toEqual(new Set([429]));
    const { status, headers } = await raw(api, '/api/v1/health', { authorization: 'Bearer x' });
    expect([status, Number(headers['retry-after']) > 0]).toEqual([429, true]);
    expect((await raw(api, '/api/v1/health', bearer(api))).status).toBe(200);
  });
});

describe('CVE-2025-49596, where replays are on', () => {
  it('runs nothing for who has no token, another origin, or a command of its own', async () => {
    const dir = folder();
    await recordings(dir);
    const mark = join(dir, 'ran');
    const command = [process.execPath, '-e', `require('fs').writeFileSync(${JSON.stringify(mark)}, '')`];
    writeFileSync(
      join(dir, 'sidelight.yaml'),
      `replay: { targets: { known: { command: ${JSON.stringify(command)} } } }\n`,
    );
    const api = await served({ replay: { self: [process.execPath, 'unused'], env: process.env } }, dir);
    const start = async (wishes: object, headers: Record<string, string>): Promise<number> => {
      const body = JSON.stringify({
        session: STDIO_ID,
        allowAll: true,
        skipBlocked: true,
        record: false,
        ...wishes,
      });
      const told = { 'content-type': 'application/json', ...headers };
      return (await fetch(`${api.url}/api/v1/replays`, { method: 'POST', headers: told, body })).status;
    };
    expect(await start({ target: 'known' }, {})).toBe(401);
    expect(await start({ target: 'known' }, { authorization: 'Bearer x' })).toBe(401);
    expect(await start({ target: 'known' }, { ...bearer(api), origin: 'http://evil.example' })).toBe(403);
    // A form of a page, which needs no leave of the browser.
    expect(await start({ target: 'known' }, { ...bearer(api), 'content-type': 'text/plain' })).toBe(415);
    for (const wishes of [
      { target: command.join(' ') },
      { target: 'known', command },
      { target: 'known', args: ['-e', ''] },
      { target: 'known', env: { NODE_OPTIONS: '--require=/tmp/x' } },
      { target: 'http://127.0.0.1:1/' },
      { target: { url: 'http://127.0.0.1:1/' } },
    ])
      expect(await start(wishes, bearer(api)), JSON.stringify(wishes)).toBe(400);
    expect(existsSync(mark)).toBe(false);
    // What is configured runs, for who is let in: the tests above are of something.
    expect(await start({ target: 'known' }, bearer(api))).toBe(200);
    await until(() => existsSync(mark), 'the configured command to run');
  });
});

describe('CVE-2025-66414: a name that a page made its own', () => {
  it.each([
    ['evil.example', 403],
    ['evil.example:PORT', 403],
    ['localhost.evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['192.168.1.7:PORT', 403],
    ['localhost:PORT', 200],
    ['LOCALHOST:PORT', 200],
    ['127.0.0.1:PORT', 200],
    ['127.9.9.9', 200],
    ['[::1]:PORT', 200],
  ])('asked for as %s it answers %i, without any option', async (written, status) => {
    const api = await served();
    const host = written.replace('PORT', String(api.port));
    for (const path of ['/api/v1/health', '/', '/healthz'])
      expect((await raw(api, path, { ...bearer(api), host })).status).toBe(status);
    if (status !== 200)
      expect((await raw(api, '/mcp', { ...bearer(api), host }, 'POST')).status).toBe(status);
    const headers = { ...bearer(api), host };
    expect(await upgraded(api, '/api/v1/live', { headers })).toBe(status === 200 ? 101 : status);
  });

  it.each([
    ['http://evil.example', 403],
    ['null', 403],
    ['http://127.0.0.1:1', 403],
    ['http://127.0.0.1:PORT', 200],
  ])('from the origin %s it answers %i', async (written, status) => {
    const api = await served();
    const headers = { ...bearer(api), origin: written.replace('PORT', String(api.port)) };
    expect((await raw(api, '/api/v1/health', headers)).status).toBe(status);
    expect(await upgraded(api, '/api/v1/live', { headers })).toBe(status === 200 ? 101 : status);
  });

  it('lets in further names, and addresses where it listens for other machines', async () => {
    const named = await served({ allowedHosts: ['debug.example'] });
    const ask = async (api: Served, host: string): Promise<number> =>
      (await raw(api, '/api/v1/health', { ...bearer(api), host })).status;
    expect(await ask(named, 'debug.example:443')).toBe(200);
    expect(await ask(named, 'localhost')).toBe(200);
    expect(await ask(named, '10.0.0.1')).toBe(403);
    const remote = await served({ remote: true });
    expect(await ask(remote, '10.0.0.1:4320')).toBe(200);
    expect(await ask(remote, '[fe80::1]:4320')).toBe(200);
    expect(await ask(remote, 'evil.example')).toBe(403);
  });

  it('answers no preflight and allows no other origin to read', async () => {
    const api = await served();
    const { status, headers } = await raw(
      api,
      '/api/v1/health',
      { ...bearer(api), 'access-control-request-method': 'GET' },
      'OPTIONS',
    );
    expect(status).toBe(405);
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(headers['set-cookie']).toBeUndefined();
  });
});

describe('CVE-2025-6514: a URL or a command from the wire', () => {
  it('is shown as text alone: nothing runs, nothing is opened, nothing is connected to', async () => {
    const mark = join(folder(), 'ran');
    const dir = folder();
    const api = await served({}, dir);
    const header = {
      sidelight: 'recording',
      version: 1,
      session: { id: STDIO_ID, transport: 'http', startedAt: 1, endedAt: 2, server: `$(touch ${mark})` },
      environment: {
        command: ['sh', '-c', `touch ${mark}`],
        target: `http://127.0.0.1:${api.port}/$(touch ${mark})`,
        cwd: `;touch ${mark}`,
      },
    };
    const imported = await api.json('/api/v1/imports', {
      method: 'POST',
      body: `${JSON.stringify(header)}\n`,
    });
    expect(imported).toMatchObject({ sessions: [{ id: STDIO_ID }] });
    const session = await api.json(`/api/v1/sessions/${STDIO_ID}`);
    expect(session).toMatchObject({ server: header.session.server, command: header.environment.command });
    for (const path of Object.values(ROUTES)
      .filter(({ method }) => method === 'get')
      .map((route) => route.path))
      if (path !== '/live')
        await (await api.ask(`/api/v1${path.replace('{session}', 'last').replace(/\{\w+\}/, '0')}`)).text();
    for (const query of [
      `?command=touch+${mark}`,
      `?url=http://127.0.0.1:${api.port}`,
      `?args=x&transportType=stdio`,
    ])
      expect((await api.ask(`/api/v1/sessions${query}`)).status).toBe(400);
    expect(existsSync(mark)).toBe(false);
  });

  it('has no part in it that could start a process or connect to anything', () => {
    const api = new URL('../../src/api/', import.meta.url);
    const starts =
      /child_process|worker_threads|import \{[^}]*\} from 'node:(?:net|tls|dgram|vm)'|\beval\b|new Function|(?<![.])\bfetch\(/;
    const files = readdirSync(api, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    expect(files).toEqual(expect.arrayContaining(['transfer.ts', 'mcp/tools.ts']));
    const texts = files.map((name) => [name, readFileSync(new URL(name, api), 'utf8')] as const);
    for (const [name, text] of texts)
      if (!['access.ts', 'client.ts', 'oidc.ts'].includes(name)) expect(starts.exec(text), name).toBeNull();
    // What the issuer of the configuration is asked for its keys with.
    expect(texts.filter(([, text]) => text.includes("'jose'")).map(([name]) => name)).toEqual(['oidc.ts']);
    // What runs a session again is reached by one way alone, which knows targets by their names.
    const ways = texts.filter(([, text]) =>
      /replay\/(?:target|stdioConnection|httpConnection)\.ts/.test(text),
    );
    expect(ways.map(([name]) => name)).toEqual(['replays.ts']);
  });
});

describe('every answer', () => {
  it('keeps browsers from guessing, framing, storing and telling where it came from', async () => {
    const api = await withRecordings();
    for (const path of [
      '/',
      '/healthz',
      '/nothing',
      '/api/v1/health',
      '/api/v1/nothing',
      `/api/v1/sessions/${STDIO_ID}/export?format=html`,
    ]) {
      const { headers } = await raw(api, path, bearer(api));
      expect(headers, path).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      });
    }
  });
});

describe('the page', () => {
  const withPage = async (): Promise<Served> => {
    const dir = folder();
    const ui = join(dir, 'ui');
    mkdirSync(join(ui, 'assets'), { recursive: true });
    writeFileSync(join(ui, 'index.html'), '<!doctype html><title>Sidelight</title>');
    writeFileSync(join(ui, 'assets', 'app.js'), '1');
    writeFileSync(join(ui, 'secret.key'), 'x');
    return served({}, dir);
  };

  it('is served without the token, as it holds nothing, under a policy without anything inline', async () => {
    const api = await withPage();
    for (const path of ['/', '/index.html', `/sessions/${STDIO_ID}`]) {
      const { status, headers, body } = await raw(api, path);
      expect([status, body]).toEqual([200, '<!doctype html><title>Sidelight</title>']);
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers['content-security-policy']).not.toContain('unsafe');
    }
    expect((await raw(api, '/assets/app.js')).headers['content-type']).toBe('text/javascript; charset=utf-8');
  });

  it.each([
    '/../sidelight.db',
    '/..%2fsidelight.db',
    '/%2e%2e/api.token',
    '/assets/../../api.token',
    '/ui/../../api.token',
    '/api.token',
    '/secret.key',
    '//etc/passwd.html',
    '/\\..\\api.token',
  ])('%s is not among its files', async (path) => {
    const api = await withPage();
    const { status, body } = await raw(api, path);
    expect([400, 404]).toContain(status);
    expect(body).not.toContain(api.token);
  });
});

describe('what it keeps on the disk', () => {
  it('is of the owner alone, and the same token for the next start', async () => {
    const dir = folder();
    const first = await served({}, dir);
    expect(first.token).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(join(dir, 'api.token')).mode & 0o777).toBe(0o600);
    expect((await served({}, dir)).token).toBe(first.token);
    expect((await served()).token).not.toBe(first.token);
  });

  it('is no token that others could have read, and none behind a link', async () => {
    const open = folder();
    writeFileSync(join(open, 'api.token'), 'ab'.repeat(32), { mode: 0o644 });
    await expect(served({}, open)).rejects.toThrow('it is not readable by its owner alone');
    const linked = folder();
    writeFileSync(join(linked, 'known'), 'ab'.repeat(32), { mode: 0o600 });
    symlinkSync(join(linked, 'known'), join(linked, 'api.token'));
    await expect(served({}, linked)).rejects.toThrow('ELOOP');
  });

  it('tells in audit.log of what went out, came in and was changed, and of nothing that was recorded', async () => {
    const api = await withRecordings();
    const at = `/api/v1/sessions/${STDIO_ID}`;
    const jsonl = await (await api.ask(`${at}/export`)).text();
    await api.json('/api/v1/imports', { method: 'POST', body: jsonl });
    await api.json(`${at}/pin`, { method: 'PUT' });
    await api.json(`${at}/pin`, { method: 'DELETE' });
    const body = JSON.stringify({ text: 'a note of mine' });
    await api.json(`${at}/note`, { method: 'PUT', body, headers: { 'content-type': 'application/json' } });
    await api.json(`${at}/note`, { method: 'DELETE' });
    const path = join(api.dataDir, 'audit.log');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ action, client }) => [action, client])).toEqual(
      ['export', 'import', 'pin', 'unpin', 'note', 'remove_note'].map((action) => [action, '127.0.0.1']),
    );
    expect(lines[0]).toMatchObject({ session: STDIO_ID, format: 'jsonl' });
    expect(text).not.toMatch(/a note of mine|echo|Bearer/);
    expect(text).not.toContain(api.token);
  });

  it('is told of first: without audit.log nothing goes out and nothing is changed', async () => {
    const api = await withRecordings();
    symlinkSync('/dev/null', join(api.dataDir, 'audit.log'));
    for (const [path, method] of [
      ['export', 'GET'],
      ['pin', 'PUT'],
    ] as const)
      expect(await api.json(`/api/v1/sessions/${STDIO_ID}/${path}`, { method })).toMatchObject({
        status: 503,
      });
    expect(await api.json(`/api/v1/sessions/${STDIO_ID}`)).toMatchObject({ pinned: false });
  });

  it('masks secrets of the configuration', async () => {
    const { settings } = (await (await served()).json('/api/v1/config')) as { settings: object };
    expect(Object.keys(settings)).toContain('otlp.headers');
  });
});
