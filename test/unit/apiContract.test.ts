/** Every route answers what docs/openapi.json says, for sessions as they are really recorded. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { openForWriting } from '../../src/store/open.ts';
import { recordings, type Served, served } from './apiServer.ts';
import { exported, folder, HTTP_ID, STDIO_ID, stored } from './recordings.ts';
import { sessionId, started } from './storeEvents.ts';

type Json = Record<string, unknown>;
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Json;
}
interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Json;
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Json }> }>;
}
interface Document {
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: Json & { readonly schemas: Json };
}

const file = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));
const document = JSON.parse(readFileSync(file, 'utf8')) as Document;
const described = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
);

/** Members that nobody wrote down are an error here, though not for clients. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closed(one)]));
  return 'properties' in members && !('additionalProperties' in members)
    ? { ...members, additionalProperties: false }
    : members;
}

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
ajv.addVocabulary(['components', 'discriminator']);
ajv.addSchema({ $id: 'api', components: closed(document.components) });

function problemsOf(operation: Described, type: string, status: number, answer: unknown): unknown {
  if (status !== 200) return ajv.validate('api#/components/schemas/Problem', answer) ? [] : ajv.errors;
  const { $ref } = operation.responses['200']?.content?.[type]?.schema ?? {};
  expect($ref, `${operation.operationId} says what it answers as ${type}`).toBeTypeOf('string');
  return ajv.validate(`api${String($ref)}`, answer) ? [] : ajv.errors;
}

const IDS = [STDIO_ID, HTTP_ID];
/** By route: what is asked besides the path. `{session}` and the like are filled in for each session. */
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  sessions: ['', '?filter=is:failed&limit=1', '?filter=%22echo%22', '?after=1750000000000000.1'],
  operations: ['', '?filter=tool:echo+status:ok', '?limit=2'],
  sessionOperations: ['', '?limit=2', '?after=2'],
  frames: ['', '?payload=none', '?payload=full', '?from=3&to=5', '?limit=1', '?operation=2'],
  search: ['?filter=echo', ''],
  stats: ['', '?filter=%22echo%22', '?limit=1'],
  check: ['', '?failOn=none', '?failOn=error&failOn=drift&maxDurationMs=1&expectTool=x&forbidTool=echo'],
  diff: [
    `?before=${STDIO_ID}&after=${HTTP_ID}`,
    `?before=${STDIO_ID}&after=last&level=shape&ignore=$.content&typeOnly=id&unordered=$..tools`,
  ],
};

async function askAll(api: Served): Promise<ReadonlySet<string>> {
  const asked = new Set<string>();
  for (const operation of described) {
    const types = Object.keys(operation.responses['200']?.content ?? {});
    if (operation.requestBody !== undefined || !types.includes('application/json') || types.length > 1)
      continue;
    if (/\/(?:replays|mocks)/.test(operation.path) || operation.operationId === 'deleteSession') continue;
    for (const query of QUERIES[operation.operationId] ?? [''])
      for (const id of IDS) {
        const path = operation.path
          .replace('{session}', id)
          .replace('{seq}', '3')
          .replace('{operation}', '0');
        const response = await api.ask(path + query, { method: operation.method.toUpperCase() });
        const answer: unknown = await response.json();
        expect(
          response.status,
          `${operation.method} ${path}${query}: ${JSON.stringify(answer).slice(0, 300)}`,
        ).toBe(200);
        expect(problemsOf(operation, 'application/json', 200, answer), path + query).toEqual([]);
        asked.add(operation.operationId);
      }
  }
  return asked;
}

describe('docs/openapi.json', () => {
  it('is a document of OpenAPI 3.1, by its own schema', async () => {
    const result = await new Validator().validate(structuredClone(document) as unknown as Json);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    const broken = structuredClone(document) as unknown as { info: Json };
    delete broken.info.version;
    expect((await new Validator().validate(broken as unknown as Json)).valid).toBe(false);
  });

  it('can be compiled whole, and everything that it refers to is in it', () => {
    for (const name of Object.keys(document.components.schemas))
      expect(ajv.getSchema(`api#/components/schemas/${name}`), name).toBeTypeOf('function');
    for (const [, reference = ''] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
      const parts = reference.replace(/^#\//, '').split('/');
      const found = parts.reduce<unknown>((at, part) => (at as Json | undefined)?.[part], document);
      expect(found, reference).toBeTypeOf('object');
    }
  });

  it('names each operation once and each place of a path', () => {
    const names = described.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { path, parameters = [] } of described) {
      const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, place]) => place);
      expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(places);
    }
  });

  it('is what every route answers for recorded sessions, and for a store that is empty', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const asked = await askAll(api);
    const replays = ['replay', 'replays', 'replayDiff', 'replayEvents', 'replayResult', 'replayStep'];
    const mocks = ['mock', 'mocks', 'startMock', 'stopMock'];
    const posted = ['case', 'import', 'moveReplay', 'note', 'plan', 'startReplay'];
    const others = [
      'deleteSession',
      'export',
      'frameBytes',
      'healthz',
      'live',
      ...posted,
      ...replays,
      ...mocks,
    ];
    expect([...asked, ...others].sort()).toEqual(described.map(({ operationId }) => operationId).sort());

    const empty = await served();
    for (const name of ['sessions', 'operations', 'stats', 'search', 'health', 'config']) {
      const operation = described.find(({ operationId }) => operationId === name);
      if (operation === undefined) throw new Error(`${name} is not described`);
      expect(problemsOf(operation, 'application/json', 200, await empty.json(operation.path))).toEqual([]);
    }
    expect([...api.reports, ...empty.reports]).toEqual([]);
  });

  it('is what mocks and replays answer where they are on', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({ replay: { self: [process.execPath, 'unused'], env: {} } }, dir);
    const ask = async (operationId: string, path: string, init?: RequestInit): Promise<unknown> => {
      const operation = described.find((one) => one.operationId === operationId);
      if (operation === undefined) throw new Error(`${operationId} is not described`);
      const answer = await api.json(`/api/v1${path}`, init);
      expect(problemsOf(operation, 'application/json', 200, answer), operationId).toEqual([]);
      return answer;
    };
    const body = JSON.stringify({ session: STDIO_ID, faults: ['delay:p95=1ms'] });
    const headers = { 'content-type': 'application/json' };
    const { id } = (await ask('startMock', '/mocks', { method: 'POST', body, headers })) as { id: string };
    await ask('mock', `/mocks/${id}`);
    await ask('stopMock', `/mocks/${id}`, { method: 'DELETE' });
    await ask('mocks', '/mocks');
    await ask('replays', '/replays');
    expect(api.reports).toEqual([]);
  });

  it.each([
    ['/api/v1/sessions/ffff', 404, 'session'],
    ['/api/v1/sessions/01977420', 400, 'session'],
    [`/api/v1/sessions/${STDIO_ID}/frames/999999`, 404, 'seq'],
    [`/api/v1/sessions/${STDIO_ID}/frames/x`, 400, 'seq'],
    [`/api/v1/sessions/${STDIO_ID}/operations/999`, 404, 'operation'],
    ['/api/v1/sessions?limit=0', 400, 'limit'],
    ['/api/v1/sessions?limit=1&limit=2', 400, 'limit'],
    ['/api/v1/sessions?after=yesterday', 400, 'after'],
    ['/api/v1/sessions?fliter=x', 400, 'fliter'],
    ['/api/v1/operations?filter=status:brokn', 400, 'filter'],
    ['/api/v1/diff?before=last', 400, 'after'],
    ['/api/v1/diff?before=last&after=last&ignore=$[', 400, 'ignore'],
    [`/api/v1/sessions/${STDIO_ID}/check?failOn=eror`, 400, 'failOn'],
    [`/api/v1/sessions/${STDIO_ID}/export?format=pdf`, 400, 'format'],
    ['/api/v1/live?cursor=x', 400, 'cursor'],
  ])('says of %s that it is %i, because of %s', async (path, status, parameter) => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const response = await api.ask(path);
    const problem: unknown = await response.json();
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(problem).toMatchObject({ status, parameter });
    expect(response.status).toBe(status);
    expect(ajv.validate('api#/components/schemas/Problem', problem)).toBe(true);
  });

  it('says where in a filter the slip is', async () => {
    const api = await served();
    expect(await api.json('/api/v1/sessions?filter=is:failed+tol:echo')).toMatchObject({
      detail: 'filter: no such key "tol"; to look for the text, quote it; did you mean tool?',
      at: 10,
      end: 13,
    });
  });
});

describe('lists', () => {
  it('are read to their end by cursors, each row once', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const numbers: number[] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      const page = (await api.json(`/api/v1/operations?limit=3${next && `&after=${next}`}`)) as {
        items: { number: number }[];
        next?: string;
      };
      numbers.push(...page.items.map(({ number }) => number));
      next = page.next;
    }
    expect(new Set(numbers).size).toBe(numbers.length);
    expect([...numbers].sort((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
  });

  it('answer 304 to who has them already', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const first = await api.ask('/api/v1/sessions');
    const etag = first.headers.get('etag') ?? '';
    await first.text();
    const again = await api.ask('/api/v1/sessions', { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    await (await api.ask(`/api/v1/sessions/${STDIO_ID}/pin`, { method: 'PUT' })).text();
    const changed = await api.ask('/api/v1/sessions', { headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
    await changed.text();
  });
});

describe('frames', () => {
  it('are given whole, decoded and raw, and in ranges that go on', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const at = `/api/v1/sessions/${STDIO_ID}/frames`;
    const all = (await api.json(`${at}?payload=full&limit=1000`)) as {
      items: { seq: number; kind: string; text?: string; base64?: string }[];
    };
    const seqs: number[] = [];
    for (let from: number | undefined = 0; from !== undefined;) {
      const page = (await api.json(`${at}?payload=none&limit=4&from=${from}`)) as {
        items: { seq: number }[];
        next?: number;
      };
      seqs.push(...page.items.map(({ seq }) => seq));
      from = page.next;
    }
    expect(seqs).toEqual(all.items.map(({ seq }) => seq));
    for (const { seq, text, base64 } of all.items) {
      const raw = await api.ask(`${at}/${seq}/raw`);
      const bytes = Buffer.from(await raw.arrayBuffer());
      expect(bytes).toEqual(text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text));
      expect(raw.headers.get('content-disposition')).toContain('attachment');
    }
    const request = all.items.find(({ kind }) => kind === 'request');
    expect(await api.json(`${at}/${request?.seq ?? 0}`)).toMatchObject({
      json: JSON.parse(request?.text ?? '') as object,
    });
  });
});

describe('a session', () => {
  it('is deleted for good, with all that it held, unless it is live or pinned', async () => {
    const dir = folder();
    await recordings(dir);
    const live = sessionId(9);
    await stored(dir, [started(live, { hostname: hostname() })]);
    const api = await served({}, dir);
    const remove = (id: string): Promise<unknown> => api.json(`/api/v1/sessions/${id}`, { method: 'DELETE' });
    expect(await remove(live)).toMatchObject({ status: 409, parameter: 'session' });
    await api.json(`/api/v1/sessions/${STDIO_ID}/pin`, { method: 'PUT' });
    expect(await remove(STDIO_ID)).toMatchObject({
      status: 409,
      detail: expect.stringContaining('unpin') as string,
    });
    await api.json(`/api/v1/sessions/${STDIO_ID}/pin`, { method: 'DELETE' });
    expect(await remove(STDIO_ID)).toMatchObject({ id: STDIO_ID });
    expect(await remove(STDIO_ID)).toMatchObject({ status: 404 });
    expect(
      ((await api.json('/api/v1/sessions')) as { items: Json[] }).items.map(({ id }) => id).sort(),
    ).toEqual([HTTP_ID, live].sort());
    const db = await openForWriting(dir);
    for (const [table, column] of [
      ['block', 'session_id'],
      ['finding', 'session_id'],
      ['doomed', 'id'],
    ] as const)
      expect(
        db.prepare(`SELECT count(*) FROM ${table} WHERE ${column} = ?`).pluck().get(STDIO_ID),
        table,
      ).toBe(0);
    db.close();
    const lines = readFileSync(join(dir, 'audit.log'), 'utf8').trim().split('\n');
    expect(
      lines.map((line) => JSON.parse(line) as Json).filter(({ action }) => action === 'delete'),
    ).toMatchObject([{ session: STDIO_ID }]);
  });
});

describe('pins and notes', () => {
  it('are written, shown and taken away, while another process writes', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const at = `/api/v1/sessions/${STDIO_ID}`;
    const writing = await openForWriting(dir);
    writing.exec('BEGIN IMMEDIATE');
    const pinned = api.json(`${at}/pin`, { method: 'PUT' });
    // It cannot be answered before this is over, and then is.
    await api.json('/api/v1/health');
    writing.exec('COMMIT');
    writing.close();
    expect(await pinned).toMatchObject({ pinned: true });
    const note = (text: string, type = 'application/json'): Promise<Response> =>
      api.ask(`${at}/note`, {
        method: 'PUT',
        body: JSON.stringify({ text }),
        headers: { 'content-type': type },
      });
    expect(await (await note('fails with ä')).json()).toMatchObject({ note: 'fails with ä' });
    expect(await api.json(`${at}/note`, { method: 'DELETE' })).not.toHaveProperty('note');
    expect(await api.json(`${at}/pin`, { method: 'DELETE' })).toMatchObject({ pinned: false });
    for (const [response, status] of [
      [await note('x'.repeat(2001)), 400],
      [await note(''), 400],
      [await note('x', 'text/plain'), 415],
      [await note('x'.repeat(70_000)), 413],
    ] as const) {
      expect(response.status).toBe(status);
      await response.text();
    }
  });
});

describe('files', () => {
  it('go out redacted in every format, and come in elsewhere', async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    for (const format of ['jsonl', 'html', 'har', 'otlp', 'md']) {
      const response = await api.ask(`/api/v1/sessions/${STDIO_ID}/export?format=${format}`);
      const text = await response.text();
      expect(text.length).toBeGreaterThan(500);
      expect(text).not.toContain('kJ8xq0PzW3mV');
      expect(response.headers.get('content-disposition')).toMatch(
        /^attachment; filename="sidelight-[0-9a-f-]+\.\w+"$/,
      );
    }
    const jsonl = await (await api.ask(`/api/v1/sessions/${STDIO_ID}/export`)).text();
    expect(jsonl.split('\n').slice(1, -2)).toEqual(
      (await exported(dir, STDIO_ID, 'jsonl', true)).split('\n').slice(1, -2),
    );
    const other = await served();
    const imported = await other.json('/api/v1/imports', { method: 'POST', body: jsonl });
    expect(imported).toMatchObject({
      format: 'jsonl',
      sessions: [{ id: STDIO_ID, whole: true }],
      leftOutCount: 0,
    });
    expect(ajv.validate('api#/components/schemas/ImportResult', imported)).toBe(true);
    expect(await other.json('/api/v1/sessions')).toMatchObject({ items: [{ id: STDIO_ID, pinned: true }] });
    expect(await other.json('/api/v1/imports', { method: 'POST', body: 'no such thing' })).toMatchObject({
      status: 400,
      parameter: 'format',
    });
    const lines = readFileSync(join(dir, 'audit.log'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as Json).map(({ action }) => action)).toEqual(
      Array.from({ length: 6 }, () => 'export'),
    );
  });
});
