import { describe, expect, it } from 'vitest';
import type { EndCause } from '../../src/event/event.ts';
import { decode } from '../../src/mcp/decode.ts';
import type { Message } from '../../src/mcp/message.ts';
import {
  ID_IDLE_GAP_US,
  IDLE_GAP_US,
  type NewSession,
  Sessions,
  type SessionsLimits,
} from '../../src/track/sessions.ts';
import type { Origin } from '../../src/track/speakers.ts';
import { MODERN_META } from './conversation.ts';

const MINUTE_US = 60 * 1_000_000;
const ALICE = { clientAddress: '192.0.2.1', credentialHash: 'alice' };

function message(value: object): Message {
  const decoded = decode(new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', ...value })));
  if (decoded.kind === 'batch') throw new Error('not one message');
  return decoded;
}
const initialize = (name = 'client') =>
  message({ id: 0, method: 'initialize', params: { clientInfo: { name, version: '1' } } });
const modern = (name: string) =>
  message({
    id: 0,
    method: 'tools/list',
    params: { _meta: { ...MODERN_META, 'io.modelcontextprotocol/clientInfo': { name, version: '1' } } },
  });
const LIST = message({ id: 1, method: 'tools/list' });

/** Sessions are numbered from 1; what is told of them is kept. */
class Directory {
  readonly created: NewSession[] = [];
  readonly ended: [number, EndCause, number][] = [];
  readonly recognised: [number, object][] = [];
  readonly dropped: string[] = [];
  readonly sessions: Sessions<number>;
  atUs = 1_780_000_000_000_000;
  #exchanges = 0;

  constructor(limits: Partial<SessionsLimits> = {}) {
    this.sessions = new Sessions({
      create: (session) => this.created.push(session),
      recognised: (session, by) => this.recognised.push([session, by]),
      end: (session, cause, atUs) => this.ended.push([session, cause, atUs]),
      dropped: (reason) => this.dropped.push(reason),
      limits,
    });
  }

  later(byUs: number): void {
    this.atUs += byUs;
  }

  /** An exchange that is still under way. */
  open(origin: Partial<Origin>, first?: Message): { readonly id: number; readonly session: number } {
    const id = (this.#exchanges += 1);
    const session = this.sessions.assign(id, { method: 'POST', ...ALICE, ...origin }, first, this.atUs);
    return { id, session };
  }

  /** A whole exchange; gives back its session. */
  exchange(
    origin: Partial<Origin>,
    first?: Message,
    response: { status?: number; gives?: string } = {},
  ): number {
    const { id, session } = this.open(origin, first);
    const { status = 200, gives: sessionIdHash } = response;
    this.sessions.responded(id, { status, sessionIdHash }, this.atUs);
    this.sessions.exchangeEnded(id, this.atUs);
    return session;
  }

  causes(): [number, EndCause][] {
    return this.ended.map(([session, cause]) => [session, cause]);
  }
}

describe('a session with an id', () => {
  it('begins with initialize and goes on wherever the id is sent', () => {
    const directory = new Directory();
    const first = directory.exchange({}, initialize(), { gives: 'id' });
    const second = directory.exchange({}, initialize(), { gives: 'other' });
    const elsewhere = { sessionIdHash: 'id', clientAddress: '198.51.100.9', credentialHash: undefined };
    expect(directory.exchange(elsewhere, LIST)).toBe(first);
    expect(directory.exchange({ sessionIdHash: 'id', method: 'GET' })).toBe(first);
    expect(directory.exchange({ sessionIdHash: 'other' }, LIST)).toBe(second);
    expect(directory.created.map(({ inferred }) => inferred)).toEqual([undefined, undefined]);
    expect(directory.recognised).toEqual([
      [first, { sessionIdHash: 'id' }],
      [second, { sessionIdHash: 'other' }],
    ]);
  });

  it('that nobody saw begin is a new one with that id: Sidelight was started again', () => {
    const directory = new Directory();
    const session = directory.exchange({ sessionIdHash: 'id' }, LIST);
    expect(directory.exchange({ sessionIdHash: 'id' }, LIST)).toBe(session);
    expect(directory.created).toMatchObject([{ sessionIdHash: 'id', clientAddress: '192.0.2.1' }]);
    expect(directory.created[0]).not.toHaveProperty('inferred');
  });

  it('is another when the client initializes again, whatever id it still sends', () => {
    const directory = new Directory();
    const first = directory.exchange({}, initialize(), { gives: 'id' });
    expect(directory.exchange({ sessionIdHash: 'id' }, initialize(), { gives: 'new' })).not.toBe(first);
    expect(directory.exchange({ sessionIdHash: 'id' }, LIST)).toBe(first);
  });

  it('takes nothing that has no id', () => {
    const directory = new Directory();
    const first = directory.exchange({}, initialize(), { gives: 'id' });
    expect(directory.exchange({ method: 'GET' })).not.toBe(first);
    expect(directory.exchange({}, modern('client'))).not.toBe(first);
  });

  it('ends with a DELETE that succeeds, as soon as its streams are closed', () => {
    const directory = new Directory();
    const session = directory.exchange({}, initialize(), { gives: 'id' });
    const stream = directory.open({ sessionIdHash: 'id', method: 'GET' });
    const deletes = directory.open({ sessionIdHash: 'id', method: 'DELETE' });
    expect(directory.sessions.responded(deletes.id, { status: 204 }, directory.atUs)).toBe('deleted');
    directory.sessions.exchangeEnded(deletes.id, directory.atUs);
    expect(directory.ended).toEqual([]);
    directory.sessions.exchangeEnded(stream.id, directory.atUs);
    expect(directory.causes()).toEqual([[session, 'deleted']]);
    expect(directory.sessions.size).toBe(0);
  });

  it.each([405, 500])('goes on after a DELETE that is answered with %i', (status) => {
    const directory = new Directory();
    directory.exchange({}, initialize(), { gives: 'id' });
    directory.exchange({ sessionIdHash: 'id', method: 'DELETE' }, undefined, { status });
    expect(directory.ended).toEqual([]);
  });

  it('ends when the server does not know it any more, and does not begin again with every request', () => {
    const directory = new Directory();
    const session = directory.exchange({}, initialize(), { gives: 'id' });
    for (let round = 0; round < 3; round += 1)
      directory.exchange({ sessionIdHash: 'id' }, LIST, { status: 404 });
    expect(directory.causes()).toEqual([[session, 'expired']]);
    expect(directory.created).toHaveLength(2);
  });

  it('is not ended by a 404 to somebody else', () => {
    const directory = new Directory();
    directory.exchange({}, initialize(), { gives: 'id' });
    directory.exchange({}, LIST, { status: 404 });
    directory.exchange({}, initialize(), { status: 404 });
    expect(directory.ended).toEqual([]);
  });

  it('outlives a long silence, but not a day of it', () => {
    const directory = new Directory();
    const session = directory.exchange({}, initialize(), { gives: 'id' });
    directory.later(IDLE_GAP_US * 2);
    expect(directory.exchange({ sessionIdHash: 'id' }, LIST)).toBe(session);
    directory.later(ID_IDLE_GAP_US + 1);
    expect(directory.exchange({ sessionIdHash: 'id' }, LIST)).not.toBe(session);
    expect(directory.causes()).toEqual([[session, 'idle']]);
  });
});

describe('a session of HTTP+SSE', () => {
  const legacy = { legacyIdHash: 'sse' };

  it('is what its endpoint event says, for as long as the stream is open', () => {
    const directory = new Directory();
    const stream = directory.open({ method: 'GET' });
    expect(directory.sessions.endpoint(stream.id, 'sse', directory.atUs)).toBe(stream.session);
    expect(directory.exchange(legacy, initialize(), { status: 202 })).toBe(stream.session);
    const pending = directory.open(legacy, LIST);
    directory.sessions.exchangeEnded(stream.id, directory.atUs);
    expect(directory.ended).toEqual([]);
    directory.sessions.exchangeEnded(pending.id, directory.atUs);
    expect(directory.causes()).toEqual([[stream.session, 'client_closed']]);
    expect(directory.recognised).toEqual([[stream.session, { sessionIdHash: 'sse' }]]);
  });

  it('is its own, also for a client that is known to have tried another transport first', () => {
    const directory = new Directory();
    const tried = directory.exchange({}, initialize(), { status: 404 });
    const streams = ['a', 'b'].map((id) => {
      const stream = directory.open({ method: 'GET' });
      return directory.sessions.endpoint(stream.id, id, directory.atUs);
    });
    expect(new Set([tried, ...streams]).size).toBe(3);
    expect(directory.exchange({ legacyIdHash: 'a' }, LIST)).toBe(streams[0]);
    expect(directory.exchange({ legacyIdHash: 'b' }, LIST)).toBe(streams[1]);
  });

  it('is none because of a query that no endpoint event named', () => {
    const directory = new Directory();
    const first = directory.exchange(legacy, modern('a'));
    expect(directory.exchange(legacy, modern('b'))).not.toBe(first);
    expect(directory.created[0]).toHaveProperty('inferred');
  });
});

describe('an inferred session', () => {
  it('is one user over several connections, told with its evidence', () => {
    const directory = new Directory();
    const session = directory.exchange({}, modern('ide'));
    for (let round = 0; round < 3; round += 1) expect(directory.exchange({}, modern('ide'))).toBe(session);
    expect(directory.created).toMatchObject([
      { inferred: { evidence: ['client_info', 'credential', 'address'], confidence: 'high' } },
    ]);
  });

  it.each([
    ['another credential', { credentialHash: 'bob' }, 'ide'],
    ['no credential', { credentialHash: undefined }, 'ide'],
    ['another address', { clientAddress: '192.0.2.2' }, 'ide'],
    ['another client', {}, 'cli'],
  ])('is never shared with %s', (_what, origin, name) => {
    const directory = new Directory();
    const session = directory.exchange({}, modern('ide'));
    const other = directory.exchange(origin, modern(name));
    expect(other).not.toBe(session);
    expect(directory.exchange({}, modern('ide'))).toBe(session);
    expect(directory.exchange(origin, modern(name))).toBe(other);
  });

  it('tells clients with long names apart', () => {
    const directory = new Directory();
    const long = 'x'.repeat(1000);
    expect(directory.exchange({}, modern(long))).not.toBe(directory.exchange({}, modern(`${long}y`)));
  });

  it.each([
    [{ credentialHash: undefined }, modern('ide'), ['client_info', 'address'], 'medium'],
    [{}, LIST, ['credential', 'address'], 'medium'],
    [{ credentialHash: undefined }, LIST, ['address'], 'low'],
    [{ traceId: 't' }, modern('ide'), ['client_info', 'credential', 'address', 'trace_id'], 'high'],
  ])('says how far it can be trusted (%#)', (origin, first, evidence, confidence) => {
    const directory = new Directory();
    directory.exchange(origin, first);
    expect(directory.created[0]?.inferred).toEqual({ evidence, confidence });
  });

  it('without ids begins with initialize and has what the same client sends after it', () => {
    const directory = new Directory();
    const session = directory.exchange({}, initialize());
    expect(directory.exchange({}, LIST)).toBe(session);
    expect(directory.exchange({ method: 'GET' }, undefined, { status: 405 })).toBe(session);
    expect(directory.exchange({ credentialHash: 'bob' }, LIST)).not.toBe(session);
    expect(directory.recognised).toMatchObject([[session, { inferred: { confidence: 'high' } }]]);
    expect(directory.created[0]).not.toHaveProperty('inferred');
  });

  it('of a client that was started again is a new one, and has what follows', () => {
    const directory = new Directory();
    const first = directory.exchange({}, initialize());
    const second = directory.exchange({}, initialize());
    expect(second).not.toBe(first);
    expect(directory.exchange({}, LIST)).toBe(second);
  });

  it('is one for all that cannot be told to be of one of several clients', () => {
    const directory = new Directory();
    const known = [directory.exchange({}, initialize('a')), directory.exchange({}, initialize('b'))];
    const session = directory.exchange({}, LIST);
    expect(known).not.toContain(session);
    expect(directory.exchange({}, LIST)).toBe(session);
  });

  it('is told among several by the trace that a client is in', () => {
    const directory = new Directory();
    const first = directory.exchange({ traceId: 'one' }, initialize('a'));
    const second = directory.exchange({ traceId: 'two' }, initialize('b'));
    expect(directory.exchange({ traceId: 'one' }, LIST)).toBe(first);
    expect(directory.exchange({ traceId: 'two' }, LIST)).toBe(second);
    expect([first, second]).not.toContain(directory.exchange({ traceId: 'three' }, LIST));
  });

  it('is over after a gap, and ends with the last that was heard of it', () => {
    const directory = new Directory();
    const session = directory.exchange({}, modern('ide'));
    const heardUs = directory.atUs;
    directory.later(IDLE_GAP_US);
    directory.sessions.sweep(directory.atUs);
    expect(directory.ended).toEqual([]);
    directory.later(1);
    expect(directory.exchange({}, modern('ide'))).not.toBe(session);
    expect(directory.ended).toEqual([[session, 'idle', heardUs]]);
  });

  it('is not idle while a stream is open', () => {
    const directory = new Directory();
    const stream = directory.open({}, modern('ide'));
    directory.later(IDLE_GAP_US * 3);
    directory.sessions.sweep(directory.atUs);
    expect(directory.exchange({}, modern('ide'))).toBe(stream.session);
    directory.sessions.exchangeEnded(stream.id, directory.atUs);
    directory.later(IDLE_GAP_US + 1);
    directory.sessions.sweep(directory.atUs);
    expect(directory.causes()).toEqual([[stream.session, 'idle']]);
  });

  it('that nobody comes back to ends while others go on', () => {
    const directory = new Directory();
    const session = directory.exchange({}, modern('gone'));
    for (let minute = 0; minute < 33; minute += 1) {
      directory.later(MINUTE_US);
      directory.exchange({}, modern('here'));
    }
    expect(directory.causes()).toEqual([[session, 'idle']]);
  });
});

describe('the directory', () => {
  it('asked twice for an exchange says the same, and makes nothing of it', () => {
    const directory = new Directory();
    const { id, session } = directory.open({}, modern('ide'));
    const origin = { method: 'POST', ...ALICE };
    expect(directory.sessions.assign(id, origin, initialize(), directory.atUs)).toBe(session);
    expect(directory.created).toHaveLength(1);
  });

  it('makes room by ending what was silent longest, what is under way last', () => {
    const directory = new Directory({ maxSessions: 3 });
    const busy = directory.open({}, modern('busy'));
    const [silent, heard] = ['silent', 'heard'].map((name) => directory.exchange({}, modern(name)));
    directory.exchange({}, modern('silent'));
    directory.exchange({}, modern('new'));
    expect(directory.causes()).toEqual([[heard, 'evicted']]);
    directory.open({}, modern('silent'));
    directory.open({}, modern('new'));
    directory.exchange({}, modern('newest'));
    expect(directory.causes()[1]).toEqual([busy.session, 'evicted']);
    expect(directory.sessions.size).toBe(3);
    expect(directory.dropped).toEqual(['session_cap', 'session_cap']);
    expect(directory.created).toHaveLength(5);
    directory.sessions.exchangeEnded(busy.id, directory.atUs);
    directory.sessions.closeAll('sidelight_stopped', directory.atUs);
    expect(
      directory
        .causes()
        .map(([session]) => session)
        .sort(),
    ).toEqual([1, 2, 3, 4, 5]);
    expect(silent).toBe(2);
  });

  it('does not let a session that it ended come back by a late response', () => {
    const directory = new Directory({ maxSessions: 1 });
    const [first, second] = [directory.open({}, initialize()), directory.open({}, modern('new'))];
    directory.sessions.responded(first.id, { status: 200, sessionIdHash: 'id' }, directory.atUs);
    directory.sessions.exchangeEnded(first.id, directory.atUs);
    expect(directory.exchange({ sessionIdHash: 'id' }, LIST)).not.toBe(first.session);
    directory.sessions.closeAll('sidelight_stopped', directory.atUs);
    expect(directory.causes().map(([session]) => session)).toEqual([first.session, second.session, 3]);
  });

  it('counts the exchanges it cannot keep, which have their session all the same', () => {
    const directory = new Directory({ maxExchanges: 1 });
    const first = directory.open({}, modern('ide'));
    expect(directory.open({}, modern('ide')).session).toBe(first.session);
    expect(directory.dropped).toEqual(['unplaced_exchange']);
  });

  it('ends every session once, with the cause it already had', () => {
    const directory = new Directory();
    directory.open({}, modern('ide'));
    directory.exchange({}, initialize(), { gives: 'id' });
    directory.open({ method: 'GET', sessionIdHash: 'id' });
    directory.exchange({ method: 'DELETE', sessionIdHash: 'id' });
    for (let round = 0; round < 2; round += 1)
      directory.sessions.closeAll('sidelight_stopped', directory.atUs);
    expect(directory.causes()).toEqual([
      [1, 'sidelight_stopped'],
      [2, 'deleted'],
    ]);
  });

  it('passes over what it does not know', () => {
    const { sessions, atUs } = new Directory();
    sessions.exchangeEnded(9, atUs);
    expect(sessions.responded(9, { status: 404 }, atUs)).toBeUndefined();
    expect(sessions.endpoint(9, 'id', atUs)).toBeUndefined();
  });
});
