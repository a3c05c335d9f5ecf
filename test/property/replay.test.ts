/** Damaged and hostile recordings: the planner takes anything, and nothing is sent that the plan did not show as allowed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MODERN_META } from '../track/conversation.ts';
import type { Source } from '../../src/formats/source.ts';
import { caseOf, readCase } from '../../src/replay/case.ts';
import { judge } from '../../src/replay/judge.ts';
import { planOf, type PlanOptions } from '../../src/replay/plan.ts';
import { run } from '../../src/replay/run.ts';
import { type Json, scenarioOf } from '../../src/replay/scenario.ts';
import type { OperationRecord } from '../../src/store/record.ts';
import type { StoredFrame } from '../../src/store/block.ts';

const RUNS = 3000;
const TOOLS = ['reads', 'writes', 'claims', 'twice', 'unlisted'];
const LISTED = [
  { name: 'reads', annotations: { readOnlyHint: true } },
  { name: 'writes' },
  { name: 'claims', annotations: { readOnlyHint: true, destructiveHint: true } },
  { name: 'twice', annotations: { readOnlyHint: true } },
  { name: 'twice', annotations: { readOnlyHint: 'true' } },
];

const id = fc.oneof(fc.nat(8), fc.constantFrom('1', 'a'));
const params = fc.oneof(
  fc.constant(undefined),
  fc.record({ name: fc.constantFrom(...TOOLS), arguments: fc.jsonValue({ maxDepth: 2 }) }),
  fc.record({ uri: fc.string(), requestState: fc.string(), inputResponses: fc.jsonValue({ maxDepth: 1 }) }),
  fc.record({ requestId: id, _meta: fc.constant(MODERN_META) }),
  fc.jsonValue({ maxDepth: 2 }),
);
const method = fc.constantFrom(
  ...['tools/call', 'tools/list', 'resources/read', 'initialize', 'tasks/get', 'tasks/cancel', 'no/such'],
  ...['notifications/cancelled', 'notifications/initialized', 'sampling/createMessage', 'elicitation/create'],
);
const result = fc.oneof(
  fc.constant({ tools: LISTED }),
  fc.record({
    resultType: fc.constantFrom('input_required', 'task', 'complete'),
    taskId: fc.string(),
    inputRequests: fc.jsonValue({ maxDepth: 1 }),
  }),
  fc.record({ content: fc.jsonValue({ maxDepth: 2 }), isError: fc.boolean() }),
  fc.jsonValue({ maxDepth: 2 }),
);
const call = fc.record({
  id,
  method: fc.constant('tools/call'),
  params: fc.record({ name: fc.constantFrom(...TOOLS), arguments: fc.constant({ a: 1 }) }),
});
const message = fc.oneof(
  { weight: 6, arbitrary: call },
  { weight: 3, arbitrary: fc.record({ id, result: fc.constant({ tools: LISTED }) }) },
  fc.record({ id, method, params }),
  fc.record({ method, params }),
  fc.record({ id, result }),
  fc.record({ id, error: fc.jsonValue({ maxDepth: 1 }) }),
  fc.array(fc.record({ id, method, params }), { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 1 }),
);
const frame = fc.record({
  message,
  isClient: fc.boolean(),
  cut: fc.option(fc.nat(40), { nil: undefined, freq: 6 }),
  operationId: fc.option(fc.nat(6), { nil: undefined }),
  redactions: fc.nat(1),
});
const operation = fc.record({
  operationId: fc.nat(6),
  initiator: fc.constantFrom('client_to_server' as const, 'server_to_client' as const),
  method,
  tool: fc.option(fc.constantFrom(...TOOLS), { nil: undefined }),
  requestId: id,
  firstSeq: fc.nat(20),
  outcome: fc.constantFrom(
    'ok' as const,
    'protocol_error' as const,
    'cancelled' as const,
    'abandoned' as const,
  ),
  parentOperationId: fc.option(fc.nat(6), { nil: undefined }),
});

const options = (allow: readonly string[]): PlanOptions => ({
  allow: new Set(allow),
  allowAll: false,
  secrets: new Map(),
  fixed: [],
  noBind: new Set(),
});

function sourceOf(frames: readonly unknown[], operations: readonly unknown[]): Source {
  return {
    session: {
      id: '01977420-dc00-7000-8000-000000000001',
      server: 's',
      clientInfo: {},
      clientCapabilities: [],
      protocolVersion: undefined,
      era: undefined,
    } as unknown as Source['session'],
    operations: () => operations as OperationRecord[],
    findings: () => [],
    frames: () => frames as StoredFrame[],
  };
}

test('nothing throws, and what is sent was shown as allowed', async () => {
  let sentAtAll = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 14 }),
      fc.array(operation, { maxLength: 7 }),
      fc.subarray(TOOLS),
      async (frames, operations, allow) => {
        const stored = frames.map(({ message: said, isClient, cut, operationId, redactions }, seq) => {
          const text = JSON.stringify(said);
          return {
            ...{
              seq,
              atUs: seq * 1000,
              operationId,
              redactions,
              elided: 0,
              ending: '\n',
              sizeBytes: text.length,
            },
            channel: isClient ? 'client_to_server' : 'server_to_client',
            kind: Array.isArray(said) ? 'batch' : isClient ? 'request' : 'result',
            bytes: Buffer.from(text.slice(0, cut)),
            truncated: cut !== undefined,
          };
        });
        const records = operations.map(({ tool, ...one }) => ({
          ...one,
          target: tool === undefined ? undefined : { kind: 'tool', name: tool },
          ...{ lastSeq: one.firstSeq + 3, startedAtUs: 0, endedAtUs: 10, stream: false },
        }));
        const plan = planOf(scenarioOf(sourceOf(stored, records)), options(allow));
        const shown = new Set(
          plan.steps
            .filter(({ blocked }) => blocked.length === 0)
            .map(({ step }) => `${step.method} ${nameIn(step.params) ?? ''}`),
        );
        const sent: Json[] = [];
        const told = await run({
          plan,
          connect: (events) =>
            Promise.resolve({
              cancelsByClosing: false,
              send: (said: Json) => {
                sent.push(said);
                if (said.id !== undefined && said.method !== undefined)
                  queueMicrotask(() => {
                    events.message({ id: said.id, result: { content: [], protocolVersion: '2025-11-25' } });
                  });
                return Promise.resolve();
              },
              opened: () => undefined,
              drop: () => undefined,
              close: () => Promise.resolve(),
            }),
          speed: Infinity,
          maxGapMs: 0,
          deadlineMs: 1000,
          askPolicy: 'decline',
          signal: new AbortController().signal,
        });
        for (const { method: name, params: said } of sent) {
          if (name !== 'tools/call') continue;
          sentAtAll += 1;
          const tool = nameIn(said);
          expect(shown.has(`tools/call ${tool ?? ''}`)).toBe(true);
          expect(tool === 'reads' || allow.includes(tool ?? '')).toBe(true);
        }
        const rules = { level: 'semantic', ignore: [], typeOnly: [], unordered: [] } as const;
        judge(told, { rules, learnt: [], bindings: plan.bindings, maxSlowdown: undefined });
        const file = caseOf(plan, { name: 'c', server: undefined, rules, learnt: [] });
        expect(readCase(JSON.parse(JSON.stringify(file)))).not.toHaveProperty('problem');
      },
    ),
    { numRuns: RUNS },
  );
  expect(sentAtAll).toBeGreaterThan(RUNS / 20);
});

function nameIn(value: unknown): string | undefined {
  const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : undefined;
  return typeof name === 'string' ? name : undefined;
}
