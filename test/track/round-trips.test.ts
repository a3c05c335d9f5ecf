import { describe, expect, it } from 'vitest';
import { Conversation, type ConversationOptions, MODERN_META, type Side } from './conversation.ts';

const ASK_NAME = { name: { method: 'elicitation/create', params: { message: 'Who?' } } };
const ANSWER_NAME = { name: { action: 'accept', content: { name: 'Ada' } } };

interface Call {
  readonly name?: string;
  readonly arguments?: unknown;
  readonly inputResponses?: unknown;
  readonly requestState?: unknown;
}

/** A tools/call of 2026-07-28, in the form in which it is sent again. */
function calls(side: Side, id: number, { name = 'greet', arguments: args = {}, ...retry }: Call = {}) {
  return side.asks(id, 'tools/call', { name, arguments: args, ...retry, _meta: MODERN_META });
}

function asks(side: Side, id: number, requestState?: string, inputRequests: object = ASK_NAME) {
  return side.answers(id, {
    resultType: 'input_required',
    inputRequests,
    ...(requestState && { requestState }),
  });
}

const complete = { resultType: 'complete', content: [] };
const talkOf = (options?: ConversationOptions) => new Conversation(options);

describe('a call that asks for input', () => {
  it('is one operation with its retry, by the state that the answer gave', () => {
    const talk = talkOf();
    const first = calls(talk.client, 1);
    asks(talk.server, 1, 'opaque-1');
    const retry = calls(talk.client, 2, { inputResponses: ANSWER_NAME, requestState: 'opaque-1' });
    const answer = talk.server.answers(2, complete);
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call greet ok']);
    expect([first, retry, answer].map(({ operationId }) => operationId)).toEqual([0, 0, 0]);
    const [operation] = talk.finished();
    expect(operation?.legs.map(({ requestId, outcome, asked }) => [requestId, outcome, asked])).toEqual([
      [1, 'input_required', ['elicitation/create']],
      [2, 'ok', undefined],
    ]);
    expect(talk.of('operation_started')).toHaveLength(1);
    expect(talk.findings()).toEqual([]);
  });

  it('lasts from the first request to the last answer; the wait is the time between the legs', () => {
    const talk = talkOf();
    calls(talk.client, 1);
    asks(talk.server, 1, 's');
    for (let passed = 0; passed < 10; passed += 1) talk.now();
    calls(talk.client, 2, { inputResponses: ANSWER_NAME, requestState: 's' });
    talk.server.answers(2, complete);
    const [operation] = talk.finished();
    const [one, two] = operation?.legs ?? [];
    expect(operation?.startedAtUs).toBe(one?.startedAtUs);
    expect(operation?.endedAtUs).toBe(two?.endedAtUs);
    expect((two?.startedAtUs ?? 0) - (one?.endedAtUs ?? 0)).toBe(11_000);
    expect(talk.of('input_asked')).toMatchObject([{ operationId: 0, asked: ['elicitation/create'] }]);
    expect(talk.of('input_given')).toMatchObject([{ operationId: 0, atUs: two?.startedAtUs }]);
  });

  it('may ask as often as it likes, and be answered by a state alone', () => {
    const talk = talkOf();
    calls(talk.client, 1);
    asks(talk.server, 1, 'a');
    calls(talk.client, 2, { inputResponses: ANSWER_NAME, requestState: 'a' });
    talk.server.answers(2, { resultType: 'input_required', requestState: 'b' });
    calls(talk.client, 3, { requestState: 'b' });
    asks(talk.server, 3, 'c', { where: { method: 'roots/list' }, how: { method: 'sampling/createMessage' } });
    calls(talk.client, 4, { inputResponses: { where: {}, how: {} }, requestState: 'c' });
    talk.server.answers(4, { ...complete, isError: true });
    expect(talk.outcomes()).toEqual(['tools/call greet tool_error tool_error']);
    expect(talk.finished()[0]?.legs.map(({ asked }) => asked)).toEqual([
      ['elicitation/create'],
      [],
      ['roots/list', 'sampling/createMessage'],
      undefined,
    ]);
  });

  it('is linked by its arguments and the answered keys where it gave no state', () => {
    const talk = talkOf();
    calls(talk.client, 1, { arguments: { a: 1, b: [{ c: 2, d: 3 }] } });
    calls(talk.client, 2, { arguments: { a: 2 } });
    asks(talk.server, 1);
    asks(talk.server, 2);
    calls(talk.client, 3, { arguments: { b: [{ d: 3, c: 2 }], a: 1 }, inputResponses: ANSWER_NAME });
    talk.server.answers(3, complete);
    const [operation] = talk.finished();
    expect(operation?.legs.map(({ requestId }) => requestId)).toEqual([1, 3]);
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call greet ok', 'tools/call greet input_required']);
  });

  it.each([
    ['other arguments', { arguments: { other: 1 }, inputResponses: ANSWER_NAME }],
    ['another tool', { name: 'other', inputResponses: ANSWER_NAME }],
    ['keys that were not asked for', { inputResponses: { other: {} } }],
    ['no answers', { inputResponses: {} }],
    ['a state that nobody gave', { inputResponses: ANSWER_NAME, requestState: 'forged' }],
  ])('is not linked to a retry with %s', (_what, retry) => {
    const talk = talkOf();
    calls(talk.client, 1);
    asks(talk.server, 1);
    calls(talk.client, 2, retry);
    talk.server.answers(2, complete);
    talk.ends();
    expect(talk.finished().map(({ legs, outcome }) => [legs.length, outcome])).toEqual([
      [1, 'ok'],
      [1, 'input_required'],
    ]);
    expect(talk.findings()).toEqual(['unlinked_retry']);
  });

  it.each([
    ['a state', 'one', 'two'],
    ['no state', undefined, undefined],
    ['the same state', 'same', 'same'],
  ])('is never crossed with an equal one that waits as well: with %s', (_what, one, two) => {
    const talk = talkOf();
    calls(talk.client, 1);
    calls(talk.client, 2);
    asks(talk.server, 1, one);
    asks(talk.server, 2, two);
    calls(talk.client, 3, { inputResponses: ANSWER_NAME, ...(two && { requestState: two }) });
    calls(talk.client, 4, { inputResponses: ANSWER_NAME, ...(one && { requestState: one }) });
    talk.server.answers(3, complete);
    talk.server.answers(4, { ...complete, isError: true });
    talk.ends();
    const isCertain = one !== two;
    const legs = talk.finished().map((operation) => operation.legs.map(({ requestId }) => requestId));
    expect(legs).toEqual(
      isCertain
        ? [
            [2, 3],
            [1, 4],
          ]
        : [[3], [4], [1], [2]],
    );
    expect(talk.findings()).toEqual(isCertain ? [] : ['unlinked_retry', 'unlinked_retry']);
  });

  it('that nobody answers ends with the session as what it is, when it asked', () => {
    const talk = talkOf();
    calls(talk.client, 1);
    asks(talk.server, 1, 's');
    const asked = talk.of('input_asked')[0]?.atUs;
    talk.now();
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call greet input_required']);
    expect(talk.finished()[0]?.endedAtUs).toBe(asked);
    expect(talk.of('session_ended')).toMatchObject([{ operations: 1, failedOperations: 0 }]);
  });

  it('that nobody answers is given up after the bound, and what comes later links to nothing', () => {
    const talk = talkOf({ limits: { maxInputWaitUs: 1_000_000 } });
    calls(talk.client, 1);
    asks(talk.server, 1, 's');
    talk.tracker.sweep(talk.now());
    expect(talk.outcomes()).toEqual([]);
    talk.tracker.sweep(talk.now() + 2_000_000);
    expect(talk.outcomes()).toEqual(['tools/call greet input_required']);
    calls(talk.client, 2);
    asks(talk.server, 2, 's');
    calls(talk.client, 3, { inputResponses: ANSWER_NAME, requestState: 's' });
    talk.server.answers(3, complete);
    // It may be the answer to the one that was given up.
    expect(talk.findings()).toEqual(['unlinked_retry']);
  });

  it('beyond the bound on those that wait ends at once', () => {
    const talk = talkOf({ limits: { maxWaiting: 2 } });
    for (const id of [1, 2, 3]) calls(talk.client, id, { arguments: { id } });
    for (const id of [1, 2, 3]) asks(talk.server, id, String(id));
    expect(talk.outcomes()).toEqual(['tools/call greet input_required']);
    calls(talk.client, 4, { arguments: { id: 1 }, inputResponses: ANSWER_NAME, requestState: '1' });
    talk.server.answers(4, complete);
    expect(talk.finished()[1]?.legs).toHaveLength(2);
  });

  it('whose retry is cancelled, fails or dies with the server ends like any other', () => {
    const talk = talkOf();
    for (const id of [1, 2, 3]) {
      calls(talk.client, id, { arguments: { id } });
      asks(talk.server, id, `s${id}`);
      calls(talk.client, 10 + id, { arguments: { id }, inputResponses: ANSWER_NAME, requestState: `s${id}` });
    }
    talk.client.cancels(11);
    talk.server.fails(12, -32_603);
    talk.tracker.serverExited(1, null, talk.now(), false);
    expect(talk.outcomes()).toEqual([
      'tools/call greet cancelled',
      'tools/call greet protocol_error -32603',
      'tools/call greet server_crashed _OTHER',
    ]);
    expect(talk.finished().every(({ legs }) => legs.length === 2)).toBe(true);
  });

  it('is linked by arguments, or by a word for a state, only where nothing was lost', () => {
    const talk = talkOf();
    calls(talk.client, 1);
    calls(talk.client, 2, { arguments: { with: 'state' } });
    asks(talk.server, 1);
    asks(talk.server, 2, 'a token that is long');
    talk.tracker.gap({ channel: 'client_to_server', atUs: talk.now(), chunks: 1, bytes: 100 });
    calls(talk.client, 3, { inputResponses: ANSWER_NAME });
    calls(talk.client, 4, {
      arguments: { with: 'state' },
      inputResponses: ANSWER_NAME,
      requestState: 'a token that is long',
    });
    talk.server.answers(3, complete);
    talk.server.answers(4, complete);
    expect(talk.finished().map(({ legs }) => legs.length)).toEqual([1, 2]);
    // What was lost may explain it.
    expect(talk.findings()).toEqual([]);
  });

  it('over HTTP goes on on another exchange, and tells the last one', () => {
    const talk = talkOf({ transport: 'http' });
    const one = talk.exchange();
    calls(one.client, 1);
    one.responds(200);
    asks(one.server, 1, 's');
    one.ends();
    const two = talk.exchange({
      clientPort: 50_001,
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    });
    calls(two.client, 1, { inputResponses: ANSWER_NAME, requestState: 's' });
    two.responds(200);
    two.server.answers(1, complete);
    two.ends();
    expect(talk.outcomes()).toEqual(['tools/call greet ok']);
    expect(talk.finished()[0]).toMatchObject({
      http: { clientPort: 50_001 },
      spanLinks: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }],
    });
    expect(talk.finished()[0]?.legs).toHaveLength(2);
  });

  it('with more arguments than are compared still links by its state', () => {
    const talk = talkOf({ limits: { maxComparedBytes: 100 } });
    const args = { text: 'x'.repeat(1000) };
    calls(talk.client, 1, { arguments: args });
    calls(talk.client, 2, { arguments: args });
    asks(talk.server, 1, 'one');
    asks(talk.server, 2);
    calls(talk.client, 3, { arguments: args, inputResponses: ANSWER_NAME, requestState: 'one' });
    calls(talk.client, 4, { arguments: args, inputResponses: ANSWER_NAME });
    talk.server.answers(3, complete);
    talk.server.answers(4, complete);
    expect(talk.finished().map(({ legs }) => legs.length)).toEqual([2, 1]);
  });
});

describe('a subscription', () => {
  const listen = { notifications: { toolsListChanged: true }, _meta: MODERN_META };
  const tagged = (id: unknown) => ({ _meta: { 'io.modelcontextprotocol/subscriptionId': id } });

  it.each([
    ['the client, by a cancel', (talk: Conversation) => talk.client.cancels('l'), 'client'],
    ['the server, by a result', (talk: Conversation) => talk.server.answers('l', complete), 'server'],
    ['the server, by a cancel', (talk: Conversation) => talk.server.cancels('l'), 'server'],
    ['nobody', (talk: Conversation) => talk.ends(), undefined],
  ])('tells when it was acknowledged, what it brought, and who closed it: %s', (_who, close, closedBy) => {
    const talk = talkOf();
    talk.client.asks('l', 'subscriptions/listen', listen);
    talk.server.notifies('notifications/subscriptions/acknowledged', tagged('l'));
    const linked = talk.server.notifies('notifications/tools/list_changed', tagged('l'));
    talk.server.notifies('notifications/tools/list_changed', tagged('l'));
    talk.server.notifies('notifications/tools/list_changed', tagged('another'));
    close(talk);
    const [operation] = talk.finished();
    expect(operation).toMatchObject({ stream: true, outcome: 'ok' });
    expect(operation?.subscription).toMatchObject({ notifications: 2, closedBy });
    expect(operation?.subscription?.acknowledgedAtUs).toBeGreaterThan(operation?.startedAtUs ?? Infinity);
    expect(linked.operationId).toBe(0);
  });

  it.each([
    ['client_gone', 'client'],
    ['server_gone', 'connection'],
    ['complete', 'server'],
  ] as const)('over HTTP is closed by whoever ends the response: %s', (end, closedBy) => {
    const talk = talkOf({ transport: 'http' });
    const exchange = talk.exchange();
    exchange.client.asks(0, 'subscriptions/listen', listen);
    exchange.responds(200);
    exchange.server.notifies('notifications/subscriptions/acknowledged', tagged(0));
    exchange.ends({ end });
    expect(talk.finished()[0]?.subscription?.closedBy).toBe(closedBy);
  });
});
