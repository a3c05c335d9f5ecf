/** /live tells each client everything that it asked for once, in order, over breaks and behind slow lines. */
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../src/api/client.ts';
import { Live, type LiveMessage, MAX_FOLLOWERS } from '../../src/api/live.ts';
import { Stored } from '../../src/api/stored.ts';
import type { McpEvent } from '../../src/event/event.ts';
import { EVERYTHING } from '../../src/filter/ast.ts';
import { until } from '../e2e/sidelight.ts';
import { type Served, served } from './apiServer.ts';
import { folder, stored } from './recordings.ts';
import { operation, sessionId, START_US, started } from './storeEvents.ts';

/** Of a session with so many operations, from a number on. */
function operations(
  id: string,
  from: number,
  count: number,
  changes: Parameters<typeof operation>[2] = {},
): McpEvent[] {
  return Array.from({ length: count }, (_, index) => operation(id, from + index, changes));
}

/** One that runs: this process records it. */
const running = (id: string): McpEvent => started(id, { hostname: hostname() });

const ended = (id: string): McpEvent => ({
  type: 'session_ended',
  sessionId: id,
  atUs: START_US + 1_000_000,
  transport: 'stdio',
  startedAtUs: START_US,
  cause: 'client_closed',
  exitCode: 0,
  exitSignal: null,
  server: 'everything',
  protocolVersion: undefined,
  probe: false,
  operations: 1,
  failedOperations: 0,
  findings: 0,
  span: {
    traceId: '1'.repeat(32),
    spanId: '1'.repeat(16),
    parentSpanId: undefined,
    traceState: undefined,
    sampled: true,
  },
});

interface Listening {
  readonly messages: LiveMessage[];
  readonly socket: WebSocket;
}

async function listening({ port, token }: Served, query = ''): Promise<Listening> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live${query}`, ['sidelight', `token.${token}`]);
  const messages: LiveMessage[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as LiveMessage));
  await until(() => messages.some(({ type }) => type === 'hello' || type === 'missed'), 'a greeting');
  return { messages, socket };
}

const toldOf = (messages: readonly LiveMessage[]): number[] =>
  messages.flatMap((message) =>
    message.type === 'news' ? message.operations.map(({ operationId }) => operationId) : [],
  );

const cursorOf = (messages: readonly LiveMessage[]): string =>
  messages.flatMap((message) => ('cursor' in message ? [message.cursor] : [])).at(-1) ?? '';

describe('a client', () => {
  it('is told of sessions as they start, change and end, and of each operation once', async () => {
    const api = await served();
    const id = sessionId(1);
    const { messages } = await listening(api);
    await stored(api.dataDir, [running(id), ...operations(id, 0, 3)]);
    await until(() => toldOf(messages).length === 3, 'three operations');
    await stored(api.dataDir, [
      running(sessionId(2)),
      ...operations(sessionId(2), 3, 2),
      ended(sessionId(2)),
    ]);
    await until(() => toldOf(messages).length === 5, 'five operations');
    expect(toldOf(messages)).toEqual([0, 1, 2, 3, 4]);
    const startedIds = messages.flatMap((one) =>
      one.type === 'news' ? one.started.map((session) => session.id) : [],
    );
    expect(startedIds).toEqual([id, sessionId(2)]);
  });

  it('is told at the start of what is being recorded, and when that ends', async () => {
    const api = await served();
    const id = sessionId(1);
    await stored(api.dataDir, [running(id)]);
    const { messages } = await listening(api);
    expect(messages[0]).toMatchObject({ type: 'hello', live: [{ id, status: 'live' }] });
    const db = await new Stored(api.dataDir).write((writing) =>
      writing.prepare("UPDATE session SET ended_at = started_at + 1, end_cause = 'client_closed'").run(),
    );
    expect(db.changes).toBe(1);
    await until(
      () => messages.some((one) => one.type === 'news' && one.changed.some(({ status }) => status === 'ok')),
      'the end',
    );
  });

  it('goes on where it was after a break, whatever was recorded meanwhile', async () => {
    const api = await served();
    const id = sessionId(1);
    await stored(api.dataDir, [running(id), ...operations(id, 0, 4)]);
    const first = await listening(api, '?cursor=0.0');
    await until(() => toldOf(first.messages).length === 4, 'what was there');
    first.socket.terminate();
    const many = sessionId(2);
    await stored(api.dataDir, [running(many), ...operations(many, 4, 2500)]);
    const second = await listening(api, `?cursor=${cursorOf(first.messages)}`);
    await until(() => toldOf(second.messages).length >= 2500, 'the rest');
    const all = [...toldOf(first.messages), ...toldOf(second.messages)];
    expect(all).toEqual(Array.from({ length: 2504 }, (_, index) => index));
  });

  it('is told only of what its filter means, and may change it', async () => {
    const api = await served();
    const id = sessionId(1);
    await stored(api.dataDir, [running(id)]);
    const { messages, socket } = await listening(api, '?filter=status:tool_error');
    await stored(api.dataDir, [...operations(id, 0, 2), ...operations(id, 2, 1, { outcome: 'tool_error' })]);
    await until(() => toldOf(messages).length > 0, 'what failed');
    expect(toldOf(messages)).toEqual([2]);
    socket.send(JSON.stringify({ type: 'subscribe', filter: 'status:ok', cursor: '0.0' }));
    await until(() => toldOf(messages).length === 3, 'what did not');
    expect(toldOf(messages)).toEqual([2, 0, 1]);
  });

  it.each([
    ['nonsense', 'a message is no JSON'],
    ['{"type":"run"}', 'a message cannot be understood'],
    ['{"type":"subscribe","filter":"("}', 'filter: '],
    ['{"type":"subscribe","cursor":"x"}', 'cursor: '],
  ])('that says %s is told what is wrong, and stays', async (said, detail) => {
    const api = await served();
    const { messages, socket } = await listening(api);
    socket.send(said);
    await until(() => messages.some(({ type }) => type === 'problem'), 'a problem');
    expect(messages.find((one) => one.type === 'problem')).toMatchObject({
      problem: { status: 400, detail: expect.stringContaining(detail) as string },
    });
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  it('that says too much at once is cut off', async () => {
    const api = await served();
    const { socket } = await listening(api);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.send('x'.repeat(100_000));
    expect(await closed).toBe(1009);
  });

  it('beyond the bound is turned away', async () => {
    const api = await served();
    await Promise.all(Array.from({ length: MAX_FOLLOWERS }, () => listening(api)));
    expect(await api.json('/api/v1/live')).toMatchObject({ status: 503 });
    expect(await api.json('/api/v1/health')).toMatchObject({ followers: MAX_FOLLOWERS });
  });

  it('that leaves makes room', async () => {
    const api = await served();
    const { socket } = await listening(api);
    socket.close();
    const followers = async (): Promise<boolean> =>
      ((await api.json('/api/v1/health')) as { followers: number }).followers === 0;
    await until(followers, 'nobody');
  });
});

describe('a slow client', () => {
  const following = (dir: string, isReady: () => boolean, cursor?: string) => {
    const stored = new Stored(dir);
    const live = new Live({
      recordings: () => stored.recordings(),
      pollMs: 50,
      livenessMs: 1000,
      now: () => Date.now(),
      report: (line) => {
        throw new Error(line);
      },
    });
    const messages: LiveMessage[] = [];
    live.follow(
      { ready: isReady, send: (message) => messages.push(message) },
      { filter: EVERYTHING, cursor },
    );
    return {
      messages,
      end: () => {
        live.close();
        void stored.close();
      },
    };
  };

  it('is told later, and loses nothing that is within the bound', async () => {
    const dir = folder();
    const id = sessionId(1);
    await stored(dir, [running(id)]);
    let ready = true;
    const slow = following(dir, () => ready);
    await until(() => slow.messages.length > 0, 'a greeting');
    ready = false;
    await stored(dir, operations(id, 0, 3000));
    const quick = following(dir, () => true, '0.0');
    await until(() => toldOf(quick.messages).length === 3000, 'the quick one');
    expect(slow.messages.map(({ type }) => type)).toEqual(['hello']);
    ready = true;
    await until(() => toldOf(slow.messages).length === 3000, 'the slow one');
    expect(slow.messages.some(({ type }) => type === 'missed')).toBe(false);
    slow.end();
    quick.end();
  });

  it('is told what it missed where it is too far behind, and goes on from there', async () => {
    const dir = folder();
    const id = sessionId(1);
    await stored(dir, [running(id), ...operations(id, 0, 20_500)]);
    const behind = following(dir, () => true, '0.0');
    await until(() => behind.messages.length >= 2, 'what was missed');
    const [hello, missed] = behind.messages;
    expect(hello?.type).toBe('hello');
    expect(missed).toMatchObject({ type: 'missed', reason: 'behind', sessions: 1, operations: 20_500 });
    await stored(dir, operations(id, 20_500, 2));
    await until(() => toldOf(behind.messages).length > 0, 'what came then');
    expect(toldOf(behind.messages)).toEqual([20_500, 20_501]);
    behind.end();
  });

  it('with a cursor of another store is told so', async () => {
    const dir = folder();
    await stored(dir, [running(sessionId(1))]);
    const lost = following(dir, () => true, '500.9000');
    await until(() => lost.messages.length >= 2, 'that it was replaced');
    expect(lost.messages[1]).toMatchObject({ type: 'missed', reason: 'replaced', cursor: '1.0' });
    lost.end();
  });
});

describe('events for curl', () => {
  it('are the same, and go on after the last one that was seen', async () => {
    const api = await served();
    const id = sessionId(1);
    await stored(api.dataDir, [running(id), ...operations(id, 0, 2)]);
    const response = await api.ask('/api/v1/live', {
      headers: { 'last-event-id': '1.1', accept: 'text/event-stream' },
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const piece of response.body ?? []) {
      text += Buffer.from(piece).toString();
      if (text.includes('event: news')) break;
    }
    expect(text).toMatch(
      /^retry: 1000\n\nevent: hello\nid: 1[.]1\ndata: \{.*\}\n\nevent: news\nid: 1[.]2\ndata: \{/,
    );
    expect(text).toContain('"operationId":1');
    expect(text).not.toContain('"operationId":0');
    const nobody = async (): Promise<boolean> =>
      ((await api.json('/api/v1/health')) as { followers: number }).followers === 0;
    await until(nobody, 'that it is seen to be gone');
  });

  it('are nobody’s for who asks only for the head', async () => {
    const api = await served();
    expect((await api.ask('/api/v1/live', { method: 'HEAD' })).status).toBe(200);
    expect(await api.json('/api/v1/health')).toMatchObject({ followers: 0 });
  });

  it('are read by the client as they come', async () => {
    const api = await served();
    const client = createClient({ url: api.url, token: api.token });
    const id = sessionId(1);
    const seen: LiveMessage[] = [];
    const abort = new AbortController();
    const reading = (async () => {
      for await (const message of client.live({}, { signal: abort.signal })) seen.push(message);
    })().catch((error: unknown) => error);
    await until(() => seen.length > 0, 'a greeting');
    await stored(api.dataDir, [running(id), ...operations(id, 0, 5)]);
    await until(() => toldOf(seen).length === 5, 'the operations');
    abort.abort();
    expect(await reading).toMatchObject({ name: 'AbortError' });
  });
});
