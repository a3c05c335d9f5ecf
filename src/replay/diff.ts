/**
 * What changed between two recorded sessions: the tools that were listed, the calls by what they asked, how they ended and what
 * they answered. It compares what was recorded and runs nothing. Pure.
 */
import { canonical, isObject } from '../mcp/canonical.ts';
import type { OperationRecord, SessionRecord } from '../store/record.ts';
import { compareValues, type CompareRules, type Difference, NO_RULES } from './compare.ts';

/** A call as it is compared; parsed JSON. */
export interface ComparedCall {
  readonly operation: OperationRecord;
  /** `params` of the request without `_meta`; undefined where its body is not recorded whole. */
  readonly params: unknown;
  /** `result` or `error` of the answer; undefined where there is none, or not whole. */
  readonly answer: unknown;
}

export interface ComparedSession {
  readonly session: SessionRecord;
  readonly calls: readonly ComparedCall[];
}

export interface CallDiff {
  readonly left: ComparedCall;
  readonly right: ComparedCall;
  readonly outcomeChanged: boolean;
  /** In what was asked, where only the target is the same. */
  readonly asked: readonly Difference[];
  readonly answered: readonly Difference[];
}

export interface SessionDiff {
  /** Name, left and right, of what the sessions say of themselves. */
  readonly session: readonly (readonly [name: string, left: string, right: string])[];
  readonly toolsAdded: readonly string[];
  readonly toolsRemoved: readonly string[];
  readonly toolsChanged: readonly { readonly tool: string; readonly differences: readonly Difference[] }[];
  /** Those of the pairs in which something changed. */
  readonly calls: readonly CallDiff[];
  readonly onlyLeft: readonly ComparedCall[];
  readonly onlyRight: readonly ComparedCall[];
  /** Pairs, changed or not. */
  readonly pairs: readonly (readonly [left: ComparedCall, right: ComparedCall])[];
}

export function isSame({ session, ...rest }: SessionDiff): boolean {
  return (
    session.length === 0 &&
    [rest.toolsAdded, rest.toolsRemoved, rest.toolsChanged, rest.calls, rest.onlyLeft, rest.onlyRight].every(
      (changes) => changes.length === 0,
    )
  );
}

export function diffSessions(
  left: ComparedSession,
  right: ComparedSession,
  rules: CompareRules,
): SessionDiff {
  const { pairs, onlyLeft, onlyRight } = paired(left.calls, right.calls);
  return {
    session: sessionChanges(left.session, right.session),
    ...toolChanges(toolsOf(left.calls), toolsOf(right.calls)),
    calls: pairs.map(([a, b]) => callDiff(a, b, rules)).filter(isChanged),
    onlyLeft,
    onlyRight,
    pairs,
  };
}

function callDiff(left: ComparedCall, right: ComparedCall, rules: CompareRules): CallDiff {
  const bothAnswered = left.answer !== undefined && right.answer !== undefined;
  return {
    left,
    right,
    outcomeChanged: left.operation.outcome !== right.operation.outcome,
    asked: compareValues(left.params, right.params, { ...NO_RULES, level: 'semantic' }),
    // A list is compared as tools are, by name; and answers that are not recorded say nothing.
    answered:
      bothAnswered && left.operation.method !== 'tools/list'
        ? compareValues(left.answer, right.answer, rules)
        : [],
  };
}

function isChanged({ outcomeChanged, asked, answered }: CallDiff): boolean {
  return outcomeChanged || asked.length > 0 || answered.length > 0;
}

/** First those that asked the very same, in their order; then those of the same target. */
function paired(left: readonly ComparedCall[], right: readonly ComparedCall[]) {
  const pairs: (readonly [ComparedCall, ComparedCall])[] = [];
  let restLeft = left;
  let restRight = right;
  for (const key of [exactKey, targetKey]) {
    const waiting = new Map<string, ComparedCall[]>();
    for (const call of restRight) waiting.set(key(call), [...(waiting.get(key(call)) ?? []), call]);
    const unmatched: ComparedCall[] = [];
    for (const call of restLeft) {
      const partner = waiting.get(key(call))?.shift();
      if (partner === undefined) unmatched.push(call);
      else pairs.push([call, partner]);
    }
    restLeft = unmatched;
    const left = new Set([...waiting.values()].flat());
    restRight = restRight.filter((call) => left.has(call));
  }
  pairs.sort(([a], [b]) => a.operation.operationId - b.operation.operationId);
  return { pairs, onlyLeft: restLeft, onlyRight: restRight };
}

function targetKey({ operation: { initiator, method, target } }: ComparedCall): string {
  return JSON.stringify([initiator, method, target?.name]);
}

function exactKey(call: ComparedCall): string {
  return targetKey(call) + (call.params === undefined ? '' : canonical(call.params));
}

function sessionChanges(left: SessionRecord, right: SessionRecord): SessionDiff['session'] {
  const facts = ({
    serverInfo,
    clientInfo,
    protocolVersion,
    serverCapabilities,
    endCause,
  }: SessionRecord) => ({
    server: `${serverInfo.name ?? ''} ${serverInfo.version ?? ''}`.trim(),
    client: `${clientInfo.name ?? ''} ${clientInfo.version ?? ''}`.trim(),
    revision: protocolVersion ?? '',
    'server capabilities': [...serverCapabilities].sort().join(', '),
    end: endCause ?? '',
  });
  const [a, b] = [facts(left), facts(right)];
  return (Object.keys(a) as (keyof typeof a)[])
    .filter((name) => a[name] !== b[name])
    .map((name) => [name, a[name], b[name]] as const);
}

/** The definitions as they were listed last. */
function toolsOf(calls: readonly ComparedCall[]): ReadonlyMap<string, unknown> {
  const tools = new Map<string, unknown>();
  for (const { operation, answer } of calls) {
    if (operation.method !== 'tools/list' || !isObject(answer) || !Array.isArray(answer.tools)) continue;
    for (const tool of answer.tools as unknown[])
      if (isObject(tool) && typeof tool.name === 'string') tools.set(tool.name, tool);
  }
  return tools;
}

function toolChanges(left: ReadonlyMap<string, unknown>, right: ReadonlyMap<string, unknown>) {
  const names = [...left.keys()].sort();
  return {
    toolsAdded: [...right.keys()].filter((name) => !left.has(name)).sort(),
    toolsRemoved: names.filter((name) => !right.has(name)),
    toolsChanged: names
      .filter((name) => right.has(name))
      .map((tool) => ({
        tool,
        differences: compareValues(left.get(tool), right.get(tool), { ...NO_RULES, level: 'semantic' }),
      }))
      .filter(({ differences }) => differences.length > 0),
  };
}
