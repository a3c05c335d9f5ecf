import { describe, expect, it } from 'vitest';
import { Conversation, MODERN_META } from './conversation.ts';

const ID = '786512e2-9e0d-44bd-8f29-789f320fe840';
const NOW = '2026-11-25T10:30:00Z';
const state = (status: string, more: object = {}) => ({
  taskId: ID,
  status,
  createdAt: NOW,
  lastUpdatedAt: NOW,
  ttlMs: 60_000,
  ...more,
});
const polled = (status: string, more: object = {}) => ({ resultType: 'complete', ...state(status, more) });

/** A call of 2026-07-28 that was answered with a handle; polls are numbered from 2. */
function handed(talk = new Conversation()) {
  let id = 1;
  talk.client.calls(1, 'build', MODERN_META);
  talk.server.answers(1, { resultType: 'task', ...state('working') });
  const poll = (method: string, params: object, result: object) => {
    id += 1;
    const asked = talk.client.asks(id, method, { taskId: ID, ...params, _meta: MODERN_META });
    return [asked, talk.server.answers(id, result as Record<string, unknown>)] as const;
  };
  const gets = (status: string, more: object = {}) => poll('tasks/get', {}, polled(status, more));
  return { talk, poll, gets };
}

describe('a task of the extension (2026-07-28)', () => {
  it('is one operation from the call to its last state, however often it is asked about', () => {
    const { talk, gets } = handed();
    const links = [...gets('working'), ...gets('working')];
    gets('completed', { result: { content: [{ type: 'text', text: 'done' }] } });
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call build ok']);
    expect(talk.of('operation_started')).toHaveLength(1);
    expect(talk.finished()[0]?.task).toMatchObject({
      polls: 3,
      states: [{ status: 'working' }, { status: 'completed' }],
    });
    expect(links.map(({ operationId }) => operationId)).toEqual([0, 0, 0, 0]);
    expect(links.map(({ method }) => method)).toEqual(Array(4).fill('tasks/get'));
    expect(talk.of('session_ended')).toMatchObject([{ operations: 1, failedOperations: 0 }]);
  });

  it.each([
    [
      'a result that is an error',
      state('completed', { result: { isError: true, content: [{ type: 'text', text: 'no disk' }] } }),
      'tool_error tool_error',
      'no disk',
    ],
    [
      'a failure',
      state('failed', { error: { code: -32_603, message: 'limit' } }),
      'protocol_error -32603',
      'limit',
    ],
    [
      'a failure that says nothing',
      state('failed', { statusMessage: 'why' }),
      'protocol_error _OTHER',
      'why',
    ],
    ['a cancel', state('cancelled'), 'cancelled', undefined],
  ])('ends with %s', (_what, last, line, message) => {
    const { talk, poll } = handed();
    poll('tasks/get', {}, { resultType: 'complete', ...last });
    expect(talk.outcomes()).toEqual([`tools/call build ${line}`]);
    expect(talk.finished()[0]?.error?.message).toBe(message);
  });

  it('waits for input when its state says so, until that is given', () => {
    const { talk, gets, poll } = handed();
    const asking = { inputRequests: { name: { method: 'elicitation/create', params: {} } } };
    gets('input_required', asking);
    gets('input_required', asking);
    poll('tasks/update', { inputResponses: { name: { action: 'accept' } } }, { resultType: 'complete' });
    gets('working');
    gets('completed', { result: {} });
    expect(talk.of('input_asked')).toMatchObject([{ operationId: 0, asked: ['elicitation/create'] }]);
    expect(talk.of('input_given')).toHaveLength(1);
    expect(talk.outcomes()).toEqual(['tools/call build ok']);
    expect(talk.findings()).toEqual([]);
  });

  it('ends by a notification, too; polls that come after are requests like any other', () => {
    const { talk, gets } = handed();
    const told = talk.server.notifies('notifications/tasks', state('completed', { result: {} }));
    expect(told.operationId).toBe(0);
    gets('completed', { result: {} });
    expect(talk.outcomes()).toEqual(['tools/call build ok', 'tasks/get ok']);
  });

  it('that the server no longer knows is abandoned; other errors of a poll change nothing', () => {
    const { talk } = handed();
    for (const [id, code] of [
      [2, -32_603],
      [3, -32_602],
    ] as const) {
      talk.client.asks(id, 'tasks/get', { taskId: ID, _meta: MODERN_META });
      talk.server.fails(id, code, 'Task not found');
    }
    expect(talk.outcomes()).toEqual(['tools/call build abandoned -32602']);
  });

  it('that is open when the session ends is abandoned, in the state in which it was', () => {
    const { talk, gets } = handed();
    gets('input_required');
    const heard = talk.events.at(-1)?.atUs;
    talk.now();
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call build abandoned _OTHER']);
    expect(talk.finished()[0]?.endedAtUs).toBe(heard);
    expect(talk.finished()[0]?.error?.message).toContain('input_required');
  });

  it('that nobody asks about is forgotten after the bound', () => {
    const { talk, gets } = handed(new Conversation({ limits: { maxTaskIdleUs: 1_000_000 } }));
    gets('working');
    talk.tracker.sweep(talk.now());
    expect(talk.outcomes()).toEqual([]);
    talk.tracker.sweep(talk.now() + 2_000_000);
    expect(talk.outcomes()).toEqual(['tools/call build abandoned _OTHER']);
  });

  it('of another session is asked about by operations of their own', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'tasks/get', { taskId: ID, _meta: MODERN_META });
    talk.server.answers(1, polled('working'));
    expect(talk.outcomes()).toEqual(['tasks/get ok']);
  });

  it('beyond the bound is a call that was answered', () => {
    const { talk } = handed(new Conversation({ limits: { maxWaiting: 0 } }));
    expect(talk.outcomes()).toEqual(['tools/call build ok']);
  });

  it('dies with the server', () => {
    const { talk } = handed();
    talk.tracker.serverExited(null, 'SIGKILL', talk.now(), false);
    expect(talk.outcomes()).toEqual(['tools/call build server_crashed _OTHER']);
  });

  it('keeps its number and its trace for what is asked of it, and ends once', () => {
    const { talk, gets } = handed();
    talk.client.asks(50, 'tasks/get', { taskId: ID, _meta: MODERN_META });
    gets('completed', { result: {} });
    talk.server.answers(50, polled('completed', { result: {} }));
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call build ok']);
  });
});

describe('a task of 2025-11-25', () => {
  const wants = { task: { ttl: 60_000 } };
  const ask = (talk: Conversation) => {
    talk.client.asks(1, 'tools/call', { name: 'build', arguments: {}, ...wants });
    talk.server.answers(1, { task: { ...state('working') } });
  };

  it('ends with the answer to tasks/result, which the server may hold back until then', () => {
    const talk = new Conversation().initialized();
    ask(talk);
    talk.client.asks(2, 'tasks/result', { taskId: ID });
    talk.client.asks(3, 'tasks/get', { taskId: ID });
    talk.server.answers(3, state('completed'));
    expect(talk.outcomes()).toEqual([]);
    talk.server.answers(2, { content: [{ type: 'text', text: 'no' }], isError: true });
    expect(talk.outcomes()).toEqual(['tools/call build tool_error tool_error']);
    expect(talk.finished()[0]?.task).toMatchObject({ polls: 2 });
  });

  it('whose result nobody fetches ended when its state did', () => {
    const talk = new Conversation().initialized();
    ask(talk);
    talk.server.notifies('notifications/tasks/status', state('failed', { statusMessage: 'why' }));
    const ended = talk.events.at(-1)?.atUs;
    talk.now();
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call build protocol_error _OTHER']);
    expect(talk.finished()[0]?.endedAtUs).toBeLessThanOrEqual(ended ?? 0);
  });

  it('is ended by an error of tasks/result, and by a cancel', () => {
    const talk = new Conversation().initialized();
    ask(talk);
    talk.client.asks(2, 'tasks/result', { taskId: ID });
    talk.server.fails(2, -32_000, 'broke');
    talk.client.asks(4, 'tools/call', { name: 'other', ...wants });
    talk.server.answers(4, { task: { ...state('working'), taskId: 'two' } });
    talk.client.asks(5, 'tasks/cancel', { taskId: 'two' });
    talk.server.answers(5, { ...state('cancelled'), taskId: 'two' });
    expect(talk.outcomes()).toEqual(['tools/call build protocol_error -32000', 'tools/call other cancelled']);
  });

  it('can be the client’s, too: what a server asked, polled by the server', () => {
    const talk = new Conversation().initialized();
    talk.server.asks(0, 'sampling/createMessage', { messages: [], maxTokens: 5, ...wants });
    talk.client.answers(0, { task: { ...state('working') } });
    talk.server.asks(1, 'tasks/get', { taskId: ID });
    talk.client.answers(1, state('completed'));
    talk.server.asks(2, 'tasks/result', { taskId: ID });
    talk.client.answers(2, { role: 'assistant', content: { type: 'text', text: 'hi' } });
    expect(talk.outcomes()).toEqual(['sampling/createMessage ok']);
    expect(talk.finished()[0]).toMatchObject({ initiator: 'server_to_client', task: { polls: 2 } });
  });

  it('is only one where the answer says so', () => {
    const talk = new Conversation().initialized();
    talk.client.asks(1, 'tools/call', { name: 'build', ...wants });
    talk.server.answers(1, { content: [] });
    talk.client.asks(2, 'tools/call', { name: 'build' });
    talk.server.answers(2, { task: state('working'), content: [] });
    expect(talk.outcomes()).toEqual(['tools/call build ok', 'tools/call build ok']);
  });
});
