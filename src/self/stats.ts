/**
 * What Sidelight knows about itself: drops, failures, conditions. Parts write here with plain calls; the metric sink
 * and /readyz read it. It holds numbers only, so that counting never fails and never waits.
 */
import { type BucketCounts, Buckets } from './buckets.ts';

/** Upper bounds of `took`, in seconds: from a batch that only fills memory to a receiver at its time limit. */
export const TOOK_BOUNDS_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] as const;

/** Where copies or events can be lost. */
export type Stage =
  | 'listener'
  | 'capture'
  | 'decode'
  | 'track'
  | 'traces'
  | 'metrics'
  | 'logs'
  | 'store'
  | 'otlp_metrics'
  | 'otlp_logs';

/** A part whose trouble shows in /readyz. */
export type Part =
  'listener' | 'capture' | 'store' | 'fleet' | 'traces' | 'logs' | 'admin' | 'otlp_metrics' | 'otlp_logs';

export interface Count {
  readonly stage: Stage;
  readonly reason: string;
  readonly count: number;
  readonly bytes: number;
}

export interface QueueState {
  readonly depth: number;
  readonly capacity: number;
}

export class Stats {
  readonly #drops = new Map<string, { stage: Stage; reason: string; count: number; bytes: number }>();
  readonly #failures = new Map<string, { part: Part; reason: string; count: number }>();
  readonly #counts = new Map<string, number>();
  readonly #times = new Map<Stage, Buckets>();
  readonly #conditions = new Map<Part, string>();
  readonly #queues = new Map<string, () => QueueState>();
  readonly #gauges = new Map<string, () => number | undefined>();

  /** Counts what was dropped; `reason` is a fixed word such as `queue_full`, never text from the wire. */
  drop(stage: Stage, reason: string, count = 1, bytes = 0): void {
    const key = `${stage}/${reason}`;
    const entry = this.#drops.get(key) ?? { stage, reason, count: 0, bytes: 0 };
    entry.count += count;
    entry.bytes += bytes;
    this.#drops.set(key, entry);
  }

  /** Counts a failed attempt of a part (an export, a store write). */
  fail(part: Part, reason: string): void {
    const key = `${part}/${reason}`;
    const entry = this.#failures.get(key) ?? { part, reason, count: 0 };
    entry.count += 1;
    this.#failures.set(key, entry);
  }

  /** Adds to a plain counter; `name` is a fixed word such as `spans_exported`. */
  add(name: string, count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  /** Tells how long one write of a stage took. */
  took(stage: Stage, seconds: number): void {
    let buckets = this.#times.get(stage);
    if (buckets === undefined) this.#times.set(stage, (buckets = new Buckets(TOOK_BOUNDS_SECONDS)));
    buckets.observe(seconds);
  }

  /** Sets or, with undefined, clears what is wrong with a part. */
  condition(part: Part, problem: string | undefined): void {
    if (problem === undefined) this.#conditions.delete(part);
    else this.#conditions.set(part, problem);
  }

  /** Registers a queue whose depth and capacity (in events or bytes, as its name says) are read at each scrape. */
  queue(name: string, read: () => QueueState): void {
    this.#queues.set(name, read);
  }

  /** Registers a plain number that is read at each scrape; undefined: it is not known. */
  gauge(name: string, read: () => number | undefined): void {
    this.#gauges.set(name, read);
  }

  /** Undefined: nobody registered it, or it is not known. */
  gaugeOf(name: string): number | undefined {
    return this.#gauges.get(name)?.();
  }

  drops(): readonly Count[] {
    return [...this.#drops.values()];
  }

  failures(): readonly { readonly part: Part; readonly reason: string; readonly count: number }[] {
    return [...this.#failures.values()];
  }

  counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  times(): ReadonlyMap<Stage, BucketCounts> {
    return this.#times;
  }

  problems(): ReadonlyMap<Part, string> {
    return this.#conditions;
  }

  queues(): readonly (QueueState & { readonly name: string })[] {
    return [...this.#queues].map(([name, read]) => ({ name, ...read() }));
  }
}
