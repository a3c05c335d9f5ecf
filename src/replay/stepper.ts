/**
 * Holds a replay before a step until somebody says what to do. It never lets through what the plan does not allow, nor another tool
 * than the one that was planned. Pure but for the promise that it keeps.
 */
import type { PlannedStep } from './plan.ts';
import type { Decision } from './run.ts';
import type { Json } from './scenario.ts';

export type Move =
  /** Send it, with other params or as planned, and wait again before the next. */
  | { readonly is: 'send'; readonly params?: Json }
  | { readonly is: 'skip' }
  /** Send it and all that follow. */
  | { readonly is: 'continue' }
  /** Wait before the next. */
  | { readonly is: 'pause' }
  | { readonly is: 'stop' };

/** Why a move was not made: nothing waits for it, or the params are of another tool. */
export type Refusal = 'nothing_waits' | 'other_tool';

export class Stepper {
  readonly #changed: () => void;
  #paused: boolean;
  #stopped = false;
  #waiting: { readonly planned: PlannedStep; readonly decide: (decision: Decision) => void } | undefined;

  /** `changed` is called when a step begins to wait. */
  constructor(paused: boolean, changed: () => void = () => undefined) {
    this.#paused = paused;
    this.#changed = changed;
  }

  /** It waits before each step, or will before the next. */
  get paused(): boolean {
    return this.#paused;
  }

  /** The step that somebody is to decide about. */
  get waiting(): PlannedStep | undefined {
    return this.#waiting?.planned;
  }

  /** For `before` of a run. What is blocked is not asked about. */
  async before(planned: PlannedStep): Promise<Decision> {
    if (this.#stopped) return 'stop';
    if (planned.blocked.length > 0) return 'skip';
    if (!this.#paused) return 'go';
    const decision = new Promise<Decision>((decide) => {
      this.#waiting = { planned, decide };
    });
    this.#changed();
    return decision;
  }

  /** Undefined: it was made. */
  move(move: Move): Refusal | undefined {
    const waiting = this.#waiting;
    if (move.is === 'pause') {
      this.#paused = true;
      return undefined;
    }
    if (move.is === 'stop') this.#stopped = true;
    else if (waiting === undefined) {
      if (move.is !== 'continue') return 'nothing_waits';
    } else if (move.is === 'send' && !isSameTool(waiting.planned, move.params)) return 'other_tool';
    if (move.is === 'continue') this.#paused = false;
    this.#waiting = undefined;
    waiting?.decide(decisionOf(move));
    return undefined;
  }
}

function decisionOf(move: Exclude<Move, { is: 'pause' }>): Decision {
  if (move.is === 'send') return move.params === undefined ? 'go' : { params: move.params };
  return move.is === 'continue' ? 'go' : move.is;
}

/** What was allowed is a tool, and not whatever a name in its place says. */
function isSameTool({ step, params }: PlannedStep, changed: Json | undefined): boolean {
  return step.method !== 'tools/call' || changed === undefined || changed.name === params?.name;
}
