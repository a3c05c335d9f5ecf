import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { isFailure } from '../../src/event/outcome.ts';
import { Conversation, type Exchange, MODERN_META } from '../track/conversation.ts';
import { settings } from './cuts.ts';

/** Every message on every exchange at any time, exchanges that end in every way, and more of both than there is room for. */
const id = fc.constantFrom<string | number>(0, 1, '0', '1', 2);
const step = fc.record({
  do: fc.constantFrom(
    'posts',
    'posts',
    'gets',
    'responds',
    'ends',
    'calls',
    'calls',
    'listens',
    'answers',
    'fails',
    'rejects',
    'cancels',
    'progresses',
    'logs',
    'loses',
  ),
  side: fc.constantFrom('client', 'server'),
  on: fc.nat(5),
  id,
  modern: fc.boolean(),
  eventId: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
  status: fc.constantFrom(200, 202, 404),
  ending: fc.record({
    end: fc.constantFrom('complete', 'client_gone', 'server_gone', 'stopped'),
    lost: fc.boolean(),
    failure: fc.constantFrom(undefined, undefined, 'refused'),
  }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function play(steps: readonly Step[]): Conversation {
  const limits = { maxPending: 5, maxClosed: 3, maxNotes: 2, maxExchanges: 4, maxEventIds: 2 };
  const talk = new Conversation({ transport: 'http', limits });
  const exchanges: Exchange[] = [talk.exchange()];
  for (const { do: what, side, on, id: requestId, modern, eventId, status, ending } of steps) {
    const exchange = exchanges.at(-1 - (on % exchanges.length));
    if (exchange === undefined) continue;
    const says = side === 'server' && eventId !== undefined ? exchange.event(eventId) : exchange[side];
    const meta = { ...(modern && MODERN_META), progressToken: requestId };
    if (what === 'posts') exchanges.push(talk.exchange());
    else if (what === 'gets') exchanges.push(talk.get(modern));
    else if (what === 'responds') exchange.responds(status);
    else if (what === 'ends') exchange.ends(ending);
    else if (what === 'calls') says.calls(requestId, 't', meta);
    else if (what === 'listens') says.asks(requestId, 'subscriptions/listen', { _meta: meta });
    else if (what === 'answers') says.answers(requestId);
    else if (what === 'fails') says.fails(requestId, -32_603);
    else if (what === 'rejects') says.fails(undefined, -32_000);
    else if (what === 'cancels') says.cancels(requestId);
    else if (what === 'progresses') says.notifies('notifications/progress', { progressToken: requestId });
    else if (what === 'logs') says.notifies('notifications/message', { level: 'info', data: requestId });
    else talk.tracker.gap({ channel: 'server_to_client', atUs: talk.now(), chunks: 1, bytes: 1 });
  }
  return talk.ends();
}

const isOf =
  <T extends McpEvent['type']>(type: T) =>
  (event: McpEvent): event is Extract<McpEvent, { type: T }> =>
    event.type === type;

test('whatever is said over HTTP, each operation starts once and then finishes once, and the counts agree', () => {
  const run = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const { events } = play(steps);
    const started = events.filter(isOf('operation_started')).map(({ operationId }) => operationId);
    const finished = events.filter(isOf('operation_finished'));
    expect(started).toEqual(started.map((_, index) => index));
    expect(finished.map(({ operationId }) => operationId).sort((a, b) => a - b)).toEqual(started);
    for (const { startedAtUs, endedAtUs } of finished) expect(endedAtUs).toBeGreaterThanOrEqual(startedAtUs);
    const ends = events.filter(isOf('session_ended'));
    expect(ends).toEqual([events.at(-1)]);
    expect(ends[0]).toMatchObject({
      operations: started.length,
      failedOperations: finished.filter(({ outcome }) => isFailure(outcome)).length,
      findings: events.filter(isOf('finding_raised')).length,
    });
  });
  fc.assert(run, settings(5_000));
});

/** Clients that keep the rules, all numbering from 0, over one server without sessions; their exchanges interleave at random. */
test('each call ends as its own exchange says, however the calls of many clients interleave', () => {
  const fate = fc.constantFrom(
    'ok',
    'tool_error',
    'protocol_error',
    'cancelled',
    'disconnected',
    'http_error',
  );
  const call = fc.record({ fate, id: fc.constantFrom<string | number>(0, 1, '0'), ends: fc.nat(1000) });
  const run = fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
    const talk = new Conversation({ transport: 'http' });
    const open = calls.map((planned, index) => {
      const exchange = talk.exchange();
      exchange.client.calls(planned.id, `n${index}`, MODERN_META);
      return { ...planned, exchange };
    });
    for (const { fate: end, id: requestId, exchange } of open.sort((a, b) => a.ends - b.ends)) {
      exchange.responds(end === 'http_error' ? 503 : 200);
      if (end === 'ok') exchange.server.answers(requestId);
      else if (end === 'tool_error') exchange.server.answers(requestId, { isError: true });
      else if (end === 'protocol_error') exchange.server.fails(requestId, -32_603);
      exchange.ends(
        end === 'cancelled' ? { end: 'client_gone' } : end === 'disconnected' ? { end: 'server_gone' } : {},
      );
    }
    expect(
      talk
        .finished()
        .map(({ target, outcome }) => `${target?.name} ${outcome}`)
        .sort(),
    ).toEqual(calls.map(({ fate: end }, index) => `n${index} ${end}`).sort());
    expect(talk.findings()).toEqual([]);
  });
  fc.assert(run, settings(2_000));
});
