/** The alerts as files: each has what an operator needs of it, and promtool and amtool have nothing to say. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { ALERTS } from '../../alerts/alerts.ts';
import { CASES } from '../../alerts/cases.ts';
import { RECORDING } from '../../alerts/recording.ts';
import { OBJECTIVES } from '../../alerts/thresholds.ts';
import { parseFilter } from '../../src/filter/parse.ts';
import { CATALOG } from '../../src/sink/catalog.ts';
import { boardsIn, ROOT } from './boards.ts';
import { unknownIn } from './promql.ts';

const folder = join(ROOT, 'alerts');
const rules = ALERTS.flatMap((group) => group.rules);
const names = [...new Set(rules.map(({ alert }) => alert))];
const recording = RECORDING.flatMap((group) => group.rules);
const recorded: ReadonlySet<string> = new Set(recording.map(({ record }) => record));
const boards = new Map([...boardsIn('dashboards/generated')].map(([, board]) => [board.uid, board]));

/** What a runbook tells, in this order. */
const SECTIONS = ['Meaning', 'Impact', 'What to look at', 'How to fix', 'When to silence'];

function filesIn(name: string, ending: string): readonly string[] {
  return readdirSync(join(folder, name)).filter((file) => file.endsWith(ending));
}

function run(program: string, ...args: readonly string[]): string {
  const ran = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
  if (ran.error !== undefined) throw ran.error;
  return ran.status === 0 ? '' : `${ran.stdout}${ran.stderr}`;
}

describe.each(names)('%s', (alert) => {
  test('has cases at which it fires and at which it does not, for each of its rules', () => {
    const asked = (CASES[alert] ?? []).map(({ at }) => Object.values(at));
    expect(asked.some((times) => times.every((expected) => expected.length === 0))).toBe(true);
    const fired = new Set(asked.flat(2).map(({ labels }) => `${labels.severity} ${labels.window ?? ''}`));
    const own = rules.filter((rule) => rule.alert === alert);
    expect([...fired].sort()).toEqual(
      own.map(({ labels }) => `${labels.severity} ${labels.window ?? ''}`).sort(),
    );
  });

  test('has a runbook that tells all that one needs at night', () => {
    const text = readFileSync(join(folder, 'runbooks', `${alert}.md`), 'utf8');
    expect(text.startsWith(`# ${alert}\n`)).toBe(true);
    const sections = text.split(/^## /m).slice(1);
    expect(sections.map((section) => section.split('\n')[0])).toEqual(SECTIONS);
    for (const section of sections) expect(section.length, section).toBeGreaterThan(60);
    const metrics = [...text.matchAll(/\b(?:mcp|sidelight)_[a-z_]+/g)].map(([name]) => name);
    const known = CATALOG.map(({ name }) => name as string);
    const isKnown = (name: string): boolean =>
      known.includes(name) || known.includes(name.replace(/_(bucket|count|sum)$/, ''));
    expect(metrics.filter((name) => !isKnown(name))).toEqual([]);
  });
});

test('every filter in a runbook can be read, once NAME is a name', () => {
  const written = filesIn('runbooks', '.md').flatMap((file) =>
    [
      ...readFileSync(join(folder, 'runbooks', file), 'utf8').matchAll(
        /`sidelight (?:sessions|operations) ([^`]+)`/g,
      ),
    ].map(([, filter = '']) => filter.replaceAll('NAME', 'files').replace(/ --failed$/, '')),
  );
  expect(written.length).toBeGreaterThan(10);
  expect(written.filter((filter) => !parseFilter(filter).ok)).toEqual([]);
});

it('has runbooks and cases of alerts that there are', () => {
  expect(
    filesIn('runbooks', '.md')
      .map((file) => file.replace('.md', ''))
      .sort(),
  ).toEqual([...names].sort());
  expect(Object.keys(CASES).sort()).toEqual([...names].sort());
});

test.each(rules.map((rule) => [`${rule.alert} ${rule.labels.window ?? ''}`, rule] as const))(
  '%s tells how bad it is, what happened with its numbers, and where to look',
  (_name, { alert, labels, annotations, expr }) => {
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\{\{ \$labels\.\w+ \}\}/);
    expect(annotations.description).toContain('$value');
    expect(annotations.runbook_url).toMatch(new RegExp(`/${alert}\\.md$`));
    const { pathname, searchParams } = new URL(annotations.dashboard_url ?? '');
    const board = boards.get(pathname.replace('/d/', ''));
    const variables = board?.templating.list.map(({ name }) => `var-${name}`);
    expect(variables).toEqual(expect.arrayContaining([...searchParams.keys()]));
    expect(unknownIn(expr, recorded)).toEqual([]);
  },
);

it('records nothing that is not in the catalogue, and nothing that no alert reads', () => {
  expect(recording.flatMap(({ expr }) => unknownIn(expr, recorded))).toEqual([]);
  const read = rules.map(({ expr }) => expr).join('\n');
  expect([...recorded].filter((name) => !new RegExp(`${name}\\b`).test(read))).toEqual([]);
});

it('has a bucket of durations that ends where slow begins', () => {
  const durations = CATALOG.find(({ name }) => name === 'mcp_server_operation_duration_seconds');
  expect(durations).toMatchObject({ buckets: expect.arrayContaining([OBJECTIVES.slowSeconds]) as number[] });
});

it('has the same rules as a PrometheusRule', () => {
  const read = (file: string): unknown => parse(readFileSync(join(folder, 'generated', file), 'utf8'));
  const { groups: first } = read('recording.yaml') as { groups: unknown[] };
  const { groups: second } = read('alerts.yaml') as { groups: unknown[] };
  expect(read('prometheusrule.yaml')).toMatchObject({ spec: { groups: [...first, ...second] } });
});

it('promtool has nothing to say about the rules', () => {
  expect(run('promtool', 'check', 'rules', 'generated/recording.yaml', 'generated/alerts.yaml')).toBe('');
});

it('every alert fires at its cases and is silent at the others, with these labels and words', () => {
  expect(run('promtool', 'test', 'rules', ...filesIn('tests', '.yaml').map((file) => `tests/${file}`))).toBe(
    '',
  );
}, 90_000);

it('amtool has nothing to say about the example of a configuration for Alertmanager', () => {
  expect(run('amtool', 'check-config', 'alertmanager.example.yml')).toBe('');
});

test('the documentation has every alert with its severity, and every board', () => {
  const text = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
  const rows = new Map(
    [...text.matchAll(/^\| \[(\w+)\]\(\.\.\/alerts\/runbooks\/\1\.md\) +\| ([a-z, ]+?) +\|/gm)].map(
      ([, alert = '', severity = '']) => [alert, severity],
    ),
  );
  const severities = (alert: string): string =>
    [...new Set(rules.filter((rule) => rule.alert === alert).map(({ labels }) => labels.severity))].join(
      ', ',
    );
  expect(rows).toEqual(new Map([...names].map((alert) => [alert, severities(alert)])));
  for (const { title } of boards.values())
    expect(text).toMatch(new RegExp(`^\\| ${title.replace('Sidelight / ', '')} `, 'm'));
});
