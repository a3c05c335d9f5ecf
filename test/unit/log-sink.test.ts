import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LogLevel } from '../../src/config/config.ts';
import type { McpEvent } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { LogSink, type LogSinkOptions } from '../../src/sink/log.ts';
import { described, ended, exchange, operation, OVER_HTTP, SESSION_ID, spanIds, START_US } from './events.ts';

const BASE = { sessionId: SESSION_ID, atUs: START_US } as const;
const TIME = '2026-09-21T14:13:20.123Z';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-log-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function sinkTo(to: LogSinkOptions['to'], level: LogLevel = 'info') {
  const stats = new Stats();
  const said: string[] = [];
  const sink = new LogSink({ level, to }, stats, new Trouble((line) => said.push(line)));
  onTestFinished(() => sink.close(1000));
  return { sink, stats, said };
}

/** What is logged of the events, parsed line by line. */
function logged(events: readonly McpEvent[], level?: LogLevel): readonly unknown[] {
  const lines: string[] = [];
  void sinkTo((line) => lines.push(line), level).sink.write(events);
  for (const line of lines) expect(line).not.toContain('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

const read = (path: string): readonly unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

const stderrLine = (text: string): McpEvent => ({
  ...BASE,
  type: 'server_logged',
  origin: 'stderr',
  level: 'info',
  logger: undefined,
  text,
});

describe('a line', () => {
  it('tells of a finished operation whatever leads to its trace and its recording', () => {
    expect(logged([operation()])).toEqual([
      {
        level: 'info',
        time: '2026-09-21T14:13:20.135Z',
        session: SESSION_ID,
        trace_id: spanIds(1).traceId,
        span_id: spanIds(1).spanId,
        operation: 1,
        initiator: 'client_to_server',
        method: 'tools/call',
        target: 'echo',
        outcome: 'ok',
        duration_ms: 12.345,
        server: 'everything',
        msg: 'tools/call echo: ok',
      },
    ]);
  });

  it('of an operation over HTTP tells how it came and what the response was', () => {
    expect(logged([operation(OVER_HTTP)])).toMatchObject([
      { http_method: 'POST', http_path: '/mcp', http_status: 200, client_address: '192.0.2.7' },
    ]);
  });

  it.each([
    ['a server that is not there', { status: 502, failure: 'refused' }, 'warn', 'POST /mcp: refused'],
    ['a response that broke', { end: 'server_gone' }, 'warn', 'POST /mcp: 200'],
    ['an error of the server', { status: 500 }, 'warn', 'POST /mcp: 500'],
    ['a rejection', { method: 'GET', status: 405 }, 'info', 'GET /mcp: 405'],
    ['nothing special', { status: 202 }, 'debug', 'POST /mcp: 202'],
    [
      'a client that left before the response',
      { status: undefined, end: 'client_gone' },
      'debug',
      'POST /mcp: client_gone',
    ],
    ['what the line of an operation tells', { status: 500, asked: true }, 'debug', 'POST /mcp: 500'],
  ] as const)('of an exchange with %s', (_what, differs, level, msg) => {
    expect(logged([exchange(differs)], 'debug')).toMatchObject([
      { level, msg, exchange: 1, duration_ms: 2, request_bytes: 40, response_bytes: 90 },
    ]);
  });

  it('of a session over HTTP tells the server, the client and what it was known by', () => {
    const inferred = { evidence: ['client_info', 'address'], confidence: 'medium' } as const;
    const lines = logged([
      {
        ...BASE,
        type: 'session_started',
        transport: 'http',
        configuredName: undefined,
        command: [],
        cwd: '',
        envNames: [],
        pid: 1,
        hostname: 'host',
        sidelightVersion: '0.1.0',
        target: 'http://127.0.0.1:3001/mcp',
        clientAddress: '192.0.2.7',
        inferred,
      },
      described({ sessionIdHash: '0123456789abcdef' }),
    ]);
    expect(lines).toMatchObject([
      {
        transport: 'http',
        target: 'http://127.0.0.1:3001/mcp',
        client_address: '192.0.2.7',
        inferred_from: ['client_info', 'address'],
        confidence: 'medium',
      },
      { session_id_hash: '0123456789abcdef' },
    ]);
    expect(lines[0]).not.toHaveProperty('command');
  });

  it('of an operation of several legs, a task or a stream tells what only those have', () => {
    const [leg] = operation().legs;
    if (leg === undefined) throw new Error('an operation has a leg');
    const legs = [leg, { ...leg, startedAtUs: leg.endedAtUs + 1500 }];
    const subscription = { acknowledgedAtUs: START_US, notifications: 7, closedBy: 'server' } as const;
    const lines = logged([
      operation({ legs }),
      operation({ task: { states: [], polls: 4 } }),
      operation({ stream: true, subscription }),
    ]);
    expect(lines).toMatchObject([
      { round_trips: 2, input_wait_ms: 1.5 },
      { task_polls: 4 },
      { notifications: 7, closed_by: 'server' },
    ]);
  });

  it('warns of a failed operation, with what the error said', () => {
    const error = { code: -32602, type: '-32602', message: 'Unknown tool' };
    expect(logged([operation({ outcome: 'protocol_error', error })])).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: 'tools/call echo: protocol_error',
        error_code: -32602,
        error_type: '-32602',
        error_message: 'Unknown tool',
      }),
    ]);
  });

  it('does not warn of a cancelled operation', () => {
    expect(logged([operation({ outcome: 'cancelled' })])).toEqual([
      expect.objectContaining({ level: 'info' }),
    ]);
  });

  it('tells of the start, the description and the end of a session', () => {
    const started: McpEvent = {
      ...BASE,
      type: 'session_started',
      transport: 'stdio',
      configuredName: undefined,
      command: ['node', 'server.js'],
      cwd: '/srv',
      envNames: ['PATH'],
      pid: 42,
      hostname: 'host',
      sidelightVersion: '0.1.0',
    };
    expect(logged([started, described(), ended(), ended({ cause: 'server_crashed' })])).toEqual([
      {
        level: 'info',
        time: TIME,
        session: SESSION_ID,
        transport: 'stdio',
        command: ['node', 'server.js'],
        cwd: '/srv',
        pid: 42,
        hostname: 'host',
        sidelight_version: '0.1.0',
        msg: 'session started',
      },
      {
        level: 'info',
        time: TIME,
        session: SESSION_ID,
        server: 'everything',
        server_info: { name: 'everything', version: '2.0.0' },
        client_info: { name: 'client', version: '1.0.0' },
        protocol_version: '2025-11-25',
        era: 'legacy',
        msg: 'session described',
      },
      {
        level: 'info',
        time: '2026-09-21T14:13:25.123Z',
        session: SESSION_ID,
        cause: 'client_closed',
        exit_code: 0,
        server: 'everything',
        protocol_version: '2025-11-25',
        duration_ms: 5000,
        probe: false,
        operations: 3,
        failed_operations: 1,
        findings: 0,
        msg: 'session ended: client_closed',
      },
      expect.objectContaining({ level: 'warn', msg: 'session ended: server_crashed' }),
    ]);
  });

  it('warns of a finding and of copies that were dropped', () => {
    expect(
      logged([
        {
          ...BASE,
          type: 'finding_raised',
          rule: 'late_result',
          channel: 'server_to_client',
          seq: 9,
          operationId: 3,
          detail: 'id 4',
        },
        { ...BASE, type: 'copies_dropped', channel: 'server_to_client', chunks: 2, bytes: 1000 },
      ]),
    ).toEqual([
      expect.objectContaining({
        level: 'warn',
        rule: 'late_result',
        severity: 'warning',
        seq: 9,
        operation: 3,
        detail: 'id 4',
        hint: expect.stringMatching(/timeout/) as string,
      }),
      expect.objectContaining({ level: 'warn', channel: 'server_to_client', chunks: 2, bytes: 1000 }),
    ]);
  });

  it.each([
    ['debug', 'debug'],
    ['info', 'info'],
    ['notice', 'info'],
    ['warning', 'warn'],
    ['error', 'error'],
    ['critical', 'error'],
    ['alert', 'error'],
    ['emergency', 'error'],
    ['no such level', 'info'],
    ['constructor', 'info'],
  ])('of the level %s that the server gave is logged as %s', (mcpLevel, level) => {
    const event = {
      ...BASE,
      type: 'server_logged',
      origin: 'notification',
      logger: 'db',
      text: 'hi',
    } as const;
    expect(logged([{ ...event, level: mcpLevel }], 'trace')).toEqual([
      {
        level,
        time: TIME,
        session: SESSION_ID,
        origin: 'notification',
        mcp_level: mcpLevel,
        logger: 'db',
        msg: 'hi',
      },
    ]);
  });

  it('below the configured level is not written', () => {
    const events = [operation(), operation({ outcome: 'tool_error' })];
    expect(logged(events, 'warn')).toHaveLength(1);
    expect(logged(events, 'silent')).toHaveLength(0);
  });
});

describe('a log on stderr', () => {
  it("does not say again what is the server's own stderr", () => {
    expect(logged([stderrLine('ready'), operation()])).toEqual([
      expect.objectContaining({ msg: 'tools/call echo: ok' }),
    ]);
  });
});

describe('a log file', () => {
  it('is made with its folder, for its owner alone, and holds each event as a line when the write settles', async () => {
    const path = join(temporaryFolder(), 'deep', 'folder', 'sidelight.log');
    const { sink, stats } = sinkTo(path);
    await sink.write([stderrLine('ready'), operation()]);
    await sink.write([operation({ operationId: 2 })]);
    expect(read(path)).toEqual([
      expect.objectContaining({ msg: 'ready', origin: 'stderr' }),
      expect.objectContaining({ operation: 1 }),
      expect.objectContaining({ operation: 2 }),
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    expect(stats.drops()).toEqual([]);
  });

  it('is not made for nothing', async () => {
    const path = join(temporaryFolder(), 'sidelight.log');
    await sinkTo(path).sink.write([]);
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  it('keeps what was in it', async () => {
    const path = join(temporaryFolder(), 'sidelight.log');
    writeFileSync(path, '{"msg":"before"}\n');
    await sinkTo(path).sink.write([operation()]);
    expect(read(path)).toEqual([{ msg: 'before' }, expect.objectContaining({ operation: 1 })]);
  });

  it('is a new one after a rotation', async () => {
    const path = join(temporaryFolder(), 'sidelight.log');
    const { sink } = sinkTo(path);
    await sink.write([operation()]);
    renameSync(path, `${path}.1`);
    sink.reopen();
    await sink.write([operation({ operationId: 2 })]);
    expect(read(`${path}.1`)).toEqual([expect.objectContaining({ operation: 1 })]);
    expect(read(path)).toEqual([expect.objectContaining({ operation: 2 })]);
  });

  it('that cannot be opened is said once, every lost line counted, and tried again', async () => {
    const path = join(temporaryFolder(), 'sidelight.log');
    mkdirSync(path);
    const { sink, stats, said } = sinkTo(path);
    await sink.write([operation(), operation()]);
    await sink.write([operation()]);
    expect(said).toEqual([`sidelight: the log is not written: ${path}: EISDIR`]);
    expect(stats.drops()).toEqual([{ stage: 'logs', reason: 'write_failed', count: 3, bytes: 0 }]);
    expect(stats.failures()).toEqual([{ part: 'logs', reason: 'EISDIR', count: 2 }]);
    expect(stats.problems().get('logs')).toBe(`${path}: EISDIR`);

    rmdirSync(path);
    await sink.write([operation({ operationId: 4 })]);
    expect(read(path)).toEqual([expect.objectContaining({ operation: 4 })]);
    expect(stats.problems().size).toBe(0);
  });

  it.runIf(process.platform === 'linux')('on a full disk costs its lines and nothing else', async () => {
    const { sink, stats, said } = sinkTo('/dev/full');
    await sink.write([operation()]);
    await sink.write([operation()]);
    expect(stats.drops()).toEqual([{ stage: 'logs', reason: 'write_failed', count: 2, bytes: 0 }]);
    expect(said).toEqual(['sidelight: the log is not written: /dev/full: ENOSPC']);
  });
});
