/** When the next happening of one request is due. It waits, and does nothing else. */
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Clients that read two messages at once may lose the first, a progress notification before its result: with a real server they
 * do, too, but by chance.
 */
const APART_MS = 2;

export class Pace {
  readonly #speed: number;
  #live = performance.now();
  #recordedUs: number;
  #spoke = false;

  /** `speed`: recorded times are divided by it; Infinity: at once. */
  constructor(startedAtUs: number, speed: number) {
    this.#recordedUs = startedAtUs;
    this.#speed = speed;
  }

  async until(atUs: number, signal: AbortSignal): Promise<void> {
    const dueMs = this.#live + (atUs - this.#recordedUs) / 1000 / this.#speed - performance.now();
    const ms = Math.max(dueMs, this.#spoke ? APART_MS : 0);
    this.#spoke = false;
    await pause(ms, signal);
  }

  /** A message was sent. */
  spoke(): void {
    this.#spoke = true;
  }

  /** The client took its own time: what follows counts from here. */
  from(atUs: number): void {
    this.#live = performance.now();
    this.#recordedUs = atUs;
  }
}

/** Ends early when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => undefined);
}
