import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Conversation } from '../track/conversation.ts';

const SEED = 20_260_728;

/** A client and a server that know the truth: what each request comes to is decided before anything is said. */
const fate = fc.constantFrom(
  'ok',
  'tool_error',
  'protocol_error',
  'cancelled',
  'timeout',
  'abandoned',
  'late',
);
const request = fc.record({
  fate,
  side: fc.constantFrom('client', 'server'),
  /** Few ids, so that they are reused as soon as they are free; numbers and strings that look alike. */
  id: fc.constantFrom<string | number>(0, 1, 2, '0', '1', 'a'),
  startsAfter: fc.nat(6),
  lasts: fc.nat(6),
});
type Planned = {
  -readonly [
    K in keyof (typeof request extends fc.Arbitrary<infer T> ? T : never)
  ]: (typeof request extends fc.Arbitrary<infer T> ? T : never)[K];
};

const EXPECTED: Readonly<Record<string, string>> = { late: 'cancelled' };

function play(plan: readonly Planned[]): { readonly talk: Conversation; readonly truth: string[] } {
  const talk = new Conversation();
  const truth: string[] = [];
  const busy = new Set<string>();
  const steps: { readonly at: number; readonly run: () => void }[] = [];
  let clock = 0;
  plan.forEach((planned, index) => {
    clock += planned.startsAfter;
    steps.push({ at: clock, run: () => begin(planned, index, clock) });
  });
  const begin = ({ side, id, fate: end, lasts }: Planned, index: number, at: number): void => {
    const key = `${side} ${typeof id} ${id}`;
    // A peer that follows the protocol does not use an id twice at a time.
    if (busy.has(key)) return;
    busy.add(key);
    const [asker, answerer] = side === 'client' ? [talk.client, talk.server] : [talk.server, talk.client];
    asker.asks(id, 'tools/call', { name: `n${index}` });
    truth.push(`n${index} ${EXPECTED[end] ?? end}`);
    const finish: Readonly<Record<string, () => void>> = {
      ok: () => void answerer.answers(id, {}),
      tool_error: () => void answerer.answers(id, { isError: true }),
      protocol_error: () => void answerer.fails(id, -32_603),
      cancelled: () => void asker.cancels(id, 'enough'),
      timeout: () => void asker.cancels(id, 'Request timed out'),
      late: () => {
        asker.cancels(id);
        answerer.answers(id);
      },
    };
    if (end === 'abandoned') return;
    steps.push({
      at: at + lasts,
      run: () => {
        finish[end]?.();
        busy.delete(key);
      },
    });
  };
  for (let at = 0; at <= clock + 10; at += 1) {
    for (const step of steps) if (step.at === at) step.run();
  }
  talk.ends();
  return { talk, truth };
}

describe('the tracker', () => {
  it('says of any interleaving what its peers know to be true: each operation once, with its outcome', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), (plan) => {
        const { talk, truth } = play(plan);
        expect(
          talk
            .finished()
            .map(({ target, outcome }) => `${target?.name} ${outcome}`)
            .sort(),
        ).toEqual(truth.sort());
        const [ended] = talk.of('session_ended');
        expect(ended?.operations).toBe(truth.length);
        expect(talk.of('operation_started')).toHaveLength(truth.length);
        expect(ended?.failedOperations).toBe(truth.filter((line) => !/ (ok|cancelled)$/.test(line)).length);
        const late = plan.length === 0 ? 0 : talk.findings().filter((rule) => rule === 'late_result').length;
        expect(talk.findings()).toHaveLength(late);
      }),
      { numRuns: 10_000, seed: SEED },
    );
  }, 120_000);

  it('says the same when it is told the same again', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), (plan) => {
        expect(play(plan).talk.events).toEqual(play(plan).talk.events);
      }),
      { numRuns: 500, seed: SEED },
    );
  });
});
