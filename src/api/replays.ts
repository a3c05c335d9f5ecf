/**
 * The replays of this process: those that run and the last ones that are over. A request names a target by its name; what is started
 * or connected to is what the configuration says, and nothing else.
 */
import { serverEnv } from '../config/environment.ts';
import type { ReplayTargets } from '../config/replayTargets.ts';
import type { Redactor } from '../event/redact.ts';
import type { Source } from '../formats/source.ts';
import type * as z from 'zod/mini';
import { markOf, placeFrom, type Plan, planOf, type PlanOptions } from '../replay/plan.ts';
import { scenarioOf } from '../replay/scenario.ts';
import { connect, type Server } from '../replay/target.ts';
import { uuidV7 } from '../self/uuid.ts';
import { ApiError } from './problem.ts';
import type { PlanWishes, ReplayWishes } from './replayContract.ts';
import { LEARNING_RUNS, Replaying } from './replaying.ts';

export interface ReplaysOptions {
  readonly targets: ReplayTargets;
  /** Program and first arguments that run Sidelight once more, to record. */
  readonly self: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  readonly nowUs: () => number;
}

/** Each is a server and what it needs; a person looks at one or two. */
export const MAX_RUNNING = 4;
/** Those that are over, beside them; each may hold 64 MiB of answers. */
export const MAX_KEPT = 10;
/** A plan and a result are answered and judged whole. */
export const MAX_STEPS = 10_000;
const DEADLINE_MS = 30_000;

export class Replays {
  readonly #options: ReplaysOptions;
  /** By id, the oldest first. */
  readonly #all = new Map<string, Replaying>();
  #closed = false;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** Throws an ApiError: an unknown target, steps in the way, too many at once. */
  start(
    source: Source,
    wishes: z.output<typeof ReplayWishes>,
    since: string,
    redactor: Redactor | undefined,
  ): Replaying {
    const server = this.#server(wishes.target);
    const shown = planned(source, { ...wishes, secrets: {} });
    const plan = planned(source, wishes);
    const inTheWay = plan.steps.find(({ blocked }) => blocked.length > 0);
    if (inTheWay !== undefined && wishes.skipBlocked !== true)
      throw new ApiError(
        409,
        `step ${inTheWay.step.index} (${inTheWay.step.method}) cannot be sent: ${inTheWay.blocked[0] ?? ''}; skipBlocked leaves such steps out`,
        { parameter: 'skipBlocked' },
      );
    const { repeat = 1, learn = false } = wishes;
    checkRuns(wishes, plan.steps.length * (repeat + (learn ? LEARNING_RUNS : 0)));
    const running = [...this.#all.values()].filter(({ endedAtUs }) => endedAtUs === undefined);
    if (running.length >= MAX_RUNNING || this.#closed)
      throw new ApiError(503, `${MAX_RUNNING} replays run already; cancel one, or wait`);
    const { scenario } = plan;
    const { self, env, dataDir, nowUs } = this.#options;
    const { record: recorded = true } = wishes;
    const recording = recorded
      ? { self, flags: ['--data-dir', dataDir, '--replay-of', scenario.id] }
      : undefined;
    const target = { server, scenario, recording, env: recorded ? env : serverEnv(env) };
    const replaying = new Replaying({
      id: uuidV7(),
      target: wishes.target,
      plan,
      shown,
      stepwise: wishes.stepwise === true,
      repeat,
      learn,
      since,
      recorded,
      redact: redacting(plan, wishes.secrets ?? {}, redactor),
      nowUs,
      how: {
        connect: (events) => connect(target, events),
        speed: wishes.speed ?? (wishes.maxGapMs === undefined ? Infinity : 1),
        maxGapMs: wishes.maxGapMs ?? Infinity,
        deadlineMs: wishes.deadlineMs ?? DEADLINE_MS,
        askPolicy: wishes.asks ?? 'decline',
      },
    });
    this.#all.set(replaying.options.id, replaying);
    this.#forgetOldest();
    return replaying;
  }

  /** Throws an ApiError where there is none, or none any more. */
  find(id: string): Replaying {
    const found = this.#all.get(id);
    if (found !== undefined) return found;
    throw new ApiError(404, `there is no such replay; the last ${MAX_KEPT} that are over are kept`, {
      parameter: 'replay',
    });
  }

  /** The newest first. */
  list(): readonly Replaying[] {
    return [...this.#all.values()].reverse();
  }

  /** Cancels what runs, and resolves when it is over. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const one of this.#all.values()) one.cancel('sidelight was told to end');
    await Promise.all([...this.#all.values()].map(({ over }) => over));
  }

  #server(name: string): Server {
    const { targets } = this.#options;
    const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
    if (target === undefined) {
      const names = Object.keys(targets).join(', ');
      throw new ApiError(
        400,
        `target: there is no such target; ${names === '' ? 'replay.targets of the configuration names none' : `there are ${names}`}`,
        { parameter: 'target' },
      );
    }
    return 'url' in target ? { url: new URL(target.url), headers: target.headers } : target;
  }

  #forgetOldest(): void {
    const over = [...this.#all.values()].filter(({ endedAtUs }) => endedAtUs !== undefined);
    for (const { options } of over.slice(0, Math.max(0, over.length - MAX_KEPT)))
      this.#all.delete(options.id);
  }
}

/** Throws an ApiError for more than a person steps through, and for more than is kept. */
function checkRuns({ stepwise, repeat = 1, learn }: z.output<typeof ReplayWishes>, steps: number): void {
  if (stepwise === true && (repeat > 1 || learn === true))
    throw new ApiError(400, 'stepwise: one run is stepped through; leave out repeat and learn', {
      parameter: 'stepwise',
    });
  if (steps > MAX_STEPS)
    throw new ApiError(
      409,
      `repeat: these are ${steps} steps, ${MAX_STEPS} are the most; sidelight replay has no such bound`,
      { parameter: 'repeat' },
    );
}

/** What a session would be done again as. Throws an ApiError where it is too long. */
export function planned(source: Source, wishes: z.output<typeof PlanWishes>): Plan {
  const scenario = scenarioOf(source);
  if (scenario.steps.length > MAX_STEPS)
    throw new ApiError(409, `the session has more than ${MAX_STEPS} steps; sidelight replay runs it`);
  return planOf(scenario, planOptions(wishes));
}

function planOptions(wishes: z.output<typeof PlanWishes>): PlanOptions {
  return {
    allow: new Set(wishes.allow),
    allowAll: wishes.allowAll === true,
    secrets: new Map(Object.entries(wishes.secrets ?? {})),
    fixed: (wishes.bind ?? []).map(({ step, path, value }) => ({ to: step, into: placeFrom(path), value })),
    noBind: new Set(wishes.keepRecorded),
  };
}

/** Besides what looks like a secret, those that the caller gave: a server may say them again. */
function redacting(
  { scenario }: Plan,
  secrets: Readonly<Record<string, string>>,
  redactor: Redactor | undefined,
): (text: string) => string {
  const placeholders = new Map<string, string>();
  for (const { problems } of scenario.steps)
    for (const problem of problems) {
      if (problem.is !== 'redacted') continue;
      const { placeholder } = problem;
      const secret = secrets[placeholder] ?? secrets[markOf(placeholder)] ?? '';
      if (secret === '') continue;
      // And as it stands in JSON within a text.
      for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) placeholders.set(form, placeholder);
    }
  const hidden = (text: string): string =>
    [...placeholders].reduce((left, [secret, placeholder]) => left.replaceAll(secret, placeholder), text);
  return (text) => {
    const told = redactor?.redact(text).text ?? text;
    if (placeholders.size === 0) return told;
    try {
      // Texts alone: a secret may be a number, or a quote.
      return JSON.stringify(
        JSON.parse(told, (_, value: unknown) => (typeof value === 'string' ? hidden(value) : value)),
      );
    } catch {
      return hidden(told);
    }
  };
}
