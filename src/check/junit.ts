/**
 * JUnit XML, in the form that CI systems read: a suite for each session, a case for each operation, and one for the session
 * itself. Pure.
 */
import type { Checked, Violation } from './gate.ts';

export function junitOf(sessions: readonly Checked[]): string {
  const suites = sessions.map(suiteOf);
  const total = (of: (suite: Suite) => number): number => suites.reduce((sum, suite) => sum + of(suite), 0);
  const totals = `tests="${total(({ tests }) => tests)}" failures="${total(({ failures }) => failures)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sidelight check" ${totals}>`,
    ...suites.flatMap(({ lines }) => lines),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Suite {
  readonly tests: number;
  readonly failures: number;
  readonly lines: readonly string[];
}

function suiteOf({ session, operations, violations }: Checked): Suite {
  const cases = [
    { name: 'session', seconds: 0, violations },
    ...operations.map(({ operation, violations: own }) => ({
      name: `${operation.operationId} ${operation.method}${operation.target === undefined ? '' : ` ${operation.target.name}`}`,
      seconds: (operation.endedAtUs - operation.startedAtUs) / 1e6,
      violations: own,
    })),
  ];
  const failures = cases.filter((one) => one.violations.length > 0).length;
  const seconds = session.endedAtUs === undefined ? 0 : (session.endedAtUs - session.startedAtUs) / 1e6;
  const classname = `${session.server}.${session.id}`;
  const head = attributes({
    name: classname,
    tests: cases.length,
    failures,
    errors: 0,
    skipped: 0,
    time: seconds.toFixed(6),
    timestamp: new Date(session.startedAtUs / 1000).toISOString().replace(/\.\d+Z$/, ''),
    hostname: session.hostname === '' ? 'unknown' : session.hostname,
  });
  return {
    tests: cases.length,
    failures,
    lines: [
      `  <testsuite ${head}>`,
      ...cases.flatMap((one) => {
        const opening = attributes({ name: one.name, classname, time: one.seconds.toFixed(6) });
        return one.violations.length === 0
          ? [`    <testcase ${opening}/>`]
          : [`    <testcase ${opening}>`, failureOf(one.violations), '    </testcase>'];
      }),
      '  </testsuite>',
    ],
  };
}

/** One element: readers of JUnit take a case for failed once, whatever number of reasons it has. */
function failureOf(violations: readonly Violation[]): string {
  const [first] = violations;
  const head = attributes({ type: first?.rule ?? '', message: first?.message ?? '' });
  const lines = violations.map(({ rule, message, seq }) =>
    [`[${rule}]`, message, seq === undefined ? '' : `(frame ${seq})`].filter(Boolean).join(' '),
  );
  return `      <failure ${head}>${escaped(lines.join('\n'))}</failure>`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escaped(String(value)).replace(/\n/g, '&#10;')}"`)
    .join(' ');
}

/** XML 1.0 cannot hold most control characters, lone surrogates, U+FFFE and U+FFFF in any form. */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(NOT_XML, '\ufffd').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}
