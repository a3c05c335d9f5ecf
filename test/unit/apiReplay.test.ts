/** Replays over the API: off unless asked for, against what the configuration names, and never more than the plan allows. */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Body, type Client, createClient, type ReplayEvent } from '../../src/api/client.ts';
import { server, until } from '../e2e/sidelight.ts';
import { served, type Served } from './apiServer.ts';
import { call, content, note, NOTES } from './notesSession.ts';
import { folder, STDIO_ID, stdioEvents, stored } from './recordings.ts';

interface Replayed extends Served {
  readonly client: Client;
  readonly effects: () => string[];
}

const words = (...args: readonly string[]): string => JSON.stringify(args);

async function withNotes(enabled = true): Promise<Replayed> {
  const dir = folder();
  const effects = join(dir, 'effects');
  writeFileSync(effects, '');
  writeFileSync(
    join(dir, 'sidelight.yaml'),
    `replay:
  targets:
    notes: { command: ${words(process.execPath, server('keeps-notes.mjs'))} }
    hangs: { command: ${words(process.execPath, '-e', 'process.stdin.resume()')} }
    gone: { command: [/nonexistent/server] }
`,
  );
  await stored(dir, stdioEvents(STDIO_ID, NOTES));
  const env = { ...process.env, EFFECTS: effects };
  const api = await served(enabled ? { replay: { self: [process.execPath, 'unused'], env } } : {}, dir);
  return {
    ...api,
    client: createClient(api),
    effects: () => readFileSync(effects, 'utf8').split('\n').filter(Boolean),
  };
}

const WISHES: Body<'startReplay'> = { session: STDIO_ID, target: 'notes', record: false };
const post = (body: object): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

async function eventsOf({ client }: Replayed, id: string): Promise<ReplayEvent[]> {
  const events: ReplayEvent[] = [];
  for await (const event of client.replayEvents(id)) events.push(event);
  return events;
}

async function paused({ client }: Replayed, id: string, step: number): Promise<void> {
  await until(async () => (await client.replay(id)).waiting?.step === step, `step ${step} to wait`);
}

const auditOf = ({ dataDir }: Served): Record<string, unknown>[] =>
  readFileSync(join(dataDir, 'audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('without --enable-replay', () => {
  it('nothing can be run, and the plan can be seen', async () => {
    const api = await withNotes(false);
    expect(await api.client.replayTargets()).toEqual({
      enabled: false,
      items: [
        { name: 'notes', kind: 'command' },
        { name: 'hangs', kind: 'command' },
        { name: 'gone', kind: 'command' },
      ],
    });
    for (const [path, init] of [
      ['/replays', post({ ...WISHES, allowAll: true })],
      ['/replays', {}],
      ['/replays/x', {}],
      ['/replays/x/moves', post({ move: 'cancel' })],
      ['/replays/x/result', {}],
      ['/replays/x/steps/1', {}],
      ['/replays/x/diff', {}],
      ['/replays/x/events', {}],
    ] as const) {
      expect(await api.json(`/api/v1${path}`, init), path).toMatchObject({
        status: 403,
        detail:
          'replays are off: start with --enable-replay, and name servers in replay.targets of the configuration',
      });
    }
    const plan = await api.client.plan(STDIO_ID);
    expect(plan.steps.map(({ safety, blocked }) => [safety, blocked.length])).toEqual([
      ['safe', 0],
      ['unknown', 1],
      ['read_only', 0],
      ['destructive', 1],
      ['safe', 0],
    ]);
    expect(plan.bindings).toMatchObject([
      { from: 1, to: 2, into: 'arguments.id' },
      { from: 1, to: 3, into: 'arguments.id' },
    ]);
    const asked = await api.client.plan(STDIO_ID, {
      allow: ['add_note'],
      bind: [{ step: 1, path: 'arguments.text', value: 'bread' }],
      keepRecorded: ['all'],
    });
    expect(asked.steps[1]).toMatchObject({ safety: 'allowed', params: { arguments: { text: 'bread' } } });
    expect(asked.bindings).toEqual([]);
    expect(api.effects()).toEqual([]);
  });
});

describe('a replay', () => {
  it('runs against the target, is followed to its end, and is judged by the rules of who asks', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({ ...WISHES, allowAll: true });
    const events = await eventsOf(api, id);
    expect(events.flatMap(({ steps }) => steps.map(({ step, outcome }) => [step, outcome]))).toEqual(
      [0, 1, 2, 3, 4].map((step) => [step, 'answered']),
    );
    expect(events.at(-1)?.replay).toMatchObject({ state: 'done', steps: 5, done: 5, session: STDIO_ID });
    expect(api.effects()).toEqual(['add_note', 'delete_note']);

    const semantic = await api.client.replayResult(id);
    expect(semantic).toMatchObject({ reproduced: false, firstDivergence: 0 });
    const relaxed = await api.client.replayResult(id, { ignore: ['seenAt', '$.tools', 'id'] });
    expect(relaxed).toMatchObject({ reproduced: true });
    expect(relaxed).not.toHaveProperty('firstDivergence');
    expect(await api.client.replayResult(id, { level: 'outcome', limit: 2 })).toMatchObject({
      reproduced: true,
      items: [{ step: 0 }, { step: 1 }],
      next: 1,
    });
    expect((await api.client.replayResult(id, { limit: 2, after: 3 })).items.map(({ step }) => step)).toEqual(
      [4],
    );
    const step = await api.client.replayStep(id, 1);
    expect(step).toMatchObject({
      step: 1,
      verdict: 'different',
      params: { name: 'add_note' },
      recorded: { result: content(note) },
    });
    expect(step.differences.map(({ path }) => path)).toContain('$.content[0].text.seenAt');
    expect(JSON.stringify(step.answer)).toContain('milk');
    expect(await api.json(`/api/v1/replays/${id}/steps/5`)).toMatchObject({ status: 404, parameter: 'step' });
    expect(await api.json(`/api/v1/replays/${id}/diff`)).toMatchObject({ status: 409 });
    expect((await api.client.replays()).items.map((one) => one.id)).toEqual([id]);
    expect(auditOf(api)).toMatchObject([{ action: 'replay', session: STDIO_ID, target: 'notes' }]);
    expect(api.reports).toEqual([]);
  });

  it('does nothing where a step is not allowed, and leaves it out where that was asked for', async () => {
    const api = await withNotes();
    expect(await api.json('/api/v1/replays', post(WISHES))).toMatchObject({
      status: 409,
      parameter: 'skipBlocked',
      detail: expect.stringContaining('step 1 (tools/call) cannot be sent') as string,
    });
    const { id } = await api.client.startReplay({ ...WISHES, allow: ['add_note'], skipBlocked: true });
    const steps = (await eventsOf(api, id)).flatMap((event) => event.steps);
    expect(steps.map(({ outcome }) => outcome)).toEqual([
      'answered',
      'answered',
      'answered',
      'not_sent',
      'answered',
    ]);
    expect(api.effects()).toEqual(['add_note']);
  });

  it('waits before each step for a move, and never sends another tool than was planned', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({
      ...WISHES,
      stepwise: true,
      allow: ['add_note'],
      skipBlocked: true,
    });
    await paused(api, id, 0);
    expect(await api.client.replay(id)).toMatchObject({
      state: 'paused',
      waiting: { step: 0, method: 'tools/list' },
    });
    await api.client.moveReplay(id, { move: 'send' });
    await paused(api, id, 1);
    const move = (body: object): Promise<unknown> => api.json(`/api/v1/replays/${id}/moves`, post(body));
    expect(await move({ move: 'send', params: call('delete_note', { id: 'x' }) })).toMatchObject({
      status: 400,
      parameter: 'params',
    });
    expect(await move({ move: 'skip', params: {} })).toMatchObject({ status: 400, parameter: 'params' });
    expect(await api.json(`/api/v1/replays/${id}/result`)).toMatchObject({ status: 409 });
    await api.client.moveReplay(id, { move: 'send', params: { ...call('add_note', { text: 'bread' }) } });
    await paused(api, id, 2);
    await api.client.moveReplay(id, { move: 'skip' });
    // Step 3 is blocked: nobody is asked about it.
    await paused(api, id, 4);
    await api.client.moveReplay(id, { move: 'continue' });
    const events = await eventsOf(api, id);
    expect(events.at(-1)?.replay.state).toBe('done');
    expect(await move({ move: 'pause' })).toMatchObject({ status: 409, detail: 'the replay is over' });
    const { items } = await api.client.replayResult(id);
    expect(items.map(({ outcome }) => outcome)).toEqual([
      'answered',
      'answered',
      'not_sent',
      'not_sent',
      'answered',
    ]);
    expect(JSON.stringify((await api.client.replayStep(id, 1)).answer)).toContain('bread');
    expect(api.effects()).toEqual(['add_note']);
    expect(auditOf(api).map((line) => line.move)).toEqual([
      undefined,
      'send',
      'send',
      'send',
      'skip',
      'continue',
      'pause',
    ]);
  });

  it('is paused while it runs, goes on and is cancelled', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({ ...WISHES, allowAll: true, speed: 0.01 });
    await until(async () => (await api.client.replay(id)).done > 0, 'the first step');
    await api.client.moveReplay(id, { move: 'pause' });
    await until(async () => (await api.client.replay(id)).state === 'paused', 'that it waits');
    await api.client.moveReplay(id, { move: 'cancel' });
    const events = await eventsOf(api, id);
    expect(events.at(-1)?.replay).toMatchObject({ state: 'cancelled', problem: 'somebody cancelled it' });
    const { items } = await api.client.replayResult(id);
    expect(items.at(-1)).toMatchObject({ verdict: 'not_compared', outcome: 'not_sent' });
  });

  it('is run some times, and what two runs differ in may differ in all of them and in a case', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({ ...WISHES, allowAll: true, learn: true, repeat: 2 });
    const events = await eventsOf(api, id);
    expect(events.flatMap(({ steps }) => steps.map(({ step }) => step))).toEqual(
      [1, 2, 3, 4].flatMap(() => [0, 1, 2, 3, 4]),
    );
    expect(events.at(-1)?.replay).toMatchObject({ state: 'done', steps: 20, done: 20, runs: 2, run: 2 });
    expect(api.effects()).toHaveLength(8);
    const result = await api.client.replayResult(id, { ignore: ['$.tools'] });
    expect(result).toMatchObject({ reproduced: true, run: 1 });
    expect(result.runs).toEqual([
      { run: 1, reproduced: true },
      { run: 2, reproduced: true },
    ]);
    expect(result.learnt).toContainEqual({
      method: 'tools/call',
      target: 'add_note',
      path: '$.content[*].text.seenAt',
      differs: 'value',
    });
    const strict = await api.client.replayResult(id, { run: 2, limit: 1 });
    expect(strict).toMatchObject({
      reproduced: false,
      run: 2,
      items: [{ step: 0, verdict: 'different' }],
      runs: [{ firstDivergence: 0 }, { firstDivergence: 0 }],
    });
    const other = await api.client.replayStep(id, 1, { run: 2 });
    expect(other.answer).not.toEqual((await api.client.replayStep(id, 1)).answer);
    expect(await api.json(`/api/v1/replays/${id}/result?run=3`)).toMatchObject({
      status: 404,
      parameter: 'run',
    });
    const file: unknown = await (await api.client.case(STDIO_ID, { replay: id, format: 'json' })).json();
    expect(file).toMatchObject({ compare: { learnt: result.learnt } });
  });

  it('of some runs is not stepped through, and is bounded', async () => {
    const api = await withNotes();
    for (const [wishes, status, parameter] of [
      [{ repeat: 2, stepwise: true }, 400, 'stepwise'],
      [{ learn: true, stepwise: true }, 400, 'stepwise'],
      [{ repeat: 101 }, 400, 'repeat'],
      [{ repeat: 0 }, 400, 'repeat'],
    ] as const)
      expect(
        await api.json('/api/v1/replays', post({ ...WISHES, allowAll: true, ...wishes })),
        JSON.stringify(wishes),
      ).toMatchObject({ status, parameter });
    expect(api.effects()).toEqual([]);
  });

  it('is cancelled while it learns, and then nothing came of it', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({ ...WISHES, allowAll: true, learn: true });
    await until(async () => (await api.client.replay(id)).done === 5, 'the end of the first run');
    await api.client.moveReplay(id, { move: 'cancel' });
    expect((await eventsOf(api, id)).at(-1)?.replay).toMatchObject({ state: 'cancelled', run: 0 });
    expect(await api.json(`/api/v1/replays/${id}/result`)).toMatchObject({ status: 409 });
  });

  it('that cannot be run says why', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({ ...WISHES, target: 'gone', allowAll: true });
    const { replay } = (await eventsOf(api, id)).at(-1) ?? {};
    expect(replay).toMatchObject({
      state: 'failed',
      problem: expect.stringContaining('/nonexistent/server') as string,
    });
    expect(await api.json(`/api/v1/replays/${id}/result`)).toMatchObject({ status: 409 });
  });

  it('is one of four at most, and ends with the API', async () => {
    const api = await withNotes();
    const wishes = { ...WISHES, target: 'hangs', allowAll: true };
    const started = await Promise.all([1, 2, 3, 4].map(() => api.client.startReplay(wishes)));
    expect(await api.json('/api/v1/replays', post(wishes))).toMatchObject({ status: 503 });
    await api.client.moveReplay(started[0]?.id ?? '', { move: 'cancel' });
    const { replay } = (await eventsOf(api, started[0]?.id ?? '')).at(-1) ?? {};
    expect(replay?.state).toBe('cancelled');
    expect((await api.client.startReplay(wishes)).state).toBe('running');
    await api.close();
  });

  it('is watched by a bounded number, who go on where they were', async () => {
    const api = await withNotes();
    const { id } = await api.client.startReplay({ ...WISHES, allowAll: true, stepwise: true });
    await paused(api, id, 0);
    const watching = await Promise.all(
      Array.from({ length: 16 }, () => api.ask(`/api/v1/replays/${id}/events`)),
    );
    expect(await api.json(`/api/v1/replays/${id}/events`)).toMatchObject({ status: 503 });
    for (const response of watching) await response.body?.cancel();
    await api.client.moveReplay(id, { move: 'continue' });
    await until(async () => (await api.client.replay(id)).state === 'done', 'the end');
    const rest: ReplayEvent[] = [];
    for await (const event of api.client.replayEvents(id, { told: 3 })) rest.push(event);
    expect(rest.flatMap(({ steps }) => steps.map(({ step }) => step))).toEqual([3, 4]);
  });
});

describe('a secret that was redacted', () => {
  const SECRET = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz';
  /** The notes with a token in the one that is added, as a recording that was redacted has them. */
  async function withSecret(): Promise<Replayed> {
    const dir = folder();
    const text = JSON.stringify(NOTES).replaceAll('milk', SECRET);
    await stored(dir, stdioEvents(STDIO_ID, JSON.parse(text) as typeof NOTES));
    const redacted = await (await served({}, dir)).ask(`/api/v1/sessions/${STDIO_ID}/export`);
    const jsonl = await redacted.text();
    expect(jsonl).not.toContain(SECRET);
    const api = await withNotes();
    await api.client.deleteSession(STDIO_ID);
    await api.client.import(jsonl);
    return api;
  }

  it('is shown nowhere either where it looks like anything, and the server says it again', async () => {
    const api = await withSecret();
    const [why = ''] = (await api.client.plan(STDIO_ID, { allowAll: true })).steps[1]?.blocked ?? [];
    const [, mark = ''] = /--secret (\S+)=env/.exec(why) ?? [];
    const { id } = await api.client.startReplay({
      ...WISHES,
      allowAll: true,
      secrets: { [mark]: 'a "plain" word' },
    });
    await eventsOf(api, id);
    const step = await api.client.replayStep(id, 1, { ignore: ['id', 'seenAt', 'size'] });
    expect(JSON.stringify(step)).not.toContain('plain');
    // And so it is the same as what was recorded.
    expect(step).toMatchObject({ verdict: 'same', differences: [] });
  });

  it('stands in the way, is sent where the caller gives it, and is kept and shown nowhere', async () => {
    const api = await withSecret();
    const allow = ['add_note', 'delete_note'];
    const [why = ''] = (await api.client.plan(STDIO_ID, { allow })).steps[1]?.blocked ?? [];
    const [, mark = ''] = /--secret (\S+)=env/.exec(why) ?? [];
    expect(mark).not.toBe('');
    const wishes = { ...WISHES, allow, secrets: { [mark]: SECRET }, stepwise: true };
    const { id } = await api.client.startReplay(wishes);
    await paused(api, id, 0);
    await api.client.moveReplay(id, { move: 'send' });
    await paused(api, id, 1);
    const waiting = JSON.stringify(await api.client.replay(id));
    expect(waiting).toContain('[redacted:');
    await api.client.moveReplay(id, { move: 'continue' });
    const events = JSON.stringify(await eventsOf(api, id));
    const step = await api.client.replayStep(id, 1);
    // The server says how long the text was that it got.
    expect(JSON.stringify(step.answer)).toContain(`\\"size\\":${SECRET.length}`);
    const told = [waiting, events, step, await api.client.replayResult(id), await api.client.replays()];
    expect(JSON.stringify(told)).not.toContain(SECRET);
    expect(readFileSync(join(api.dataDir, 'audit.log'), 'utf8')).not.toContain(SECRET);
  });
});

describe('what a request says', () => {
  it.each([
    [{ target: 'other' }, 'target'],
    [{ target: 'constructor' }, 'target'],
    [{ target: 'http://127.0.0.1:1' }, 'target'],
    [{ command: 'touch /tmp/x' }, ''],
    [{ allow: 'all' }, 'allow'],
    [{ deadlineMs: 0 }, 'deadlineMs'],
    [{ bind: [{ step: -1, path: 'a', value: 1 }] }, 'bind.0.step'],
  ])('%j is refused', async (changes, parameter) => {
    const api = await withNotes();
    const answer = await api.json('/api/v1/replays', post({ ...WISHES, allowAll: true, ...changes }));
    expect(answer).toMatchObject({ status: 400, ...(parameter !== '' && { parameter }) });
    expect(await api.client.replays()).toEqual({ items: [] });
    expect(api.effects()).toEqual([]);
  });

  it('is not done where it cannot be written down', async () => {
    const api = await withNotes();
    writeFileSync(join(api.dataDir, 'elsewhere'), '');
    symlinkSync(join(api.dataDir, 'elsewhere'), join(api.dataDir, 'audit.log'));
    expect(await api.json('/api/v1/replays', post({ ...WISHES, allowAll: true }))).toMatchObject({
      status: 503,
    });
    expect(api.effects()).toEqual([]);
  });
});
