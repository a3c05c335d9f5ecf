import { describe, expect, it } from 'vitest';
import { Conversation, MODERN_META } from './conversation.ts';
import type { Channel } from '../../src/wire/chunk.ts';

function loses(talk: Conversation, channel: Channel): Conversation {
  talk.tracker.gap({ channel, atUs: talk.now(), chunks: 1, bytes: 100 });
  return talk;
}

describe('after copies of what one side said were lost', () => {
  it.each([
    ['an answer', (talk: Conversation) => talk.server.answers(7)],
    ['an error', (talk: Conversation) => talk.server.fails(7, -32_603)],
    ['a cancel', (talk: Conversation) => talk.client.cancels(7)],
    ['a second answer', (talk: Conversation) => talk.server.answers(1)],
  ])('%s that a lost request explains is no finding', (_what, say) => {
    const talk = new Conversation();
    talk.client.asks(1, 'ping');
    talk.server.answers(1);
    say(loses(talk, 'client_to_server'));
    expect(talk.findings()).toEqual([]);
  });

  it('an answer that came late is still one', () => {
    const talk = loses(new Conversation(), 'client_to_server');
    talk.client.asks(1, 'ping');
    talk.client.cancels(1);
    talk.server.answers(1);
    expect(talk.findings()).toEqual(['late_result']);
  });

  it('an answer to nothing is still one for the other side, which has lost none', () => {
    const talk = loses(new Conversation(), 'client_to_server');
    talk.client.answers(1);
    expect(talk.findings()).toEqual(['response_without_request']);
  });

  it('a request of the server hangs under no call: it may be for one that was lost', () => {
    const talk = loses(new Conversation(), 'client_to_server');
    talk.client.calls(1, 't');
    talk.server.asks(1, 'sampling/createMessage');
    talk.client.answers(1);
    expect(talk.finished()[0]).toMatchObject({
      parentOperationId: undefined,
      span: { parentSpanId: undefined },
    });
  });

  it('a session is no probe, whatever is left of it', () => {
    const talk = loses(new Conversation(), 'client_to_server');
    talk.client.asks(1, 'server/discover', { _meta: MODERN_META });
    talk.server.answers(1);
    expect(talk.ends().of('session_ended')[0]?.probe).toBe(false);
  });
});

describe('a call whose answer may have been lost', () => {
  it('takes its answer if that comes', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    loses(talk, 'server_to_client');
    talk.server.answers(1);
    expect(talk.outcomes()).toEqual(['tools/call t ok']);
  });

  it('takes no log message and no request of the server, which may be for a call that it has made way for', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    loses(talk, 'server_to_client');
    talk.server.notifies('notifications/message', { level: 'info', data: 'x' });
    talk.server.asks(1, 'roots/list');
    talk.client.answers(1);
    talk.server.answers(1);
    expect(talk.finished()).toMatchObject([{ parentOperationId: undefined }, { notes: [] }]);
  });

  it.each(['session', 'server'])('has an unknown outcome at the end of its %s, and says why', (ended) => {
    const talk = new Conversation();
    talk.client.calls(1, 'before');
    loses(talk, 'server_to_client');
    talk.client.calls(2, 'after');
    if (ended === 'server') talk.tracker.serverExited(1, null, talk.now(), false);
    talk.ends();
    const outcome = ended === 'server' ? 'server_crashed' : 'abandoned';
    expect(talk.finished()).toMatchObject([
      { target: { name: 'before' }, outcome: 'unknown' },
      { target: { name: 'after' }, outcome },
    ]);
    const [before, after] = talk.finished();
    expect(before?.error?.message).toContain('lost');
    expect(after?.error?.message).not.toContain('lost');
  });

  it('makes room for new ones when there is no more: the oldest goes first, and those after the loss stay', () => {
    const talk = new Conversation({ limits: { maxPending: 3 } });
    talk.client.calls(1, 'a');
    talk.client.calls(2, 'b');
    loses(talk, 'server_to_client');
    for (let id = 3; id < 7; id += 1) talk.client.calls(id, `n${id}`);
    expect(talk.outcomes()).toEqual(['tools/call a unknown _OTHER', 'tools/call b unknown _OTHER']);
    expect(talk.findings()).toEqual(['tracking_overflow']);
    expect(talk.of('operation_started').map(({ target }) => target?.name)).toEqual([
      'a',
      'b',
      'n3',
      'n4',
      'n5',
    ]);
  });

  it('is none of the other side, and none for lost stderr', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    loses(loses(talk, 'client_to_server'), 'stderr').ends();
    expect(talk.finished()[0]?.error?.message).not.toContain('lost');
  });
});

describe('a request beyond the limit', () => {
  it('is not tracked, and its answer is no finding', () => {
    const talk = new Conversation({ limits: { maxPending: 1 } });
    talk.client.calls(1, 'tracked');
    expect(talk.client.calls(2, 'not')).toEqual({ method: 'tools/call', operationId: undefined });
    talk.server.answers(2);
    talk.server.answers(1);
    expect(talk.outcomes()).toEqual(['tools/call tracked ok']);
    expect(talk.findings()).toEqual(['tracking_overflow']);
  });
});
