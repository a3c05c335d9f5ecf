import { describe, expect, it } from 'vitest';
import { Conversation, MODERN_META, STEP_US } from './conversation.ts';

describe('a request and its answer are one operation', () => {
  it('with times, sizes, ids and frames of both', () => {
    const talk = new Conversation().initialized();
    expect(talk.client.calls(0, 'echo')).toEqual({ method: 'tools/call', operationId: 1 });
    expect(talk.server.answers(0, { content: [] })).toEqual({ method: 'tools/call', operationId: 1 });
    const [operation] = talk.finished();
    expect(operation).toMatchObject({
      operationId: 1,
      initiator: 'client_to_server',
      method: 'tools/call',
      target: { kind: 'tool', name: 'echo' },
      requestId: 0,
      outcome: 'ok',
      error: undefined,
      firstSeq: 3,
      lastSeq: 4,
      server: 'files',
      protocolVersion: '2025-11-25',
      stream: false,
      parentOperationId: undefined,
    });
    expect(operation?.endedAtUs).toBe((operation?.startedAtUs ?? 0) + STEP_US);
    expect(operation?.legs).toHaveLength(1);
    expect(operation?.resultBytes).toBeGreaterThan(20);
  });

  it.each([
    ['a result', { content: [] }, 'tools/call t ok'],
    [
      'isError',
      { content: [{ type: 'text', text: 'boom' }], isError: true },
      'tools/call t tool_error tool_error',
    ],
    ['isError false', { isError: false }, 'tools/call t ok'],
    ['a complete result of the modern era', { resultType: 'complete' }, 'tools/call t ok'],
  ])('%s ends a tool call as %s', (_what, result, line) => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    talk.server.answers(1, result);
    expect(talk.outcomes()).toEqual([line]);
  });

  it('takes isError only from tools, and their first text as the message', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    talk.server.answers(1, { content: [{ type: 'text', text: 'disk is full' }], isError: true });
    talk.client.asks(2, 'ping');
    talk.server.answers(2, { isError: true });
    expect(talk.outcomes()).toEqual(['tools/call t tool_error tool_error', 'ping ok']);
    expect(talk.finished()[0]?.error?.message).toBe('disk is full');
  });

  it.each([-32_700, -32_600, -32_601, -32_602, -32_603, -32_002, -32_042, 42])(
    'code %s ends it as a protocol error',
    (code) => {
      const talk = new Conversation();
      talk.client.asks('a', 'prompts/get', { name: 'p' });
      talk.server.fails('a', code, 'why');
      expect(talk.outcomes()).toEqual([`prompts/get p protocol_error ${code}`]);
      expect(talk.finished()[0]?.error).toEqual({ code, type: String(code), message: 'why' });
    },
  );

  it('an error without a code is still an error', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'ping');
    talk.say('server_to_client', { jsonrpc: '2.0', id: 1, error: { message: 'x' } });
    expect(talk.outcomes()).toEqual(['ping protocol_error _OTHER']);
  });

  it('keeps both directions apart, and the types of ids', () => {
    const talk = new Conversation();
    talk.client.asks(0, 'ping');
    talk.client.asks('0', 'tools/list');
    talk.server.asks(0, 'roots/list');
    talk.server.answers('0', { tools: [] });
    talk.client.answers(0, { roots: [] });
    talk.server.answers(0);
    expect(talk.outcomes()).toEqual(['tools/list ok', 'roots/list ok', 'ping ok']);
    expect(talk.findings()).toEqual([]);
  });

  it('takes an id again once it is free', () => {
    const talk = new Conversation();
    for (const name of ['a', 'b', 'c']) {
      talk.client.calls(7, name);
      talk.server.answers(7);
    }
    expect(talk.outcomes()).toEqual(['tools/call a ok', 'tools/call b ok', 'tools/call c ok']);
    expect(talk.findings()).toEqual([]);
  });

  it('answers in any order, and members of a batch one by one', () => {
    const talk = new Conversation();
    talk.say(
      'client_to_server',
      [1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: `t${id}` } })),
    );
    talk.say('server_to_client', [
      { jsonrpc: '2.0', id: 3, result: {} },
      { jsonrpc: '2.0', id: 1, error: { code: 1, message: '' } },
    ]);
    talk.server.answers(2);
    expect(talk.outcomes()).toEqual([
      'tools/call t3 ok',
      'tools/call t1 protocol_error 1',
      'tools/call t2 ok',
    ]);
  });

  it('carries arguments and result of a tool call only when asked, redacted and cut', () => {
    const speak = (captureContent: boolean): Conversation => {
      const redact = (text: string): string => text.replaceAll('hunter2', '***');
      const talk = new Conversation({ captureContent, redact, limits: { maxContentChars: 40 } });
      talk.client.asks(1, 'tools/call', { name: 't', arguments: { password: 'hunter2' } });
      talk.server.answers(1, { content: [{ type: 'text', text: 'x'.repeat(100) }] });
      talk.client.asks(2, 'prompts/get', { name: 'p', arguments: { a: 1 } });
      talk.server.answers(2);
      return talk;
    };
    expect(
      speak(false)
        .finished()
        .map(({ content }) => content),
    ).toEqual([undefined, undefined]);
    const [call, prompt] = speak(true).finished();
    expect(call?.content?.arguments).toBe('{"password":"***"}');
    expect(call?.content?.result).toMatch(/^\{"content":\[.{28}…$/);
    expect(prompt?.content).toBeUndefined();
  });

  it('knows methods that it does not know as generic ones', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'vendor/thing', { name: 'not a target' });
    talk.server.answers(1);
    expect(talk.finished()[0]).toMatchObject({ method: 'vendor/thing', target: undefined, outcome: 'ok' });
  });

  it('names a resource by its URI, without what may be secret in it', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'resources/read', { uri: 'https://user:pw@host/a/b?key=1#x' });
    talk.server.answers(1);
    expect(talk.finished()[0]?.target).toEqual({ kind: 'resource', name: 'https://host/a/b' });
  });
});

describe('an id used twice', () => {
  it('while in flight is a finding; the answers go to the older one first, and none is lost', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'first');
    talk.client.calls(1, 'second');
    talk.server.answers(1);
    talk.server.answers(1);
    expect(talk.findings()).toEqual(['request_id_reused']);
    expect(talk.outcomes()).toEqual(['tools/call first ok', 'tools/call second ok']);
  });
});

describe('answers that answer nothing', () => {
  it.each([
    ['to a request that never was', () => undefined, 'response_without_request'],
    [
      'a second time',
      (talk: Conversation) => (talk.client.asks(1, 'ping'), talk.server.answers(1)),
      'duplicate_response',
    ],
    [
      'after the cancel',
      (talk: Conversation) => (talk.client.asks(1, 'ping'), talk.client.cancels(1)),
      'late_result',
    ],
  ])('%s are a finding and no second operation', (_when, before, rule) => {
    const talk = new Conversation();
    before(talk);
    const finished = talk.finished().length;
    talk.server.answers(1);
    expect(talk.findings()).toEqual([rule]);
    expect(talk.finished()).toHaveLength(finished);
  });

  it('an error without an id is none where it refuses a frame that was no message', () => {
    const talk = new Conversation().initialized();
    talk.say('client_to_server', '{"jsonrpc":"2.0","id":1,');
    talk.server.fails(undefined, -32_700);
    expect(talk.findings()).toEqual(['invalid_frame']);
    talk.server.fails(undefined, -32_700);
    expect(talk.findings()).toEqual(['invalid_frame', 'response_without_request']);
  });

  it('an error without an id is one too', () => {
    const talk = new Conversation();
    talk.server.fails(undefined, -32_700, 'Parse error');
    talk.server.fails(null, -32_700, 'Parse error');
    expect(talk.findings()).toEqual(['response_without_request', 'response_without_request']);
  });
});

describe('a cancel', () => {
  it.each([
    [undefined, 'tools/call t cancelled'],
    ['user went away', 'tools/call t cancelled'],
    ['McpError: MCP error -32001: Request timed out', 'tools/call t timeout timeout'],
    ['Timeout of 5 s', 'tools/call t timeout timeout'],
  ])('with the reason %j ends the call as it says', (reason, line) => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    talk.client.cancels(1, reason);
    expect(talk.outcomes()).toEqual([line]);
  });

  it('of the server ends what the server asked', () => {
    const talk = new Conversation();
    talk.server.asks(1, 'sampling/createMessage');
    talk.client.asks(1, 'ping');
    talk.server.cancels(1);
    talk.server.answers(1);
    expect(talk.outcomes()).toEqual(['sampling/createMessage cancelled', 'ping ok']);
  });

  it('of nothing is a finding; of what is answered already is not', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'ping');
    talk.server.answers(1);
    talk.client.cancels(1);
    expect(talk.findings()).toEqual([]);
    talk.client.cancels(99);
    expect(talk.findings()).toEqual(['unknown_cancel']);
  });

  it('of initialize does not end it, since the specification forbids it', () => {
    const talk = new Conversation();
    talk.client.asks(0, 'initialize', { protocolVersion: '2025-11-25' });
    talk.client.cancels(0);
    talk.server.answers(0, { protocolVersion: '2025-11-25' });
    expect(talk.of('operation_finished').map(({ outcome }) => outcome)).toEqual(['ok']);
    expect(talk.findings()).toEqual([]);
  });
});

describe('progress and log messages', () => {
  it('are notes of the call whose token they carry, in the direction that fits', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'a', { progressToken: 1 });
    talk.client.calls(2, 'b', { progressToken: 'x' });
    talk.server.notifies('notifications/progress', { progressToken: 'x', progress: 1, total: 2 });
    talk.client.notifies('notifications/progress', { progressToken: 'x', progress: 1 });
    talk.server.answers(1);
    talk.server.answers(2);
    const [a, b] = talk.finished();
    expect([a?.progressCount, b?.progressCount]).toEqual([0, 1]);
    expect(b?.notes).toMatchObject([{ method: 'notifications/progress', progress: 1, total: 2 }]);
  });

  it('are counted beyond the cap', () => {
    const talk = new Conversation({ limits: { maxNotes: 2 } });
    talk.client.calls(1, 'a', { progressToken: 1 });
    for (let progress = 1; progress <= 5; progress += 1)
      talk.server.notifies('notifications/progress', { progressToken: 1, progress });
    talk.server.answers(1);
    expect(talk.finished()[0]).toMatchObject({ progressCount: 5, notesDropped: 3 });
    expect(talk.finished()[0]?.notes).toHaveLength(2);
  });

  it('log with their level; they are a note only where one call alone can mean them', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'a');
    talk.server.notifies('notifications/message', { level: 'warning', logger: 'db', data: { slow: true } });
    talk.client.calls(2, 'b');
    talk.server.notifies('notifications/message', { level: 'info', data: 'plain' });
    talk.server.answers(1);
    talk.server.answers(2);
    expect(talk.of('server_logged')).toMatchObject([
      { origin: 'notification', level: 'warning', logger: 'db', text: '{"slow":true}' },
      { level: 'info', text: 'plain' },
    ]);
    expect(talk.finished().map(({ notes }) => notes.length)).toEqual([1, 0]);
  });
});

describe('what the server asks', () => {
  it('is a child of the call in flight when there is exactly one', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'ask-model');
    talk.server.asks(1, 'sampling/createMessage');
    talk.client.answers(1);
    talk.server.answers(1);
    const [asked, call] = talk.finished();
    expect(asked).toMatchObject({ initiator: 'server_to_client', parentOperationId: call?.operationId });
    expect(asked?.span).toMatchObject({ traceId: call?.span.traceId, parentSpanId: call?.span.spanId });
  });

  it.each([0, 2])('hangs under nothing when %s calls are in flight', (calls) => {
    const talk = new Conversation();
    for (let id = 0; id < calls; id += 1) talk.client.calls(id, 't');
    talk.server.asks(0, 'elicitation/create');
    talk.client.answers(0);
    expect(talk.finished()[0]).toMatchObject({
      parentOperationId: undefined,
      span: { parentSpanId: undefined },
    });
  });

  it('does not hang under a subscription', () => {
    const talk = new Conversation();
    talk.client.asks('listen:0', 'subscriptions/listen', { _meta: MODERN_META });
    talk.server.asks(0, 'roots/list');
    talk.client.answers(0);
    expect(talk.finished()[0]?.parentOperationId).toBeUndefined();
  });
});

describe('trace context', () => {
  const TRACE = '0af7651916cd43dd8448eb211c80319c';
  const SPAN = 'b7ad6b7169203331';

  it.each([
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`cc-${TRACE}-${SPAN}-03-more`, true],
  ])('%s is the parent', (traceparent, sampled) => {
    const talk = new Conversation();
    talk.client.calls(1, 't', { traceparent, tracestate: 'a=b' });
    talk.server.answers(1);
    expect(talk.finished()[0]?.span).toMatchObject({
      traceId: TRACE,
      parentSpanId: SPAN,
      traceState: 'a=b',
      sampled,
    });
  });

  it.each([
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    'nonsense',
  ])('%s is malformed: a finding, and a root', (traceparent) => {
    const talk = new Conversation();
    talk.client.calls(1, 't', { traceparent });
    talk.server.answers(1);
    expect(talk.findings()).toEqual(['malformed_trace_context']);
    expect(talk.finished()[0]?.span.parentSpanId).toBeUndefined();
  });
});

describe('subscriptions', () => {
  it.each([
    ['a result', (talk: Conversation) => talk.server.answers('l', { resultType: 'complete' })],
    ['a cancel of the client', (talk: Conversation) => talk.client.cancels('l')],
    ['a cancel of the server', (talk: Conversation) => talk.server.cancels('l')],
    ['the end of the session', (talk: Conversation) => talk.ends()],
  ])('are streams, and ended well by %s', (_how, finish) => {
    const talk = new Conversation();
    talk.client.asks('l', 'subscriptions/listen', { _meta: MODERN_META });
    finish(talk);
    expect(talk.finished()).toMatchObject([{ stream: true, outcome: 'ok' }]);
    expect(talk.findings()).toEqual([]);
  });
});
