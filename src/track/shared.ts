/**
 * What the sessions of a process keep together: a bound for each of thousands of sessions would be none. It counts places and
 * forgets the oldest; it knows no message.
 */
import type { Id } from '../mcp/message.ts';
import type { OpenOperation } from './operation.ts';
import { Recent } from './recent.ts';

export interface SharedLimits {
  /** As of TrackerLimits, of all sessions together. */
  readonly maxClosed: number;
  readonly maxEventIds: number;
  /** Calls that wait for input and tasks, together. */
  readonly maxWaiting: number;
  /** Copies of calls in flight, each of `maxComparedBytes` at most. */
  readonly maxCopies: number;
  /** Requests whose HTTP exchange is over while their answer may still come elsewhere: most never get one. */
  readonly maxElsewhere: number;
}

/** Of all sessions of an HTTP process: with everything at its bound, less than 100 MB. */
export const SHARED_BY_SESSIONS: SharedLimits = {
  maxClosed: 100_000,
  maxEventIds: 100_000,
  maxWaiting: 10_000,
  maxCopies: 1000,
  maxElsewhere: 10_000,
};

/** Who makes ids as long as messages is not remembered by them. */
const MAX_KEY_CHARS = 1024;

export class Shared {
  readonly waiting: Places;
  readonly copies: Places;
  readonly elsewhere: Elsewhere;
  /** The values differ by their part, and each part knows its own. */
  readonly #closed: Recent<string, unknown>;
  readonly #said: Recent<string, unknown>;
  #parts = 0;

  constructor({ maxClosed, maxEventIds, maxWaiting, maxCopies, maxElsewhere }: SharedLimits) {
    this.waiting = new Places(maxWaiting);
    this.copies = new Places(maxCopies);
    this.elsewhere = new Elsewhere(maxElsewhere);
    this.#closed = new Recent(maxClosed);
    this.#said = new Recent(maxEventIds);
  }

  /** Of finished requests. */
  closed<V>(): Part<V> {
    return new Part((this.#parts += 1), this.#closed);
  }

  /** Of events. */
  said<V>(): Part<V> {
    return new Part((this.#parts += 1), this.#said);
  }
}

/** What is remembered for one user of a memory: keys of others are never its own. */
export class Part<V> {
  readonly #number: number;
  readonly #all: Recent<string, unknown>;

  constructor(number: number, all: Recent<string, unknown>) {
    this.#number = number;
    this.#all = all;
  }

  get(key: Id): V | undefined {
    return this.#all.get(this.#keyOf(key)) as V | undefined;
  }

  set(key: Id, value: V): void {
    if (typeof key === 'string' && key.length > MAX_KEY_CHARS) return;
    this.#all.set(this.#keyOf(key), value);
  }

  /** `1` and `"1"` differ. */
  #keyOf(key: Id): string {
    return `${this.#number}${typeof key === 'string' ? '"' : '#'}${key}`;
  }
}

export class Places {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get isFull(): boolean {
    return this.#taken >= this.#max;
  }

  take(): void {
    this.#taken += 1;
  }

  leave(): void {
    this.#taken -= 1;
  }
}

/** Operations whose answer may come elsewhere than where they were asked. Beyond the bound the oldest is given up. */
export class Elsewhere {
  readonly #max: number;
  readonly #giveUps = new Map<OpenOperation, () => void>();

  constructor(max: number) {
    this.#max = max;
  }

  add(operation: OpenOperation, giveUp: () => void): void {
    this.#giveUps.set(operation, giveUp);
    for (const [oldest, giveUpOldest] of this.#giveUps) {
      if (this.#giveUps.size <= this.#max) break;
      this.#giveUps.delete(oldest);
      giveUpOldest();
    }
  }

  delete(operation: OpenOperation): void {
    this.#giveUps.delete(operation);
  }
}
