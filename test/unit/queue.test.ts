import { describe, expect, it } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { EventQueue, payloadBytes } from '../../src/sink/queue.ts';
import { operations } from './events.ts';

const [a, b, c] = operations(3) as unknown as readonly [McpEvent, McpEvent, McpEvent];

describe('a queue', () => {
  it('gives back everything in order, once', () => {
    const queue = new EventQueue({ maxEvents: 3, maxBytes: 100 });
    for (const event of [a, b, c]) expect(queue.push(event, 10)).toBe(true);
    expect([queue.length, queue.bytes]).toEqual([3, 30]);
    expect(queue.takeAll()).toEqual([a, b, c]);
    expect([queue.length, queue.bytes]).toEqual([0, 0]);
    expect(queue.takeAll()).toEqual([]);
  });

  it('refuses the newest beyond its number of events', () => {
    const queue = new EventQueue({ maxEvents: 2, maxBytes: 100 });
    expect([a, b, c].map((event) => queue.push(event, 0))).toEqual([true, true, false]);
    expect(queue.takeAll()).toEqual([a, b]);
    expect(queue.push(c, 0)).toBe(true);
  });

  it('refuses the newest beyond its bytes', () => {
    const queue = new EventQueue({ maxEvents: 10, maxBytes: 100 });
    expect([60, 41, 40].map((bytes) => queue.push(a, bytes))).toEqual([true, false, true]);
    expect(queue.bytes).toBe(100);
  });

  it('takes one event that is larger than it, alone', () => {
    const queue = new EventQueue({ maxEvents: 10, maxBytes: 100 });
    expect(queue.push(a, 1000)).toBe(true);
    expect(queue.push(b, 1)).toBe(false);
    expect(queue.takeAll()).toEqual([a]);
    expect(queue.push(b, 1)).toBe(true);
  });
});

it('the payload of a frame is its bytes, of an operation nothing to speak of', () => {
  const frame = { type: 'frame_recorded', bytes: new Uint8Array(7) } as unknown as McpEvent;
  expect(payloadBytes(frame)).toBe(7);
  expect(payloadBytes(a)).toBe(0);
});
