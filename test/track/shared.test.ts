import { describe, expect, it } from 'vitest';
import { Shared, SHARED_BY_SESSIONS, type SharedLimits } from '../../src/track/shared.ts';
import { Conversation, MODERN_META } from './conversation.ts';

/** Two sessions of one process. */
function two(limits: Partial<SharedLimits> = {}): readonly [Conversation, Conversation] {
  const shared = new Shared({ ...SHARED_BY_SESSIONS, ...limits });
  const open = (): Conversation => new Conversation({ transport: 'http', shared });
  return [open(), open()];
}

/** A POST whose client goes away: its answer may still come on another exchange (2025-11-25). */
function leaves(talk: Conversation, id: number, name: string): void {
  const exchange = talk.exchange();
  exchange.client.calls(id, name);
  exchange.ends({ end: 'client_gone' });
}

function isAsked(talk: Conversation, id: number, requestState: string): void {
  const exchange = talk.exchange();
  exchange.client.calls(id, 'asks', MODERN_META);
  exchange.server.answers(id, { resultType: 'input_required', inputRequests: {}, requestState });
  exchange.ends();
}

describe('sessions that share their bounds', () => {
  it('give up the oldest of all requests whose answer did not come elsewhere, and say so', () => {
    const [one, other] = two({ maxElsewhere: 2 });
    leaves(one, 1, 'a');
    leaves(other, 1, 'b');
    expect([one.outcomes(), other.outcomes()]).toEqual([[], []]);
    leaves(other, 2, 'c');
    expect([one.outcomes(), other.outcomes()]).toEqual([['tools/call a abandoned _OTHER'], []]);
    one.get(true).server.answers(1);
    expect(one.findings()).toEqual(['late_result']);
  });

  it('have room for another as soon as an answer came elsewhere', () => {
    const [one, other] = two({ maxElsewhere: 1 });
    leaves(one, 1, 'a');
    one.get(true).server.answers(1);
    leaves(other, 1, 'b');
    expect([one.outcomes(), other.outcomes()]).toEqual([['tools/call a ok'], []]);
  });

  it('wait for so many inputs together; a call beyond them ends with the question', () => {
    const [one, other] = two({ maxWaiting: 1 });
    isAsked(one, 1, 'the state of the first');
    isAsked(other, 1, 'the state of the second');
    expect([one.outcomes(), other.outcomes()]).toEqual([[], ['tools/call asks input_required']]);
    one.tracker.end('idle', one.now());
    isAsked(other, 2, 'the state of the third');
    expect(other.outcomes()).toHaveLength(1);
  });

  it('never take the ids of another session for their own', () => {
    const [one, other] = two();
    for (const talk of [one, other]) {
      const exchange = talk.exchange();
      exchange.client.calls(1, 'a');
      exchange.server.answers(1);
      exchange.ends();
    }
    const stray = other.get(true);
    stray.server.answers(2);
    stray.server.answers(1);
    expect(one.findings()).toEqual([]);
    expect(other.findings()).toEqual(['response_without_request', 'duplicate_response']);
  });
});

describe('a part of a shared memory', () => {
  it('forgets what came first in any of them, and never remembers ids as long as messages', () => {
    const shared = new Shared({ ...SHARED_BY_SESSIONS, maxClosed: 2 });
    const [one, other] = [shared.closed<string>(), shared.closed<string>()];
    one.set(1, 'number');
    one.set('1', 'text');
    expect([one.get(1), one.get('1'), other.get(1)]).toEqual(['number', 'text', undefined]);
    other.set('x'.repeat(100_000), 'long');
    expect([one.get(1), other.get('x'.repeat(100_000))]).toEqual(['number', undefined]);
    other.set(1, 'newer');
    expect([one.get(1), one.get('1'), other.get(1)]).toEqual([undefined, 'text', 'newer']);
  });
});
