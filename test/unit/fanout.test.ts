import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EventType, McpEvent } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Fanout } from '../../src/sink/fanout.ts';
import type { QueueLimits, Sink } from '../../src/sink/sink.ts';
import { described, operation, operations } from './events.ts';

const LIMITS: QueueLimits = { maxEvents: 1000, maxBytes: 1e6, maxDelayMs: 0, batchEvents: 1000 };

/** A sink that keeps what it was given; `take` is what its write does. */
function sinkOf(
  differs: Partial<{
    name: Sink['name'];
    wants: readonly EventType[];
    queue: Partial<QueueLimits>;
    take: () => void | Promise<void>;
    close: Sink['close'];
  }> = {},
) {
  const batches: (readonly McpEvent[])[] = [];
  const sink: Sink = {
    name: differs.name ?? 'store',
    wants: new Set(differs.wants ?? ['operation_finished']),
    queue: { ...LIMITS, ...differs.queue },
    write: (batch) => {
      batches.push(batch);
      return differs.take?.();
    },
    close: differs.close ?? (() => Promise.resolve()),
  };
  return { sink, batches };
}

function gate() {
  let open = (): void => undefined;
  let fail = (): void => undefined;
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = () => {
      reject(new Error('the far side is broken'));
    };
  });
  return { passed, open, fail };
}

const hanging = (): Promise<void> => new Promise(() => undefined);

describe('the fan-out', () => {
  it('gives each sink the events that it wants, in order, with the batch they came in', () => {
    const all = sinkOf({ wants: ['operation_finished', 'session_described'] });
    const some = sinkOf({ name: 'logs', wants: ['session_described'] });
    const none = sinkOf({ name: 'traces', wants: ['finding_raised'] });
    const batch = [operation(), described(), operation({ operationId: 2 })];
    new Fanout([all.sink, some.sink, none.sink], new Stats()).push(batch);
    expect(all.batches).toEqual([batch]);
    expect(some.batches).toEqual([[described()]]);
    expect(none.batches).toEqual([]);
  });

  it('calls a sink within a large batch as soon as a batch of its own waits', () => {
    const { sink, batches } = sinkOf({ queue: { batchEvents: 4, maxEvents: 4 } });
    const stats = new Stats();
    new Fanout([sink], stats).push(operations(10));
    expect(batches.map(({ length }) => length)).toEqual([4, 4, 2]);
    expect(stats.drops()).toEqual([]);
  });

  it('lets events wait while a write is pending, drops the newest when full, and counts them', async () => {
    const { passed, open } = gate();
    const { sink, batches } = sinkOf({ queue: { maxEvents: 3 }, take: () => passed });
    const stats = new Stats();
    const fanout = new Fanout([sink], stats);
    fanout.push([operation()]);
    fanout.push(operations(5));
    expect(stats.queues()).toEqual([{ name: 'store', depth: 3, capacity: 3 }]);
    expect(stats.drops()).toEqual([{ stage: 'store', reason: 'queue_full', count: 2, bytes: 0 }]);
    open();
    await fanout.drain(10_000);
    expect(batches).toEqual([[operation()], operations(5).slice(0, 3)]);
  });

  it('does not let a slow sink hold up another', () => {
    const slow = sinkOf({ take: hanging });
    const quick = sinkOf({ name: 'logs' });
    const fanout = new Fanout([slow.sink, quick.sink], new Stats());
    for (const event of operations(5)) fanout.push([event]);
    expect(slow.batches).toHaveLength(1);
    expect(quick.batches).toHaveLength(5);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('counts the batch of a sink that %s, and goes on', async (_, take) => {
    const broken = sinkOf({ take });
    const sound = sinkOf({ name: 'logs' });
    const stats = new Stats();
    const fanout = new Fanout([broken.sink, sound.sink], stats);
    fanout.push(operations(3));
    await fanout.drain(10_000);
    fanout.push([operation()]);
    await fanout.drain(10_000);
    expect(sound.batches).toEqual([operations(3), [operation()]]);
    expect(broken.batches).toHaveLength(2);
    expect(stats.drops()).toEqual([{ stage: 'store', reason: 'failed', count: 4, bytes: 0 }]);
  });

  it('tells how long each write took', async () => {
    const { sink } = sinkOf({ take: () => Promise.resolve() });
    const stats = new Stats();
    const fanout = new Fanout([sink], stats);
    fanout.push([operation()]);
    await fanout.drain(10_000);
    expect(Array.from(stats.times().get('store')?.counts ?? []).reduce((sum, count) => sum + count)).toBe(1);
  });
});

describe('with a delay', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('events wait for it, counted from the first', () => {
    const { sink, batches } = sinkOf({ queue: { maxDelayMs: 50 } });
    const fanout = new Fanout([sink], new Stats());
    fanout.push([operation()]);
    vi.advanceTimersByTime(30);
    fanout.push([operation({ operationId: 2 })]);
    vi.advanceTimersByTime(19);
    expect(batches).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(batches).toEqual([[operation(), operation({ operationId: 2 })]]);
    vi.advanceTimersByTime(1000);
    expect(batches).toHaveLength(1);
  });

  it('a full batch does not wait', () => {
    const { sink, batches } = sinkOf({ queue: { maxDelayMs: 50, batchEvents: 3 } });
    const fanout = new Fanout([sink], new Stats());
    fanout.push(operations(2));
    expect(batches).toEqual([]);
    fanout.push([operation()]);
    expect(batches).toEqual([[...operations(2), operation()]]);
    vi.advanceTimersByTime(1000);
    expect(batches).toHaveLength(1);
  });
});

describe('closing', () => {
  it('hands over what waits before it closes a sink', async () => {
    const calls: string[] = [];
    const { sink } = sinkOf({
      queue: { maxDelayMs: 60_000 },
      take: () => void calls.push('write'),
      close: () => {
        calls.push('close');
        return Promise.resolve();
      },
    });
    const fanout = new Fanout([sink], new Stats());
    fanout.push([operation()]);
    await fanout.close(10_000);
    expect(calls).toEqual(['write', 'close']);
  });

  it('ends at the deadline beside sinks that hang, and counts what they did not take', async () => {
    const inWrite = sinkOf({ take: hanging });
    const inClose = sinkOf({ name: 'traces', close: hanging });
    const sound = sinkOf({ name: 'logs', queue: { maxDelayMs: 60_000 } });
    const stats = new Stats();
    const fanout = new Fanout([inWrite.sink, inClose.sink, sound.sink], stats);
    fanout.push([operation()]);
    fanout.push(operations(2));
    await fanout.close(20);
    expect(sound.batches).toEqual([[operation(), ...operations(2)]]);
    expect(stats.drops()).toEqual([{ stage: 'store', reason: 'deadline', count: 2, bytes: 0 }]);
  });

  it('counts a sink that fails to close, and what comes afterwards', async () => {
    const { sink, batches } = sinkOf({ close: () => Promise.reject(new Error('broken')) });
    const stats = new Stats();
    const fanout = new Fanout([sink], stats);
    await fanout.close(10_000);
    fanout.push([operation()]);
    expect(batches).toEqual([]);
    expect(stats.drops().map(({ reason, count }) => [reason, count])).toEqual([
      ['close_failed', 1],
      ['closed', 1],
    ]);
  });
});
