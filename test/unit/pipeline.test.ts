import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FrameRecorded, McpEvent } from '../../src/event/event.ts';
import { Redactor } from '../../src/event/redact.ts';
import { Pipeline, type PipelineOptions } from '../../src/pipeline.ts';
import type { RecordKind } from '../../src/tap/ring.ts';
import { Tracker } from '../../src/track/tracker.ts';

function pipeline(options: Partial<PipelineOptions> = {}) {
  const events: McpEvent[] = [];
  const emit = (event: McpEvent): void => void events.push(event);
  const tracker = new Tracker({
    sessionId: 's',
    transport: 'stdio',
    configuredName: undefined,
    fallbackName: 'server',
    startedAtUs: 0,
    newTraceId: () => 'a'.repeat(32),
    newSpanId: () => 'b'.repeat(16),
    redact: (text) => text,
    emit,
  });
  const line = new Pipeline({
    sessionId: 's',
    tracker,
    redactor: new Redactor(() => 'mark'),
    maxMessageBytes: 10_000,
    maxBodyBytes: 1000,
    keepMedia: false,
    newDigest: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), end: () => hash.digest('hex') };
    },
    emit,
    ...options,
  });
  const record = (kind: RecordKind, content: unknown, atUs = 1): void => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    line.record({ kind, bytes: Buffer.from(text), atUs, exchange: 0, index: 0, offset: 0 });
  };
  const frames = (): FrameRecorded[] => events.filter((event) => event.type === 'frame_recorded');
  return { line, record, events, frames };
}

const text = ({ bytes }: FrameRecorded): string => Buffer.from(bytes).toString();

describe('the pipeline', () => {
  it.each([
    [
      'the client closed, then the server exited',
      [
        ['client_closed', 1],
        ['server_exited', 2],
      ],
      'client_closed',
    ],
    [
      'the server exited, which was told after the client had closed on that',
      [
        ['client_closed', 5],
        ['server_exited', 2],
      ],
      'server_crashed',
    ],
    [
      'somebody stopped it',
      [
        ['signal', 1],
        ['client_closed', 2],
        ['server_exited', 3],
      ],
      'sidelight_stopped',
    ],
    ['nothing was told', [], 'sidelight_stopped'],
    ['the server could not be started', [['start_failed', 1]], 'start_failed'],
  ] as const)('knows who ended the session: %s', (_how, facts, cause) => {
    const { line, record, events } = pipeline();
    for (const [fact, atUs] of facts)
      record('lifecycle', { fact, signal: fact === 'signal' ? 'SIGTERM' : null, code: 1 }, atUs);
    line.close(9);
    expect(events.at(-1)).toMatchObject({ type: 'session_ended', cause });
  });

  it('records what a gap broke off, the gap itself, and goes on at the next message', () => {
    const { line, record, frames, events } = pipeline();
    record('client_to_server', '{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"meth');
    line.gap({ channel: 'client_to_server', chunks: 3, bytes: 99 }, 1);
    record('client_to_server', 'tail of something"}\n{"jsonrpc":"2.0","id":3,"method":"ping"}\n');
    expect(frames().map(({ kind }) => kind)).toEqual(['request', 'unterminated', 'gap', 'gap', 'request']);
    expect(line.skippedBytes).toBe('tail of something"}\n'.length);
    expect(events.filter(({ type }) => type === 'copies_dropped')).toMatchObject([
      { chunks: 3, bytes: 99 },
      { chunks: 0, bytes: 'tail of something"}\n'.length },
    ]);
  });

  it('cuts a body at its cap, with the size and the hash of what was on the wire', () => {
    const { record, frames } = pipeline();
    const bodies = ['x'.repeat(2000), 'x'.repeat(20_000)].map((body) =>
      JSON.stringify({ jsonrpc: '2.0', id: 1, result: { body } }),
    );
    for (const body of bodies) record('server_to_client', `${body}\n`);
    bodies.forEach((body, index) => {
      const frame = frames()[index];
      expect(frame).toMatchObject({ kind: 'result', truncated: true, sizeBytes: body.length });
      expect(frame?.sha256).toBe(createHash('sha256').update(body).digest('hex'));
      expect(frame === undefined ? '' : text(frame)).toBe(body.slice(0, 1000));
    });
  });

  it('redacts a secret that the cut would have halved', () => {
    const { record, frames } = pipeline();
    const password = 'hunter'.repeat(20);
    const around = 'x'.repeat(1000 - '{"a":"","password":"'.length - 10);
    record('client_to_server', `{"a":"${around}","password":"${password}"}\n`);
    const [frame] = frames();
    expect(frame?.redactions).toBe(1);
    expect(frame === undefined ? '' : text(frame)).not.toContain('hunt');
  });

  it('keeps bytes that are no UTF-8, blank lines and line endings as they were', () => {
    const { line, record, frames } = pipeline();
    line.record({
      kind: 'server_to_client',
      bytes: Uint8Array.of(0xff, 0xfe, 0x0a),
      atUs: 1,
      exchange: 0,
      index: 0,
      offset: 0,
    });
    record('server_to_client', '\r\n \n');
    record('stderr', 'one\r\ntwo');
    line.close(2);
    expect(frames().map(({ kind, ending }) => [kind, ending])).toEqual([
      ['malformed', '\n'],
      ['blank', '\r\n'],
      ['blank', '\n'],
      ['stderr', '\r\n'],
      ['stderr', ''],
    ]);
    expect([...(frames()[0]?.bytes ?? [])]).toEqual([0xff, 0xfe]);
  });

  it('calls a line of stdout that is no JSON what it is, and a bad message of the client what that is', () => {
    const { record, events } = pipeline();
    record('server_to_client', 'Listening on port 3000\n');
    record('client_to_server', 'what?\n');
    expect(events.filter(({ type }) => type === 'finding_raised')).toMatchObject([
      { rule: 'stray_stdout', detail: 'Listening on port 3000' },
      { rule: 'invalid_frame', detail: 'not_json' },
    ]);
  });
});
