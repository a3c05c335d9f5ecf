/**
 * Whether a replay reproduced what was recorded: each step's outcome, then its answer, at the level that somebody asked for. The
 * first step that does not is the divergence. Pure.
 */
import { isObject } from '../mcp/canonical.ts';
import type { Binding } from './bindings.ts';
import { compareValues, type CompareRules, type Difference } from './compare.ts';
import { type Path, pathText, type Pattern, parsePattern } from './paths.ts';
import type { LiveStep, Run } from './run.ts';
import type { Answer, Step } from './scenario.ts';

export interface StepVerdict {
  readonly live: LiveStep;
  /** `not_compared`: it was not sent, or nobody knows what it was answered then. */
  readonly is: 'same' | 'different' | 'not_compared';
  readonly expected: string;
  readonly actual: string;
  readonly differences: readonly Difference[];
  /** Notifications that came then and not now. */
  readonly missingNotifications: readonly string[];
  /** So many times as slow, where that is more than is allowed. */
  readonly slower: number | undefined;
}

export interface Verdict {
  readonly reproduced: boolean;
  readonly steps: readonly StepVerdict[];
  readonly first: StepVerdict | undefined;
  /** Steps that were slower than is allowed: a verdict of its own. */
  readonly slower: readonly StepVerdict[];
}

/** Rules that hold for the answers to one method and target. */
export interface LearntRule {
  readonly method: string;
  readonly target: string | undefined;
  readonly pattern: Pattern;
  /** `value`: another value of the same type; `any`: may be missing, or of another length. */
  readonly differs: 'value' | 'any';
}

export interface JudgeOptions {
  readonly rules: CompareRules;
  readonly learnt: readonly LearntRule[];
  readonly bindings: readonly Binding[];
  readonly maxSlowdown: number | undefined;
}

/** Below this a call is as fast as the scheduler, and no slower than anything. */
const NOISE_US = 5000;
/** What a result says of its server rather than of the call. */
const OF_THE_SERVER = parsePattern('$._meta');

export function judge({ steps, end }: Run, options: JudgeOptions): Verdict {
  const verdicts = steps.map((live) => judgeStep(live, options));
  const crash = steps.some(({ planned }) => planned.step.outcome === 'server_crashed');
  const first = verdicts.find(({ is }) => is === 'different');
  return {
    reproduced: first === undefined && (end === undefined || !end.crashed || crash),
    steps: verdicts,
    first,
    slower: verdicts.filter(({ slower }) => slower !== undefined),
  };
}

function judgeStep(live: LiveStep, options: JudgeOptions): StepVerdict {
  const { step } = live.planned;
  const expected = recordedClass(step);
  const actual = liveClass(live);
  const slower = slowdown(live, options.maxSlowdown);
  const base = { live, expected, actual, slower };
  const isKnown =
    step.is === 'request' && expected !== 'unknown' && live.outcome !== 'not_sent' && !step.stream;
  // Whether an answer overtakes a cancel is nobody's decision.
  const isRace = step.outcome === 'cancelled' && live.outcome === 'answered';
  if (!isKnown || isRace) return { ...base, is: 'not_compared', differences: [], missingNotifications: [] };
  if (expected !== actual) return { ...base, is: 'different', differences: [], missingNotifications: [] };
  const differences =
    step.answer === undefined || live.answer === undefined
      ? []
      : compareValues(contentOf(step.answer), contentOf(live.answer), rulesFor(step, options));
  const missing =
    options.rules.level === 'outcome'
      ? []
      : [...step.notifications.keys()].filter((method) => !live.notifications.has(method));
  const same = differences.length === 0 && missing.length === 0;
  return { ...base, is: same ? 'same' : 'different', differences, missingNotifications: missing };
}

/** What two runs of the same steps differ in, as rules: indexes of arrays stand for all. */
export function learnRules(one: Run, other: Run, options: JudgeOptions): LearntRule[] {
  const found = new Map<string, LearntRule>();
  for (const [index, { planned, answer }] of one.steps.entries()) {
    const second = other.steps[index];
    if (answer === undefined || second?.answer === undefined) continue;
    const { method, target } = planned.step;
    const rules = rulesFor(planned.step, options);
    for (const { path, kind } of compareValues(contentOf(answer), contentOf(second.answer), rules)) {
      const text = pathText(path).replace(/\[\d+\]/g, '[*]');
      const pattern = parsePattern(text);
      if (pattern === undefined) continue;
      const differs = kind === 'value' ? 'value' : 'any';
      found.set(`${method} ${target ?? ''} ${text} ${differs}`, { method, target, pattern, differs });
    }
  }
  return [...found.values()];
}

function rulesFor(step: Step, { rules, learnt, bindings }: JudgeOptions): CompareRules {
  const own = learnt.filter(({ method, target }) => method === step.method && target === step.target);
  const made = bindings.filter(({ from }) => from === step.index).map(({ at }) => exactly(at.path));
  return {
    ...rules,
    ignore: [
      ...rules.ignore,
      ...(OF_THE_SERVER === undefined ? [] : [OF_THE_SERVER]),
      ...own.filter(({ differs }) => differs === 'any').map(({ pattern }) => pattern),
    ],
    typeOnly: [
      ...rules.typeOnly,
      ...own.filter(({ differs }) => differs === 'value').map(({ pattern }) => pattern),
      ...made,
    ],
  };
}

function exactly(path: Path): Pattern {
  const segments = path.map((of) => ({ is: 'child' as const, of, wild: false }));
  return { text: pathText(path), segments };
}

/** One word for how it ended, the same for what was recorded and what happened. */
function recordedClass({ outcome, answer }: Step): string {
  switch (outcome) {
    case 'ok':
    case 'tool_error':
      return outcome;
    case 'protocol_error':
      return answer === undefined ? 'protocol_error' : errorClass(answer);
    case 'cancelled':
    case 'timeout':
      return 'given_up';
    case 'abandoned':
      return 'unanswered';
    case 'input_required':
      return 'input_required';
    case 'server_crashed':
    case 'disconnected':
      return 'server_ended';
    case 'http_error':
      return answer === undefined ? 'http_error' : errorClass(answer);
    default:
      return 'unknown';
  }
}

function liveClass({ outcome, answer }: LiveStep): string {
  if (outcome === 'cancelled') return 'given_up';
  if (outcome !== 'answered' || answer === undefined) return outcome;
  if ('error' in answer) return errorClass(answer);
  const { result } = answer;
  if (isObject(result) && result.resultType === 'input_required') return 'input_required';
  return isObject(result) && result.isError === true ? 'tool_error' : 'ok';
}

function errorClass(answer: Answer): string {
  const error = 'error' in answer && isObject(answer.error) ? answer.error : {};
  const status = isObject(error.data) ? error.data.status : undefined;
  return typeof status === 'number' ? 'http_error' : `error ${String(error.code)}`;
}

function contentOf(answer: Answer): unknown {
  return 'result' in answer ? answer.result : answer.error;
}

function slowdown(
  { planned, durationUs, outcome }: LiveStep,
  allowed: number | undefined,
): number | undefined {
  if (allowed === undefined || outcome !== 'answered' || planned.step.stream) return undefined;
  const times = durationUs / Math.max(planned.step.durationUs, NOISE_US);
  return times > allowed ? times : undefined;
}
