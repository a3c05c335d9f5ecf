import { describe, expect, it } from 'vitest';
import type { OperationFinished } from '../../src/event/event.ts';
import { operationSpans, sessionSpan, type Span, spanCount } from '../../src/sink/span.ts';
import { ended, operation, OVER_HTTP, SESSION_ID, SESSION_SPAN, spanIds, START_US } from './events.ts';

function span(differs: Partial<OperationFinished> = {}): Span {
  const [only, ...more] = operationSpans(operation(differs));
  if (only === undefined || more.length > 0) throw new Error('one span was expected');
  return only;
}

const failed = (code: number): Partial<OperationFinished> => ({
  outcome: 'protocol_error',
  error: { code, type: String(code), message: 'no' },
});

describe('the status of a span', () => {
  it.each([-32700, -32600, -32601, -32602, -32002])(
    'is UNSET for %d on SERVER, with the code told',
    (code) => {
      const server = span(failed(code));
      expect(server.kind).toBe('server');
      expect(server.error).toBeUndefined();
      expect(server.attributes).toMatchObject({ 'rpc.response.status_code': String(code) });
      expect(server.attributes).not.toHaveProperty('error.type');
    },
  );

  it.each([-32603, -32000, -32001, -32042, 0, 1, 500])('is ERROR for %d on SERVER', (code) => {
    const server = span(failed(code));
    expect(server.error).toEqual({ message: 'no' });
    expect(server.attributes).toMatchObject({
      'error.type': String(code),
      'rpc.response.status_code': String(code),
    });
  });

  it.each([-32700, -32600, -32601, -32602, -32002, -32603, 1])('is ERROR for %d on CLIENT', (code) => {
    const client = span({ ...failed(code), initiator: 'server_to_client' });
    expect(client.kind).toBe('client');
    expect(client.error).toEqual({ message: 'no' });
    expect(client.attributes).toMatchObject({ 'error.type': String(code) });
  });

  it.each(['ok', 'cancelled', 'input_required'] as const)('is UNSET for %s', (outcome) => {
    expect(span({ outcome }).error).toBeUndefined();
    expect(span({ outcome }).attributes).toMatchObject({ 'sidelight.outcome': outcome });
  });

  it.each([
    ['tool_error', 'tool_error'],
    ['timeout', 'timeout'],
  ] as const)('is ERROR for %s, without a response code', (outcome, type) => {
    const { error, attributes } = span({ outcome, error: { code: undefined, type, message: undefined } });
    expect(error).toEqual({ message: undefined });
    expect(attributes).toMatchObject({ 'error.type': type });
    expect(attributes).not.toHaveProperty('rpc.response.status_code');
  });

  it.each(['abandoned', 'server_crashed'] as const)('is ERROR of type _OTHER for %s', (outcome) => {
    expect(span({ outcome }).attributes).toMatchObject({ 'error.type': '_OTHER' });
  });
});

describe('where a span hangs', () => {
  it('is a root with a link to the session where no parent came in', () => {
    expect(span()).toMatchObject({ parentSpanId: undefined, links: [SESSION_SPAN] });
  });

  it('is below the context that came in, without a link', () => {
    const identity = { ...spanIds(1), parentSpanId: 'ab'.repeat(8), traceState: 'a=1', sampled: true };
    expect(span({ span: identity })).toMatchObject({
      parentSpanId: 'ab'.repeat(8),
      parentIsRemote: true,
      traceState: 'a=1',
      links: [],
    });
  });

  it('is below the call it serves, which is no remote parent', () => {
    const identity = { ...spanIds(2), parentSpanId: spanIds(1).spanId, traceState: undefined, sampled: true };
    expect(span({ span: identity, parentOperationId: 1 })).toMatchObject({
      parentSpanId: spanIds(1).spanId,
      parentIsRemote: false,
    });
  });
});

describe('the name of a span', () => {
  it.each([
    [{ kind: 'tool', name: 'echo' }, 'tools/call', 'tools/call echo'],
    [{ kind: 'prompt', name: 'greet' }, 'prompts/get', 'prompts/get greet'],
    [{ kind: 'resource', name: 'file:///etc/hosts' }, 'resources/read', 'resources/read'],
    [undefined, 'tools/list', 'tools/list'],
  ] as const)('of %o is made of the method and a name of few values', (target, method, name) => {
    expect(span({ target, method }).name).toBe(name);
  });
});

describe('attributes', () => {
  it('tell an id as text, and none for null', () => {
    expect(span({ requestId: 0 }).attributes).toMatchObject({ 'jsonrpc.request.id': '0' });
    expect(span({ requestId: 'a' }).attributes).toMatchObject({ 'jsonrpc.request.id': 'a' });
    const none = operationSpans({ ...operation(), requestId: null })[0];
    expect(none?.attributes).not.toHaveProperty('jsonrpc.request.id');
  });

  it('never hold more than a bounded text, nor half a character', () => {
    const long = `\ud83d${'x'.repeat(100_000)}`;
    const { name, attributes, error } = span({
      ...failed(1),
      error: { code: 1, type: '1', message: long },
      method: long,
      target: { kind: 'tool', name: long },
    });
    for (const text of [
      name,
      attributes['mcp.method.name'],
      attributes['gen_ai.tool.name'],
      error?.message,
    ]) {
      expect(text).toHaveLength(1024);
      expect(text).not.toMatch(/\p{Surrogate}/u);
    }
  });

  it('leave characters beyond the first plane as they are', () => {
    expect(span({ target: { kind: 'tool', name: '𝒳😀' } }).name).toBe('tools/call 𝒳😀');
  });
});

describe('over HTTP', () => {
  it('a SERVER span tells of the request, the response and the client', () => {
    expect(span(OVER_HTTP)).toMatchObject({ kind: 'server' });
    const { attributes } = span(OVER_HTTP);
    expect(attributes).toMatchObject({
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'network.protocol.version': '1.1',
      'http.request.method': 'POST',
      'url.path': '/mcp',
      'http.response.status_code': 200,
      'mcp.session.id': '0123456789abcdef',
      'client.address': '192.0.2.7',
      'client.port': 50_123,
    });
    expect(attributes).not.toHaveProperty('server.address');
    expect(attributes).not.toHaveProperty('server.port');
  });

  it('a CLIENT span tells of the server', () => {
    const { kind, attributes } = span({ ...OVER_HTTP, initiator: 'server_to_client', method: 'roots/list' });
    expect(kind).toBe('client');
    expect(attributes).toMatchObject({ 'server.address': 'mcp.example', 'server.port': 443 });
    expect(attributes).not.toHaveProperty('client.address');
    expect(attributes).not.toHaveProperty('client.port');
  });

  it('tells no status, no session and no port where there is none', () => {
    const { attributes } = span({
      transport: 'http',
      http: {
        method: 'POST',
        path: '/mcp',
        status: undefined,
        protocolVersion: '1.1',
        clientAddress: 'unix',
        clientPort: undefined,
        serverAddress: 'mcp.example',
        serverPort: undefined,
      },
    });
    for (const name of ['mcp.session.id', 'http.response.status_code', 'client.port'])
      expect(attributes).not.toHaveProperty([name]);
  });

  it('links what the caller told of beside the parent, after the session', () => {
    const told = { traceId: 'cc'.repeat(16), spanId: 'dd'.repeat(8) };
    expect(span({ ...OVER_HTTP, spanLinks: [told] }).links).toEqual([SESSION_SPAN, told]);
    const identity = { ...spanIds(1), parentSpanId: 'ab'.repeat(8), traceState: undefined, sampled: true };
    expect(span({ ...OVER_HTTP, span: identity, spanLinks: [told] }).links).toEqual([told]);
  });

  it('the span of a session says how it was reached and why it ended', () => {
    const { attributes, error } = sessionSpan(ended({ transport: 'http', cause: 'expired' }));
    expect(attributes).toMatchObject({
      'network.transport': 'tcp',
      'sidelight.session.end_cause': 'expired',
    });
    expect(error).toBeUndefined();
  });
});

describe('on stdio', () => {
  it('a span is of a pipe and knows no HTTP', () => {
    const { attributes } = span();
    expect(attributes).toMatchObject({ 'network.transport': 'pipe' });
    expect(
      Object.keys(attributes).filter((name) => /^(?:http|url|client|server|network\.p)/.test(name)),
    ).toEqual([]);
  });
});

describe('progress and log messages', () => {
  it('are events of the span, in order, and what was not kept is counted', () => {
    const { events, droppedEvents } = span({
      notes: [
        { atUs: START_US + 1, method: 'notifications/progress', progress: 1, total: 2 },
        { atUs: START_US + 2, method: 'notifications/message', level: 'info' },
      ],
      notesDropped: 7,
    });
    expect(events).toEqual([
      {
        atUs: START_US + 1,
        name: 'notifications/progress',
        attributes: { 'sidelight.progress': 1, 'sidelight.progress.total': 2 },
      },
      { atUs: START_US + 2, name: 'notifications/message', attributes: { 'sidelight.log.level': 'info' } },
    ]);
    expect(droppedEvents).toBe(7);
  });
});

describe('an operation of several legs', () => {
  const legs = [
    { requestId: 1, startedAtUs: START_US, endedAtUs: START_US + 1000, outcome: 'input_required' },
    { requestId: 2, startedAtUs: START_US + 4500, endedAtUs: START_US + 6000, outcome: 'tool_error' },
  ] as const;
  const several = operation({
    legs,
    outcome: 'tool_error',
    error: { code: undefined, type: 'tool_error', message: 'm' },
  });
  const [parent, first, second] = operationSpans(several);

  it('has a child for each leg, of which only the last one can be an error', () => {
    expect(operationSpans(several)).toHaveLength(3);
    expect(spanCount(several)).toBe(3);
    expect(first).toMatchObject({
      traceId: parent?.traceId,
      parentSpanId: parent?.spanId,
      kind: 'internal',
      startUs: START_US,
      endUs: START_US + 1000,
      error: undefined,
      attributes: {
        'jsonrpc.request.id': '1',
        'sidelight.leg.index': 0,
        'sidelight.outcome': 'input_required',
        'sidelight.operation.id': `${SESSION_ID}/1`,
      },
    });
    expect(second).toMatchObject({ parentSpanId: parent?.spanId, error: { message: 'm' } });
    expect(new Set([parent, first, second].map((one) => one?.spanId)).size).toBe(3);
  });

  it('tells how long somebody was waited for', () => {
    expect(parent?.attributes).toMatchObject({ 'sidelight.input_wait_ms': 3.5 });
    expect(parent?.events.map(({ name, atUs }) => [name, atUs - START_US])).toEqual([
      ['input_required', 1000],
      ['input_received', 4500],
    ]);
  });

  it('gives the same spans again for the same events', () => {
    expect(operationSpans(several)).toEqual([parent, first, second]);
  });
});

describe('a task', () => {
  it('tells its states as events, and how often it was asked about', () => {
    const task = {
      polls: 4,
      states: [
        { atUs: START_US + 10, status: 'working' },
        { atUs: START_US + 20, status: 'completed' },
      ],
    };
    const { attributes, events } = span({ task });
    expect(attributes).toMatchObject({ 'sidelight.task.polls': 4 });
    expect(events).toEqual([
      { atUs: START_US + 10, name: 'task_status', attributes: { 'sidelight.task.status': 'working' } },
      { atUs: START_US + 20, name: 'task_status', attributes: { 'sidelight.task.status': 'completed' } },
    ]);
  });
});

describe('a subscription', () => {
  it('tells what it brought and who closed it', () => {
    const subscription = { acknowledgedAtUs: START_US, notifications: 7, closedBy: 'client' } as const;
    expect(span({ stream: true, subscription }).attributes).toMatchObject({
      'sidelight.subscription.notifications': 7,
      'sidelight.subscription.closed_by': 'client',
    });
  });
});

describe('the span of a session', () => {
  it('is a root that lasts as long as the session', () => {
    expect(sessionSpan(ended())).toEqual({
      ...SESSION_SPAN,
      parentSpanId: undefined,
      parentIsRemote: true,
      traceState: undefined,
      name: 'session',
      kind: 'internal',
      startUs: START_US,
      endUs: START_US + 5_000_000,
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
      events: [],
      droppedEvents: 0,
      links: [],
      error: undefined,
    });
  });

  it.each(['server_crashed', 'start_failed'] as const)('is an error after %s', (cause) => {
    const crashed = sessionSpan(ended({ cause, exitCode: null, exitSignal: 'SIGSEGV' }));
    expect(crashed.error).toEqual({ message: undefined });
    expect(crashed.attributes).toMatchObject({
      'error.type': cause,
      'sidelight.server.exit_signal': 'SIGSEGV',
    });
    expect(crashed.attributes).not.toHaveProperty('sidelight.server.exit_code');
  });
});
