/**
 * The smallest part of a session that still fails the same way: delta debugging over its steps with what they depend on, then over
 * the arguments of those that are left. Each trial is somebody else's run; how many there may be is bounded. Pure.
 */
import { isObject } from '../mcp/canonical.ts';
import type { Binding } from './bindings.ts';
import type { Path } from './paths.ts';
import { withValue } from './bindings.ts';
import type { PlannedStep } from './plan.ts';
import type { Json } from './scenario.ts';

export interface MinimizeOptions {
  readonly steps: readonly PlannedStep[];
  readonly bindings: readonly Binding[];
  /** The step that fails: it stays. */
  readonly target: number;
  readonly maxTrials: number;
  /** Runs just these steps on a fresh server; true: the target fails the same way. */
  readonly fails: (steps: readonly PlannedStep[]) => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly progress?: (left: number, trials: number) => void;
}

export interface Minimized {
  readonly steps: readonly PlannedStep[];
  readonly trials: number;
  /** No more trials were allowed, or there was no time for them: it may not be the smallest. */
  readonly stopped: boolean;
}

/** Undefined: even the whole session does not fail the same way. */
export async function minimize(options: MinimizeOptions): Promise<Minimized | undefined> {
  return new Minimizing(options).run();
}

class Minimizing {
  readonly #options: MinimizeOptions;
  #trials = 0;

  constructor(options: MinimizeOptions) {
    this.#options = options;
  }

  async run(): Promise<Minimized | undefined> {
    const { steps, target } = this.#options;
    const all = steps.filter(({ step }) => step.index <= target);
    if (!(await this.#fails(all))) return undefined;
    const fewest = await this.#steps(all);
    const smallest = await this.#arguments(fewest);
    return { steps: smallest, trials: this.#trials, stopped: this.#isOver() };
  }

  /** ddmin (Zeller and Hildebrandt, 2002), over complements: parts are left out as long as it still fails. */
  async #steps(all: readonly PlannedStep[]): Promise<readonly PlannedStep[]> {
    const { target, progress } = this.#options;
    let kept = all.filter(({ step }) => step.index !== target);
    let parts = 2;
    while (kept.length > 0 && !this.#isOver()) {
      const size = Math.ceil(kept.length / parts);
      let smaller: PlannedStep[] | undefined;
      for (let from = 0; from < kept.length && !this.#isOver(); from += size) {
        const rest = this.#closed([...kept.slice(0, from), ...kept.slice(from + size)], all);
        // What others depend on comes back; then nothing was left out.
        if (rest.length >= kept.length) continue;
        if (await this.#fails(this.#ordered(rest, all))) {
          smaller = rest;
          break;
        }
      }
      progress?.(smaller?.length ?? kept.length, this.#trials);
      if (smaller !== undefined) {
        kept = smaller;
        parts = Math.max(2, parts - 1);
      } else if (size === 1) break;
      else parts = Math.min(kept.length, parts * 2);
    }
    return this.#ordered(kept, all);
  }

  /** Members and elements that nobody needs, one at a time, and long texts by half. */
  async #arguments(steps: readonly PlannedStep[]): Promise<readonly PlannedStep[]> {
    let current = steps;
    for (let position = 0; position < current.length; position += 1) {
      let again = true;
      while (again && !this.#isOver()) {
        again = false;
        const planned = current[position];
        if (planned?.params === undefined) break;
        for (const params of smallerParams(planned.params)) {
          if (this.#isOver()) break;
          const tried = current.map((one, index) => (index === position ? { ...planned, params } : one));
          if (!(await this.#fails(tried))) continue;
          current = tried;
          again = true;
          break;
        }
      }
    }
    return current;
  }

  /** With everything that these and the target take values from, and what a cancel is about. */
  #closed(steps: readonly PlannedStep[], all: readonly PlannedStep[]): PlannedStep[] {
    const { bindings, target } = this.#options;
    const wanted = new Set([...steps.map(({ step }) => step.index), target]);
    for (let before = -1; before !== wanted.size;) {
      before = wanted.size;
      for (const { from, to } of bindings) if (wanted.has(to)) wanted.add(from);
      for (const { step } of all)
        if (step.cancels !== undefined && wanted.has(step.index)) wanted.add(step.cancels);
    }
    return all.filter(({ step }) => wanted.has(step.index) && step.index !== target);
  }

  #ordered(kept: readonly PlannedStep[], all: readonly PlannedStep[]): readonly PlannedStep[] {
    const indexes = new Set([...kept.map(({ step }) => step.index), this.#options.target]);
    return all.filter(({ step }) => indexes.has(step.index));
  }

  async #fails(steps: readonly PlannedStep[]): Promise<boolean> {
    this.#trials += 1;
    return this.#options.fails(steps);
  }

  #isOver(): boolean {
    return this.#trials >= this.#options.maxTrials || this.#options.signal.aborted;
  }
}

/** The same params, each with one thing less; `_meta` and what names the call stay. */
export function* smallerParams(params: Json): Generator<Json> {
  const { arguments: args } = params;
  if (args === undefined) return;
  for (const { path, value } of parts(args, ['arguments'])) {
    if (path.length > 1) yield without(params, path) as Json;
    if (Array.isArray(value) && value.length > 1)
      yield withValue(params, path, value.slice(0, Math.ceil(value.length / 2))) as Json;
    if (typeof value === 'string' && value.length > 8)
      yield withValue(params, path, value.slice(0, Math.ceil(value.length / 2))) as Json;
  }
}

/** The larger before what they hold. */
function* parts(value: unknown, path: Path): Generator<{ readonly path: Path; readonly value: unknown }> {
  yield { path, value };
  const inner = Array.isArray(value) ? value.entries() : isObject(value) ? Object.entries(value) : [];
  for (const [name, item] of inner) yield* parts(item, [...path, name]);
}

function without(value: unknown, [first, ...rest]: Path): unknown {
  if (Array.isArray(value)) {
    return rest.length === 0
      ? value.filter((_, index) => index !== first)
      : value.map((item: unknown, index) => (index === first ? without(item, rest) : item));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      if (name !== first) return [[name, item]];
      return rest.length === 0 ? [] : [[name, without(item, rest)]];
    }),
  );
}
