/**
 * Whether a recorded session is good enough for somebody's CI: what was asked for, held against what was recorded. It judges
 * recordings, never live traffic, and reads nothing itself. Pure.
 */
import { FINDINGS, type Severity } from '../event/findings.ts';
import { isFailure, type Outcome } from '../event/outcome.ts';
import type { Failure, Suite } from './junit.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from '../store/record.ts';

/** What a session can be failed for besides the ids of findings. */
export const CATEGORIES = [
  'error',
  'tool_error',
  'invalid',
  'hung',
  'late',
  'mismatch',
  'drift',
  'deprecated',
  'schema',
  'incomplete',
] as const;

export type Category = (typeof CATEGORIES)[number];

export const DEFAULT_FAIL_ON: readonly Category[] = ['error', 'tool_error', 'invalid', 'hung', 'incomplete'];

/** Categories that stand for findings. */
const FINDINGS_OF: Readonly<Partial<Record<Category, readonly FindingRecord['rule'][]>>> = {
  invalid: [
    'invalid_frame',
    'stray_stdout',
    'duplicate_response',
    'response_without_request',
    'request_id_reused',
  ],
  late: ['late_result'],
  mismatch: ['header_mismatch'],
  drift: ['tool_changed', 'tool_added'],
  deprecated: ['deprecated_feature'],
  schema: ['invalid_arguments', 'invalid_structured_content'],
};

const HUNG: ReadonlySet<Outcome> = new Set(['timeout', 'abandoned']);

export interface Rules {
  /** Categories and ids of findings. */
  readonly failOn: ReadonlySet<string>;
  /** No operation may take longer, without the time that a person took to answer. */
  readonly maxDurationUs: number | undefined;
  /** Each must have been called with success. */
  readonly expectTools: readonly string[];
  /** None may have been called. */
  readonly forbidTools: readonly string[];
}

/** Every word that `failOn` may hold. */
export const FAIL_ON_WORDS: readonly string[] = [...CATEGORIES, ...FINDINGS.map(({ rule }) => rule)];

export interface Violation {
  /** A category, the id of a finding, `max_duration`, `expect_tool` or `forbid_tool`. */
  readonly rule: string;
  readonly severity: Severity;
  /** One line; redacted as the recording is. */
  readonly message: string;
  readonly operationId: number | undefined;
  readonly seq: number | undefined;
}

/** One session's case: what was checked of it, in the order in which it happened. */
export interface Checked {
  readonly session: SessionRecord;
  readonly operations: readonly CheckedOperation[];
  /** Those of no operation. */
  readonly violations: readonly Violation[];
}

export interface CheckedOperation {
  readonly operation: OperationRecord;
  readonly violations: readonly Violation[];
}

export function check(
  session: SessionRecord,
  operations: Iterable<OperationRecord>,
  findings: Iterable<FindingRecord>,
  rules: Rules,
): Checked {
  const ofFindings = [...findings].flatMap((finding) => ofFinding(finding, rules));
  const checked = [...operations].map((operation) => ({
    operation,
    violations: [
      ...ofOperation(operation, rules),
      ...ofFindings.filter(({ operationId }) => operationId === operation.operationId),
    ],
  }));
  const known = new Set(checked.map(({ operation }) => operation.operationId));
  return {
    session,
    operations: checked,
    violations: [
      ...ofSession(session, rules),
      ...ofFindings.filter(({ operationId }) => operationId === undefined || !known.has(operationId)),
      ...expectedTools(checked, rules),
    ],
  };
}

/** As a CI system shows it: a case for the session, and one for each operation. */
export function suiteOf({ session, operations, violations }: Checked): Suite {
  const { server, id, startedAtUs, endedAtUs = startedAtUs, hostname } = session;
  const told = (all: readonly Violation[]): Failure[] =>
    all.map(({ rule, message, seq }) => ({
      type: rule,
      message: seq === undefined ? message : `${message} (frame ${seq})`,
    }));
  return {
    name: `${server}.${id}`,
    startedAtUs,
    seconds: (endedAtUs - startedAtUs) / 1e6,
    hostname,
    cases: [
      { name: 'session', seconds: 0, failures: told(violations) },
      ...operations.map(({ operation, violations: own }) => ({
        name: [operation.operationId, operation.method, operation.target?.name]
          .filter((word) => word !== undefined)
          .join(' '),
        seconds: (operation.endedAtUs - operation.startedAtUs) / 1e6,
        failures: told(own),
      })),
    ],
  };
}

export function passes({ operations, violations }: Checked): boolean {
  return violations.length === 0 && operations.every((one) => one.violations.length === 0);
}

function ofSession(session: SessionRecord, { failOn }: Rules): Violation[] {
  const { endCause, exitCode, exitSignal, completeness } = session;
  const found: Violation[] = [];
  const add = (rule: string, message: string): void => {
    found.push({ rule, severity: 'error', message, operationId: undefined, seq: undefined });
  };
  if (failOn.has('error') && endCause === 'server_crashed')
    add('error', `the server crashed: ${exitSignal ?? `exit code ${exitCode ?? 'unknown'}`}`);
  if (failOn.has('error') && endCause === 'start_failed') add('error', 'the server could not be started');
  if (failOn.has('incomplete')) {
    const { interrupted, droppedChunks, missedExchanges, droppedEvents } = completeness;
    if (interrupted) add('incomplete', 'the recording has no end');
    if (droppedChunks + missedExchanges + droppedEvents > 0)
      add(
        'incomplete',
        `the recording has gaps: ${droppedChunks} copies, ${missedExchanges} exchanges, ${droppedEvents} events`,
      );
  }
  return found;
}

function ofOperation(operation: OperationRecord, { failOn, maxDurationUs, forbidTools }: Rules): Violation[] {
  const { outcome, error, method, target, operationId, firstSeq } = operation;
  const found: Violation[] = [];
  const add = (rule: string, message: string): void => {
    found.push({ rule, severity: 'error', message, operationId, seq: firstSeq });
  };
  const what = target === undefined ? method : `${method} ${target.name}`;
  const category = categoryOf(outcome);
  if (category !== undefined && failOn.has(category)) {
    const why = error?.message ?? error?.type;
    add(category, `${what}: ${outcome}${why === undefined || why === outcome ? '' : `: ${why}`}`);
  } else if (outcome === 'unknown' && failOn.has('incomplete'))
    add('incomplete', `${what}: its answer may be among copies that were lost`);
  const us = serverTimeUs(operation);
  if (maxDurationUs !== undefined && us !== undefined && us > maxDurationUs)
    add('max_duration', `${what} took ${us / 1000} ms; ${maxDurationUs / 1000} ms are allowed`);
  if (isCallOf(operation, forbidTools)) add('forbid_tool', `${what} was called`);
  return found;
}

function categoryOf(outcome: Outcome): Category | undefined {
  if (outcome === 'tool_error') return 'tool_error';
  if (HUNG.has(outcome)) return 'hung';
  return isFailure(outcome) ? 'error' : undefined;
}

/** Undefined for streams, which are open and not slow. */
function serverTimeUs({ stream, startedAtUs, endedAtUs, legs }: OperationRecord): number | undefined {
  if (stream) return undefined;
  const waits = legs.slice(1).reduce((sum, leg, index) => {
    const before = legs[index]?.endedAtUs ?? leg.startedAtUs;
    return sum + Math.max(0, leg.startedAtUs - before);
  }, 0);
  return endedAtUs - startedAtUs - waits;
}

function ofFinding({ rule, detail, operationId, seq }: FindingRecord, { failOn }: Rules): Violation[] {
  const category = CATEGORIES.find((word) => failOn.has(word) && FINDINGS_OF[word]?.includes(rule));
  if (category === undefined && !failOn.has(rule)) return [];
  const severity = FINDINGS.find((one) => one.rule === rule)?.severity ?? 'error';
  return [{ rule, severity, message: `${rule}: ${detail}`, operationId, seq }];
}

function expectedTools(checked: readonly CheckedOperation[], { expectTools }: Rules): Violation[] {
  return expectTools.flatMap((tool) => {
    const calls = checked.filter(({ operation }) => isCallOf(operation, [tool]));
    if (calls.some(({ operation }) => operation.outcome === 'ok')) return [];
    const message =
      calls.length === 0 ? `${tool} was never called` : `none of ${calls.length} calls of ${tool} succeeded`;
    return [{ rule: 'expect_tool', severity: 'error', message, operationId: undefined, seq: undefined }];
  });
}

function isCallOf({ method, target }: OperationRecord, tools: readonly string[]): boolean {
  return method === 'tools/call' && target !== undefined && tools.includes(target.name);
}
