/** Whatever is asked, the API answers: what was asked for, or a problem that says what is wrong. Never that it failed. */
import { Agent, request } from 'node:http';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { ROUTES, type Route } from '../../src/api/routes.ts';
import { recordings, served } from './apiServer.ts';
import { folder, HTTP_ID, STDIO_ID } from './recordings.ts';

const RUNS = Number(process.env.API_FUZZ_RUNS ?? 3000);

const routes = Object.values(ROUTES as Readonly<Record<string, Route>>).filter(
  ({ path }) => path !== '/live',
);

/** What is nearly right is asked more often than what is nonsense. */
const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    '1e3',
    '999999999999999999',
    '1750000000000000.4',
    'last',
    'full',
    'jsonl',
  ),
  fc.constantFrom(
    'is:failed',
    'tool:echo OR (',
    '"echo"',
    'dur:>',
    'since:2h',
    '-status:ok',
    '$..text',
    '$[',
    'error',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 5000 }),
);
const word = fc.oneof(fc.constantFrom(STDIO_ID, HTTP_ID, 'last', '0197', '3', '0', '%', '..', '%00'), value);
const asked = fc.constantFrom(...routes).chain((route) =>
  fc.record({
    method: fc.oneof(
      { weight: 9, arbitrary: fc.constant(route.method.toUpperCase()) },
      { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH') },
    ),
    path: fc.constant(route.path),
    places: fc.array(word, { minLength: 2, maxLength: 2 }),
    query: fc.array(fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(route.query), 'x'), value), value), {
      maxLength: 4,
    }),
    body: fc.option(
      fc.oneof(
        value,
        fc.json(),
        fc.record({ text: value }).map((one) => JSON.stringify(one)),
      ),
    ),
  }),
);

it(
  'answers any request with what was asked for or with a problem',
  async () => {
    const dir = folder();
    await recordings(dir);
    const api = await served({}, dir);
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => {
      agent.destroy();
    });
    const send = (method: string, path: string, body: string | null) =>
      new Promise<{ readonly status: number; readonly type: string; readonly text: string }>(
        (resolve, reject) => {
          const headers = {
            authorization: `Bearer ${api.token}`,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body ?? ''),
          };
          request({ host: '127.0.0.1', port: api.port, agent, method, path, headers }, (response) => {
            const parts: Buffer[] = [];
            response.on('data', (part: Buffer) => parts.push(part));
            response.on('end', () => {
              const { statusCode: status = 0, headers: told } = response;
              resolve({ status, type: told['content-type'] ?? '', text: Buffer.concat(parts).toString() });
            });
          })
            .on('error', reject)
            .end(body ?? '');
        },
      );
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(asked, async ({ method, path, places: [place = '', number = ''], query, body }) => {
        const filled = path
          .replace('{session}', () => encodeURIComponent(place))
          .replace(/\{\w+\}/, () => encodeURIComponent(number));
        const parameters = new URLSearchParams(query).toString();
        const answer = await send(method, `/api/v1${filled}?${parameters}`, body);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        expect(answer.status).toBeLessThan(500);
        expect(answer.text).not.toMatch(/node_modules|\bat .*[.]ts:\d|SQLITE/);
        if (answer.status < 400 || method === 'HEAD' || answer.type.startsWith('text/plain')) return;
        expect(answer.type).toBe('application/problem+json');
        expect(JSON.parse(answer.text)).toMatchObject({ status: answer.status });
      }),
      { numRuns: RUNS },
    );
    expect(api.reports).toEqual([]);
    // It got past the first check, and not always.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 404]));
  },
  20 * 60_000,
);
