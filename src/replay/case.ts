/**
 * A case: a session as a portable file that keeps a failure fixed. It holds what is asked, what must come of it and what may
 * differ, and nothing that is only of the machine on which it was recorded. Pure.
 */
import * as z from 'zod/mini';
import type { Outcome } from '../event/outcome.ts';
import { OUTCOMES } from '../event/outcome.ts';
import type { Binding } from './bindings.ts';
import { type CompareRules, LEVELS } from './compare.ts';
import type { LearntRule } from './judge.ts';
import { parsePattern, pathText, type Pattern } from './paths.ts';
import { type Plan, waitsOf } from './plan.ts';
import { type Answer, type Json, missingIn, type Scenario, type Step } from './scenario.ts';

/** Raised when a member changes its meaning. */
export const CASE_VERSION = 1;

const json = z.unknown();
const answer = z.union([z.strictObject({ result: json }), z.strictObject({ error: json })]);
const place = z.array(z.union([z.string(), z.int()]));
const step = z.strictObject({
  method: z.string(),
  params: z.optional(z.record(z.string(), json)),
  is: z.optional(z.enum(['request', 'notification', 'cancel'])),
  target: z.optional(z.string()),
  /** Steps that must be over before this one is sent. */
  after: z.optional(z.array(z.int())),
  cancels: z.optional(z.int()),
  /** Keys of what is asked in `input_required`, with what is answered. */
  inputs: z.optional(z.record(z.string(), json)),
  asks: z.optional(
    z.array(z.strictObject({ method: z.string(), params: z.optional(json), answer: z.optional(answer) })),
  ),
  expect: z.optional(
    z.strictObject({
      outcome: z.optional(z.enum(OUTCOMES)),
      answer: z.optional(answer),
      notifications: z.optional(z.array(z.string())),
      stream: z.optional(z.boolean()),
    }),
  ),
});

export const CASE_SCHEMA = z.strictObject({
  sidelight: z.literal('case'),
  version: z.literal(CASE_VERSION),
  name: z.string(),
  /** The server: its command, or its URL. */
  server: z.optional(
    z.union([
      z.strictObject({ command: z.array(z.string()).check(z.minLength(1)), cwd: z.optional(z.string()) }),
      z.strictObject({ url: z.string() }),
    ]),
  ),
  era: z.enum(['legacy', 'modern']),
  protocolVersion: z.string(),
  client: z.strictObject({
    name: z.string(),
    version: z.string(),
    capabilities: z.record(z.string(), json),
  }),
  /** Tools that may be called; no other is. */
  allow: z.optional(z.array(z.string())),
  compare: z.optional(
    z.strictObject({
      level: z.optional(z.enum(LEVELS)),
      ignore: z.optional(z.array(z.string())),
      typeOnly: z.optional(z.array(z.string())),
      unordered: z.optional(z.array(z.string())),
      /** What two runs of the server differed in. */
      learnt: z.optional(
        z.array(
          z.strictObject({
            method: z.string(),
            target: z.optional(z.string()),
            path: z.string(),
            differs: z.enum(['value', 'any']),
          }),
        ),
      ),
    }),
  ),
  bindings: z.optional(
    z.array(
      z.strictObject({
        from: z.int(),
        path: place,
        word: z.optional(z.int()),
        to: z.int(),
        into: place,
        recorded: z.union([z.string(), z.number()]),
      }),
    ),
  ),
  steps: z.array(step),
});

export type CaseFile = z.infer<typeof CASE_SCHEMA>;

/** A case that can be run. */
export interface Case {
  readonly name: string;
  readonly server: CaseFile['server'];
  readonly scenario: Scenario;
  readonly allow: ReadonlySet<string>;
  readonly bindings: readonly Binding[];
  readonly rules: CompareRules;
  readonly learnt: readonly LearntRule[];
}

export interface CaseOptions {
  readonly name: string;
  readonly server: CaseFile['server'];
  readonly rules: CompareRules;
  readonly learnt: readonly LearntRule[];
  /** Tools that it may call, of those that it does. Undefined: all. */
  readonly allow?: ReadonlySet<string>;
}

/** The steps of a plan that can be sent, some with a secret that is to be given, numbered anew. */
export function caseOf({ scenario, steps, bindings }: Plan, options: CaseOptions): CaseFile {
  const kept = steps.filter(({ step: { problems }, blocked }) =>
    problems.length > 0 ? problems.every(({ is }) => is === 'redacted') : blocked.length === 0,
  );
  const numbers = new Map(kept.map(({ step: one }, index) => [one.index, index]));
  const waits = waitsOf(scenario, kept);
  const renumbered = (indexes: readonly number[]): number[] =>
    indexes.flatMap((index) => numbers.get(index) ?? []);
  const { rules, learnt, name, server, allow } = options;
  const called = kept.flatMap(({ step: one }) => (one.method === 'tools/call' ? (one.target ?? []) : []));
  const allowed = [...new Set(called)].filter((tool) => allow?.has(tool) ?? true);
  const texts = (patterns: readonly Pattern[]): string[] => patterns.map(({ text }) => text);
  return {
    sidelight: 'case',
    version: CASE_VERSION,
    name,
    ...(server !== undefined && { server }),
    era: scenario.era,
    protocolVersion: scenario.protocolVersion,
    client: { ...scenario.clientInfo, capabilities: { ...scenario.capabilities } },
    ...(allowed.length > 0 && { allow: allowed }),
    compare: {
      level: rules.level,
      ...(rules.ignore.length > 0 && { ignore: texts(rules.ignore) }),
      ...(rules.typeOnly.length > 0 && { typeOnly: texts(rules.typeOnly) }),
      ...(rules.unordered.length > 0 && { unordered: texts(rules.unordered) }),
      ...(learnt.length > 0 && {
        learnt: learntFile(learnt),
      }),
    },
    bindings: bindings.flatMap(({ from, at, to, into, recorded }) => {
      const [first, second] = [numbers.get(from), numbers.get(to)];
      if (first === undefined || second === undefined) return [];
      const word = at.word === undefined ? {} : { word: at.word };
      return [{ from: first, path: [...at.path], ...word, to: second, into: [...into], recorded }];
    }),
    steps: kept.map(({ step: one, params }) =>
      // A secret that was given for a run stays out of the file.
      stepFile(
        one,
        one.problems.length > 0 ? one.params : params,
        renumbered(waits.get(one.index) ?? []),
        numbers,
      ),
    ),
  };
}

/** Tools that only read, and those that somebody allowed. */
export function allowedBy({ steps }: Plan): ReadonlySet<string> {
  const may = steps.filter(({ safety }) => safety === 'read_only' || safety === 'allowed');
  return new Set(may.flatMap(({ step: one }) => one.target ?? []));
}

/** Rules as a case holds them. */
export function learntFile(
  learnt: readonly LearntRule[],
): NonNullable<NonNullable<CaseFile['compare']>['learnt']> {
  return learnt.map(({ method, target, pattern, differs }) => ({
    method,
    ...(target !== undefined && { target }),
    path: pattern.text,
    differs,
  }));
}

function stepFile(
  one: Step,
  params: Json | undefined,
  waits: readonly number[],
  numbers: ReadonlyMap<number, number>,
): CaseFile['steps'][number] {
  const { method, is, target, cancels, inputs, asks, outcome, answer: said, notifications, stream } = one;
  const cancelled = cancels === undefined ? undefined : numbers.get(cancels);
  return {
    method,
    ...(params !== undefined && { params: { ...params } }),
    ...(is !== 'request' && { is }),
    ...(target !== undefined && { target }),
    ...(waits.length > 0 && { after: [...waits] }),
    ...(cancelled !== undefined && { cancels: cancelled }),
    ...(inputs.size > 0 && { inputs: Object.fromEntries(inputs) }),
    ...(asks.length > 0 && {
      asks: asks.map((ask) => ({
        method: ask.method,
        ...(ask.params !== undefined && { params: ask.params }),
        ...(ask.answer !== undefined && { answer: ask.answer }),
      })),
    }),
    ...(is === 'request' && {
      expect: {
        ...(outcome !== undefined && { outcome }),
        ...(said !== undefined && { answer: said }),
        ...(notifications.size > 0 && { notifications: [...notifications.keys()] }),
        ...(stream && { stream }),
      },
    }),
  };
}

/** The first fault of what is no case, in one line. */
export function readCase(value: unknown): Case | { readonly problem: string } {
  const isNewer =
    typeof value === 'object' && value !== null && 'version' in value && Number(value.version) > CASE_VERSION;
  if (isNewer)
    return {
      problem: `version ${String(value.version)} is of a newer Sidelight; this one reads ${CASE_VERSION}`,
    };
  const parsed = CASE_SCHEMA.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = (issue?.path ?? []).map((part) => (typeof part === 'number' ? part : String(part)));
    return { problem: `${pathText(path)}: ${issue?.message ?? 'it is no case'}` };
  }
  const file = parsed.data;
  const { compare = {}, bindings = [], allow = [] } = file;
  const patterns = [...(compare.ignore ?? []), ...(compare.typeOnly ?? []), ...(compare.unordered ?? [])];
  const wrong = [...patterns, ...(compare.learnt ?? []).map(({ path }) => path)].find(
    (text) => parsePattern(text) === undefined,
  );
  if (wrong !== undefined) return { problem: `compare: ${JSON.stringify(wrong)} is no path` };
  const late = file.steps.findIndex(({ after = [], cancels = -1 }, index) =>
    [...after, cancels].some((other) => other >= index),
  );
  if (late !== -1) return { problem: `steps[${late}]: it cannot wait for a step that comes after it` };
  return {
    name: file.name,
    server: file.server,
    scenario: scenarioFrom(file),
    allow: new Set(allow),
    bindings: bindings.map(({ from, path, word, to, into, recorded }) => ({
      from,
      at: word === undefined ? { path } : { path, word },
      to,
      into,
      recorded,
    })),
    rules: {
      level: compare.level ?? 'semantic',
      ignore: (compare.ignore ?? []).flatMap(patternOf),
      typeOnly: (compare.typeOnly ?? []).flatMap(patternOf),
      unordered: (compare.unordered ?? []).flatMap(patternOf),
    },
    learnt: (compare.learnt ?? []).flatMap(({ method, target, path, differs }) =>
      patternOf(path).map((pattern) => ({ method, target, pattern, differs })),
    ),
  };
}

function patternOf(text: string): Pattern[] {
  const pattern = parsePattern(text);
  return pattern === undefined ? [] : [pattern];
}

function scenarioFrom({ era, protocolVersion, client, steps, name }: CaseFile): Scenario {
  const { capabilities, ...clientInfo } = client;
  return {
    id: name,
    server: '',
    era,
    protocolVersion,
    clientInfo,
    capabilities,
    asks: [],
    annotations: new Map(),
    tools: new Map(),
    steps: steps.map((one, index) => stepFrom(one, index)),
  };
}

function stepFrom(one: CaseFile['steps'][number], index: number): Step {
  const { expect = {}, inputs = {}, asks = [] } = one;
  return {
    index,
    is: one.is ?? 'request',
    method: one.method,
    target: one.target,
    params: one.params,
    operationId: index,
    span: undefined,
    seq: index,
    atUs: 0,
    after: one.after ?? [],
    cancels: one.cancels,
    outcome: expect.outcome ?? (expect.answer === undefined ? undefined : outcomeOf(expect.answer)),
    durationUs: 0,
    stream: expect.stream ?? false,
    answer: expect.answer,
    inputs: new Map(Object.entries(inputs)),
    asks: asks.map(({ method, params, answer: said }) => ({ method, params, answer: said })),
    notifications: new Map((expect.notifications ?? []).map((method) => [method, 1])),
    problems: one.params === undefined ? [] : missingIn(one.params),
  };
}

/** Who writes a case by hand need not say it twice. */
function outcomeOf(said: Answer): Outcome {
  if ('error' in said) return 'protocol_error';
  const { result } = said;
  const isError =
    typeof result === 'object' && result !== null && 'isError' in result && result.isError === true;
  return isError ? 'tool_error' : 'ok';
}
