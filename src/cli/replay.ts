/**
 * `sidelight replay <session>`: shows what would be done again, or with `--execute` does it and says whether the same came of it.
 * The exit code is 0 when it was reproduced, 1 when not, 2 for usage, 3 when it could not be run.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { junitOf } from '../check/junit.ts';
import { ConfigError, quote } from '../config/error.ts';
import { type FixedValue, learnBindings } from '../replay/bindings.ts';
import { CannotRun } from '../replay/connection.ts';
import type { CompareRules } from '../replay/compare.ts';
import {
  judge,
  type JudgeOptions,
  type LearntRule,
  type StepVerdict,
  type Verdict,
} from '../replay/judge.ts';
import { learn } from '../replay/learn.ts';
import { pathText } from '../replay/paths.ts';
import {
  bindingName,
  type Plan,
  type PlannedStep,
  placeFrom,
  planOf,
  type Permissions,
} from '../replay/plan.ts';
import { planJson, stepVerdictJson } from '../replay/json.ts';
import { type AskPolicy, type LiveStep, run, type Run } from '../replay/run.ts';
import { suiteOf } from '../replay/report.ts';
import { type Scenario, scenarioOf } from '../replay/scenario.ts';
import { connect, type Recording, type Server } from '../replay/target.ts';
import { shortId } from './describe.ts';
import { compareRules, type DiffOptions, valueText } from './diff.ts';
import { NOT_READ, type SourcesConfig, withSources } from './sources.ts';
import { answeringWith, nameOf, type Question, TerminalStepper } from './stepper.ts';
import { duration, json, safe, type Style, type Terminal } from './terminal.ts';

export interface ReplayOptions extends Pick<
  DiffOptions,
  'level' | 'ignore' | 'typeOnly' | 'unordered' | 'maxSlowdown'
> {
  readonly execute?: boolean;
  readonly allow?: readonly string[];
  readonly allowAll?: boolean;
  /** `MARK=env:NAME`. */
  readonly secret?: readonly string[];
  /** `STEP:PATH=JSON`. */
  readonly bind?: readonly string[];
  /** `STEP:PATH`, or `all`. */
  readonly noBind?: readonly string[];
  readonly speed?: number;
  readonly maxGap?: number;
  readonly deadline?: number;
  readonly asks?: AskPolicy;
  readonly learn?: boolean;
  readonly repeat?: number;
  readonly skipBlocked?: boolean;
  /** Ask before each step. */
  readonly step?: boolean;
  readonly format?: 'text' | 'json' | 'junit';
}

export interface ReplayContext {
  readonly config: SourcesConfig;
  readonly server: Server | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Undefined: the replay is not recorded. */
  readonly recording: ((sessionId: string) => Recording) | undefined;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly ask?: Question;
}

const DEADLINE_MS = 30_000;
/** A person who is asked something reads it, thinks and types. */
const PATIENT_MS = 15 * 60_000;
const MAX_SHOWN = 5;
/** What was written last by a replay is in the store a moment later. */
const SETTLE_MS = 50;

const VERDICT_STYLE: Readonly<Record<StepVerdict['is'], Style>> = {
  same: 'green',
  different: 'red',
  not_compared: 'dim',
};

/** Resolves to the exit code. */
export function replay(wanted: string, options: ReplayOptions, context: ReplayContext): Promise<number> {
  const { config, terminal } = context;
  const rules = compareRules(options);
  return withSources(config, [wanted], terminal, async ([sources = []]) => {
    const [source] = sources;
    if (source === undefined || sources.length > 1) {
      terminal.problem('a file with several recordings cannot be replayed; import it and name a session');
      return NOT_READ;
    }
    const scenario = scenarioOf(source);
    const plan = planOf(scenario, planOptions(options, context.env));
    checkPlaces(plan, options);
    if (options.execute !== true && options.step !== true) {
      if (options.format === 'json') await terminal.line(json(planJson(plan)));
      else await showPlan(plan, terminal);
      return 0;
    }
    return execute(plan, rules, options, context);
  });
}

export function planOptions(
  options: ReplayOptions,
  env: NodeJS.ProcessEnv,
): Permissions & Parameters<typeof planOf>[1] {
  return {
    allow: new Set(options.allow ?? []),
    allowAll: options.allowAll === true,
    secrets: secretsFrom(options.secret, env),
    fixed: (options.bind ?? []).map(fixedFrom),
    noBind: new Set(options.noBind ?? []),
  };
}

export function secretsFrom(
  written: readonly string[] | undefined,
  env: NodeJS.ProcessEnv,
): ReadonlyMap<string, string> {
  return new Map((written ?? []).map((one) => secretFrom(one, env)));
}

function secretFrom(written: string, env: NodeJS.ProcessEnv): [string, string] {
  const [, mark, name] = /^(.+)=env:(\w+)$/.exec(written) ?? [];
  if (mark === undefined || name === undefined)
    throw new ConfigError(`--secret: ${quote(written)} is not MARK=env:NAME; the plan shows the marks`);
  const value = env[name];
  if (value === undefined) throw new ConfigError(`--secret: there is no variable ${name} in the environment`);
  return [mark, value];
}

function fixedFrom(written: string): FixedValue {
  const [, step, path, value] = /^(\d+):([^=]+)=(.*)$/s.exec(written) ?? [];
  if (step === undefined || path === undefined || value === undefined)
    throw new ConfigError(`--bind: ${quote(written)} is not STEP:PATH=VALUE, such as 4:arguments.id="x"`);
  let parsed: unknown = value;
  try {
    parsed = JSON.parse(value);
  } catch {
    // What is no JSON is a text.
  }
  return { to: Number(step), into: placeFrom(path), value: parsed };
}

/** Throws for a place that no step has: what was meant would silently not be done. */
function checkPlaces({ scenario, steps }: Plan, { bind = [], noBind = [] }: ReplayOptions): void {
  for (const { to, into } of bind.map(fixedFrom))
    if (!isIn(steps[to]?.params, into))
      throw new ConfigError(
        `--bind: step ${to} has no ${into.join('.')} in its params; --format json shows them`,
      );
  const learnt = learnBindings(scenario).map(bindingName);
  const unknown = noBind.find((name) => name !== 'all' && !learnt.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(
      `--no-bind: ${quote(unknown)} is no binding; the plan has ${learnt.length === 0 ? 'none' : learnt.join(', ')}`,
    );
}

function isIn(value: unknown, [first, ...rest]: readonly (string | number)[]): boolean {
  if (first === undefined) return true;
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return inner.some(([name, one]) => name === String(first) && isIn(one, rest));
}

async function execute(
  plan: Plan,
  rules: CompareRules,
  options: ReplayOptions,
  context: ReplayContext,
): Promise<number> {
  const { terminal, server } = context;
  if (server === undefined)
    throw new ConfigError(
      '--execute: against which server? name it: -- <command> [args...], or --target <url>',
    );
  const blocked = plan.steps.filter((step) => step.blocked.length > 0);
  if (blocked.length > 0 && options.skipBlocked !== true) {
    terminal.problem(blockedLine(plan));
    return NOT_READ;
  }
  const learnt: LearntRule[] = [];
  const judging: JudgeOptions = { rules, learnt, bindings: plan.bindings, maxSlowdown: options.maxSlowdown };
  const once = (): Promise<Run> => runPlan(plan, server, options, context);
  try {
    if (options.learn === true) learnt.push(...(await learn(once, judging)));
    const verdicts: Verdict[] = [];
    for (let time = 0; time < (options.repeat ?? 1) && !context.signal.aborted; time += 1)
      verdicts.push(judge(await once(), judging));
    await tell(verdicts, plan, learnt, options, terminal);
    return verdicts.every(({ reproduced, slower }) => reproduced && slower.length === 0) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    terminal.problem(error.message);
    return NOT_READ;
  }
}

/** What stands in the way of a plan, which has something in its way. */
export function blockedLine({ steps }: Plan): string {
  const [first, ...others] = steps.filter(({ blocked }) => blocked.length > 0);
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const why = first?.blocked[0] ?? '';
  return `step ${first?.step.index ?? 0} (${nameOf(first)})${more} cannot be sent: ${why}; --skip-blocked leaves them out`;
}

/** Once, on a fresh connection. Rejects with CannotRun. */
export async function runPlan(
  plan: Plan,
  server: Server,
  options: ReplayOptions,
  { env, recording, signal, ask, terminal }: ReplayContext,
): Promise<Run> {
  const { scenario } = plan;
  const stepper = options.step === true && ask !== undefined ? new TerminalStepper(ask, terminal) : undefined;
  const asks = options.asks ?? 'decline';
  const running = run({
    plan,
    connect: (events) => connect({ server, scenario, env, recording: recording?.(scenario.id) }, events),
    speed: options.speed ?? (options.maxGap === undefined ? Infinity : 1),
    maxGapMs: options.maxGap ?? Infinity,
    deadlineMs: options.deadline ?? (asks === 'ask' ? PATIENT_MS : DEADLINE_MS),
    askPolicy: asks,
    ...(ask !== undefined && { answering: answeringWith(ask, terminal) }),
    signal,
    ...(stepper !== undefined && {
      oneByOne: true,
      before: (planned: PlannedStep) => stepper.before(planned),
      after: (live: LiveStep) => stepper.after(live),
    }),
  });
  const result = await uninterrupted(running, signal);
  if (recording !== undefined) await delay(SETTLE_MS);
  return result;
}

/** Nothing is said of half a run. Rejects with CannotRun. */
export async function uninterrupted(running: Promise<Run>, signal: AbortSignal): Promise<Run> {
  try {
    const result = await running;
    if (!signal.aborted) return result;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new CannotRun('interrupted');
}

async function showPlan({ scenario, steps, bindings }: Plan, terminal: Terminal): Promise<void> {
  await terminal.line(
    `Plan of session ${shortId(scenario.id)}: ${steps.length === 1 ? '1 step' : `${steps.length} steps`}, ${scenario.protocolVersion}; nothing is sent without --execute`,
  );
  for (const planned of steps) {
    const { step, safety, blocked } = planned;
    const style: Style | undefined = blocked.length > 0 ? 'red' : safety === 'safe' ? undefined : 'yellow';
    const then = step.outcome === undefined ? '' : ` -> ${step.outcome}`;
    await terminal.line(
      `${String(step.index).padStart(4)}  ${terminal.paint(style, safety)}  ${nameOf(planned)}${then}`,
    );
    for (const why of blocked) await terminal.line(`      ${terminal.paint('red', 'blocked')}: ${safe(why)}`);
    for (const binding of planned.bindings)
      await terminal.line(
        `      ${terminal.paint('dim', `${safe(binding.into.join('.'))} is taken from step ${binding.from}, ${safe(pathText(binding.at.path))}`)}`,
      );
    for (const ask of step.asks)
      await terminal.line(
        `      ${terminal.paint('dim', `asks ${safe(ask.method)}: ${ask.answer === undefined ? 'never answered' : 'answered as recorded'}`)}`,
      );
    if (step.inputs.size > 0)
      await terminal.line(
        `      ${terminal.paint('dim', `input: ${safe([...step.inputs.keys()].join(', '))}, answered as recorded`)}`,
      );
  }
  const stopped = steps.filter(({ blocked }) => blocked.length > 0).length;
  await terminal.line(
    `${steps.length - stopped} of ${steps.length} steps can be sent; ${bindings.length} bindings`,
  );
}

async function tell(
  verdicts: readonly Verdict[],
  plan: Plan,
  learnt: readonly LearntRule[],
  options: ReplayOptions,
  terminal: Terminal,
): Promise<void> {
  const good = verdicts.filter(({ reproduced }) => reproduced).length;
  const shown = verdicts.find(({ reproduced }) => !reproduced) ?? verdicts[0];
  if (shown === undefined) return;
  if (options.format === 'json') {
    await terminal.line(json(asJson(shown, verdicts, learnt, plan.scenario)));
    return;
  }
  if (options.format === 'junit') {
    await terminal.line(
      junitOf('sidelight replay', [suiteOf(shown, plan.scenario, Date.now() * 1000)]).trimEnd(),
    );
    return;
  }
  for (const { method, target, pattern, differs } of learnt)
    await terminal.line(
      terminal.paint(
        'dim',
        `learnt: ${safe([method, target].filter(Boolean).join(' '))} ${safe(pattern.text)} ${differs === 'value' ? 'changes its value' : 'changes'}`,
      ),
    );
  for (const step of shown.steps) await showStep(step, step === shown.first, terminal);
  const rate = verdicts.length === 1 ? '' : ` in ${good} of ${verdicts.length} runs`;
  const verdict =
    good === verdicts.length
      ? terminal.paint('green', 'reproduced')
      : terminal.paint('red', 'not reproduced');
  await terminal.line(
    `${good > 0 && good < verdicts.length ? terminal.paint('yellow', 'reproduced') : verdict}${rate}`,
  );
  for (const { live, slower } of shown.slower)
    await terminal.line(
      terminal.paint(
        'yellow',
        `step ${live.planned.step.index} ${nameOf(live.planned)} is ${(slower ?? 0).toFixed(1)} times as slow`,
      ),
    );
}

async function showStep(verdict: StepVerdict, isFirst: boolean, terminal: Terminal): Promise<void> {
  const { live, is, expected, actual, differences, missingNotifications } = verdict;
  const { step } = live.planned;
  const style = VERDICT_STYLE[is];
  const word = is === 'not_compared' ? (live.outcome === 'not_sent' ? 'not sent' : 'sent') : is;
  const took = live.outcome === 'not_sent' ? '' : `  ${duration(live.durationUs)}`;
  await terminal.line(
    `${String(step.index).padStart(4)}  ${terminal.paint(style, word)}  ${nameOf(live.planned)}${took}${isFirst ? terminal.paint('red', '  <- first divergence') : ''}`,
  );
  if (is === 'different' && expected !== actual)
    await terminal.line(`      recorded ${safe(expected)}, now ${safe(actual)}${errorText(verdict)}`);
  for (const { path, expected: then, actual: now } of differences.slice(0, MAX_SHOWN))
    await terminal.line(`      ${safe(pathText(path))}  recorded ${valueText(then)}, now ${valueText(now)}`);
  if (differences.length > MAX_SHOWN)
    await terminal.line(
      terminal.paint('dim', `      ${differences.length - MAX_SHOWN} more; --format json has them`),
    );
  for (const method of missingNotifications)
    await terminal.line(`      ${safe(method)} does not come any more`);
  for (const ask of live.unmatchedAsks)
    await terminal.line(
      terminal.paint('yellow', `      asked ${safe(ask)}, for which the recording has no answer`),
    );
  for (const missing of live.missingBindings)
    await terminal.line(
      terminal.paint('yellow', `      ${safe(missing)} has no value now; the recorded one was sent`),
    );
}

function errorText({ live }: StepVerdict): string {
  const { answer } = live;
  return answer === undefined || 'result' in answer ? '' : `: ${valueText(answer.error)}`;
}

function asJson(
  shown: Verdict,
  verdicts: readonly Verdict[],
  learnt: readonly LearntRule[],
  { id }: Scenario,
): object {
  return {
    session: id,
    reproduced: verdicts.every(({ reproduced }) => reproduced),
    runs: verdicts.length,
    reproducedRuns: verdicts.filter(({ reproduced }) => reproduced).length,
    firstDivergence: shown.first?.live.planned.step.index ?? null,
    learnt: learnt.map(({ method, target, pattern, differs }) => ({
      method,
      target,
      path: pattern.text,
      differs,
    })),
    steps: shown.steps.map((step) => ({ ...stepVerdictJson(step), answer: step.live.answer })),
  };
}
