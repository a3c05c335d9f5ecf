/**
 * How fast whoever is let in may ask: a program in a loop leaves room for the page, for others, and in a sidecar for what is
 * recorded. It counts, and reads no request.
 */
import { ApiError } from './problem.ts';

/** Requests in a second that one token may make for long: ten pages that are scrolled as fast as they can be. */
export const MAX_REQUESTS_PER_SECOND = 1000;
/** And at once, after a while in which it made none. */
export const MAX_BURST = 2000;
/** Tokens that are counted apart; of more, those that asked longest ago begin anew. */
const MAX_SUBJECTS = 1000;

interface Budget {
  readonly left: number;
  readonly atMs: number;
}

export class Pace {
  readonly #now: () => number;
  readonly #budgets = new Map<string, Budget>();
  #refused = 0;

  /** Milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Requests that were not answered since they came too fast. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts a request of `subject`. Throws an ApiError where it comes too fast. */
  take(subject: string): void {
    const atMs = this.#now();
    const before = this.#budgets.get(subject) ?? { left: MAX_BURST, atMs };
    const earned = ((atMs - before.atMs) * MAX_REQUESTS_PER_SECOND) / 1000;
    const has = Math.min(MAX_BURST, before.left + earned);
    const isLetIn = has >= 1;
    this.#budgets.delete(subject);
    this.#budgets.set(subject, { left: isLetIn ? has - 1 : has, atMs });
    const [oldest] = this.#budgets.keys();
    if (this.#budgets.size > MAX_SUBJECTS && oldest !== undefined) this.#budgets.delete(oldest);
    if (isLetIn) return;
    this.#refused += 1;
    const detail = `more than ${MAX_REQUESTS_PER_SECOND} requests in a second with one token; ask more slowly`;
    throw new ApiError(429, detail, {}, { 'retry-after': '1' });
  }
}
