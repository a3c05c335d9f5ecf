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
};

/** `uriOf`: where a session's recording is, such as `sidelight:///sessions/<id>` or a file's path. */
export function sarifOf(
  sessions: readonly Checked[],
  version: string,
  uriOf: (sessionId: string) => string,
): object {
  const found = sessions.flatMap(({ session, operations, violations }) =>
    [...violations, ...operations.flatMap((one) => one.violations)].map((violation) => ({
      session,
      violation,
    })),
  );
  const rules = [...new Set(found.map(({ violation }) => violation.rule))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'sidelight', semanticVersion: version, rules: rules.map(ruleOf) },
        },
        results: found.map(({ session, violation }) => ({
          ruleId: violation.rule,
          ruleIndex: rules.indexOf(violation.rule),
          level: LEVEL[violation.severity],
          message: { text: `${session.server}: ${violation.message}` },
          locations: [locationOf(uriOf(session.id), session.id, violation)],
          partialFingerprints: { 'sidelight/v1': `${violation.rule}:${session.server}:${violation.message}` },
        })),
      },
    ],
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

/** Frames are what a recording has in the place of lines; they are numbered from 0, lines from 1. */
function locationOf(uri: string, sessionId: string, { seq, operationId }: Violation): object {
  return {
    physicalLocation: {
      artifactLocation: { uri },
      ...(seq !== undefined && { region: { startLine: seq + 1 } }),
    },
    logicalLocations: [
      {
        fullyQualifiedName: operationId === undefined ? sessionId : `${sessionId}/operations/${operationId}`,
        kind: 'member',
      },
    ],
  };
}
