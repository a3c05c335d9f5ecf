import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { McpEvent, OperationFinished } from '../../src/event/event.ts';
import { isFailure, OUTCOMES } from '../../src/event/outcome.ts';
import { Stats } from '../../src/self/stats.ts';
import { MAX_FLAGGED, type SamplingRules, TailSampler, traceIdRatio } from '../../src/sink/sampling.ts';
import { ended, operation, SESSION_ID, spanIds, START_US } from './events.ts';
import { sinkTo, startReceiver } from './receiver.ts';

const NOTHING: SamplingRules = { sampleRatio: 0, slowMs: 5000, slowMsByMethod: {} };

function samplerOf(differs: Partial<SamplingRules> = {}): { sampler: TailSampler; stats: Stats } {
  const stats = new Stats();
  return { sampler: new TailSampler({ ...NOTHING, ...differs }, stats), stats };
}

/** Trace ids whose last 56 bits are spread evenly. */
function spread(count: number): readonly string[] {
  const step = 2n ** 56n / BigInt(count);
  return Array.from({ length: count }, (_, index) =>
    (0xabcdefn * 2n ** 104n + BigInt(index) * step + step / 2n).toString(16).padStart(32, '0'),
  );
}

/** The same ids each time, as random as a hash is. */
function random(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) =>
    createHash('sha256').update(String(index)).digest('hex').slice(0, 32),
  );
}

function ofTrace(traceId: string, operationId = 1): OperationFinished {
  const { span } = operation({ operationId });
  return operation({ operationId, span: { ...span, traceId } });
}

function finding(operationId: number, sessionId = SESSION_ID): McpEvent {
  return {
    type: 'finding_raised',
    sessionId,
    atUs: START_US,
    rule: 'late_result',
    channel: 'server_to_client',
    seq: 9,
    operationId,
    detail: '',
  };
}

const lasting = (ms: number, differs: Partial<OperationFinished> = {}): OperationFinished =>
  operation({ endedAtUs: START_US + ms * 1000, ...differs });

describe('the ratio', () => {
  it.each([0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 1])(
    'of %d keeps exactly that part of evenly spread ids',
    (ratio) => {
      expect(spread(1000).filter(traceIdRatio(ratio))).toHaveLength(ratio * 1000);
    },
  );

  it.each([1e-20, 1e-9, 0.01, 1 / 3, 0.5, 0.999])(
    'of %d decides as the 56-bit rule does, for each id',
    (ratio) => {
      const threshold = BigInt(Math.round((1 - ratio) * 2 ** 56));
      const keeps = traceIdRatio(ratio);
      const ids = [...random(20_000), '0'.repeat(32), 'f'.repeat(32), `${'f'.repeat(18)}${'0'.repeat(14)}`];
      const kept = ids.filter(keeps);
      expect(kept).toEqual(ids.filter((id) => BigInt(`0x${id.slice(18)}`) >= threshold));
      // Five standard deviations: the ids are the same each time, so this cannot fail now and then.
      const sigma = Math.sqrt(ids.length * ratio * (1 - ratio));
      expect(Math.abs(kept.length - ids.length * ratio)).toBeLessThan(5 * sigma + 3);
    },
  );

  it('keeps with a larger ratio whatever a smaller one keeps', () => {
    const larger = random(5000).filter(traceIdRatio(0.3));
    for (const id of random(5000).filter(traceIdRatio(0.1))) expect(larger).toContain(id);
  });

  it('does not look at the first 72 bits', () => {
    const keeps = traceIdRatio(0.5);
    for (const id of random(100)) expect(keeps(`${'0'.repeat(18)}${id.slice(18)}`)).toBe(keeps(id));
  });
});

describe('with a ratio of 0', () => {
  it.each(OUTCOMES)('an operation that ended as %s is kept exactly if it failed', (outcome) => {
    expect(samplerOf().sampler.keeps(operation({ outcome }))).toBe(isFailure(outcome));
  });

  it('an operation with an error type is kept, whatever its outcome', () => {
    const error = { code: undefined, type: 'timeout', message: undefined };
    expect(samplerOf().sampler.keeps(operation({ outcome: 'cancelled', error }))).toBe(true);
  });

  it('a slow operation is kept, from the threshold on', () => {
    const { sampler } = samplerOf({ slowMs: 200 });
    expect([199.999, 200, 60_000].map((ms) => sampler.keeps(lasting(ms)))).toEqual([false, true, true]);
  });

  it('the threshold of the method goes before the general one', () => {
    const { sampler } = samplerOf({ slowMs: 200, slowMsByMethod: { 'tools/call': 1000, 'tools/list': 50 } });
    const method = 'tools/list';
    expect([200, 999, 1000].map((ms) => sampler.keeps(lasting(ms)))).toEqual([false, false, true]);
    expect([49, 50].map((ms) => sampler.keeps(lasting(ms, { method })))).toEqual([false, true]);
    expect(sampler.keeps(lasting(200, { method: 'constructor' }))).toBe(true);
  });

  it('an open stream is not slow, and the time that a person took is not the server’s', () => {
    const { sampler } = samplerOf({ slowMs: 200 });
    expect(sampler.keeps(lasting(60_000, { stream: true }))).toBe(false);
    const leg = {
      requestId: 1,
      outcome: 'ok',
      startedAtUs: START_US,
      endedAtUs: START_US + 100_000,
    } as const;
    const answeredAfter = (ms: number, tookMs: number): OperationFinished => {
      const startedAtUs = leg.endedAtUs + ms * 1000;
      const endedAtUs = startedAtUs + tookMs * 1000;
      const second = { ...leg, startedAtUs, endedAtUs };
      return operation({ endedAtUs, legs: [{ ...leg, outcome: 'input_required' }, second] });
    };
    expect(sampler.keeps(answeredAfter(60_000, 99))).toBe(false);
    expect(sampler.keeps(answeredAfter(0, 100))).toBe(true);
  });

  it('an operation with a finding is kept, once, and only the one of its session', () => {
    const { sampler, stats } = samplerOf();
    sampler.flag(SESSION_ID, 1);
    sampler.flag(SESSION_ID, 1);
    expect(sampler.keeps(operation({ operationId: 1, sessionId: 'other' }))).toBe(false);
    expect(sampler.keeps(operation({ operationId: 2 }))).toBe(false);
    expect(sampler.keeps(operation({ operationId: 1 }))).toBe(true);
    expect(sampler.keeps(operation({ operationId: 1 }))).toBe(false);
    expect(stats.drops()).toEqual([]);
  });

  it('forgets the oldest findings at its bound, counted, and those of ended sessions', () => {
    const { sampler, stats } = samplerOf();
    for (let id = 0; id < MAX_FLAGGED + 2; id += 1) sampler.flag(`session-${id % 2}`, id);
    expect(stats.drops()).toEqual([{ stage: 'traces', reason: 'finding_cap', count: 2, bytes: 0 }]);
    const keeps = (operationId: number): boolean =>
      sampler.keeps(operation({ operationId, sessionId: `session-${operationId % 2}` }));
    expect([0, 1, 2, 3, MAX_FLAGGED + 1].map(keeps)).toEqual([false, true, false, true, true]);
    sampler.sessionEnded('session-1');
    expect([4, 5].map(keeps)).toEqual([true, false]);
    for (let id = 0; id < MAX_FLAGGED / 2; id += 1) sampler.flag('session-2', id);
    expect(stats.drops()[0]?.count).toBe(2);
  });
});

describe('what reaches the receiver', () => {
  it('is the same of two sidecars with the same ratio, and is counted', async () => {
    const ids = random(400);
    const kept = ids.filter(traceIdRatio(0.25));
    const { endpoint, spans } = await startReceiver();
    for (const traces of [ids, [...ids].reverse()]) {
      const { sink, stats } = sinkTo(endpoint, { otlp: { sampleRatio: 0.25 } });
      await sink.write(traces.map(ofTrace));
      expect(Object.fromEntries(stats.counts())).toEqual({
        spans_created: ids.length,
        spans_sampled_out: ids.length - kept.length,
        spans_exported: kept.length,
      });
    }
    expect(spans().map(({ traceId }) => traceId)).toEqual([...kept, ...[...kept].reverse()]);
  });

  it('has failed, slow and finding-bearing operations with all their legs, and sessions; a caller’s wish goes first', async () => {
    const { endpoint, spans } = await startReceiver();
    const { sink, stats } = sinkTo(endpoint, { otlp: { sampleRatio: 0, slowMs: 100 } });
    const { span, legs } = operation();
    const [leg] = legs;
    if (leg === undefined) throw new Error('an operation has a leg');
    const unsampled = { ...span, sampled: false };
    await sink.write([
      operation({ operationId: 0 }),
      finding(1),
      operation({ operationId: 1 }),
      finding(2),
      operation({ operationId: 2 }),
      // As of a second answer: what is over is over.
      finding(0),
      operation({
        operationId: 3,
        outcome: 'tool_error',
        legs: [{ ...leg, outcome: 'input_required' }, leg],
      }),
      lasting(100, { operationId: 4 }),
      operation({ operationId: 5, legs: [{ ...leg, outcome: 'input_required' }, leg] }),
      operation({ operationId: 6, outcome: 'tool_error', span: unsampled }),
      finding(7),
    ]);
    await sink.write([operation({ operationId: 7 }), ended()]);
    const roots = [1, 2, 3, 4, 7].map((id) => spanIds(id).spanId);
    const received = spans();
    expect(received.filter(({ name }) => name === 'tools/call echo').map(({ spanId }) => spanId)).toEqual(
      roots,
    );
    expect(received.filter(({ name }) => name === 'tools/call echo leg')).toHaveLength(2);
    expect(received.filter(({ name }) => name === 'session')).toHaveLength(1);
    expect(Object.fromEntries(stats.counts())).toEqual({
      spans_created: 13,
      spans_exported: 8,
      spans_sampled_out: 4,
      spans_unsampled: 1,
    });
  });

  it('asks for findings only where something is sampled', () => {
    expect(sinkTo('http://127.0.0.1:9').sink.wants).not.toContain('finding_raised');
    expect(sinkTo('http://127.0.0.1:9', { otlp: { sampleRatio: 0.5 } }).sink.wants).toContain(
      'finding_raised',
    );
  });
});
