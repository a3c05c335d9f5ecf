/**
 * Hands each event to the sinks that want it, each behind its own bounded queue. A sink that is slow, full or broken
 * loses its own events, counted, and never delays or disturbs another one.
 */
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import { EventQueue, payloadBytes } from './queue.ts';
import type { Sink } from './sink.ts';

/** A batch of so many payload bytes waits for no others: what is written need not be held. */
const BATCH_BYTES = 4 * 1024 * 1024;

export class Fanout {
  readonly #lanes: readonly Lane[];
  /** Which lanes want an event: one look-up per event, however many sinks there are. */
  readonly #routes = new Map<EventType, readonly Lane[]>();

  constructor(sinks: readonly Sink[], stats: Stats) {
    this.#lanes = sinks.map((sink) => new Lane(sink, stats));
    for (const lane of this.#lanes) {
      for (const type of lane.sink.wants) this.#routes.set(type, [...(this.#routes.get(type) ?? []), lane]);
    }
  }

  /** Takes events in order; never throws, never waits for a sink. */
  push(batch: readonly McpEvent[]): void {
    for (const event of batch) {
      const lanes = this.#routes.get(event.type);
      if (lanes === undefined) continue;
      const bytes = payloadBytes(event);
      for (const lane of lanes) lane.offer(event, bytes);
    }
    for (const lane of this.#lanes) lane.batchArrived();
  }

  /**
   * Whether a sink is behind by more than half of its queue: what lossless capture waits for. A receiver that does not answer is
   * no reason to wait.
   */
  isBehind(): boolean {
    return this.#lanes.some((lane) => lane.isBehind() && (lane.sink.isAnswering?.() ?? true));
  }

  /** Resolves when every sink has taken what waited for it, at the latest after the deadline; never rejects. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => within(deadlineMs, lane.drained())));
  }

  /** Drains and closes every sink, side by side, within the deadline; what still waits then is counted as lost. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close(deadlineMs)));
  }
}

/** One sink, its queue, and whether it is busy. */
class Lane {
  readonly sink: Sink;
  readonly #stats: Stats;
  readonly #queue: EventQueue;
  #timer: NodeJS.Timeout | undefined;
  /** Settles, never rejects, when the sink has taken the batch it has. */
  #busy: Promise<void> | undefined;
  #closed = false;
  #refusedEvents = 0;
  #refusedBytes = 0;

  constructor(sink: Sink, stats: Stats) {
    this.sink = sink;
    this.#stats = stats;
    this.#queue = new EventQueue(sink.queue);
    stats.queue(sink.name, () => ({ depth: this.#queue.length, capacity: sink.queue.maxEvents }));
  }

  offer(event: McpEvent, bytes: number): void {
    if (this.#closed || !this.#queue.push(event, bytes)) {
      this.#refusedEvents += 1;
      this.#refusedBytes += bytes;
    } else if (this.#busy === undefined && this.#isBatch()) {
      this.#write();
    }
  }

  batchArrived(): void {
    if (this.#refusedEvents > 0) {
      const reason = this.#closed ? 'closed' : 'queue_full';
      this.#stats.drop(this.sink.name, reason, this.#refusedEvents, this.#refusedBytes);
      this.#refusedEvents = 0;
      this.#refusedBytes = 0;
    }
    if (this.#busy !== undefined || this.#queue.length === 0) return;
    if (this.sink.queue.maxDelayMs === 0) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), this.sink.queue.maxDelayMs).unref();
  }

  #isBatch(): boolean {
    return this.#queue.length >= this.sink.queue.batchEvents || this.#queue.bytes >= BATCH_BYTES;
  }

  isBehind(): boolean {
    return (
      this.#queue.length > this.sink.queue.maxEvents / 2 || this.#queue.bytes > this.sink.queue.maxBytes / 2
    );
  }

  async drained(): Promise<void> {
    while (this.#busy !== undefined || (this.#queue.length > 0 && !this.#closed)) {
      if (this.#busy === undefined) this.#write();
      await this.#busy;
    }
  }

  async close(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    this.sink.ending?.(deadlineMs);
    await within(deadlineMs, this.drained());
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#queue.length > 0) {
      this.#stats.drop(this.sink.name, 'deadline', this.#queue.length, this.#queue.bytes);
      this.#queue.takeAll();
    }
    const left = Math.max(0, until - performance.now());
    await within(left, this.#closeSink(left));
  }

  async #closeSink(deadlineMs: number): Promise<void> {
    try {
      await this.sink.close(deadlineMs);
    } catch {
      this.#stats.drop(this.sink.name, 'close_failed');
    }
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = this.#queue.bytes;
    const batch = this.#queue.takeAll();
    const startedAt = performance.now();
    const took = (): void => {
      this.#stats.took(this.sink.name, (performance.now() - startedAt) / 1000);
    };
    const failed = (): void => {
      this.#stats.drop(this.sink.name, 'failed', batch.length, bytes);
    };
    let writing: void | Promise<void> = undefined;
    try {
      writing = this.sink.write(batch);
    } catch {
      failed();
    }
    if (writing === undefined) {
      took();
      return;
    }
    this.#busy = writing.catch(failed).then(() => {
      took();
      this.#busy = undefined;
      // What came in the meantime has waited for the sink: it does not wait for the delay as well.
      if (this.#queue.length > 0 && !this.#closed) this.#write();
    });
  }
}

/** Resolves with the promise or after so many milliseconds, whichever is first. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, deadline]);
  clearTimeout(timer);
}
