/** JUnit XML, in the form that CI systems read. Pure. */

export interface Suite {
  readonly name: string;
  /** Microseconds since the Unix epoch. */
  readonly startedAtUs: number;
  readonly seconds: number;
  readonly hostname: string;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  readonly seconds: number;
  /** Empty: it passed. */
  readonly failures: readonly Failure[];
  /** Why it was not tried, where it was not. */
  readonly skipped?: string;
}

export interface Failure {
  readonly type: string;
  readonly message: string;
}

export function junitOf(name: string, suites: readonly Suite[]): string {
  const cases = suites.flatMap((suite) => suite.cases);
  const head = attributes({ name, tests: cases.length, failures: cases.filter(isFailed).length });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${head}>`,
    ...suites.flatMap(suiteLines),
    '</testsuites>',
    '',
  ].join('\n');
}

function suiteLines({ name, startedAtUs, seconds, hostname, cases }: Suite): readonly string[] {
  const head = attributes({
    name,
    tests: cases.length,
    failures: cases.filter(isFailed).length,
    errors: 0,
    skipped: cases.filter(({ skipped }) => skipped !== undefined).length,
    time: seconds.toFixed(6),
    timestamp: new Date(startedAtUs / 1000).toISOString().replace(/\.\d+Z$/, ''),
    hostname: hostname === '' ? 'unknown' : hostname,
  });
  return [`  <testsuite ${head}>`, ...cases.flatMap((one) => caseLines(one, name)), '  </testsuite>'];
}

function caseLines({ name, seconds, failures, skipped }: Case, classname: string): readonly string[] {
  const opening = attributes({ name, classname, time: seconds.toFixed(6) });
  const [first] = failures;
  if (first !== undefined) {
    // One element: readers take a case for failed once, whatever number of reasons it has.
    const head = attributes({ type: first.type, message: first.message });
    const lines = failures.map(({ type, message }) => `[${type}] ${message}`);
    return [
      `    <testcase ${opening}>`,
      `      <failure ${head}>${escaped(lines.join('\n'))}</failure>`,
      '    </testcase>',
    ];
  }
  if (skipped === undefined) return [`    <testcase ${opening}/>`];
  return [
    `    <testcase ${opening}>`,
    `      <skipped ${attributes({ message: skipped })}/>`,
    '    </testcase>',
  ];
}

function isFailed({ failures }: Case): boolean {
  return failures.length > 0;
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
