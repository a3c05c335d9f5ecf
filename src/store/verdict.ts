/**
 * What went wrong in a session, as a person can act on it: what failed first, why, by which evidence, and what to try. It is
 * made of what was recorded and of two tables, and it is no guess: what nothing shows is not said. Pure.
 */
import { findingInfo, type Severity } from '../event/findings.ts';
import { isFailure, type Outcome } from '../event/outcome.ts';
import type { FindingRecord, OperationRecord, SessionRecord } from './record.ts';

export interface Problem {
  /** Of its first occurrence. */
  readonly atUs: number;
  readonly severity: Severity;
  /** What happened, in a line; text of the wire in it is redacted, not escaped. */
  readonly what: string;
  /** How often the same thing happened. */
  readonly count: number;
  /** Of the first occurrence, where there is one to look at. */
  readonly operationId?: number;
  readonly seq?: number;
  /** What to do, in a sentence or two. */
  readonly hint: string;
}

export interface Verdict {
  readonly healthy: boolean;
  /** One line. */
  readonly headline: string;
  /** Errors before warnings before what is only worth to know, each in the order in which they happened. */
  readonly problems: readonly Problem[];
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

export function verdictOf(
  session: SessionRecord,
  operations: Iterable<OperationRecord>,
  findings: Iterable<FindingRecord>,
): Verdict {
  const problems = grouped([...ofSession(session), ...ofOperations(operations), ...ofFindings(findings)]);
  const [first] = problems;
  const failed = `${session.failedOperations} of ${plural(session.operations, 'operation')} failed`;
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (first === undefined) {
    return {
      healthy: true,
      headline: `nothing failed in ${plural(session.operations, 'operation')}`,
      problems,
    };
  }
  if (errors === 0) {
    return {
      healthy: true,
      headline: `nothing failed; ${plural(problems.length, 'thing')} to look at`,
      problems,
    };
  }
  const earliest = problems
    .filter(({ severity }) => severity === 'error')
    .reduce((a, b) => (b.atUs < a.atUs ? b : a));
  const start = session.failedOperations > 0 ? failed : plural(errors, 'error');
  return { healthy: false, headline: `${start}; what failed first: ${earliest.what}`, problems };
}

function ofSession(session: SessionRecord): Problem[] {
  const { status, endCause, exitCode, exitSignal, lastStderr, completeness, endedAtUs } = session;
  const atUs = endedAtUs ?? session.startedAtUs;
  const last = lastStderr.at(-1);
  const said = last === undefined ? 'it said nothing on stderr' : `its last words: ${last}`;
  const problems: Problem[] = [];
  const add = (severity: Severity, what: string, hint: string): void => {
    problems.push({ atUs, severity, what, count: 1, hint });
  };
  if (endCause === 'start_failed')
    add('error', 'the server could not be started', 'Run its command by hand, in the same folder.');
  if (endCause === 'server_crashed') {
    const how = exitSignal ?? `exit code ${exitCode ?? 'unknown'}`;
    add('error', `the server died (${how}); ${said}`, CRASHED[exitSignal ?? ''] ?? CRASH_HINT);
  }
  if (status === 'interrupted')
    add('warning', 'the recording has no end: sidelight was gone before the session was', INCOMPLETE);
  if (completeness.droppedChunks + completeness.droppedEvents + completeness.missedExchanges > 0)
    add('warning', 'the recording has gaps: copies were lost, and what they held is not judged', INCOMPLETE);
  return problems;
}

const INCOMPLETE =
  'Judge by what is there. If it happens again, raise captureBuffer, or record with --lossless.';
const CRASH_HINT = 'Look at the lines of stderr, and at the operations that were in flight when it died.';
const CRASHED: Readonly<Record<string, string>> = {
  SIGKILL: 'Somebody killed it: most often the system, which was out of memory. Look at the kernel’s log.',
  SIGSEGV: 'A native module crashed. Look at which one was loaded last, and at its version.',
  SIGABRT: 'It gave up by itself: a failed assertion, or a heap that was full. Look at stderr.',
};

function* ofOperations(operations: Iterable<OperationRecord>): Generator<Problem> {
  for (const { outcome, error, method, target, endedAtUs, operationId, lastSeq } of operations) {
    if (!isFailure(outcome)) continue;
    const name = target === undefined ? method : `${method} ${target.name}`;
    const why = error?.message === undefined ? '' : `: ${error.message}`;
    const code = error?.code === undefined ? '' : ` ${error.code}`;
    yield {
      atUs: endedAtUs,
      severity: 'error',
      what: `${name} ended as ${outcome}${code}${why}`,
      count: 1,
      operationId,
      seq: lastSeq,
      hint: CODES.get(error?.code ?? 0) ?? OUTCOMES[outcome] ?? '',
    };
  }
}

function* ofFindings(findings: Iterable<FindingRecord>): Generator<Problem> {
  for (const { rule, atUs, detail, seq, operationId } of findings) {
    const info = findingInfo(rule);
    yield {
      atUs,
      severity: info?.severity ?? 'warning',
      what: `${info?.title ?? rule}: ${detail}`,
      count: 1,
      ...(operationId !== undefined && { operationId }),
      seq,
      hint: info?.hint ?? '',
    };
  }
}

/** Equal ones become one, with how many there were. */
function grouped(problems: readonly Problem[]): readonly Problem[] {
  const byText = new Map<string, Problem>();
  for (const problem of problems) {
    const key = `${problem.severity} ${problem.what}`;
    const known = byText.get(key);
    byText.set(key, known === undefined ? problem : { ...known, count: known.count + 1 });
  }
  return [...byText.values()].sort((a, b) => RANK[a.severity] - RANK[b.severity] || a.atUs - b.atUs);
}

function plural(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** For failures; what did not fail needs no advice. */
const OUTCOMES: Partial<Record<Outcome, string>> = {
  tool_error: 'The tool said so itself: look at its arguments and at what it answered.',
  protocol_error: 'The server rejected the request: look at the error’s code, message and data.',
  timeout:
    'The client gave up waiting. Let the tool send progress, make it faster, or raise the client’s timeout.',
  abandoned: 'No answer came. Look for a handler that never returns, and at the server’s log of that time.',
  server_crashed: 'The server died while it worked on this: replay this call against it.',
  http_error: 'The response was no JSON-RPC: look at its status, and at what stands in front of the server.',
  disconnected: 'The connection broke in the middle: look at the server’s log, and at timeouts on the way.',
};

/** JSON-RPC 2.0, section 5.1, and the codes of MCP. */
const CODES: ReadonlyMap<number, string> = new Map([
  [-32_700, 'The server could not parse the request: look at the frame as it was on the wire.'],
  [-32_600, 'The request is not what JSON-RPC asks for: look at its members.'],
  [-32_601, 'The server has no such method: compare its capabilities, and the revisions of both sides.'],
  [
    -32_602,
    'The parameters do not fit: compare them with the tool’s inputSchema, and the name with the list.',
  ],
  [-32_603, 'The server failed inside: look at its log of that time.'],
  [-32_002, 'There is no such resource: list them again, and compare the URI.'],
  [-32_020, 'A header says something else than the body: look for something on the way that changes either.'],
  [-32_021, 'The client did not declare a capability that this needs.'],
  [-32_022, 'The server does not speak this revision: the error’s data says which ones it does.'],
  [-32_042, 'A person has to open a URL first: the error’s data has it.'],
]);
