import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { otlpTarget } from '../../src/sink/otlp-target.ts';
import { recordingUrls } from '../../src/sink/recording-url.ts';
import { described, ended, operation, operations, SESSION_ID, SESSION_SPAN, spanIds } from './events.ts';
import { OTLP, type ReceivedSpan, sinkTo, startReceiver } from './receiver.ts';

const BOTH = ['http/json', 'http/protobuf'] as const;
/** Sampled, and "is remote" is known: OTLP, Span.flags. */
const LOCAL = 0x101;
const REMOTE_PARENT = 0x301;
const TIMES = { startTimeUnixNano: '1790000000123456000', endTimeUnixNano: '1790000000135801000' };
const SESSION_LINK = [{ ...SESSION_SPAN, flags: LOCAL }];

const always = (id: number): Record<string, unknown> => ({
  'network.transport': 'pipe',
  'sidelight.session.id': SESSION_ID,
  'sidelight.operation.id': `${SESSION_ID}/${id}`,
  'sidelight.server.name': 'everything',
  'mcp.protocol.version': '2025-11-25',
});

const failure = (code: number) =>
  ({ outcome: 'protocol_error', error: { code, type: String(code), message: 'said so' } }) as const;

/** What is sent, and every member that the receiver must have understood of it. */
const TABLE: readonly {
  readonly promise: string;
  readonly sent: ReturnType<typeof operation>;
  readonly received: ReceivedSpan;
}[] = [
  {
    promise: 'a tool call that went well',
    sent: operation({ operationId: 0, requestId: 'call-0' }),
    received: {
      ...spanIds(0),
      ...TIMES,
      flags: LOCAL,
      name: 'tools/call echo',
      kind: 'SPAN_KIND_SERVER',
      links: SESSION_LINK,
      attributes: {
        ...always(0),
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'echo',
        'jsonrpc.request.id': 'call-0',
        'sidelight.outcome': 'ok',
      },
    },
  },
  {
    promise: 'a tool that says isError',
    sent: operation({
      operationId: 1,
      outcome: 'tool_error',
      error: { code: undefined, type: 'tool_error', message: undefined },
    }),
    received: {
      ...spanIds(1),
      ...TIMES,
      flags: LOCAL,
      name: 'tools/call echo',
      kind: 'SPAN_KIND_SERVER',
      links: SESSION_LINK,
      status: { code: 'STATUS_CODE_ERROR' },
      attributes: {
        ...always(1),
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'echo',
        'jsonrpc.request.id': '1',
        'sidelight.outcome': 'tool_error',
        'error.type': 'tool_error',
      },
    },
  },
  {
    promise: 'a method that the server does not know',
    sent: operation({ operationId: 2, method: 'no/such', target: undefined, ...failure(-32601) }),
    received: {
      ...spanIds(2),
      ...TIMES,
      flags: LOCAL,
      name: 'no/such',
      kind: 'SPAN_KIND_SERVER',
      links: SESSION_LINK,
      attributes: {
        ...always(2),
        'mcp.method.name': 'no/such',
        'jsonrpc.request.id': '2',
        'sidelight.outcome': 'protocol_error',
        'rpc.response.status_code': '-32601',
      },
    },
  },
  {
    promise: 'a request of the server that the client refuses, below the call it serves',
    sent: operation({
      operationId: 3,
      initiator: 'server_to_client',
      method: 'sampling/createMessage',
      target: undefined,
      span: { ...spanIds(3), parentSpanId: spanIds(0).spanId, traceState: undefined, sampled: true },
      parentOperationId: 0,
      ...failure(-32601),
    }),
    received: {
      ...spanIds(3),
      ...TIMES,
      parentSpanId: spanIds(0).spanId,
      flags: LOCAL,
      name: 'sampling/createMessage',
      kind: 'SPAN_KIND_CLIENT',
      status: { code: 'STATUS_CODE_ERROR', message: 'said so' },
      attributes: {
        ...always(3),
        'mcp.method.name': 'sampling/createMessage',
        'jsonrpc.request.id': '3',
        'sidelight.outcome': 'protocol_error',
        'rpc.response.status_code': '-32601',
        'error.type': '-32601',
      },
    },
  },
  {
    promise: 'a cancelled call, with the progress it made',
    sent: operation({
      operationId: 4,
      outcome: 'cancelled',
      notes: [{ atUs: 1_790_000_000_123_999, method: 'notifications/progress', progress: 0.5 }],
      notesDropped: 3,
    }),
    received: {
      ...spanIds(4),
      ...TIMES,
      flags: LOCAL,
      name: 'tools/call echo',
      kind: 'SPAN_KIND_SERVER',
      links: SESSION_LINK,
      droppedEventsCount: 3,
      events: [
        {
          timeUnixNano: '1790000000123999000',
          name: 'notifications/progress',
          attributes: { 'sidelight.progress': 0.5 },
        },
      ],
      attributes: {
        ...always(4),
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'echo',
        'jsonrpc.request.id': '4',
        'sidelight.outcome': 'cancelled',
      },
    },
  },
  {
    promise: 'a call whose time ran out',
    sent: operation({
      operationId: 5,
      outcome: 'timeout',
      error: { code: undefined, type: 'timeout', message: 'Request timed out' },
    }),
    received: {
      ...spanIds(5),
      ...TIMES,
      flags: LOCAL,
      name: 'tools/call echo',
      kind: 'SPAN_KIND_SERVER',
      links: SESSION_LINK,
      status: { code: 'STATUS_CODE_ERROR', message: 'Request timed out' },
      attributes: {
        ...always(5),
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'echo',
        'jsonrpc.request.id': '5',
        'sidelight.outcome': 'timeout',
        'error.type': 'timeout',
      },
    },
  },
  {
    promise: 'a prompt, below a trace context that came in',
    sent: operation({
      operationId: 6,
      method: 'prompts/get',
      target: { kind: 'prompt', name: 'greet' },
      span: {
        ...spanIds(6),
        parentSpanId: 'ab'.repeat(8),
        traceState: 'vendor=value,other=1',
        sampled: true,
      },
    }),
    received: {
      ...spanIds(6),
      ...TIMES,
      parentSpanId: 'ab'.repeat(8),
      traceState: 'vendor=value,other=1',
      flags: REMOTE_PARENT,
      name: 'prompts/get greet',
      kind: 'SPAN_KIND_SERVER',
      attributes: {
        ...always(6),
        'mcp.method.name': 'prompts/get',
        'gen_ai.prompt.name': 'greet',
        'jsonrpc.request.id': '6',
        'sidelight.outcome': 'ok',
      },
    },
  },
  {
    promise: 'a resource, of the era without sessions, in an odd version of JSON-RPC',
    sent: operation({
      operationId: 7,
      method: 'resources/read',
      target: { kind: 'resource', name: 'test://é/"1"' },
      jsonrpc: '1.0',
      protocolVersion: '2026-07-28',
      ...failure(-32603),
    }),
    received: {
      ...spanIds(7),
      ...TIMES,
      flags: LOCAL,
      name: 'resources/read',
      kind: 'SPAN_KIND_SERVER',
      links: SESSION_LINK,
      status: { code: 'STATUS_CODE_ERROR', message: 'said so' },
      attributes: {
        ...always(7),
        'mcp.protocol.version': '2026-07-28',
        'mcp.method.name': 'resources/read',
        'mcp.resource.uri': 'test://é/"1"',
        'jsonrpc.request.id': '7',
        'jsonrpc.protocol.version': '1.0',
        'sidelight.outcome': 'protocol_error',
        'rpc.response.status_code': '-32603',
        'error.type': '-32603',
      },
    },
  },
];

describe.each(BOTH)('traces over %s, as an independent receiver understands them', (protocol) => {
  it.each(TABLE)('tell of $promise', async ({ sent, received }) => {
    const receiver = await startReceiver();
    const { sink } = sinkTo(receiver.endpoint, { otlp: { protocol } });
    await sink.write([described(), sent]);
    expect(receiver.spans()).toEqual([received]);
  });

  it('tell of the session as a root that its operations link to', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = sinkTo(receiver.endpoint, { otlp: { protocol } });
    await sink.write([described(), operation(), ended()]);
    const [call, session] = receiver.spans();
    expect(call).toMatchObject({ links: [{ traceId: session?.traceId, spanId: session?.spanId }] });
    expect(session).toEqual({
      ...SESSION_SPAN,
      flags: LOCAL,
      name: 'session',
      kind: 'SPAN_KIND_INTERNAL',
      startTimeUnixNano: '1790000000123456000',
      endTimeUnixNano: '1790000005123456000',
      attributes: {
        'network.transport': 'pipe',
        'sidelight.session.id': SESSION_ID,
        'sidelight.server.name': 'everything',
        'sidelight.session.end_cause': 'client_closed',
        'sidelight.session.probe': false,
        'sidelight.session.operations': 3,
        'sidelight.session.failed_operations': 1,
        'sidelight.session.findings': 0,
        'mcp.protocol.version': '2025-11-25',
        'sidelight.server.exit_code': 0,
      },
    });
    expect(Object.fromEntries(stats.counts())).toEqual({ spans_created: 2, spans_exported: 2 });
  });

  it('tell who sends them: the server, in this process, seen by Sidelight', async () => {
    const receiver = await startReceiver();
    const { sink } = sinkTo(receiver.endpoint, {
      otlp: { protocol, headers: { authorization: 'Basic abc' } },
      resourceAttributes: { 'deployment.environment.name': 'test' },
    });
    await sink.write([described(), operation()]);
    const [request] = receiver.requests;
    expect(request?.resource.attributes).toEqual({
      'service.name': 'everything',
      'service.version': '2.0.0',
      'service.instance.id': 'instance',
      'host.name': 'host',
      'process.pid': 42,
      'telemetry.sdk.name': 'sidelight',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.version': '0.1.0',
      'deployment.environment.name': 'test',
    });
    expect(request?.scopeSpans.map(({ scope }) => scope)).toEqual([{ name: 'sidelight', version: '0.1.0' }]);
    expect(receiver.headers).toEqual([
      expect.objectContaining({ authorization: 'Basic abc', 'user-agent': 'sidelight/0.1.0' }),
    ]);
  });

  it('tell of an unsampled operation nothing, but count it', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = sinkTo(receiver.endpoint, { otlp: { protocol } });
    const unsampled = operation({ span: { ...operation().span, sampled: false } });
    await sink.write([unsampled]);
    expect(receiver.headers).toEqual([]);
    await sink.write([unsampled, operation({ operationId: 2 })]);
    expect(receiver.spans()).toHaveLength(1);
    expect(Object.fromEntries(stats.counts())).toEqual({
      spans_created: 3,
      spans_unsampled: 2,
      spans_exported: 1,
    });
  });
});

describe('a configured service name', () => {
  it('stands above the resource attributes and the server', async () => {
    const receiver = await startReceiver();
    const { sink } = sinkTo(receiver.endpoint, {
      serviceName: 'mine',
      resourceAttributes: { 'service.name': 'theirs', 'service.version': '9' },
    });
    await sink.write([described(), operation()]);
    expect(receiver.requests[0]?.resource.attributes).toMatchObject({
      'service.name': 'mine',
      'service.version': '9',
    });
  });
});

describe('a request', () => {
  it('holds what waited, up to 3 MB, and one follows the other', async () => {
    const receiver = await startReceiver();
    const { sink, stats } = sinkTo(receiver.endpoint);
    await Promise.all([sink.write(operations(5000)), sink.write(operations(1))]);
    expect(receiver.requests.map(({ scopeSpans }) => scopeSpans[0]?.spans.length)).toEqual([
      2048, 2048, 904, 1,
    ]);
    expect(stats.counts().get('spans_exported')).toBe(5001);
  });

  it('holds fewer operations where they carry content', async () => {
    const receiver = await startReceiver();
    const { sink } = sinkTo(receiver.endpoint);
    const content = { arguments: 'a'.repeat(1024 * 1024) };
    await sink.write(Array.from({ length: 7 }, (_, operationId) => operation({ operationId, content })));
    expect(receiver.requests.map(({ scopeSpans }) => scopeSpans[0]?.spans.length)).toEqual([3, 3, 1]);
  });

  it('tells of each span its own attributes, however they differ from those of the span before', async () => {
    const receiver = await startReceiver();
    const { sink } = sinkTo(receiver.endpoint);
    const targets = ['a', 'b', 'b', undefined, 'b', 'a'].map((name) =>
      name === undefined ? undefined : ({ kind: 'tool', name } as const),
    );
    await sink.write(targets.map((target, operationId) => operation({ operationId, target })));
    const spans = receiver.requests.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
    for (const [id, target] of targets.entries()) {
      const attributes = spans[id]?.attributes as Record<string, unknown>;
      expect(attributes['gen_ai.tool.name']).toBe(target?.name);
      expect(attributes['sidelight.operation.id']).toBe(`${SESSION_ID}/${id}`);
    }
  });

  it('is compressed where the standard variable asks for it', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        expect(request.headers['content-encoding']).toBe('gzip');
        bodies.push(gunzipSync(Buffer.concat(chunks)).toString());
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { sink, stats } = sinkTo(`http://127.0.0.1:${port}`, {
      env: { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' },
    });
    await sink.write([operation()]);
    expect(stats.counts().get('spans_exported')).toBe(1);
    expect(JSON.parse(bodies[0] ?? '')).toHaveProperty('resourceSpans');
  });
});

describe('where a signal goes', () => {
  it.each([
    [undefined, undefined, undefined],
    ['http://h:4318', undefined, 'http://h:4318/v1/traces'],
    ['http://h:4318/', undefined, 'http://h:4318/v1/traces'],
    ['http://h/otlp', undefined, 'http://h/otlp/v1/traces'],
    ['http://h', 'http://t/as/it/is', 'http://t/as/it/is'],
  ])('follows the endpoint %s and the traces endpoint %s', (endpoint, tracesEndpoint, url) => {
    expect(otlpTarget({ ...OTLP, endpoint, tracesEndpoint }, 'traces')?.url).toBe(url);
  });

  it('is nowhere when it is not wanted, whatever endpoint there is', () => {
    const otlp = { ...OTLP, endpoint: 'http://h', metricsEndpoint: 'http://m', traces: false };
    expect(otlpTarget(otlp, 'traces')).toBeUndefined();
    expect(otlpTarget(otlp, 'metrics')).toBeUndefined();
    expect(otlpTarget({ ...otlp, metrics: true }, 'metrics')?.url).toBe('http://m');
    expect(otlpTarget({ ...otlp, logs: true }, 'logs')?.url).toBe('http://h/v1/logs');
  });

  it('has its own headers instead of the general ones, so that no key goes to another receiver', () => {
    const otlp = { ...OTLP, endpoint: 'http://h', logs: true, headers: { a: '1' }, logsHeaders: { b: '2' } };
    expect(otlpTarget(otlp, 'traces')?.headers).toEqual({ a: '1' });
    expect(otlpTarget(otlp, 'logs')?.headers).toEqual({ b: '2' });
  });
});

describe('the link to the recording', () => {
  const url = recordingUrls({ publicUrl: 'https://sidelight.example/x', record: 'full' });
  const page = `https://sidelight.example/x/sessions/${SESSION_ID}`;

  it.each(BOTH)('is on every span, legs and sessions included (%s)', async (protocol) => {
    const { endpoint, spans } = await startReceiver();
    const { sink } = sinkTo(endpoint, { otlp: { protocol }, recordingUrl: url });
    const [leg] = operation().legs;
    if (leg === undefined) throw new Error('an operation has a leg');
    await sink.write([
      operation({ operationId: 0 }),
      operation({ operationId: 7, legs: [{ ...leg, outcome: 'input_required' }, leg] }),
      ended(),
    ]);
    expect(spans().map(({ attributes }) => attributes['sidelight.recording.url'])).toEqual([
      `${page}#operation-0`,
      `${page}#operation-7`,
      `${page}#operation-7`,
      `${page}#operation-7`,
      page,
    ]);
  });

  it('is not there while nobody says where recordings are, or while nothing is recorded', () => {
    expect(recordingUrls({ publicUrl: undefined, record: 'full' })).toBeUndefined();
    expect(recordingUrls({ publicUrl: 'https://h', record: 'off' })).toBeUndefined();
  });
});
