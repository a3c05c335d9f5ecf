import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import type { OpenOperation } from '../../src/track/operation.ts';
import { Pending } from '../../src/track/pending.ts';
import { Shared, SHARED_BY_SESSIONS } from '../../src/track/shared.ts';
import { Conversation } from '../track/conversation.ts';
import { settings } from './cuts.ts';
import { isFailure } from '../../src/event/outcome.ts';

/** What no well-behaved peers would say: every message at any time, and copies lost in between. */
const id = fc.constantFrom<string | number>(0, 1, '0', '1', 2);
const side = fc.constantFrom('client', 'server');
const step = fc.oneof(
  fc.record({
    do: fc.constantFrom('calls', 'listens', 'initializes', 'answers', 'fails', 'cancels', 'progresses'),
    side,
    id,
  }),
  fc.record({ do: fc.constantFrom('logs', 'babbles', 'loses', 'dies'), side, id }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function play(steps: readonly Step[]): Conversation {
  const talk = new Conversation({ limits: { maxPending: 5, maxClosed: 3, maxNotes: 2 } });
  for (const { do: what, side: speaker, id: requestId } of steps) {
    const says = talk[speaker];
    const channel = speaker === 'client' ? 'client_to_server' : 'server_to_client';
    if (what === 'calls') says.calls(requestId, 't', { progressToken: requestId });
    else if (what === 'listens') says.asks(requestId, 'subscriptions/listen');
    else if (what === 'initializes') says.asks(requestId, 'initialize');
    else if (what === 'answers') says.answers(requestId);
    else if (what === 'fails') says.fails(requestId, -32_603);
    else if (what === 'cancels') says.cancels(requestId);
    else if (what === 'progresses') says.notifies('notifications/progress', { progressToken: requestId });
    else if (what === 'logs') says.notifies('notifications/message', { level: 'info', data: requestId });
    else if (what === 'babbles') talk.say(channel, 'no message');
    else if (what === 'loses') talk.tracker.gap({ channel, atUs: talk.now(), chunks: 1, bytes: 1 });
    else talk.tracker.serverExited(1, null, talk.now(), false);
  }
  return talk.ends();
}

const isOf =
  <T extends McpEvent['type']>(type: T) =>
  (event: McpEvent): event is Extract<McpEvent, { type: T }> =>
    event.type === type;

test('whatever is said, each operation starts once and then finishes once, and the counts of the end agree', () => {
  const run = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { events } = play(steps);
    const started = events.filter(isOf('operation_started')).map(({ operationId }) => operationId);
    const finished = events.filter(isOf('operation_finished'));
    expect(started).toEqual(started.map((_, index) => index));
    expect(finished.map(({ operationId }) => operationId).sort((a, b) => a - b)).toEqual(started);
    for (const operation of finished) {
      const begins = events.findIndex(
        (event) => event.type === 'operation_started' && event.operationId === operation.operationId,
      );
      expect(begins).toBeLessThan(events.indexOf(operation));
      expect(operation.endedAtUs).toBeGreaterThanOrEqual(operation.startedAtUs);
      expect(operation.notes.length + operation.notesDropped).toBeGreaterThanOrEqual(operation.progressCount);
      expect(operation.notes.length).toBeLessThanOrEqual(2);
    }
    const ends = events.filter(isOf('session_ended'));
    expect(ends).toEqual([events.at(-1)]);
    expect(ends[0]).toMatchObject({
      operations: started.length,
      failedOperations: finished.filter(({ outcome }) => isFailure(outcome)).length,
      findings: events.filter(isOf('finding_raised')).length,
    });
    const messages = steps.filter(({ do: what }) => what !== 'loses' && what !== 'dies').length;
    expect(events.filter(isOf('message_seen'))).toHaveLength(messages);
  });
  fc.assert(run, settings(5_000));
});

test('whatever is said, the same said again gives the same events', () => {
  const run = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    expect(play(steps).events).toEqual(play(steps).events);
  });
  fc.assert(run, settings(500));
});

test('what is in flight is kept as a plain list would keep it', () => {
  const command = fc.record({ opens: fc.boolean(), id, stream: fc.boolean() });
  const run = fc.property(fc.array(command, { maxLength: 50 }), (commands) => {
    const pending = new Pending(new Shared({ ...SHARED_BY_SESSIONS, maxClosed: 4 }));
    let list: OpenOperation[] = [];
    commands.forEach(({ opens, id: requestId, stream }, operationId) => {
      const oldest = list.find((operation) => operation.requestId === requestId);
      if (opens) {
        const operation = { operationId, requestId, stream, method: 'm' } as unknown as OpenOperation;
        expect(pending.open(operation)).toBe(oldest === undefined);
        list.push(operation);
      } else {
        expect(pending.close(requestId, 'answered')).toBe(oldest);
        list = list.filter((operation) => operation !== oldest);
      }
      const calls = list.filter((operation) => !operation.stream);
      expect(pending.size).toBe(list.length);
      expect(pending.oldest).toBe(calls[0]);
      expect(pending.only).toBe(calls.length === 1 ? calls[0] : undefined);
      expect(pending.all()).toEqual([...calls, ...list.filter((operation) => operation.stream)]);
      expect(pending.get(requestId)).toBe(list.find((operation) => operation.requestId === requestId));
    });
  });
  fc.assert(run, settings(2_000));
});
