/**
 * Which finished operations are exported as spans, decided when it is known how they ended: what failed, was slow or has
 * a finding always, of the rest a ratio by trace id. It decides nothing about metrics, logs or the recording.
 */
import type { OperationFinished } from '../event/event.ts';
import { inputWaitUs } from '../event/legs.ts';
import { isFailure } from '../event/outcome.ts';
import type { Stats } from '../self/stats.ts';

export interface SamplingRules {
  /** From 0 to 1: of the operations that nothing else speaks for. */
  readonly sampleRatio: number;
  /** An operation that took so many milliseconds is slow. */
  readonly slowMs: number;
  /** The same for operations of one method. */
  readonly slowMsByMethod: Readonly<Record<string, number>>;
}

/** Operations that have findings and are not over yet; and those that are, with a late or a second answer. */
export const MAX_FLAGGED = 10_000;

/** Of a trace id, the hexadecimal digits of the 56 bits that W3C trace context level 2 asks to be random. */
const RANDOM_DIGITS = 14;
const RANDOM_VALUES = 2 ** 56;

/** Counts what it forgets at its bound as drops of stage `traces` with reason `finding_cap`. */
export class TailSampler {
  readonly #rules: SamplingRules;
  readonly #stats: Stats;
  readonly #inRatio: (traceId: string) => boolean;
  /** By session, and both in the order in which they came. */
  readonly #flagged = new Map<string, Set<number>>();
  #flaggedOperations = 0;

  constructor(rules: SamplingRules, stats: Stats) {
    this.#rules = rules;
    this.#stats = stats;
    this.#inRatio = traceIdRatio(rules.sampleRatio);
  }

  /** The operation has a finding. */
  flag(sessionId: string, operationId: number): void {
    let operations = this.#flagged.get(sessionId);
    if (operations?.has(operationId)) return;
    if (this.#flaggedOperations >= MAX_FLAGGED) this.#forgetOldest();
    operations = this.#flagged.get(sessionId);
    if (operations === undefined) this.#flagged.set(sessionId, (operations = new Set()));
    operations.add(operationId);
    this.#flaggedOperations += 1;
  }

  /** To be asked once for each operation. */
  keeps(operation: OperationFinished): boolean {
    const { sessionId, operationId, outcome, error, span } = operation;
    return (
      this.#unflag(sessionId, operationId) ||
      isFailure(outcome) ||
      error !== undefined ||
      this.#isSlow(operation) ||
      this.#inRatio(span.traceId)
    );
  }

  /** Nothing more will be heard of this session's operations. */
  sessionEnded(sessionId: string): void {
    this.#flaggedOperations -= this.#flagged.get(sessionId)?.size ?? 0;
    this.#flagged.delete(sessionId);
  }

  /** A stream is open, not slow; and what a person took to answer is not the server's time. */
  #isSlow({ method, stream, startedAtUs, endedAtUs, legs }: OperationFinished): boolean {
    if (stream) return false;
    const { slowMs, slowMsByMethod } = this.#rules;
    const thresholdMs = Object.hasOwn(slowMsByMethod, method) ? slowMsByMethod[method] : slowMs;
    return endedAtUs - startedAtUs - inputWaitUs(legs) >= (thresholdMs ?? slowMs) * 1000;
  }

  #unflag(sessionId: string, operationId: number): boolean {
    const operations = this.#flagged.get(sessionId);
    if (operations?.delete(operationId) !== true) return false;
    this.#flaggedOperations -= 1;
    if (operations.size === 0) this.#flagged.delete(sessionId);
    return true;
  }

  #forgetOldest(): void {
    for (const [sessionId, operations] of this.#flagged) {
      for (const operationId of operations) {
        this.#unflag(sessionId, operationId);
        this.#stats.drop('traces', 'finding_cap');
        return;
      }
    }
  }
}

/**
 * OpenTelemetry's TraceIdRatioBased by its rule for consistent probabilities ("trace/tracestate-probability-sampling"):
 * the last 56 bits of the id are at least (1 - ratio) * 2^56. Every sidecar with the same ratio keeps the same traces,
 * and one with a larger ratio keeps them, too. Digits of equal number compare as their values do.
 */
export function traceIdRatio(ratio: number): (traceId: string) => boolean {
  const threshold = (1 - ratio) * RANDOM_VALUES;
  if (threshold >= RANDOM_VALUES) return () => false;
  const digits = BigInt(Math.round(threshold)).toString(16).padStart(RANDOM_DIGITS, '0');
  return (traceId) => traceId.slice(-RANDOM_DIGITS) >= digits;
}
