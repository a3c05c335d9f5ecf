/** The contract of every output. One method takes the facts; the fan-out gives each sink its own bounded queue. */
import type { EventType, McpEvent } from '../event/event.ts';

export interface Sink {
  /** Stable, lower case: a label of metrics and a word in log lines. */
  readonly name: 'traces' | 'metrics' | 'logs' | 'store' | 'otlp_logs';
  /** The events this sink wants; others never enter its queue. */
  readonly wants: ReadonlySet<EventType>;
  readonly queue: QueueLimits;
  /**
   * Takes a batch in order. A returned promise means that the far side is busy: the next batch waits in the queue
   * until it settles. Throwing or rejecting loses this batch, counted as `failed`; it never reaches another sink.
   */
  readonly write: (batch: readonly McpEvent[]) => void | Promise<void>;
  /** Of a sink whose far side is a receiver: whether it takes what it is sent. Lossless capture waits for no other. */
  readonly isAnswering?: () => boolean;
  /** The end begins: writes still come, but nothing is paused for or tried again any more. */
  readonly ending?: (deadlineMs: number) => void;
  /** Hands over what is left and releases resources. Called once, after the last write; never waits past the deadline. */
  readonly close: (deadlineMs: number) => Promise<void>;
}

export interface QueueLimits {
  /** Beyond it the newest events are dropped and counted under this sink's name. */
  readonly maxEvents: number;
  /** Sum of the payload bytes that queued events hold. */
  readonly maxBytes: number;
  /** The longest an event waits before the sink is called, in milliseconds. 0: with the batch it came in. */
  readonly maxDelayMs: number;
  /** As soon as so many events wait, the sink is called without waiting for the delay. */
  readonly batchEvents: number;
}
