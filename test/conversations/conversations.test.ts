/** The corpus: that all outputs agree on every conversation, and say what the golden files hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FINDINGS } from '../../src/event/findings.ts';
import { OUTCOMES } from '../../src/event/outcome.ts';
import { samplesOf } from '../unit/metricWorkload.ts';
import { goldenOf } from './golden.ts';
import { parseConversations } from './parse.ts';
import { type Outputs, outputsOf } from './play.ts';

const DIR = import.meta.dirname;
const THEMES = readdirSync(DIR)
  .filter((file) => file.endsWith('.txt'))
  .map((file) => ({
    theme: file.slice(0, -'.txt'.length),
    scripts: parseConversations(file, readFileSync(join(DIR, file), 'utf8')),
  }));

const all: Outputs[] = [];

describe.each(THEMES)('conversations: $theme', ({ theme, scripts }) => {
  const outputs: Outputs[] = [];

  beforeAll(async () => {
    for (const script of scripts) outputs.push(await outputsOf(script));
    all.push(...outputs);
  });

  it.each(scripts.map(({ title }, index) => ({ title, index })))('$title: all outputs agree', ({ index }) => {
    const played = outputs[index];
    if (played === undefined) throw new Error('it was not played');
    expectOperations(played);
    expectFindings(played);
    expectRequests(played);
  });

  it('say what the golden file holds', async () => {
    const text = `${outputs.map(goldenOf).join('\n\n')}\n`;
    await expect(text).toMatchFileSnapshot(`../golden/conversations/${theme}.txt`);
  });
});

describe('the corpus', () => {
  it('has at least 150 conversations, each with a title of its own', () => {
    expect(all.length).toBeGreaterThanOrEqual(150);
    const titles = THEMES.flatMap(({ theme, scripts }) => scripts.map(({ title }) => `${theme}: ${title}`));
    expect(new Set(titles).size).toBe(all.length);
  });

  it('has at least 30 that follow a page of the specification', () => {
    expect(all.filter(({ script }) => script.source !== undefined).length).toBeGreaterThanOrEqual(30);
  });

  it('has every outcome', () => {
    const seen = new Set(all.flatMap(({ operations }) => operations.map(({ outcome }) => outcome)));
    expect([...seen].sort()).toEqual([...OUTCOMES].sort());
  });

  it('has every rule', () => {
    const seen = new Set(all.flatMap(({ findings }) => findings.map(({ rule }) => rule)));
    expect([...seen].sort()).toEqual(FINDINGS.map(({ rule }) => rule).sort());
  });
});

/** One span, one line, one sample, one row for each, which are of the same operations with the same ends. */
function expectOperations({ events, ended, spans, log, metrics, session, operations }: Outputs): void {
  const finished = events.filter((event) => event.type === 'operation_finished');
  const unsampled = finished.filter(({ span }) => !span.sampled);
  const ofOperations = spans.filter(({ kind }) => kind !== 'internal');
  const lines = log.filter((line) => line.span_id !== undefined);
  const samples = samplesOf(metrics).filter(({ name }) => name === 'sidelight_operations_total');
  expect({
    started: events.filter(({ type }) => type === 'operation_started').length,
    spans: ofOperations.length + unsampled.length,
    lines: lines.length,
    rows: operations.length,
    samples: samples.reduce((sum, { value }) => sum + value, 0),
    told: session.operations,
  }).toEqual(
    Object.fromEntries(
      ['started', 'spans', 'lines', 'rows', 'samples', 'told'].map((key) => [key, ended.operations]),
    ),
  );
  const ids = operations.map(({ spanId }) => spanId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(lines.map((line) => line.span_id).sort()).toEqual([...ids].sort());
  expect([...ofOperations, ...unsampled.map(({ span }) => span)].map(({ spanId }) => spanId).sort()).toEqual(
    [...ids].sort(),
  );
  const endOf = (id: unknown) => operations.find(({ spanId }) => spanId === id)?.outcome;
  for (const line of lines) expect(line.outcome).toBe(endOf(line.span_id));
  for (const { spanId, attributes } of ofOperations)
    expect(attributes['sidelight.outcome']).toBe(endOf(spanId));
  expect(
    count(samples.flatMap(({ labels, value }) => Array<string>(value).fill(labels.outcome ?? ''))),
  ).toEqual(count(operations.map(({ outcome }) => outcome)));
  // One for each leg where there are several, and the session's.
  const legs = finished
    .filter(({ span }) => span.sampled)
    .flatMap(({ legs: all }) => (all.length > 1 ? all : []));
  expect(spans.length - ofOperations.length).toBe(legs.length + 1);
  // A parent that is here is of the same trace and was there before its child was over.
  for (const { parentSpanId, traceId } of spans)
    for (const parent of spans.filter(({ spanId }) => spanId === parentSpanId))
      expect(parent.traceId).toBe(traceId);
}

function expectFindings({ events, ended, log, metrics, session, findings }: Outputs): void {
  const raised = count(events.flatMap((event) => (event.type === 'finding_raised' ? [event.rule] : [])));
  const sampled = samplesOf(metrics)
    .filter(({ name }) => name === 'sidelight_findings_total')
    .flatMap(({ labels, value }) => Array<string>(value).fill(labels.rule ?? ''));
  expect(count(findings.map(({ rule }) => rule))).toEqual(raised);
  expect(count(sampled)).toEqual(raised);
  expect(count(log.flatMap((line) => (typeof line.rule === 'string' ? [line.rule] : [])))).toEqual(raised);
  expect([findings.length, session.findings]).toEqual([ended.findings, ended.findings]);
}

/** Every request is a leg of exactly one operation, or a poll of its task, or there was no room to follow it. */
function expectRequests({ said, operations, findings }: Outputs): void {
  const requests = said.filter(
    ({ message, tracked }) => message.kind === 'request' && tracked.duplicate !== true,
  );
  const of = requests.map(({ tracked }) => tracked.operationId);
  const told = operations.map(({ operationId, legs, task }) => ({
    operationId,
    requests: Math.max(1, legs.length) + (task?.polls ?? 0),
  }));
  expect(
    operations.map(({ operationId }) => ({
      operationId,
      requests: of.filter((id) => id === operationId).length,
    })),
  ).toEqual(told);
  const unfollowed = of.filter((id) => id === undefined).length;
  expect(unfollowed === 0 || findings.some(({ rule }) => rule === 'tracking_overflow')).toBe(true);
  expect(of.filter((id) => id !== undefined).length + unfollowed).toBe(requests.length);
}

function count(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of [...words].sort()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
