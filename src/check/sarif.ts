/** SARIF 2.1.0: a result for each violation, with the hints of the findings as help of the rules. Pure. */
import { findingInfo, type Severity } from '../event/findings.ts';
import type { Checked, Violation } from './gate.ts';

const LEVEL: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
};

/** What rules that are no findings say. */
const OWN_RULES: Readonly<Record<string, string>> = {
  error: 'An operation failed, or the server did not run.',
  tool_error: 'A tool answered with isError.',
  hung: 'An operation was not answered in time, or not at all.',
  incomplete: 'The recording does not hold everything that happened.',
  max_duration: 'An operation took longer than is allowed.',
  expect_tool: 'A tool that should have been called with success was not.',
  forbid_tool: 'A tool that must not be called was called.',
  case_failed: 'The server does not do what the case says.',
  case_not_run: 'The case could not be run.',
};

/** One thing that is wrong, and where. */
export interface SarifResult {
  readonly rule: string;
  readonly level: 'error' | 'warning' | 'note';
  readonly text: string;
  /** A file's path, or `sidelight:///sessions/<id>`. */
  readonly uri: string;
  /** From 1; undefined: the whole of it. */
  readonly line: number | undefined;
  /** Within it, as its own words have it. */
  readonly place: string;
  /** The same for the same thing in the next run. */
  readonly fingerprint: string;
}

/** `uriOf`: where a session's recording is, such as `sidelight:///sessions/<id>` or a file's path. */
export function sarifOf(
  sessions: readonly Checked[],
  version: string,
  uriOf: (sessionId: string) => string,
): object {
  const found = sessions.flatMap(({ session, operations, violations }) =>
    [...violations, ...operations.flatMap((one) => one.violations)].map((violation) =>
      resultOf(session, violation, uriOf(session.id)),
    ),
  );
  return sarifLog(version, found);
}

export function sarifLog(version: string, found: readonly SarifResult[]): object {
  const rules = [...new Set(found.map(({ rule }) => rule))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'sidelight', semanticVersion: version, rules: rules.map(ruleOf) },
        },
        results: found.map(({ rule, level, text, uri, line, place, fingerprint }) => ({
          ruleId: rule,
          ruleIndex: rules.indexOf(rule),
          level,
          message: { text },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri },
                ...(line !== undefined && { region: { startLine: line } }),
              },
              logicalLocations: [{ fullyQualifiedName: place, kind: 'member' }],
            },
          ],
          partialFingerprints: { 'sidelight/v1': fingerprint },
        })),
      },
    ],
  };
}

/** Frames are what a recording has in the place of lines; they are numbered from 0, lines from 1. */
function resultOf(
  { id, server }: Checked['session'],
  { rule, severity, message, seq, operationId }: Violation,
  uri: string,
): SarifResult {
  return {
    rule,
    level: LEVEL[severity],
    text: `${server}: ${message}`,
    uri,
    line: seq === undefined ? undefined : seq + 1,
    place: operationId === undefined ? id : `${id}/operations/${operationId}`,
    fingerprint: `${rule}:${server}:${message}`,
  };
}

function ruleOf(id: string): object {
  const info = findingInfo(id);
  const text = info?.title ?? OWN_RULES[id] ?? id;
  return {
    id,
    shortDescription: { text },
    ...(info !== undefined && { fullDescription: { text: info.meaning }, help: { text: info.hint } }),
  };
}
