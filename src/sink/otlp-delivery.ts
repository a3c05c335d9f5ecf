/**
 * Brings one request after the other to an OTLP receiver, with another try where that helps. A receiver that is down, slow
 * or refusing costs counted drops and one line: nothing here throws or waits for ever.
 */
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { ExportError, OtlpHttp } from './otlp-http.ts';
import type { OtlpTarget, Signal } from './otlp-target.ts';

export interface DeliveryOptions {
  readonly signal: Signal;
  readonly target: OtlpTarget;
  readonly contentType: string;
  /** The longest that one delivery may take, with all of its attempts. */
  readonly timeoutMs: number;
  /** Of Sidelight: says who is calling. */
  readonly version: string;
  /** For the standard variables about TLS files and compression. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Delivery {
  /** How many spans, points or records it holds. */
  readonly count: number;
  /** The request's body, made anew for each attempt; it may be overwritten afterwards. */
  readonly encode: () => Uint8Array | Promise<Uint8Array>;
  /** How many of them the receiver's answer says it did not take. */
  readonly rejected: (answer: Uint8Array) => number;
}

/** Under which name each is counted. `metrics` and `logs` are the page of metrics and the file of the log. */
const STAGE = { traces: 'traces', metrics: 'otlp_metrics', logs: 'otlp_logs' } as const;
/** After a failed attempt: the first pause, doubled each time up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A receiver that has not taken a request after so long does not answer. */
const PATIENCE_MS = 1000;

/** Counts what it drops under the signal's stage, with reason `export_failed` or `rejected` (by the receiver). */
export class OtlpDelivery {
  readonly #options: DeliveryOptions;
  readonly #stats: Stats;
  readonly #trouble: Trouble;
  #http: OtlpHttp | undefined;
  #failures = 0;
  /** The receiver's time to take what it is sent, after which it counts as one that does not answer. */
  #patienceUntil = 0;
  #pauseUntil = 0;
  #endPause: (() => void) | undefined;
  /** Set by `ending`: nothing is waited for any more, and the first failure is the last. */
  #ending = false;
  #gaveUp = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: DeliveryOptions, stats: Stats, trouble: Trouble) {
    this.#options = options;
    this.#stats = stats;
    this.#trouble = trouble;
  }

  /**
   * Tries again until the delivery's time is over, as the OTLP exporters do, and then drops. Never rejects; gives how many
   * the receiver took. One call at a time.
   */
  async deliver({ count, encode, rejected }: Delivery): Promise<number> {
    let until: number | undefined;
    this.#patienceUntil = performance.now() + PATIENCE_MS;
    while (!this.#gaveUp) {
      await this.#pause();
      // What an earlier delivery's failures make this one wait is not taken from its own time.
      until ??= performance.now() + this.#options.timeoutMs;
      try {
        const answer = await this.#post(await encode(), until - performance.now());
        return this.#delivered(count, Math.min(rejected(answer), count));
      } catch (cause) {
        const retryable = cause instanceof ExportError && cause.retryable;
        this.#failed(cause);
        if (!retryable || this.#pauseUntil >= until) break;
      }
    }
    this.#stats.drop(STAGE[this.#options.signal], 'export_failed', count);
    return 0;
  }

  /** Whether who waits for the receiver may hope. */
  isAnswering(): boolean {
    return this.#failures === 0 && performance.now() < this.#patienceUntil;
  }

  /** Ends any pause at once, and what is under way at the deadline; from now on the first failure is the last. */
  ending(deadlineMs: number): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#endPause?.();
    this.#deadline = setTimeout(() => {
      this.close();
    }, deadlineMs);
  }

  /** Ends what is under way. */
  close(): void {
    clearTimeout(this.#deadline);
    this.#gaveUp = true;
    this.#http?.close();
  }

  #post(body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { signal, target, contentType, version, env } = this.#options;
    const headers = { 'user-agent': `sidelight/${version}`, ...target.headers };
    this.#http ??= new OtlpHttp({ signal, url: target.url, headers, contentType, env });
    return this.#http.post(body, timeoutMs);
  }

  #delivered(count: number, rejected: number): number {
    const { signal } = this.#options;
    if (rejected > 0) this.#stats.drop(STAGE[signal], 'rejected', rejected);
    if (this.#failures > 0) {
      this.#failures = 0;
      this.#stats.condition(STAGE[signal], undefined);
      this.#trouble.over(STAGE[signal]);
    }
    return count - rejected;
  }

  #failed(cause: unknown): void {
    const { code, message, retryAfterMs } =
      cause instanceof ExportError ? cause : { code: 'internal', message: String(cause), retryAfterMs: 0 };
    const pauseMs = Math.min(Math.max(FIRST_PAUSE_MS * 2 ** this.#failures, retryAfterMs), LONGEST_PAUSE_MS);
    const { signal } = this.#options;
    this.#failures += 1;
    this.#pauseUntil = performance.now() + pauseMs;
    this.#stats.fail(STAGE[signal], code);
    this.#stats.condition(STAGE[signal], message);
    this.#trouble.say(STAGE[signal], `${signal} are not delivered: ${message}`);
    if (this.#ending) this.#gaveUp = true;
  }

  /** Lets a receiver that failed come back before it is asked again; new events wait in the queue meanwhile. */
  async #pause(): Promise<void> {
    const pauseMs = this.#pauseUntil - performance.now();
    if (this.#ending || pauseMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs).unref();
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
