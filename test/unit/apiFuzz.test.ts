/**
 * Whatever is asked, the API answers: what its document says, or a problem that says what is wrong. Never that it failed, and
 * nothing without the token. Requests are made of docs/openapi.json, right and nearly right.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { recordings, served, type Served } from './apiServer.ts';
import { arbitraryOf } from './arbitraryOf.ts';
import { folder, HTTP_ID, STDIO_ID } from './recordings.ts';

/** Sent at once, and how often. */
const BATCH = 20;
const REQUESTS = Number(process.env.API_FUZZ_REQUESTS ?? 20_000);

type Schema = Parameters<typeof arbitraryOf>[0];
interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const file = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));
const document = JSON.parse(readFileSync(file, 'utf8')) as Document;
const operations = Object.entries(document.paths)
  .flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => ({ path, method, ...one })))
  // What goes on until somebody ends it.
  .filter(({ operationId }) => !['live', 'healthz'].includes(operationId));

const ajv = new Ajv2020({ strict: false });
ajv.addSchema({ $id: 'api', components: document.components });

const WORDS = [
  '',
  '0',
  '-1',
  '1e3',
  '999999999999999999',
  '1750000000000000.4',
  'last',
  'full',
  'is:failed',
  'tool:echo OR (',
  '"echo"',
  'dur:>',
  'since:2h',
  '-status:ok',
  '$..text',
  '$[',
  'arguments.text',
  '..',
  '%00',
  STDIO_ID,
  HTTP_ID,
];
const resolve = (reference: string): Schema =>
  document.components.schemas[reference.split('/').at(-1) ?? ''] ?? {};
const ofSchema = (schema: Schema): fc.Arbitrary<unknown> => arbitraryOf(schema, WORDS, resolve);
const nonsense = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 5000 }),
);
/** Nearly always what is meant: a session that is there, frames of it, values of the schema. */
const placeOf = ({ name, schema }: Parameter): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: ['session', 'before', 'after'].includes(name)
        ? fc.constantFrom(STDIO_ID, HTTP_ID, 'last')
        : fc.nat(12).map(String),
    },
    { weight: 1, arbitrary: ofSchema(schema).map(String) },
    { weight: 1, arbitrary: nonsense },
  );
const textOf = ({ schema }: Parameter): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: ofSchema(schema.type === 'array' ? (schema.items ?? {}) : schema).map(String) },
    { weight: 1, arbitrary: nonsense },
  );

interface Asked {
  readonly operation: (typeof operations)[number];
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly token: 'right' | 'wrong' | 'none';
}

const asked: fc.Arbitrary<Asked> = fc.constantFrom(...operations).chain((operation) => {
  const { parameters = [], requestBody } = operation;
  const places = parameters.filter((one) => one.in === 'path');
  const query = parameters.filter((one) => one.in === 'query');
  const schema = requestBody?.content['application/json']?.schema;
  return fc
    .record({
      method: fc.oneof(
        { weight: 12, arbitrary: fc.constant(operation.method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'POST', 'HEAD', 'PATCH') },
      ),
      // Both recordings are to be there to the end.
      places: fc.tuple(
        ...places.map((one) =>
          operation.operationId === 'deleteSession' ? fc.constant('ffff') : placeOf(one),
        ),
      ),
      given: fc.tuple(
        ...query
          .filter((one) => one.required === true)
          .map((one) => fc.tuple(fc.constant(one.name), placeOf(one))),
      ),
      query: fc.array(
        fc.oneof(
          ...query
            .filter((one) => one.required !== true)
            .map((one) => ({ weight: 8, arbitrary: fc.tuple(fc.constant(one.name), textOf(one)) })),
          { weight: 1, arbitrary: fc.tuple(nonsense, nonsense) },
        ),
        { maxLength: 2 },
      ),
      body: fc.oneof(
        {
          weight: 4,
          arbitrary: (schema === undefined ? fc.constant(undefined) : ofSchema(schema)).map((one) =>
            one === undefined ? '' : JSON.stringify(one),
          ),
        },
        { weight: 1, arbitrary: fc.oneof(nonsense, fc.json()) },
      ),
      token: fc.constantFrom<Asked['token'][]>(
        ...Array.from({ length: 8 }, () => 'right' as const),
        'wrong',
        'none',
      ),
    })
    .map(({ places: values, given, query: pairs, ...rest }) => {
      const filled = places.reduce(
        (path, { name }, index) => path.replace(`{${name}}`, () => encodeURIComponent(values[index] ?? '')),
        operation.path,
      );
      return {
        operation,
        path: `${filled}?${new URLSearchParams([...given, ...pairs]).toString()}`,
        ...rest,
      };
    });
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

function sender({ port, token }: Served): (asked: Asked) => Promise<Answer> {
  const agent = new Agent({ keepAlive: true, maxSockets: BATCH });
  onTestFinished(() => {
    agent.destroy();
  });
  return ({ method, path, body, token: which }) =>
    new Promise((answered, reject) => {
      const bearer = { right: `Bearer ${token}`, wrong: `Bearer ${token.slice(1)}0`, none: undefined }[which];
      const headers = {
        ...(bearer !== undefined && { authorization: bearer }),
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const { statusCode: status = 0, headers: told } = response;
          answered({ status, type: told['content-type'] ?? '', text: Buffer.concat(parts).toString() });
        });
      })
        .on('error', reject)
        .end(body);
    });
}

function judge({ operation, method, path, token }: Asked, { status, type, text }: Answer): void {
  const what = `${method} ${path.slice(0, 300)} -> ${status} ${text.slice(0, 300)}`;
  // Replays are on, and there is nobody to run against: what is refused is refused, and nothing has failed.
  expect(status, what).toBeLessThan(500);
  expect(text, what).not.toMatch(/node_modules|\bat .*[.]ts:\d|SQLITE/);
  if (token !== 'right' && path.startsWith('/api/')) {
    // 400: before it is looked at, since the path cannot be read.
    expect([400, 401, 429], what).toContain(status);
    expect(text, what).not.toMatch(/echo|initialize|sidelight\.db/);
  }
  if (method === 'HEAD' || type.startsWith('text/plain') || status === 304) return;
  if (status >= 400) {
    expect(type, what).toBe('application/problem+json');
    const problem = JSON.parse(text) as { status: number };
    expect(problem.status).toBe(status);
    expect(ajv.validate('api#/components/schemas/Problem', problem), what).toBe(true);
    return;
  }
  if (method !== operation.method.toUpperCase() || type !== 'application/json') return;
  // With `..` for a session, it is another route that was asked, which answers in its own way.
  if (/\/\.{1,2}(?:\/|\?|$)/.test(path)) return;
  const { $ref = '' } = operation.responses['200']?.content?.['application/json']?.schema ?? {};
  if ($ref === '') return;
  const isAsSaid = ajv.validate(`api${$ref}`, JSON.parse(text));
  expect(isAsSaid ? [] : ajv.errors, what).toEqual([]);
}

it(
  'answers any request as its document says or with a problem, and nothing without the token',
  async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({ replay: { self: [process.execPath, 'unused'], env: {} } }, dir);
    const send = sender(api);
    const statuses = new Map<number, number>();
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { minLength: BATCH, maxLength: BATCH, size: 'max' }),
        async (batch) => {
          const answers = await Promise.all(batch.map(send));
          for (const [index, answer] of answers.entries()) {
            const one = batch[index];
            if (one === undefined) continue;
            statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
            if (answer.status === 200) reached.add(one.operation.operationId);
            judge(one, answer);
          }
        },
      ),
      { numRuns: Math.ceil(REQUESTS / BATCH) },
    );
    expect(api.reports).toEqual([]);
    const sent = [...statuses.values()].reduce((sum, count) => sum + count, 0);
    expect(sent).toBeGreaterThanOrEqual(REQUESTS);
    // It got past the first check nearly everywhere, and not always.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404, 405]));
    expect(statuses.get(200) ?? 0).toBeGreaterThan(sent / 10);
    const running = [
      'startReplay',
      'replay',
      'moveReplay',
      'replayEvents',
      'replayResult',
      'replayStep',
      'replayDiff',
      'mock',
      'stopMock',
    ];
    const never = [...running, 'deleteSession', 'import'];
    const missing = operations
      .map(({ operationId }) => operationId)
      .filter((name) => !never.includes(name) && !reached.has(name));
    expect(missing).toEqual([]);
  },
  10 * 60_000,
);
