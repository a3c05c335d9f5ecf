/** `sessions`, `show` and `tail` over a real store. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sessions } from '../../src/cli/sessions.ts';
import { show } from '../../src/cli/show.ts';
import { tail, type TailOptions } from '../../src/cli/tail.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import type { McpEvent, OperationHttp } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import {
  calls,
  described,
  ended,
  finding,
  frame,
  operation,
  sessionId,
  START_US,
  started,
} from './storeEvents.ts';

let dir: string;
let sink: StoreSink;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-cli-'));
  sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(() => undefined));
});
afterEach(async () => {
  await sink.close(1000);
  rmSync(dir, { recursive: true, force: true });
});

const id = sessionId(1);
const here = { hostname: hostname() };
/** What a hostile server would say to take a terminal over. */
const EVIL = '\u001b]0;owned\u0007\u001b[2J\r\u009b31m\u202e';

interface Screen {
  readonly terminal: Terminal;
  readonly out: PassThrough;
  readonly text: () => string;
  readonly errors: () => string;
}

function screen(columns?: number): Screen {
  const collect = (stream: PassThrough): (() => string) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    return () => text;
  };
  const out = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  const err = new PassThrough();
  const terminal = new Terminal({ out, err, env: { NO_COLOR: '1' } });
  return { terminal, out, text: collect(out), errors: collect(err) };
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !condition();) {
    if (Date.now() > deadline) throw new Error('it did not come in ten seconds');
    await delay(5);
  }
}

const SESSION: readonly McpEvent[] = [
  started(id),
  described(id),
  frame(id, 0, {
    bytes: Buffer.from('{"jsonrpc":"2.0","id":12345678901234567890,"params":{"a":[],"b":[1.0,"x,{y"]}}'),
  }),
  frame(id, 1, { channel: 'stderr', kind: 'stderr', method: undefined, bytes: Buffer.from(`${EVIL}oops`) }),
  frame(id, 2, { bytes: Buffer.from([0xff, 0xfe, 0x41]), redactions: 1 }),
  operation(id, 0),
  operation(id, 1, { target: { kind: 'tool', name: `second${EVIL}` } }),
  operation(id, 2, {
    method: 'sampling/createMessage',
    target: undefined,
    initiator: 'server_to_client',
    parentOperationId: 0,
  }),
  operation(id, 3, {
    outcome: 'tool_error',
    error: { code: undefined, type: 'tool_error', message: `no such file${EVIL}` },
  }),
  finding(id, 2, { detail: `strange${EVIL}` }),
  {
    type: 'server_exited',
    sessionId: id,
    atUs: START_US,
    code: 3,
    signal: null,
    crashed: true,
    lastStderr: ['Traceback', `boom${EVIL}`],
  },
  ended(id, { cause: 'server_crashed', exitCode: 3, operations: 4, failedOperations: 1, findings: 1 }),
];

function expectNoControl(text: string): void {
  expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
}

describe('sessions', () => {
  test('says how to record when there is nothing yet', async () => {
    const { terminal, text } = screen();
    expect(await sessions({ dataDir: dir }, {}, terminal)).toBe(0);
    expect(text()).toMatch(/^Nothing is recorded in .* yet[.] To record: sidelight -- <server command>\n$/);
    const asJson = screen();
    expect(await sessions({ dataDir: dir }, { json: true }, asJson.terminal)).toBe(0);
    expect(asJson.text()).toBe('');
  });

  test('lists them with what came of them, in columns, the newest first', async () => {
    await sink.write([
      ...SESSION,
      started(sessionId(2), { atUs: START_US + 1, command: [`evil${EVIL}`] }),
      ...calls(sessionId(2), 0, 1),
      ended(sessionId(2), { operations: 1 }),
    ]);
    const { terminal, text } = screen();
    expect(await sessions({ dataDir: dir }, {}, terminal)).toBe(0);
    const lines = text().split('\n');
    expect(lines[0]).toMatch(
      /^ID +STARTED +SERVER +CLIENT +DURATION +OPERATIONS +FAILED +STATUS +RECORDING$/,
    );
    expect(lines[1]).toMatch(/^00000002 .* evil\\u001b.* 5[.]00 s +1 +- +ok +complete$/);
    expect(lines[2]).toMatch(
      /^00000001 .* everything +inspector 1[.]2[.]3 +5[.]00 s +4 +1 +crashed +1 redacted$/,
    );
    expect(lines[1]?.indexOf(' ok ')).toBe(lines[2]?.indexOf(' crashed '));
    expectNoControl(text());
  });

  test('lists failed ones, and few, as asked', async () => {
    await sink.write(
      [1, 2, 3].flatMap((number) => [
        started(sessionId(number), { atUs: START_US + number }),
        ended(sessionId(number)),
      ]),
    );
    const none = screen();
    expect(await sessions({ dataDir: dir }, { failed: true }, none.terminal)).toBe(0);
    expect(none.text()).toMatch(/^No failed session/);
    const few = screen();
    await sessions({ dataDir: dir }, { limit: 2, json: true }, few.terminal);
    expect(few.text().match(/(?<=^\{"id":")[^"]+/gm)).toEqual([3, 2].map(sessionId));
  });

  test('tells trouble with the store in one line', async () => {
    writeFileSync(storePath(dir), 'a letter, not a database\n'.repeat(100));
    const { terminal, text, errors } = screen();
    expect(await sessions({ dataDir: dir }, {}, terminal)).toBe(1);
    expect(text()).toBe('');
    expect(errors()).toMatch(/^sidelight: [^\n]*is no SQLite database[^\n]*\n$/);
  });
});

describe('show', () => {
  test('tells who spoke, how it ended, what was asked and every frame, and nothing that steers a terminal', async () => {
    await sink.write(SESSION);
    const { terminal, text } = screen(100);
    expect(await show({ dataDir: dir }, 'last', {}, terminal)).toBe(0);
    expect(text()).toContain(`Session ${id}`);
    expect(text()).toContain('everything (everything 2.0.0)');
    expect(text()).toContain('2025-11-25, legacy, stdio');
    expect(text()).toContain('server crashed (exit code 3)');
    expect(text()).toContain('    boom\\u001b]0;owned');
    expect(text()).toContain('Recording  1 redacted');
    expect(text()).toMatch(/late_result +frame 2: strange/);
    expect(text()).toMatch(/tool_error +→ tools\/call echo +tool_error: no such file/);
    const frames = text().split('Frames (3)\n')[1]?.trimEnd().split('\n') ?? [];
    expect(frames).toHaveLength(3);
    expect(frames[0]).toMatch(
      /^ +#0 +[+]0[.]000 s → request +tools\/call +\d+ B {2}\{"jsonrpc":"2[.]0","id":12345.*…$/,
    );
    expect(frames[0]).toHaveLength(100);
    expect(frames[1]).toMatch(/! stderr/);
    expect(frames[2]).toMatch(/\(redacted\) {2}\ufffd\ufffdA$/);
    expectNoControl(text());
  });

  test('puts requests of the server under the call that they serve', async () => {
    await sink.write(SESSION);
    const { terminal, text } = screen();
    await show({ dataDir: dir }, id, { frames: false }, terminal);
    const order = [...text().matchAll(/( *)([→←]) (\S+)(?: (\w+))?/g)].map(
      ([, blanks, arrow, method, target]) => [(blanks ?? '').length > 3, arrow, method, target],
    );
    expect(order.map(([, arrow, method, target]) => [arrow, method, target])).toEqual([
      ['→', 'tools/call', 'echo'],
      ['←', 'sampling/createMessage', undefined],
      ['→', 'tools/call', 'second'],
      ['→', 'tools/call', 'echo'],
    ]);
    expect(text()).toMatch(/ok {14}→ tools\/call echo\n.*ok {16}← sampling/);
    expect(text()).not.toContain('Frames');
  });

  test('gives payloads whole and indented when asked, and changes no number', async () => {
    await sink.write(SESSION);
    const { terminal, text } = screen(40);
    await show({ dataDir: dir }, id, { full: true }, terminal);
    const pad = ' '.repeat(8);
    expect(text()).toContain(
      [
        '{',
        '  "jsonrpc": "2.0",',
        '  "id": 12345678901234567890,',
        '  "params": {',
        '    "a": [],',
        '    "b": [',
        '      1.0,',
        '      "x,{y"',
        '    ]',
        '  }',
        '}',
      ]
        .map((line) => pad + line)
        .join('\n'),
    );
    expectNoControl(text());
  });

  test('gives one JSON value with everything, bytes that are no text as base64', async () => {
    await sink.write(SESSION);
    const { terminal, text } = screen();
    expect(await show({ dataDir: dir }, id.slice(-4), { json: true }, terminal)).toBe(0);
    const value = JSON.parse(text()) as Record<string, unknown[]>;
    expect(value).toMatchObject({ session: { id, status: 'crashed' }, findings: [{ seq: 2 }] });
    expect(value.operations).toHaveLength(4);
    expect(value.frames).toMatchObject([
      { seq: 0 },
      { seq: 1, text: `${EVIL}oops` },
      { seq: 2, base64: '//5B' },
    ]);
    expectNoControl(text());
  });

  test('of a session that is not there is exit code 1 and one line', async () => {
    const missing = screen();
    expect(await show({ dataDir: dir }, 'last', {}, missing.terminal)).toBe(1);
    expect(missing.errors()).toMatch(
      /^sidelight: nothing is recorded in .*; record with: sidelight -- <server command>\n$/,
    );
    await sink.write([started(id), started(sessionId(2))]);
    const unknown = screen();
    expect(await show({ dataDir: dir }, 'ffff', {}, unknown.terminal)).toBe(1);
    expect(unknown.errors()).toMatch(/no such session/);
    const several = screen();
    expect(await show({ dataDir: dir }, '0197', {}, several.terminal)).toBe(1);
    expect(several.errors()).toMatch(/2 sessions are meant/);
    expect([missing, unknown, several].map(({ text }) => text())).toEqual(['', '', '']);
  });

  test('ends quietly when nobody reads any more', async () => {
    await sink.write([started(id), ...calls(id, 0, 2000)]);
    const { terminal, out, text } = screen();
    out.once('data', () => out.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })));
    expect(await show({ dataDir: dir }, id, {}, terminal)).toBe(0);
    expect(text().split('\n').length).toBeLessThan(1000);
  });
});

/** Bytes as Sidelight notes a fact of HTTP. */
const fact = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const BEHIND = 'http://127.0.0.1:3001/mcp';
const LONG = 'what went wrong, told at length; '.repeat(10);
const exchange = (status: number): OperationHttp => ({
  method: 'POST',
  path: '/mcp',
  status,
  protocolVersion: '1.1',
  clientAddress: '10.0.0.7',
  clientPort: 5000,
  serverAddress: '127.0.0.1',
  serverPort: 3001,
});
const OVER_HTTP: readonly McpEvent[] = [
  started(id, {
    transport: 'http',
    command: [],
    cwd: '',
    target: BEHIND,
    clientAddress: '10.0.0.7',
    inferred: { evidence: ['address'], confidence: 'low' },
  }),
  frame(id, 0, {
    kind: 'http',
    exchange: 12,
    bytes: fact({ fact: 'request', method: 'POST', target: `/mcp?${LONG}`, httpVersion: '1.1' }),
  }),
  frame(id, 1, { channel: 'client_to_server', kind: 'request', method: 'tools/list', exchange: 12 }),
  frame(id, 2, {
    channel: 'client_to_server',
    kind: 'notification',
    method: 'notifications/initialized',
    exchange: 13,
    atUs: START_US - 2100,
  }),
  frame(id, 3, { kind: 'result', method: 'tools/list', exchange: 12, eventId: `e7${EVIL}` }),
  frame(id, 4, { kind: 'http', method: undefined, exchange: 12, bytes: Buffer.from('{"fact":"req') }),
  operation(id, 0, { transport: 'http', http: exchange(200) }),
  operation(id, 1, {
    transport: 'http',
    http: exchange(502),
    outcome: 'http_error',
    error: { code: undefined, type: '502', message: LONG },
  }),
];

describe('of a session over HTTP', () => {
  test('sessions says so where there are any, and names who never said its name by the address', async () => {
    await sink.write([...OVER_HTTP, started(sessionId(2), { atUs: START_US - 1 }), described(sessionId(2))]);
    const { terminal, text } = screen();
    await sessions({ dataDir: dir }, {}, terminal);
    const [title, first, second, legend] = text().split('\n');
    expect(title).toMatch(/ CLIENT +TRANSPORT +DURATION /);
    expect(first).toMatch(/ 10[.]0[.]0[.]7 +http ~ /);
    expect(second).toMatch(/ inspector 1[.]2[.]3 +stdio /);
    expect(legend).toMatch(/^~ inferred/);
  });

  test('show keeps each frame and operation on one line of the terminal, the columns under each other', async () => {
    await sink.write([...OVER_HTTP, described(id, { clientInfo: undefined })]);
    const { terminal, text } = screen(90);
    expect(await show({ dataDir: dir }, id, {}, terminal)).toBe(0);
    expect(text()).toContain('Client     (never said who it is), from 10.0.0.7\n');
    expect(text()).toContain(`Target     ${BEHIND}\n`);
    expect(text()).toContain('Inferred   from address (confidence: low)\n');
    expect(text()).not.toMatch(/Command|Folder|Session id/);
    const [, operations = '', frames = ''] = text().split(/(?:Operations|Frames) .*\n/);
    expect(operations).toMatch(/ ok {14}→ tools\/call echo\n/);
    expect(operations).toMatch(/ http_error {6}→ tools\/call echo {2}HTTP 502: what went .*…\n/);
    const lines = frames.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ +#0 +[+]0[.]000 s +x12 → POST \/mcp[?]what went .*…$/);
    expect(lines[1]).toMatch(/^ +#1 +[+]0[.]001 s +x12 → request {6}tools\/list +\d+ B {2}\{.*…$/);
    expect(lines[2]).toMatch(/^ +#2 +-0[.]002 s +x13 → notifications\/initialized +\d+ B {2}\{.*…$/);
    expect(lines[4]).toMatch(/ x12 → http +12 B {2}\{"fact":"req$/);
    expect(Math.max(...[...operations.split('\n'), ...lines].map((line) => line.length))).toBe(90);
    expect(new Set(lines.slice(1, 4).map((line) => line.indexOf(' B  '))).size).toBe(1);
    expectNoControl(text());
  });

  test('show tells a file, and whoever asks for all, the whole of what went wrong', async () => {
    await sink.write(OVER_HTTP);
    const file = screen();
    await show({ dataDir: dir }, id, {}, file.terminal);
    const full = screen(90);
    await show({ dataDir: dir }, id, { full: true }, full.terminal);
    for (const { text } of [file, full]) {
      expect(text()).toContain(`HTTP 502: ${LONG.trimEnd()}\n`);
      expect(text()).toContain(`POST /mcp?${LONG} HTTP/1.1\n`);
      expectNoControl(text());
    }
    expect(full.text()).toMatch(/ result {7}tools\/list +\d+ B \(event id=e7\\u001b/);
  });
});

describe('tail', () => {
  const stop = new Set<() => Promise<number>>();
  afterEach(async () => {
    for (const end of stop) await end();
    stop.clear();
  });

  function following(
    options: TailOptions = {},
    columns?: number,
  ): Screen & { readonly end: () => Promise<number> } {
    const all = screen(columns);
    const control = new AbortController();
    const done = tail({ dataDir: dir }, options, all.terminal, control.signal);
    const end = (): Promise<number> => {
      control.abort();
      return done;
    };
    stop.add(end);
    return { ...all, end };
  }

  test('prints what a filter means: operations each, sessions as they stand', async () => {
    await sink.write([started(id), ended(id)]);
    const { text, errors, end } = following({ words: ['tool:search', 'OR', 'status:timeout'], json: true });
    await until(() => errors().includes('following'));
    const [meant, other] = [sessionId(2), sessionId(3)];
    await sink.write([started(meant, here), started(other, here), operation(other, 0), operation(meant, 0)]);
    await sink.write([
      operation(meant, 1, { target: { kind: 'tool', name: 'search' } }),
      ended(other, { operations: 1 }),
      ended(meant, { operations: 2 }),
    ]);
    await until(() => text().includes('session_ended'));
    expect(await end()).toBe(0);
    const seen = text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(seen.every((one) => [one.id, one.sessionId].includes(meant))).toBe(true);
    // Its start is told, too, where it was looked at only after the operation had come.
    const told = seen.filter(({ event }) => event !== 'session_started');
    expect(told.map(({ event, operationId }) => [event, operationId])).toEqual([
      ['operation_finished', 1],
      ['session_ended', undefined],
    ]);
  });

  test('prints sessions as they start and end and operations as they end, and stops when told to', async () => {
    await sink.write([started(id), ...calls(id, 0, 5), ended(id, { operations: 5 })]);
    const { text, errors, end } = following();
    const other = sessionId(2);
    // What was there before is not news: the first line is of what comes now.
    await until(() => errors().includes('following'));
    await sink.write([started(other, here), described(other, { server: 'files' })]);
    await until(() => text().includes('session started: node server.js'));
    await sink.write([
      operation(other, 0, { target: { kind: 'tool', name: `read${EVIL}` } }),
      operation(other, 1, {
        outcome: 'timeout',
        error: { code: undefined, type: 'timeout', message: 'too slow' },
      }),
    ]);
    await until(() => text().includes('too slow'));
    await sink.write([ended(other, { operations: 2, failedOperations: 1 })]);
    await until(() => text().includes('session ended'));
    expect(await end()).toBe(0);
    const lines = text().trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d[.]\d{3} {2}00000002 {2}files +session started: node server[.]js$/,
    );
    expect(lines[1]).toMatch(/files +ok +1[.]00 ms {2}→ tools\/call read\\u001b/);
    expect(lines[2]).toMatch(/files +timeout +1[.]00 ms {2}→ tools\/call echo {2}too slow$/);
    expect(lines[3]).toMatch(
      /session ended failed: client closed; 5[.]00 s; 2 operations, 1 failed; recording complete$/,
    );
    expectNoControl(text());
  });

  test('tells of HTTP where to, from whom and with which status, on a terminal no longer than its line', async () => {
    await sink.write([started(sessionId(2))]);
    const { text, errors, end } = following({}, 90);
    await until(() => errors().includes('following'));
    await sink.write([...OVER_HTTP, ended(id, { cause: 'idle' })]);
    await until(() => text().includes('session ended'));
    await end();
    const lines = text().trimEnd().split('\n');
    expect(lines[0]).toMatch(
      /session started: http:\S+; client 10[.]0[.]0[.]7; inferred from address \(confidence: low\)$/,
    );
    expect(lines[1]).toMatch(/ ok +1[.]00 ms {2}→ tools\/call echo$/);
    expect(lines[2]).toMatch(/ http_error +1[.]00 ms {2}→ tools\/call echo {2}HTTP 502: what .*…$/);
    expect(lines[3]).toMatch(/ session ended \w+: idle for too long; /);
  });

  test('waits for the first recording', async () => {
    const { text, errors, end } = following();
    await until(() => errors().includes('waiting for the first session'));
    await sink.write([started(id, here), ...calls(id, 0, 1)]);
    await sink.write(calls(id, 1, 1));
    await until(() => text().includes('tools/call'));
    expect(await end()).toBe(0);
  });

  test('tells of a session whose process is gone', async () => {
    await sink.write([started(id, here)]);
    const { text, errors, end } = following({ json: true });
    await until(() => errors().includes('following; sessions that run now: 1;'));
    await sink.write([started(sessionId(2), { ...here, pid: 2 ** 22 + 1 })]);
    await until(() => text().includes('session_ended'));
    await end();
    expect(
      text()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { event: string; id: string; status: string }),
    ).toMatchObject([
      { event: 'session_started', id: sessionId(2) },
      { event: 'session_ended', id: sessionId(2), status: 'interrupted' },
    ]);
  });

  test('stops by itself after as many lines as asked for', async () => {
    await sink.write([started(id, here)]);
    const { terminal, text } = screen();
    const done = tail({ dataDir: dir }, { count: 3, json: true }, terminal, new AbortController().signal);
    let from = 0;
    const writing = setInterval(() => void sink.write(calls(id, (from += 2), 2)), 5);
    expect(await done).toBe(0);
    clearInterval(writing);
    expect(
      text()
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: string }).event),
    ).toEqual(Array.from({ length: 3 }, () => 'operation_finished'));
  });
});
