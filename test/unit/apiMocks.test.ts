/** Mocks and cases over the API: a recording as a server on loopback, and as a file that keeps a failure fixed. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Client as McpClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAX_MOCKS, MAX_STOPPED } from '../../src/api/mocks.ts';
import { createClient, type Client } from '../../src/api/client.ts';
import { readCase } from '../../src/replay/case.ts';
import { parseCase } from '../../src/replay/caseFile.ts';
import { served, type Served } from './apiServer.ts';
import { NOTES } from './notesSession.ts';
import { folder, STDIO_ID, stdioEvents, stored } from './recordings.ts';

const SECRET = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz';
const ON = { replay: { self: [process.execPath, 'unused'] as const, env: {} } };

interface Mocked extends Served {
  readonly client: Client;
}

async function withNotes(options: Parameters<typeof served>[0] = ON, secret = 'milk'): Promise<Mocked> {
  const dir = folder();
  const text = JSON.stringify(NOTES).replaceAll('milk', secret);
  await stored(dir, stdioEvents(STDIO_ID, JSON.parse(text) as typeof NOTES));
  const api = await served(options, dir);
  return { ...api, client: createClient(api) };
}

const post = (body: object): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
const auditOf = ({ dataDir }: Served): unknown[] =>
  readFileSync(join(dataDir, 'audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

async function connected(url: string): Promise<McpClient> {
  const client = new McpClient({ name: 'c', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

const statusOf = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
  new Promise((answered, reject) => {
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const all = { 'content-type': 'application/json', ...headers };
    request(url, { method: 'POST', headers: all, agent: false }, (response) => {
      response.resume();
      answered(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end(body);
  });

describe('a mock', () => {
  it('is off without --enable-replay', async () => {
    const api = await withNotes({});
    for (const [path, init] of [
      ['/mocks', post({ session: STDIO_ID })],
      ['/mocks', {}],
      ['/mocks/x', {}],
      ['/mocks/x', { method: 'DELETE' }],
    ] as const)
      expect(await api.json(`/api/v1${path}`, init), path).toMatchObject({
        status: 403,
        detail: 'mocks are off: start with --enable-replay',
      });
  });

  it('answers a client of the SDK as it was recorded, says what it was asked for, and is stopped', async () => {
    const api = await withNotes();
    const mock = await api.client.startMock({ session: 'last' });
    expect(mock).toMatchObject({
      session: STDIO_ID,
      server: 'keeps-notes',
      state: 'listening',
      coverage: { recorded: 4, used: 0, unknownCount: 0 },
    });
    const client = await connected(mock.url);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('add_note');
    const added = await client.callTool({ name: 'add_note', arguments: { text: 'milk' } });
    expect(JSON.stringify(added)).toContain('milk');
    await expect(client.callTool({ name: 'add_note', arguments: { text: 'bread' } })).rejects.toThrow(
      'sidelight mock',
    );
    const { coverage } = await api.client.mock(mock.id);
    expect(coverage).toMatchObject({ used: 2, unknownCount: 1, unknown: [{ target: 'add_note' }] });
    expect(coverage.unused.map(({ target, method }) => target ?? method)).toEqual([
      'get_note',
      'delete_note',
    ]);

    const stopped = await api.client.stopMock(mock.id);
    expect(stopped).toMatchObject({ state: 'stopped', coverage });
    expect(await api.client.stopMock(mock.id)).toEqual(stopped);
    expect((await api.client.mocks()).items).toEqual([stopped]);
    await expect(statusOf(mock.url)).rejects.toThrow('ECONNREFUSED');
    expect(auditOf(api)).toMatchObject([
      { action: 'mock', session: STDIO_ID, client: '127.0.0.1' },
      { action: 'stop_mock', mock: mock.id },
      { action: 'stop_mock', mock: mock.id },
    ]);
    expect(api.reports).toEqual([]);
  });

  it('answers nobody who does not know its address whole, and no page by another name', async () => {
    const api = await withNotes();
    const { url } = await api.client.startMock({ session: STDIO_ID });
    expect(new URL(url).hostname).toBe('127.0.0.1');
    const { origin, pathname } = new URL(url);
    expect(pathname).toMatch(/^\/[0-9a-f]{32}\/mcp$/);
    for (const path of ['/', '/mcp', `${pathname}/`, pathname.slice(0, -5)])
      expect(await statusOf(origin + path), path).toBe(404);
    expect(await statusOf(url, { host: 'evil.example' })).toBe(403);
    expect(await statusOf(url)).toBe(200);
  });

  it('is one of a bounded number, keeps that of the last that were stopped, and ends with the API', async () => {
    const api = await withNotes();
    const wishes = { session: STDIO_ID };
    const first = await api.client.startMock(wishes);
    await api.client.stopMock(first.id);
    for (let more = 0; more < MAX_STOPPED; more += 1)
      await api.client.stopMock((await api.client.startMock(wishes)).id);
    expect((await api.client.mocks()).items).toHaveLength(MAX_STOPPED);
    expect(await api.json(`/api/v1/mocks/${first.id}`)).toMatchObject({ status: 404, parameter: 'mock' });

    const started = await Promise.allSettled(
      Array.from({ length: MAX_MOCKS + 2 }, () => api.client.startMock(wishes)),
    );
    const listening = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(listening).toHaveLength(MAX_MOCKS);
    expect(await api.json('/api/v1/mocks', post(wishes))).toMatchObject({ status: 409 });
    await api.close();
    for (const { url } of listening) await expect(statusOf(url)).rejects.toThrow('ECONNREFUSED');
  });

  it('takes secrets out of what it plays, and puts in the faults that were asked for', async () => {
    const api = await withNotes(ON, SECRET);
    const mock = await api.client.startMock({
      session: STDIO_ID,
      match: 'best',
      faults: ['error:tool=get_note'],
      seed: 1,
    });
    const client = await connected(mock.url);
    const added = JSON.stringify(await client.callTool({ name: 'add_note', arguments: { text: SECRET } }));
    expect(added).toContain('[redacted:');
    expect(added).not.toContain(SECRET);
    await expect(client.callTool({ name: 'get_note', arguments: {} })).rejects.toThrow('--fault error');
    expect((await api.client.mock(mock.id)).coverage).toMatchObject({ faults: { error: 1 }, seed: 1 });
    const wrong = await api.json('/api/v1/mocks', post({ session: STDIO_ID, faults: ['explode'] }));
    expect(wrong).toMatchObject({
      status: 400,
      parameter: 'faults',
      detail: expect.stringContaining('expected one of delay') as string,
    });
  });
});

describe('a case', () => {
  it('is what sidelight test runs, as YAML or JSON, without secrets and without a server of this machine', async () => {
    const api = await withNotes({}, SECRET);
    const yaml = await api.client.case(STDIO_ID, { allow: ['add_note'], ignore: ['seenAt', '$.id'] });
    expect(Object.fromEntries(yaml.headers)).toMatchObject({
      'content-type': 'application/yaml',
      'content-disposition': `attachment; filename="sidelight-${STDIO_ID}.case.yaml"`,
    });
    const text = await yaml.text();
    expect(text).not.toContain(SECRET);
    const one = readCase(parseCase(text));
    if ('problem' in one) throw new Error(one.problem);
    expect(one).toMatchObject({ name: `keeps-notes ${STDIO_ID.slice(-8)}`, server: undefined });
    expect([...one.allow].sort()).toEqual(['add_note', 'get_note']);
    expect(one.rules.ignore.map((pattern) => pattern.text)).toEqual(['seenAt', '$.id']);
    expect(one.scenario.steps.map(({ target, method }) => target ?? method)).toEqual([
      'tools/list',
      'add_note',
      'get_note',
      'delete_note',
      'ping',
    ]);

    const json = await api.client.case(STDIO_ID, { format: 'json', name: 'milk', level: 'outcome' });
    expect(json.headers.get('content-type')).toBe('application/json');
    expect(await json.json()).toMatchObject({
      sidelight: 'case',
      name: 'milk',
      compare: { level: 'outcome' },
    });
    expect(auditOf(api)).toMatchObject([
      { action: 'export', session: STDIO_ID, format: 'case' },
      { action: 'export', session: STDIO_ID, format: 'case' },
    ]);
  });

  it('that cannot be made names what is wrong', async () => {
    const api = await withNotes();
    const path = `/api/v1/sessions/${STDIO_ID}/case`;
    for (const [body, status, parameter] of [
      [{ ignore: ['$['] }, 400, 'ignore'],
      [{ level: 'exact' }, 400, 'level'],
      [{ replay: 'x' }, 404, 'replay'],
      [{ secrets: { a: 'b' } }, 400, undefined],
    ] as const)
      expect(await api.json(path, post(body)), JSON.stringify(body)).toMatchObject({
        status,
        ...(parameter !== undefined && { parameter }),
      });
  });
});
