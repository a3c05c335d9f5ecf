/**
 * Multi round-trip calls (2026-07-28): operations whose answer asked for input, and which of them a retry goes on with. It
 * links only what is certain: a retry that may belong to two belongs to none.
 */
import type { Ending, OpenOperation } from './operation.ts';
import { Recent } from './recent.ts';
import type { Places } from './shared.ts';

/** An operation that waits for input. */
export interface Asked {
  readonly operation: OpenOperation;
  /** Its latest leg's. */
  readonly ending: Ending;
  /** `requestState` of the answer. */
  readonly state: string | undefined;
  /** Keys of `inputRequests`. */
  readonly keys: ReadonlySet<string>;
  /** See fingerprint.ts; undefined where it was too large to compare. */
  readonly call: string | undefined;
}

export interface Retry {
  readonly method: string;
  /** Of the target, as on the wire. */
  readonly name: string | undefined;
  readonly state: string | undefined;
  /** Keys of `inputResponses`. */
  readonly keys: readonly string[];
  readonly call: string | undefined;
}

export interface CyclesLimits {
  /** Operations that wait at a time. */
  readonly maxWaiting: number;
  /** Somebody who has not answered after so long does not come back, or not to this. */
  readonly maxInputWaitUs: number;
}

/** A state as long as this is made for one call; a shorter one may be a word that every call gets. */
const TOKEN_CHARS = 16;
/** Of those that were given up: their retries must not be taken for another one's. */
const MAX_GIVEN_UP = 1024;
/** States of all that asked lately, for who gives the same one to several calls. */
const MAX_STATES = 4096;

export class Cycles {
  readonly #limits: CyclesLimits;
  readonly #places: Places;
  /** The longest waiting first. */
  readonly #waiting = new Set<Asked>();
  readonly #byState = new Map<string | undefined, Set<Asked>>();
  readonly #givenUp = new Recent<string, true>(MAX_GIVEN_UP);
  /** Whether several operations had the state. */
  readonly #states = new Recent<string, { readonly operationId: number; readonly shared: boolean }>(
    MAX_STATES,
  );

  /** `places`: of all sessions. */
  constructor(limits: CyclesLimits, places: Places) {
    this.#limits = limits;
    this.#places = places;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** False when there is no room for one more. */
  add(asked: Asked): boolean {
    if (this.#waiting.size >= this.#limits.maxWaiting || this.#places.isFull) {
      this.#giveUp(asked);
      return false;
    }
    this.#places.take();
    this.#waiting.add(asked);
    const { state, operation } = asked;
    const same = this.#byState.get(state);
    if (same === undefined) this.#byState.set(state, new Set([asked]));
    else same.add(asked);
    if (state === undefined) return true;
    const before = this.#states.get(state);
    const shared = before !== undefined && (before.shared || before.operationId !== operation.operationId);
    this.#states.set(state, { operationId: operation.operationId, shared });
    return true;
  }

  /**
   * Takes out the operation that the retry goes on with; undefined when that is not certain. `isDoubtful`: it may belong to
   * one that is not known, so that only a state that cannot be another's tells.
   */
  take(retry: Retry, isDoubtful: boolean): Asked | undefined {
    const { state = '' } = retry;
    if (isDoubtful && (state.length < TOKEN_CHARS || this.#states.get(state)?.shared === true))
      return undefined;
    const fitting = [...(this.#byState.get(retry.state) ?? [])].filter((asked) => fits(asked, retry));
    const [only] = fitting;
    if (only === undefined || fitting.length > 1 || this.#mayBeGivenUp(retry)) return undefined;
    this.#drop(only);
    return only;
  }

  /** Takes out those that have waited for too long. */
  overdue(atUs: number): readonly Asked[] {
    const late: Asked[] = [];
    for (const asked of this.#waiting) {
      if (atUs - asked.ending.atUs <= this.#limits.maxInputWaitUs) break;
      late.push(asked);
    }
    for (const asked of late) {
      this.#drop(asked);
      this.#giveUp(asked);
    }
    return late;
  }

  takeAll(): readonly Asked[] {
    const all = [...this.#waiting];
    for (const asked of all) this.#drop(asked);
    return all;
  }

  #giveUp({ state, call }: Asked): void {
    this.#givenUp.set(keyOf(state, call), true);
  }

  #mayBeGivenUp({ state, call }: Retry): boolean {
    // One without its call may have been any.
    const keys = [keyOf(state, call), keyOf(state, undefined)];
    return keys.some((key) => this.#givenUp.get(key) !== undefined);
  }

  #drop(asked: Asked): void {
    if (this.#waiting.delete(asked)) this.#places.leave();
    const same = this.#byState.get(asked.state);
    same?.delete(asked);
    if (same?.size === 0) this.#byState.delete(asked.state);
  }
}

/** A client sends the same call again, with the state that it was given, or with answers to what it was asked. */
function fits(asked: Asked, retry: Retry): boolean {
  const { method, wireName } = asked.operation;
  if (method !== retry.method || wireName !== retry.name) return false;
  const isCompared = asked.call !== undefined && retry.call !== undefined;
  if (isCompared && asked.call !== retry.call) return false;
  if (retry.state !== undefined) return true;
  return isCompared && retry.keys.length > 0 && retry.keys.every((key) => asked.keys.has(key));
}

function keyOf(state: string | undefined, call: string | undefined): string {
  return JSON.stringify([state ?? null, call ?? null]);
}
