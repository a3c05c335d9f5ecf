/** `explain` over a real store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/explain.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import type { McpEvent, SessionEnded } from '../../src/event/event.ts';
import { FINDINGS } from '../../src/event/findings.ts';
import { isFailure, OUTCOMES } from '../../src/event/outcome.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import type { Verdict } from '../../src/store/verdict.ts';
import { described, ended, finding, frame, operation, sessionId, START_US, started } from './storeEvents.ts';

let dir: string;
let sink: StoreSink;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-explain-'));
  sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(() => undefined));
});
afterEach(async () => {
  await sink.close(1000);
  rmSync(dir, { recursive: true, force: true });
});

const id = sessionId(1);

async function said(
  events: readonly McpEvent[],
  options: { json?: boolean } = {},
  how: Partial<SessionEnded> = {},
): Promise<string> {
  const all = events.flatMap((event) => (event.type === 'operation_finished' ? [event] : []));
  const failedOperations = all.filter(({ outcome }) => isFailure(outcome)).length;
  const counts = { operations: all.length, failedOperations };
  await sink.write([started(id), described(id), frame(id, 0), ...events, ended(id, { ...counts, ...how })]);
  const out = new PassThrough();
  let text = '';
  out.setEncoding('utf8').on('data', (part: string) => (text += part));
  const terminal = new Terminal({ out, err: new PassThrough(), env: { NO_COLOR: '1' } });
  expect(await explain({ dataDir: dir }, 'last', options, terminal)).toBe(0);
  return text;
}

async function judged(events: readonly McpEvent[]): Promise<Verdict> {
  return JSON.parse(await said(events, { json: true })) as Verdict;
}

const failed = (operationId: number, message = 'no such file') =>
  operation(id, operationId, {
    outcome: 'tool_error',
    error: { code: undefined, type: 'tool_error', message },
  });

describe('a verdict', () => {
  it('on a session in which nothing failed says so, and nothing else', async () => {
    expect(await judged([operation(id, 0)])).toMatchObject({
      healthy: true,
      headline: 'nothing failed in 1 operation',
      problems: [],
    });
  });

  it('names what failed first, with the evidence and what to try', async () => {
    const { healthy, headline, problems } = await judged([operation(id, 0), failed(2), failed(1, 'first')]);
    expect(healthy).toBe(false);
    expect(headline).toMatch(
      /^2 of 3 operations failed; what failed first: tools\/call \S+ ended as tool_error: first$/,
    );
    expect(problems).toMatchObject([{ operationId: 1, count: 1 }, { operationId: 2 }]);
    expect(problems.every(({ hint }) => hint.length > 20)).toBe(true);
  });

  it('tells the same failure once, with how often it happened', async () => {
    const { problems } = await judged([failed(0), failed(1), failed(2)]);
    expect(problems).toMatchObject([{ count: 3, operationId: 0 }]);
  });

  it('puts errors before warnings before what is worth to know', async () => {
    const rank = ['error', 'warning', 'info'];
    const { problems } = await judged([
      ...FINDINGS.map(({ rule }, seq) => finding(id, seq, { rule, detail: rule })),
      failed(0),
    ]);
    expect(problems).toHaveLength(FINDINGS.length + 1);
    const severities = problems.map(({ severity }) => rank.indexOf(severity));
    expect(severities).toEqual([...severities].sort());
    expect(problems.every(({ hint }) => hint !== '')).toBe(true);
  });

  it('on a server that died gives its last words', async () => {
    const crash: McpEvent[] = [
      {
        type: 'server_exited',
        sessionId: id,
        atUs: START_US,
        code: null,
        signal: 'SIGKILL',
        crashed: true,
        lastStderr: ['warming up', 'heap is full'],
      },
    ];
    const text = await said(crash, {}, { cause: 'server_crashed', exitSignal: 'SIGKILL' });
    expect(text).toContain('the server died (SIGKILL); its last words: heap is full');
    expect(text).toContain('out of memory');
  });

  it('says when the recording has gaps', async () => {
    const { problems } = await judged([
      {
        type: 'copies_dropped',
        sessionId: id,
        atUs: START_US,
        channel: 'client_to_server',
        chunks: 1,
        bytes: 9,
      },
    ]);
    expect(problems).toMatchObject([{ severity: 'warning' }]);
    expect(problems[0]?.what).toContain('gaps');
  });

  it.each(OUTCOMES.filter(isFailure))('has advice for %s', async (outcome) => {
    const error = { code: undefined, type: '_OTHER', message: undefined };
    const { problems } = await judged([operation(id, 0, { outcome, error })]);
    expect(problems[0]?.hint.length).toBeGreaterThan(20);
  });
});

it('explain prints a line for the session, the verdict, and three lines for each problem', async () => {
  const text = await said([failed(0), finding(id, 0, { rule: 'late_result', detail: 'id 4' })]);
  const lines = text.split('\n').filter((line) => line !== '');
  expect(lines[0]).toBe(`Session ${id}`);
  expect(lines[2]).toContain('1 of 1 operation failed');
  expect(lines[3]).toMatch(/^1\. error {2}tools\/call/);
  expect(lines[4]).toMatch(/^ {3}evidence: \+\d+\.\d{3} s, frame \d+, operation 0$/);
  expect(lines[5]).toMatch(/^ {3}try: /);
  expect(lines[6]).toMatch(/^2\. warning {2}An answer after its request was cancelled: id 4$/);
  expect(lines.at(-1)).toMatch(/^Look closer: sidelight show \S+ --full$/);
});
