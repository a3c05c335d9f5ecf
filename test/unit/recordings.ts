/** Sessions as the pipelines record them, in a store of their own, and files that go out of it and into another one. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { Redactor } from '../../src/event/redact.ts';
import { EXPORTERS, type ExportFormat } from '../../src/formats/exportFormats.ts';
import type { ImportFormat } from '../../src/formats/importFormats.ts';
import { redactedSource } from '../../src/formats/redaction.ts';
import type { Source } from '../../src/formats/source.ts';
import { type Imported, importFile } from '../../src/importing/file.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { schemaValidators } from '../../src/schema.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink, type StoreSinkOptions } from '../../src/sink/store.ts';
import { openStore, type StoreReader } from '../../src/store/read.ts';
import type { RecordKind } from '../../src/tap/ring.ts';
import { Tracker } from '../../src/track/tracker.ts';
import { JSON_TYPE, Records, SSE_TYPE } from './httpRecords.ts';
import { sessionId, START_US, started } from './storeEvents.ts';

export const redactor = (): Redactor => new Redactor(() => 'abcdef012345');

/** Gone when the test is over. */
export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-formats-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

export async function stored(
  dir: string,
  events: readonly McpEvent[],
  options: Partial<StoreSinkOptions> = {},
): Promise<void> {
  const sink = new StoreSink(
    { dataDir: dir, record: 'full', ...options },
    new Stats(),
    new Trouble(() => undefined),
  );
  await sink.write(events);
  await sink.close(1000);
}

export async function reading<T>(dir: string, use: (reader: StoreReader) => T): Promise<T> {
  const reader = await openStore(dir);
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}

export function sourceOf(reader: StoreReader, id: string): Source {
  const session = reader.findSession(id);
  return {
    session,
    operations: () => reader.operations(session.id),
    findings: () => reader.findings(session.id),
    frames: () => reader.frames(session.id),
  };
}

export function exported(dir: string, id: string, format: ExportFormat, redact = false): Promise<string> {
  return reading(dir, (reader) => {
    const source = sourceOf(reader, id);
    const told = redact ? redactedSource(source, redactor()) : source;
    return [...EXPORTERS[format](told, { name: 'sidelight', version: '1.2.3' })].join('');
  });
}

export interface ImportResult extends Imported {
  readonly leftOut: readonly string[];
}

/** The text in pieces of any size. */
export async function imported(
  dir: string,
  text: string | Uint8Array,
  {
    format,
    redact = false,
    pieceBytes = 1000,
  }: { format?: ImportFormat; redact?: boolean; pieceBytes?: number } = {},
): Promise<ImportResult> {
  const leftOut: string[] = [];
  const bytes = Buffer.from(text);
  const result = await importFile({
    dataDir: dir,
    format,
    // eslint-disable-next-line @typescript-eslint/require-await -- a file is read as it is asked for
    input: (async function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    })(),
    redactor: redact ? redactor() : undefined,
    maxBodyBytes: 1_000_000,
    maxMessageBytes: 1_000_000,
    keepMedia: true,
    sessionIdleUs: 60_000_000,
    leftOut: (what, line) => leftOut.push(line === undefined ? what : `${line}: ${what}`),
  });
  return { ...result, leftOut };
}

/** Operations and findings without what is given anew: numbers and ids of spans. */
export function derived(dir: string, id: string): Promise<object> {
  return reading(dir, (reader) => ({
    operations: [...reader.operations(id)].map(
      ({ number: _number, sessionId: _session, traceId: _trace, spanId: _span, ...rest }) => rest,
    ),
    findings: reader.findings(id).map(({ sessionId: _session, ...rest }) => rest),
    frames: [...reader.frames(id)].map(({ bytes, ...rest }) => ({
      ...rest,
      hex: Buffer.from(bytes).toString('hex'),
    })),
  }));
}

export type Said = readonly [RecordKind, unknown];

/** A session over stdio: each item is a record of the ring, a millisecond after the one before. */
export function stdioEvents(
  id: string,
  said: readonly Said[],
  options: { maxBodyBytes?: number } = {},
): McpEvent[] {
  const events: McpEvent[] = [];
  const emit = (event: McpEvent): void => void events.push(event);
  emit(started(id));
  let ids = 0;
  const hex = (digits: number): string => (ids += 1).toString(16).padStart(digits, '0');
  const tracker = new Tracker({
    sessionId: id,
    transport: 'stdio',
    configuredName: undefined,
    fallbackName: 'node',
    startedAtUs: START_US,
    newTraceId: () => hex(32),
    newSpanId: () => hex(16),
    redact: (text) => text,
    validatorOf: schemaValidators(),
    emit,
  });
  const pipeline = new Pipeline({
    sessionId: id,
    tracker,
    redactor: redactor(),
    maxMessageBytes: 1_000_000,
    maxBodyBytes: options.maxBodyBytes ?? 1_000_000,
    keepMedia: true,
    newDigest: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), end: () => hash.digest('hex') };
    },
    emit,
  });
  let atUs = START_US;
  for (const [kind, content] of said) {
    atUs += 1000;
    if (kind === 'gap') {
      pipeline.gap(content as Parameters<Pipeline['gap']>[0], atUs);
      continue;
    }
    const bytes =
      content instanceof Uint8Array
        ? content
        : Buffer.from(kind === 'stderr' ? String(content) : JSON.stringify(content));
    const line = kind === 'lifecycle' ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
    pipeline.record({ kind, bytes: line, atUs, exchange: 0, index: 0, offset: 0 });
  }
  pipeline.close(atUs + 1000);
  return events;
}

const request = (id: number | string, method: string, params?: object): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const result = (id: number | string, value: object): object => ({ jsonrpc: '2.0', id, result: value });

/** Something of everything: what failed, what never came, what is no message, what is no text. */
export const TALK: readonly Said[] = [
  ['lifecycle', { fact: 'server_started', pid: 4242 }],
  ['stderr', 'starting \u001b[31m</script><img src=x onerror=alert(1)>'],
  [
    'client_to_server',
    request(1, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: { sampling: {} },
      clientInfo: { name: 'client', version: '1' },
    }),
  ],
  [
    'server_to_client',
    result(1, {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: '<b>server</b>', version: '2' },
    }),
  ],
  ['client_to_server', { jsonrpc: '2.0', method: 'notifications/initialized' }],
  ['client_to_server', request(2, 'tools/list')],
  [
    'server_to_client',
    result(2, {
      tools: [
        { name: 'echo', inputSchema: { type: 'object', properties: { text: { type: 'string' } } } },
        { name: 'fails', inputSchema: { type: 'object' } },
      ],
    }),
  ],
  [
    'client_to_server',
    request(3, 'tools/call', { name: 'echo', arguments: { text: 'ä\u2028😀 </script>' } }),
  ],
  ['server_to_client', request('s1', 'sampling/createMessage', { messages: [] })],
  ['client_to_server', result('s1', { role: 'assistant', content: { type: 'text', text: 'hi' } })],
  [
    'server_to_client',
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 3, progress: 1 } },
  ],
  ['server_to_client', result(3, { content: [{ type: 'text', text: 'ä' }] })],
  ['client_to_server', request(4, 'tools/call', { name: 'fails', arguments: { password: 'kJ8xq0PzW3mV' } })],
  [
    'server_to_client',
    result(4, { isError: true, content: [{ type: 'text', text: 'no such `file`\n```\n# x' }] }),
  ],
  ['client_to_server', request(5, 'no/such')],
  ['server_to_client', { jsonrpc: '2.0', id: 5, error: { code: -32601, message: 'Method not found' } }],
  ['server_to_client', Buffer.from('listening on 3000')],
  ['server_to_client', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ['server_to_client', result(99, {})],
  ['client_to_server', request(6, 'tools/call', { name: 'echo', arguments: { text: 7 } })],
  ['client_to_server', Buffer.from('')],
  ['stderr', 'going down'],
  ['lifecycle', { fact: 'server_exited', code: 3, signal: null }],
];

export const STDIO_ID = sessionId(1);
export const HTTP_ID = sessionId(2);

/** One session over HTTP: JSON answers, a stream with events, a status without JSON-RPC, and an end that never came. */
export function httpEvents(): McpEvent[] {
  let ids = 1;
  const records = new Records({
    newSessionId: () => sessionId((ids += 1)),
    maxMessageBytes: 1_000_000,
    maxBodyBytes: 1_000_000,
  });
  const named = ['Mcp-Session-Id', 'abc'];
  const hello = request(1, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'client', version: '1' },
  });
  const answer = result(1, {
    protocolVersion: '2025-11-25',
    capabilities: {},
    serverInfo: { name: 'http server', version: '2' },
  });
  records
    .exchange()
    .posts(hello, ['Authorization', 'Bearer abcdefghijklmnopqrstuvwx'])
    .responds([...JSON_TYPE, ...named])
    .body('server_to_client', answer)
    .ends();
  const stream = records
    .exchange()
    .request({ method: 'GET', headers: named })
    .requestEnds()
    .responds(SSE_TYPE);
  const call = records.exchange().posts(request(2, 'tools/call', { name: 'echo', arguments: {} }), named);
  stream.event(request('s1', 'roots/list'), 'e1');
  records
    .exchange()
    .posts(result('s1', { roots: [] }), named)
    .responds([], { status: 202 })
    .ends();
  call
    .responds(SSE_TYPE)
    .event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 1 } });
  call.event(result(2, { content: [] }), 'e2').ends();
  records
    .exchange()
    .posts(request(3, 'tools/call', { name: 'gone', arguments: {} }), named)
    .responds(['Content-Type', 'text/html'], { status: 502, reason: 'Bad Gateway' })
    .body('server_to_client', '<h1>no</h1>')
    .ends();
  records
    .exchange()
    .posts(request(4, 'tools/call', { name: 'broken', arguments: {} }), named)
    .responds()
    .body('server_to_client', '{"jsonrpc":"2.0",')
    .ends('server_gone');
  records
    .exchange()
    .request({ method: 'DELETE', headers: named })
    .requestEnds()
    .responds([], { status: 204 })
    .ends();
  stream.ends('client_gone');
  records.close();
  return records.events;
}
