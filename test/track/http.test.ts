import { describe, expect, it } from 'vitest';
import { Conversation, type ConversationOptions, type Exchange, MODERN_META } from './conversation.ts';

const talkOver = (options: ConversationOptions = {}): Conversation =>
  new Conversation({ transport: 'http', ...options });

/** A POST with a call of that name, in either era. */
function call(talk: Conversation, id: number, name: string, era: 'legacy' | 'modern' = 'legacy'): Exchange {
  const exchange = talk.exchange();
  exchange.client.calls(id, name, era === 'modern' ? MODERN_META : undefined);
  return exchange;
}

const line = (name: string, end: string): string => `tools/call ${name} ${end}`;

describe('an answer over HTTP', () => {
  it('belongs to the request of its exchange, however many clients number from 0', () => {
    const talk = talkOver();
    const first = call(talk, 0, 'a');
    const second = call(talk, 0, 'b');
    const third = call(talk, 0, 'c');
    second.server.answers(0, { isError: true });
    third.server.answers(0);
    first.server.fails(0, -32_603);
    expect(talk.outcomes()).toEqual([
      line('b', 'tool_error tool_error'),
      line('c', 'ok'),
      line('a', 'protocol_error -32603'),
    ]);
    expect(talk.findings()).toEqual([]);
  });

  it('keeps the ids of a batch apart, and their types', () => {
    const talk = talkOver();
    const exchange = talk.exchange();
    const asks = (id: unknown, name: string) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name },
    });
    exchange.says('client_to_server', [asks(1, 'number'), asks('1', 'text'), asks(2, 'other')]);
    exchange.says('server_to_client', [
      { jsonrpc: '2.0', id: '1', result: {} },
      { jsonrpc: '2.0', id: 2, error: { code: 1, message: '' } },
      { jsonrpc: '2.0', id: 1, result: { isError: true } },
    ]);
    exchange.ends();
    expect(talk.outcomes()).toEqual([
      line('text', 'ok'),
      line('other', 'protocol_error 1'),
      line('number', 'tool_error tool_error'),
    ]);
  });

  it('on a POST is never taken for another exchange that has the id open', () => {
    const talk = talkOver();
    const answered = call(talk, 1, 'a');
    call(talk, 1, 'b');
    answered.server.answers(1);
    answered.server.answers(1);
    const other = call(talk, 2, 'c');
    other.server.answers(1);
    expect(talk.outcomes()).toEqual([line('a', 'ok')]);
    expect(talk.findings()).toEqual(['duplicate_response', 'response_without_request']);
  });

  it('on a GET stream is of the one request of the session that has the id open', () => {
    const talk = talkOver();
    const broken = call(talk, 1, 'a');
    broken.event('1-0').notifies('notifications/progress', { progressToken: 'none', progress: 1 });
    broken.ends({ end: 'server_gone' });
    expect(talk.outcomes()).toEqual([]);
    talk.get(true).event('1-1').answers(1);
    expect(talk.outcomes()).toEqual([line('a', 'ok')]);
    expect(talk.findings()).toEqual([]);
  });

  it('on a GET stream is of none where two have the id open', () => {
    const talk = talkOver();
    call(talk, 1, 'a');
    call(talk, 1, 'b');
    talk.get().server.answers(1);
    expect(talk.outcomes()).toEqual([]);
    expect(talk.findings()).toEqual(['response_without_request']);
  });

  it('on a GET stream is found again when there is one left under the id', () => {
    const talk = talkOver();
    const first = call(talk, 1, 'a');
    call(talk, 1, 'b');
    first.server.answers(1);
    talk.get().server.answers(1);
    expect(talk.outcomes()).toEqual([line('a', 'ok'), line('b', 'ok')]);
  });

  it('without an id is of its exchange, which carried one request', () => {
    const talk = talkOver();
    const exchange = call(talk, 1, 'a');
    exchange.responds(400);
    exchange.says('server_to_client', { jsonrpc: '2.0', id: null, error: { code: -32_000, message: 'no' } });
    exchange.ends();
    expect(talk.outcomes()).toEqual([line('a', 'protocol_error -32000')]);
    expect(talk.finished()[0]).toMatchObject({ http: { status: 400 }, error: { message: 'no' } });
  });

  it('without an id and with no request to answer is no finding: so servers reject a GET', () => {
    const talk = talkOver();
    const get = talk.get();
    get.responds(405);
    get.says('server_to_client', { jsonrpc: '2.0', id: null, error: { code: -32_000, message: 'no' } });
    get.ends();
    expect(talk.findings()).toEqual([]);
  });

  it('to a request of the server comes on another exchange', () => {
    const talk = talkOver();
    const calling = call(talk, 1, 'a');
    calling.server.asks(0, 'sampling/createMessage');
    talk.exchange().client.answers(0);
    calling.server.answers(1);
    expect(talk.outcomes()).toEqual(['sampling/createMessage ok', line('a', 'ok')]);
    expect(talk.findings()).toEqual([]);
  });
});

describe('what a server says beside its answers', () => {
  it('is a child of the call on whose stream it asks, however many are in flight', () => {
    const talk = talkOver();
    const [, second] = [call(talk, 0, 'a'), call(talk, 0, 'b')];
    second.server.asks(0, 'elicitation/create');
    talk.exchange().client.answers(0);
    const [asked] = talk.finished();
    second.server.answers(0);
    const called = talk.finished()[1];
    expect(asked).toMatchObject({ parentOperationId: 1, span: { parentSpanId: called?.span.spanId } });
  });

  it('has no parent on a GET stream, or where a batch leaves it open', () => {
    const talk = talkOver();
    call(talk, 0, 'a');
    talk.get().server.asks(0, 'roots/list');
    const batch = talk.exchange();
    batch.client.calls(1, 'b');
    batch.client.calls(2, 'c');
    batch.server.asks(1, 'roots/list');
    talk.exchange().client.answers(0);
    talk.exchange().client.answers(1);
    expect(talk.finished().map(({ parentOperationId }) => parentOperationId)).toEqual([undefined, undefined]);
  });

  it('counts as progress where its token is: on the exchange, or once in the session', () => {
    const talk = talkOver();
    const progress = { progressToken: 0, progress: 1 };
    const exchanges = ['a', 'b'].map((name) => {
      const exchange = talk.exchange();
      exchange.client.calls(0, name, { progressToken: 0 });
      return exchange;
    });
    exchanges[1]?.server.notifies('notifications/progress', progress);
    talk.get().server.notifies('notifications/progress', progress);
    exchanges[0]?.server.answers(0);
    // Late, and not of the other call that has the token.
    exchanges[0]?.server.notifies('notifications/progress', progress);
    talk.get().server.notifies('notifications/progress', progress);
    exchanges[1]?.server.answers(0);
    expect(talk.finished().map(({ progressCount }) => progressCount)).toEqual([0, 2]);
  });

  it('is noted in the call of its exchange when it is a log message', () => {
    const talk = talkOver();
    const [first, second] = [call(talk, 0, 'a'), call(talk, 0, 'b')];
    second.server.notifies('notifications/message', { level: 'info', data: 'x' });
    talk.get().server.notifies('notifications/message', { level: 'info', data: 'x' });
    first.server.answers(0);
    second.server.answers(0);
    expect(talk.finished().map(({ notes }) => notes.length)).toEqual([0, 1]);
  });
});

describe('a cancel', () => {
  it('comes on an exchange of its own and means the id in the session', () => {
    const talk = talkOver();
    const calling = call(talk, 1, 'a');
    call(talk, 2, 'b');
    talk.exchange().client.cancels(1);
    calling.ends();
    expect(talk.outcomes()).toEqual([line('a', 'cancelled')]);
    calling.server.answers(1);
    expect(talk.findings()).toEqual(['late_result']);
  });

  it('that can mean two requests means none', () => {
    const talk = talkOver();
    call(talk, 1, 'a').server.answers(1);
    call(talk, 1, 'b');
    call(talk, 1, 'c');
    expect(talk.exchange().client.cancels(1).operationId).toBeUndefined();
    expect(talk.findings()).toEqual(['unknown_cancel']);
  });

  it('that crossed the answer is no finding', () => {
    const talk = talkOver();
    call(talk, 1, 'a').server.answers(1);
    talk.exchange().client.cancels(1);
    expect(talk.findings()).toEqual([]);
  });
});

describe('an exchange that ends without an answer', () => {
  const gone = 'client_gone';
  it.each([
    ['a rejection', 'legacy', 401, {}, 'http_error 401'],
    ['a rejection of which copies were lost', 'legacy', 500, { lost: true }, 'unknown _OTHER'],
    ['an answer of ours', 'modern', 502, { failure: 'refused' }, 'http_error 502'],
    [
      'an answer of ours, and lost copies',
      'modern',
      502,
      { failure: 'refused', lost: true },
      'http_error 502',
    ],
    ['a complete response', 'modern', 200, {}, 'abandoned _OTHER'],
    ['a complete response with lost copies', 'modern', 200, { lost: true }, 'unknown _OTHER'],
    ['a client that goes away, which is a cancel', 'modern', 200, { end: gone }, 'cancelled'],
    ['a client that goes before the response', 'modern', undefined, { end: gone }, 'cancelled'],
    ['a connection that breaks', 'modern', 200, { end: 'server_gone' }, 'disconnected _OTHER'],
    ['a connection that breaks', 'legacy', 200, { end: 'server_gone' }, 'disconnected _OTHER'],
    ['a complete response', 'legacy', 200, {}, 'abandoned _OTHER'],
    ['a client that goes away, which is no cancel', 'legacy', 200, { end: gone }, undefined],
    ['202, as the transport of 2024-11-05 says', 'legacy', 202, {}, undefined],
    ['202, which is no answer', 'modern', 202, {}, 'abandoned _OTHER'],
    ['our own end', 'modern', 200, { end: 'stopped' }, undefined],
  ] as const)('by %s (%s, %s)', (_how, era, status, ending, outcome) => {
    const talk = talkOver();
    const exchange = call(talk, 1, 'a', era);
    if (status !== undefined) exchange.responds(status);
    exchange.ends(ending);
    expect(talk.outcomes()).toEqual(outcome === undefined ? [] : [line('a', outcome)]);
    talk.ends('sidelight_stopped');
    expect(talk.outcomes()).toEqual([line('a', outcome ?? 'abandoned _OTHER')]);
    const failed = outcome !== 'cancelled' && outcome !== 'unknown _OTHER';
    expect(talk.of('session_ended')[0]?.failedOperations).toBe(failed ? 1 : 0);
  });

  it.each(['complete', 'server_gone'] as const)('stays open after %s where its events have ids', (end) => {
    const talk = talkOver();
    const exchange = call(talk, 1, 'a');
    exchange.responds(200);
    // The event that servers send first has an id and no message (SEP-1699).
    talk.tracker.resumable(exchange.id);
    exchange.ends({ end });
    expect(talk.outcomes()).toEqual([]);
    talk.get(true).event('2').answers(1);
    expect(talk.outcomes()).toEqual([line('a', 'ok')]);
  });

  it('on the transport of 2024-11-05 is answered on the GET stream, before or after', () => {
    const talk = talkOver();
    const stream = talk.get();
    const [early, late] = ['early', 'late'].map((name, id) => {
      const post = talk.exchange({ legacySse: true });
      post.client.calls(id, name);
      post.responds(200);
      return post;
    });
    stream.server.answers(0);
    early?.ends();
    late?.ends();
    stream.server.answers(1);
    expect(talk.outcomes()).toEqual([line('early', 'ok'), line('late', 'ok')]);
    expect(talk.findings()).toEqual(['deprecated_feature']);
  });

  it('says why: what we say in the place of the server, redacted, or the status', () => {
    const talk = talkOver({ redact: (text) => text.replaceAll('hunter2', '***') });
    const refused = call(talk, 1, 'a');
    refused.responds(502);
    refused.ends({ failure: 'refused', detail: 'connect to u:hunter2@host' });
    const rejected = call(talk, 2, 'b');
    rejected.responds(401);
    rejected.ends();
    expect(talk.finished().map(({ error }) => error)).toEqual([
      { code: undefined, type: '502', message: 'connect to u:***@host' },
      { code: undefined, type: '401', message: 'HTTP 401 without a JSON-RPC answer' },
    ]);
  });

  it('is late when its answer comes by another way after all', () => {
    const talk = talkOver();
    const exchange = call(talk, 1, 'a');
    exchange.responds(200);
    exchange.ends();
    talk.get().server.answers(1);
    expect(talk.findings()).toEqual(['http_without_json_rpc', 'late_result']);
    expect(talk.finished()).toHaveLength(1);
  });

  it('blames nobody for answers whose requests may be among lost copies', () => {
    const talk = talkOver();
    const lossy = talk.exchange();
    lossy.responds(200);
    lossy.ends({ lost: true });
    talk.exchange().server.answers(5);
    talk.exchange().client.cancels(6);
    expect(talk.findings()).toEqual([]);
  });
});

describe('a subscription over HTTP', () => {
  it.each([
    ['closed by its client', { end: 'client_gone' }, 'ok'],
    ['closed by its server', { end: 'complete' }, 'ok'],
    ['reset', { end: 'server_gone' }, 'disconnected _OTHER'],
    ['rejected', { end: 'complete', failure: 'timeout' }, 'http_error _OTHER'],
  ] as const)('that is %s', (_how, ending, outcome) => {
    const talk = talkOver();
    const exchange = talk.exchange();
    exchange.client.asks('l', 'subscriptions/listen', { _meta: MODERN_META });
    exchange.ends(ending);
    expect(talk.outcomes()).toEqual([`subscriptions/listen ${outcome}`]);
  });

  it('that the server ends by a result and a cancel is no finding', () => {
    const talk = talkOver();
    const [first, second] = [talk.exchange(), talk.exchange()];
    for (const { client } of [first, second])
      client.asks('l', 'subscriptions/listen', { _meta: MODERN_META });
    second.server.cancels('l');
    second.server.answers('l', { resultType: 'complete' });
    second.ends();
    expect(talk.finished().map(({ operationId, outcome }) => [operationId, outcome])).toEqual([[1, 'ok']]);
    expect(talk.findings()).toEqual([]);
  });
});

describe('messages that are said again', () => {
  it('to a client that resumes its stream are no second operation', () => {
    const talk = talkOver();
    const exchange = call(talk, 1, 'a');
    exchange.event('1').asks(7, 'roots/list');
    exchange.event('2').answers(1);
    const resumed = talk.get(true);
    expect(resumed.event('1').asks(7, 'roots/list')).toEqual({
      method: 'roots/list',
      operationId: 1,
      duplicate: true,
    });
    expect(resumed.event('2').answers(1)).toMatchObject({ operationId: 0, duplicate: true });
    expect(resumed.event('3').notifies('notifications/tools/list_changed').duplicate).toBeUndefined();
    expect(talk.findings()).toEqual([]);
    expect(talk.of('operation_started')).toHaveLength(2);
    expect(talk.of('message_seen')).toHaveLength(6);
  });

  it('are others where a server numbers each stream from the start', () => {
    const talk = talkOver();
    call(talk, 1, 'a').event('1').notifies('notifications/message', { level: 'info', data: 'same' });
    const second = call(talk, 1, 'b');
    expect(
      second.event('1').notifies('notifications/message', { level: 'info', data: 'same' }),
    ).toMatchObject({
      operationId: 1,
    });
    const resumed = talk.get(true);
    resumed.event('1').asks(1, 'roots/list');
    expect(talk.of('server_logged')).toHaveLength(2);
    expect(talk.of('operation_started')).toHaveLength(3);
  });

  it('are remembered up to a bound', () => {
    const talk = talkOver({ limits: { maxEventIds: 2 } });
    const stream = talk.get();
    for (const id of [1, 2, 3]) stream.event(`e${id}`).asks(id, 'roots/list');
    const resumed = talk.get(true);
    const again = [1, 2, 3].map((id) => resumed.event(`e${id}`).asks(id, 'roots/list').duplicate);
    // What is said again is remembered again, in the place of the oldest.
    expect(again).toEqual([undefined, undefined, undefined]);
    expect(talk.get(true).event('e3').asks(3, 'roots/list').duplicate).toBe(true);
  });
});

describe('trace context', () => {
  const of = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16) });
  const traceparent = (digit: string) => `00-${of(digit).traceId}-${of(digit).spanId}-01`;

  it.each([
    ['only the message', '1', undefined, '1', undefined],
    ['only the header', undefined, '2', '2', undefined],
    ['both, and the same', '1', '1', '1', undefined],
    ['both, and different', '1', '2', '1', [of('2')]],
  ])('comes from %s', (_where, meta, header, parent, links) => {
    const talk = talkOver();
    const exchange = talk.exchange(header === undefined ? {} : { traceparent: traceparent(header) });
    exchange.client.calls(1, 'a', meta === undefined ? undefined : { traceparent: traceparent(meta) });
    exchange.server.answers(1);
    const [operation] = talk.finished();
    expect(operation?.span).toMatchObject({ traceId: of(parent).traceId, parentSpanId: of(parent).spanId });
    expect(operation?.spanLinks).toEqual(links);
    expect(talk.findings()).toEqual([]);
  });

  it.each([
    [
      'the header stands in for a malformed one in the message',
      'nonsense',
      traceparent('2'),
      of('2').traceId,
    ],
    ['nothing stands in for two that are malformed', 'nonsense', 'more', undefined],
    ['a malformed header is no link', traceparent('1'), 'nonsense', of('1').traceId],
    ['a malformed header alone is a finding', undefined, 'nonsense', undefined],
  ])('%s', (_what, meta, header, traceId) => {
    const talk = talkOver();
    const exchange = talk.exchange({ traceparent: header });
    exchange.client.calls(1, 'a', { traceparent: meta });
    exchange.server.answers(1);
    const [operation] = talk.finished();
    expect(operation?.spanLinks).toBeUndefined();
    if (traceId === undefined) expect(operation?.span.parentSpanId).toBeUndefined();
    else expect(operation?.span.traceId).toBe(traceId);
    expect(new Set(talk.findings())).toEqual(new Set(['malformed_trace_context']));
  });

  it('of a header is not what a request of the server stands in', () => {
    const talk = talkOver();
    const stream = talk.exchange({ method: 'GET', traceparent: traceparent('3') });
    stream.server.asks(0, 'roots/list');
    talk.exchange().client.answers(0);
    expect(talk.finished()[0]?.span.parentSpanId).toBeUndefined();
  });
});

describe('HTTP facts of an operation', () => {
  it('are those of the exchange on which it was asked', () => {
    const talk = talkOver();
    talk.tracker.recognised({ sessionIdHash: 'abcd' }, talk.now());
    const legacy = call(talk, 1, 'a');
    legacy.responds(200);
    legacy.server.answers(1);
    call(talk, 2, 'b', 'modern').server.answers(2);
    expect(talk.finished()[0]?.http).toEqual({
      method: 'POST',
      path: '/mcp',
      status: 200,
      protocolVersion: '1.1',
      clientAddress: '192.0.2.7',
      clientPort: 50_000,
      serverAddress: 'localhost',
      serverPort: 3000,
      sessionIdHash: 'abcd',
    });
    expect(talk.finished()[1]?.http).not.toHaveProperty('sessionIdHash');
    expect(talk.finished()[1]?.http?.status).toBeUndefined();
  });

  it('are none on a pipe', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'a');
    talk.server.answers(1);
    expect(talk.finished()[0]).not.toHaveProperty('http');
    expect(talk.finished()[0]).not.toHaveProperty('spanLinks');
  });

  it('tell the session by what it is recognised', () => {
    const talk = talkOver();
    const inferred = { evidence: ['client_info', 'address'], confidence: 'medium' } as const;
    talk.tracker.recognised({ inferred }, talk.now());
    expect(talk.of('session_described')).toMatchObject([{ inferred }]);
  });
});

describe('bounds over HTTP', () => {
  it('beyond them exchanges are told once and answers are still found', () => {
    const talk = talkOver({ limits: { maxExchanges: 1 } });
    const [known, unknown] = [call(talk, 1, 'a'), call(talk, 1, 'b')];
    talk.exchange();
    unknown.server.answers(1);
    known.server.answers(1);
    expect(talk.outcomes()).toEqual([line('b', 'ok'), line('a', 'ok')]);
    expect(talk.findings()).toEqual(['tracking_overflow']);
    known.ends();
    expect(call(talk, 2, 'c').server.answers(2).operationId).toBe(2);
    expect(talk.finished()[2]?.http).toBeDefined();
  });

  it('a finding of the caller is counted and cleaned like any other', () => {
    const talk = talkOver({ redact: (text) => text.replaceAll('hunter2', '***') });
    const where = { channel: 'client_to_server', seq: 3, atUs: talk.now() } as const;
    talk.tracker.raise('header_mismatch', where, 'Mcp-Name: hunter2', 9);
    expect(talk.of('finding_raised')).toMatchObject([
      { rule: 'header_mismatch', seq: 3, operationId: 9, detail: 'Mcp-Name: ***' },
    ]);
    expect(talk.ends().of('session_ended')[0]?.findings).toBe(1);
    talk.tracker.raise('session_expired', where, 'x');
    expect(talk.findings()).toHaveLength(1);
  });
});
