/** What is left of a session is what its failure needs, and nothing else. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCase } from '../../src/replay/case.ts';
import { minimize, type Minimized } from '../../src/replay/minimize.ts';
import { type Plan, planOf } from '../../src/replay/plan.ts';

const CALLS = 200;
const MAX_TRIALS = 500;

function planWith(calls: number, bindings: readonly object[] = []): Plan {
  const read = readCase({
    ...{
      sidelight: 'case',
      version: 1,
      name: 'long',
      era: 'legacy',
      protocolVersion: '2025-11-25',
      bindings,
    },
    client: { name: 'c', version: '1', capabilities: {} },
    steps: Array.from({ length: calls }, (_, number) => ({
      ...{ method: 'tools/call', target: 'write' },
      params: { name: 'write', arguments: { number, words: 'lorem ipsum dolor', list: [1, 2, 3] } },
    })),
  });
  if ('problem' in read) throw new Error(read.problem);
  const options = {
    allow: new Set<string>(),
    allowAll: true,
    secrets: new Map(),
    fixed: [],
    noBind: new Set<string>(),
  };
  return planOf(read.scenario, { ...options, bindings: read.bindings });
}

/** The failure is there when all of `needed` were sent. */
async function minimized(
  plan: Plan,
  needed: readonly number[],
  options: { maxTrials?: number; signal?: AbortSignal } = {},
): Promise<{ found: Minimized | undefined; trials: number }> {
  let trials = 0;
  const found = await minimize({
    ...{ steps: plan.steps, bindings: plan.bindings, target: Math.max(...needed), maxTrials: MAX_TRIALS },
    signal: new AbortController().signal,
    ...options,
    fails: (steps) => {
      trials += 1;
      const sent = new Set(steps.map(({ step }) => step.index));
      return Promise.resolve(needed.every((index) => sent.has(index)));
    },
  });
  return { found, trials };
}

const indexesOf = (found: Minimized | undefined): number[] | undefined =>
  found?.steps.map(({ step }) => step.index);

test.each([2, 3])(
  'of 200 calls exactly the %i that the failure needs are left, whichever they are',
  async (size) => {
    const plan = planWith(CALLS);
    const chosen = fc.uniqueArray(fc.nat(CALLS - 1), { minLength: size, maxLength: size });
    let most = 0;
    await fc.assert(
      fc.asyncProperty(chosen, async (needed) => {
        const { found, trials } = await minimized(plan, needed);
        expect(indexesOf(found)).toEqual([...needed].sort((a, b) => a - b));
        expect([found?.trials, found?.stopped]).toEqual([trials, false]);
        // Of what is left, the arguments say nothing either.
        expect(found?.steps.map(({ params }) => params?.arguments)).toEqual(needed.map(() => ({})));
        most = Math.max(most, trials);
      }),
      { numRuns: 60 },
    );
    expect(most).toBeLessThan(CALLS);
  },
);

test('what a call takes its value from stays with it', async () => {
  const binding = { from: 17, path: ['id'], to: 90, into: ['arguments', 'number'], recorded: 17 };
  const { found } = await minimized(planWith(CALLS, [binding]), [90, 120]);
  expect(indexesOf(found)).toEqual([17, 90, 120]);
});

test('there are never more trials than are allowed, and what was found by then still fails', async () => {
  const plan = planWith(CALLS);
  const bound = fc.integer({ min: 1, max: 30 });
  await fc.assert(
    fc.asyncProperty(bound, async (maxTrials) => {
      const { found, trials } = await minimized(plan, [3, 77, 150], { maxTrials });
      expect(trials).toBeLessThanOrEqual(maxTrials);
      expect(found?.stopped).toBe(true);
      expect(indexesOf(found)).toEqual(expect.arrayContaining([3, 77, 150]));
    }),
    { numRuns: 30 },
  );
});

test('an interrupt ends it with what was found by then', async () => {
  const interrupt = new AbortController();
  interrupt.abort();
  const { found, trials } = await minimized(planWith(20), [3, 7], { signal: interrupt.signal });
  expect([trials, found?.stopped, found?.steps.length]).toEqual([1, true, 8]);
});
