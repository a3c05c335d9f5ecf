/**
 * What a replay would do, before it does anything: each step with its safety and what stands in its way. Nothing is sent that the
 * plan does not show as allowed. Pure.
 */
import { isObject } from '../mcp/canonical.ts';
import { type Binding, type FixedValue, learnBindings, withValue } from './bindings.ts';
import { redactedIn } from './placeholder.ts';
import type { Json, Problem, Scenario, Step } from './scenario.ts';

export type Safety =
  /** It changes nothing, by the protocol. */
  | 'safe'
  /** The tool says of itself that it only reads. */
  | 'read_only'
  /** Somebody allowed this tool by name, or all of them. */
  | 'allowed'
  /** The tool says that it may destroy something. */
  | 'destructive'
  /** Nothing is known: tools that say nothing, and methods of nobody's. */
  | 'unknown';

export interface PlannedStep {
  readonly step: Step;
  /** With secrets and values that somebody gave; undefined for a step that cannot be sent. */
  readonly params: Json | undefined;
  readonly safety: Safety;
  /** Why it will not be sent, in words; empty: it will be. */
  readonly blocked: readonly string[];
  readonly bindings: readonly Binding[];
}

export interface Plan {
  readonly scenario: Scenario;
  readonly steps: readonly PlannedStep[];
  readonly bindings: readonly Binding[];
}

export interface Permissions {
  /** Names of tools. */
  readonly allow: ReadonlySet<string>;
  readonly allowAll: boolean;
}

export interface PlanOptions extends Permissions {
  /** By placeholder, or by the mark in it. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly fixed: readonly FixedValue[];
  /** Bindings that are not to be used, as `bindingName` has them, or `all`. */
  readonly noBind: ReadonlySet<string>;
  /** Undefined: they are learnt. */
  readonly bindings?: readonly Binding[];
}

/** Methods that only ask. */
const SAFE: ReadonlySet<string> = new Set([
  'ping',
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'tasks/get',
  'tasks/result',
  'tasks/list',
]);

const WHY: Readonly<Record<Exclude<Problem['is'], 'redacted'>, string>> = {
  truncated: 'its body is recorded in part',
  no_body: 'its body is not recorded',
  elided: 'media in it were not recorded',
};

export function planOf(scenario: Scenario, options: PlanOptions): Plan {
  const all = options.noBind.has('all') ? [] : (options.bindings ?? learnBindings(scenario));
  const fixedPlaces = new Set(options.fixed.map(({ to, into }) => JSON.stringify([to, into])));
  const bindings = all.filter(
    (binding) =>
      // Which tool is called is no value of the server's.
      !(binding.into.length === 1 && binding.into[0] === 'name') &&
      !options.noBind.has(bindingName(binding)) &&
      !fixedPlaces.has(JSON.stringify([binding.to, binding.into])),
  );
  const planned = scenario.steps.map((step): PlannedStep => {
    const own = bindings.filter(({ to }) => to === step.index);
    const secrets = withSecrets(step, options.secrets, own);
    const params = options.fixed
      .filter(({ to }) => to === step.index)
      .reduce<unknown>((value, { into, value: fixed }) => withValue(value, into, fixed), secrets.params);
    // What is really sent counts, and not what the recording says that it was about.
    const called = step.method === 'tools/call' ? calledIn(params) : undefined;
    const safety = safetyOf(step, called, scenario, options);
    const isForbidden = safety === 'destructive' || safety === 'unknown';
    return {
      step,
      params: params as Json | undefined,
      safety,
      blocked: [...secrets.blocked, ...(isForbidden ? [permissionFor(called ?? step.method, safety)] : [])],
      bindings: own,
    };
  });
  return { scenario, steps: planned, bindings };
}

/**
 * What each of some steps waits for, by step. Each recorded step names only what was answered since the one before it, so that
 * one that is left out hands its part on to the next.
 */
export function waitsOf(
  { steps: all }: Scenario,
  steps: readonly PlannedStep[],
): ReadonlyMap<number, readonly number[]> {
  const kept = new Set(steps.map(({ step }) => step.index));
  const waits = new Map<number, readonly number[]>();
  let since: number[] = [];
  for (const { index, after } of all) {
    since.push(...after.filter((other) => kept.has(other)));
    if (!kept.has(index)) continue;
    waits.set(index, since);
    since = [];
  }
  return waits;
}

/** `step 4 $.arguments.id`: how a binding is named on the command line. */
export function bindingName({ to, into }: Pick<Binding, 'to' | 'into'>): string {
  return `${to}:${into.join('.')}`;
}

/** `arguments.items.0` as a place in params. */
export function placeFrom(written: string): readonly (string | number)[] {
  return written.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function permissionFor(what: string, safety: Safety): string {
  return `${safety === 'destructive' ? 'it may destroy something' : 'it may change something'}; --allow ${what}`;
}

/** A tool is what its most dangerous definition says: whoever lists it twice does not get the better of two. */
function safetyOf(
  { method }: Step,
  called: string | undefined,
  { annotations }: Scenario,
  permissions: Permissions,
): Safety {
  if (SAFE.has(method) || method.startsWith('notifications/')) return 'safe';
  if (permissions.allowAll || permissions.allow.has(called ?? method)) return 'allowed';
  if (called === undefined) return 'unknown';
  const said = annotations.get(called) ?? [];
  const hints = said.map((one) => (isObject(one) ? one : {}));
  if (hints.some(({ destructiveHint }) => destructiveHint === true)) return 'destructive';
  const isReading = hints.length > 0 && hints.every(({ readOnlyHint }) => readOnlyHint === true);
  return isReading ? 'read_only' : 'unknown';
}

function calledIn(params: unknown): string | undefined {
  return isObject(params) && typeof params.name === 'string' ? params.name : undefined;
}

function withSecrets(
  { params, problems }: Step,
  secrets: ReadonlyMap<string, string>,
  bindings: readonly Binding[],
): { readonly params: Json | undefined; readonly blocked: readonly string[] } {
  const blocked: string[] = [];
  let text = params === undefined ? undefined : JSON.stringify(params);
  // A secret that the server made comes from its live answer.
  const given = redactedIn(JSON.stringify(bindings.reduce<unknown>(withoutBound, params ?? {})));
  for (const problem of problems) {
    if (problem.is !== 'redacted') {
      blocked.push(WHY[problem.is]);
      continue;
    }
    const { placeholder } = problem;
    const secret = secrets.get(placeholder) ?? secrets.get(markOf(placeholder));
    if (secret === undefined && !given.includes(placeholder)) continue;
    if (secret === undefined)
      blocked.push(`${placeholder} is redacted; --secret ${markOf(placeholder)}=env:NAME`);
    else text = text?.replaceAll(placeholder, JSON.stringify(secret).slice(1, -1));
  }
  return { params: text === undefined ? undefined : (JSON.parse(text) as Json), blocked };
}

function withoutBound(params: unknown, { into }: Binding): unknown {
  return withValue(params, into, '');
}

/** The keyed hash in a placeholder, which is the same wherever the secret is. */
export function markOf(placeholder: string): string {
  return /([\w-]+)\]$/.exec(placeholder)?.[1] ?? placeholder;
}
