/**
 * One replay that the API runs, once or some times: how far it is, what waits for a move, what came of it. It runs the engine of
 * `sidelight replay`, and what it keeps of answers is redacted.
 */
import type { CompareRules } from '../replay/compare.ts';
import type { LearntRule } from '../replay/judge.ts';
import { learn } from '../replay/learn.ts';
import type { Plan } from '../replay/plan.ts';
import { CannotRun } from '../replay/connection.ts';
import { type LiveStep, run, type Run, type RunOptions } from '../replay/run.ts';
import type { Answer } from '../replay/scenario.ts';
import { type Move, Stepper } from '../replay/stepper.ts';
import { ApiError } from './problem.ts';

export interface ReplayingOptions {
  readonly id: string;
  readonly target: string;
  /** What is run. */
  readonly plan: Plan;
  /** The same without secrets: what is shown. */
  readonly shown: Plan;
  readonly stepwise: boolean;
  /** So many runs are judged. */
  readonly repeat: number;
  /** Two more go before them, whose differences are allowed. */
  readonly learn: boolean;
  /** Where the store ended before it began. */
  readonly since: string;
  readonly recorded: boolean;
  /** Takes secrets out of a text, JSON or not. */
  readonly redact: (text: string) => string;
  readonly how: Pick<RunOptions, 'connect' | 'speed' | 'maxGapMs' | 'deadlineMs' | 'askPolicy'>;
  /** Microseconds since the Unix epoch. */
  readonly nowUs: () => number;
}

/** A step that is over, without what it was answered. */
export interface DoneStep {
  readonly step: number;
  readonly method: string;
  readonly target: string | undefined;
  readonly outcome: LiveStep['outcome'];
  readonly durationUs: number;
}

export type ReplayState = 'running' | 'paused' | 'done' | 'cancelled' | 'failed';

/** Of the answers of one replay, as JSON: what is kept until it is replaced by another. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** A server is held open for a person who may have gone home. */
const MAX_WAIT_MS = 15 * 60_000;
const MAX_RUN_MS = 60 * 60_000;
/** Runs that `learn` makes. */
export const LEARNING_RUNS = 2;
const LEARNING: CompareRules = { level: 'semantic', ignore: [], typeOnly: [], unordered: [] };
/** Who looks at one replay at the same time. */
export const MAX_WATCHERS = 16;

export class Replaying {
  readonly options: ReplayingOptions;
  readonly startedAtUs: number;
  /** Of all runs, in the order in which they were over. */
  readonly steps: DoneStep[] = [];
  /** Resolves when it is over; never rejects. */
  readonly over: Promise<void>;
  readonly #stepper: Stepper;
  readonly #stop = new AbortController();
  readonly #watchers = new Set<() => void>();
  readonly #deadline: NodeJS.Timeout;
  #patience: NodeJS.Timeout | undefined;
  #answerBytes = 0;
  #end: { readonly state: ReplayState; readonly problem?: string; readonly atUs: number } | undefined;
  #cancelled: string | undefined;
  #begun = 0;
  #learnt: readonly LearntRule[] = [];
  readonly #runs: Run[] = [];
  #recordedAs: readonly string[] = [];

  constructor(options: ReplayingOptions) {
    this.options = options;
    this.startedAtUs = options.nowUs();
    this.#stepper = new Stepper(options.stepwise, () => {
      this.#waits();
    });
    this.#deadline = setTimeout(() => this.cancel('it took longer than an hour'), MAX_RUN_MS);
    this.over = this.#execute();
  }

  get state(): ReplayState {
    return this.#end?.state ?? (this.#stepper.waiting === undefined ? 'running' : 'paused');
  }

  get problem(): string | undefined {
    return this.#end?.problem;
  }

  get endedAtUs(): number | undefined {
    return this.#end?.atUs;
  }

  /** The index of the step that waits for a move. */
  get waiting(): number | undefined {
    return this.#end === undefined ? this.#stepper.waiting?.step.index : undefined;
  }

  /** The run that goes on, from 1; 0 while it learns. */
  get run(): number {
    return Math.max(0, this.#begun - (this.options.learn ? LEARNING_RUNS : 0));
  }

  /** What the runs that learn differed in. */
  get learnt(): readonly LearntRule[] {
    return this.#learnt;
  }

  /** One or more. Throws an ApiError while it goes on, and where nothing came of it. */
  get runs(): readonly Run[] {
    if (this.#end === undefined) throw new ApiError(409, 'the replay is not over; cancel it, or wait');
    if (this.#runs.length === 0)
      throw new ApiError(409, `nothing came of the replay: ${this.#end.problem ?? ''}`);
    return this.#runs;
  }

  /** The sessions that are its recordings, one of each run, as far as they are known. */
  get knownAs(): readonly string[] {
    return this.#recordedAs;
  }

  /** There are runs whose recordings are not known. */
  get isSought(): boolean {
    return this.options.recorded && this.#recordedAs.length < this.#begun;
  }

  /** Sessions that can be recordings of it, in the order in which they began. */
  foundAs(sessions: readonly string[]): void {
    this.#recordedAs = [...this.#recordedAs, ...sessions].slice(0, this.#begun);
  }

  /** Throws an ApiError for a move that cannot be made. */
  move(move: Exclude<Move, { readonly is: 'stop' }>): void {
    if (this.#end !== undefined) throw new ApiError(409, 'the replay is over');
    const refusal = this.#stepper.move(move);
    if (refusal === 'nothing_waits') throw new ApiError(409, 'no step waits for a move; pause it first');
    if (refusal === 'other_tool')
      throw new ApiError(400, 'params: the name is of another tool than the one that was planned', {
        parameter: 'params',
      });
    clearTimeout(this.#patience);
    this.#changed();
  }

  cancel(why: string): void {
    if (this.#end !== undefined) return;
    this.#cancelled ??= why;
    this.#stepper.move({ is: 'stop' });
    this.#stop.abort();
  }

  /** Called when something has changed; the answer ends it. Throws an ApiError when there are too many. */
  watch(watcher: () => void): () => void {
    if (this.#watchers.size >= MAX_WATCHERS)
      throw new ApiError(503, `there are ${MAX_WATCHERS} who watch this replay already; close one`);
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  async #execute(): Promise<void> {
    const { plan, redact, nowUs, repeat } = this.options;
    try {
      if (this.options.learn) {
        const judging = { rules: LEARNING, learnt: [], bindings: plan.bindings, maxSlowdown: undefined };
        this.#learnt = await learn(() => this.#whole(), judging);
      }
      while (this.#runs.length < repeat && this.#cancelled === undefined) {
        const ran = await this.#once();
        this.#runs.push({ ...ran, steps: ran.steps.map((step) => redactedStep(step, redact)) });
      }
      const why = this.#cancelled;
      this.#end = {
        state: why === undefined ? 'done' : 'cancelled',
        atUs: nowUs(),
        ...(why !== undefined && { problem: why }),
      };
    } catch (cause) {
      const said =
        cause instanceof CannotRun ? cause.message : `it failed inside Sidelight: ${String(cause)}`;
      const problem = this.#cancelled ?? redact(said);
      this.#end = { state: this.#cancelled === undefined ? 'failed' : 'cancelled', problem, atUs: nowUs() };
    }
    clearTimeout(this.#deadline);
    clearTimeout(this.#patience);
    this.#changed();
    this.#watchers.clear();
  }

  #once(): Promise<Run> {
    const { plan, how, stepwise } = this.options;
    this.#begun += 1;
    return run({
      ...how,
      plan,
      signal: this.#stop.signal,
      oneByOne: stepwise,
      before: (planned) => this.#stepper.before(planned),
      after: (step) => {
        this.#took(step);
      },
    });
  }

  /** Nothing is learnt from half a run. */
  async #whole(): Promise<Run> {
    const ran = await this.#once();
    if (this.#cancelled !== undefined) throw new CannotRun(this.#cancelled);
    return ran;
  }

  #waits(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.cancel('nobody made a move for 15 minutes'), MAX_WAIT_MS);
    this.#changed();
  }

  #took(step: LiveStep): void {
    const { index, method, target } = step.planned.step;
    this.steps.push({
      step: index,
      method,
      target,
      outcome: step.outcome,
      durationUs: step.durationUs,
    });
    this.#answerBytes += step.answer === undefined ? 0 : JSON.stringify(step.answer).length;
    if (this.#answerBytes > MAX_ANSWER_BYTES)
      this.cancel('the answers have more than 64 MiB; sidelight replay has no such bound');
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** The recorded side is redacted: both are to be, or secrets would look like differences. */
function redactedStep(step: LiveStep, redact: (text: string) => string): LiveStep {
  if (step.answer === undefined) return step;
  return { ...step, answer: JSON.parse(redact(JSON.stringify(step.answer))) as Answer };
}
