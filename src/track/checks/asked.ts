/** The requests whose answers are checked: what the check needs of them, by their operation, until they are answered. */
import type { FramePlace } from '../session.ts';

/** In flight at a time, and given up without an answer. The oldest goes: its answer is not checked. */
const MAX_ASKED = 1024;

export interface Asked {
  readonly where: FramePlace;
  /** tools/call: `params.name`. */
  readonly tool?: string | undefined;
  /** tools/call: undefined where they were too large to be looked at. */
  readonly argumentsHash?: number | undefined;
  /** Its answer may be a task (2025-11-25), whose result comes elsewhere. */
  readonly wantsTask?: boolean;
  /** A listing's. Null when it is no string or too long to be kept. */
  readonly cursor?: string | null | undefined;
  /** The capabilities that the request itself declared (2026-07-28). */
  readonly capabilities?: readonly string[] | undefined;
  /** elicitation/create: what the user was asked, cut. */
  readonly question?: string | undefined;
}

export class AskedRequests {
  #byOperation: Map<number, Asked> | undefined;

  set(operationId: number, asked: Asked): void {
    this.#byOperation ??= new Map();
    const [oldest] = this.#byOperation.size >= MAX_ASKED ? this.#byOperation.keys() : [];
    if (oldest !== undefined) this.#byOperation.delete(oldest);
    this.#byOperation.set(operationId, asked);
  }

  take(operationId: number | undefined): Asked | undefined {
    const asked = operationId === undefined ? undefined : this.#byOperation?.get(operationId);
    if (operationId !== undefined) this.#byOperation?.delete(operationId);
    return asked;
  }

  /** Those that have no answer, oldest first. */
  entries(): Iterable<readonly [number, Asked]> {
    return this.#byOperation ?? [];
  }
}
