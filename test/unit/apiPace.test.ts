/** A token that asks too fast is told so, and nobody else is. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_BURST, MAX_REQUESTS_PER_SECOND, Pace } from '../../src/api/pace.ts';
import { ApiError } from '../../src/api/problem.ts';
import { served } from './apiServer.ts';

function asked(pace: Pace, times: number, subject = 'a'): number {
  let letIn = 0;
  for (let time = 0; time < times; time += 1)
    try {
      pace.take(subject);
      letIn += 1;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      expect(error).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    }
  return letIn;
}

describe('the pace of requests', () => {
  it('lets a burst through, then so many in a second, and counts the others', () => {
    let now = 0;
    const pace = new Pace(() => now);
    expect(asked(pace, MAX_BURST + 5)).toBe(MAX_BURST);
    expect(pace.refused).toBe(5);
    expect(asked(pace, 10, 'b')).toBe(10);
    now += 500;
    expect(asked(pace, MAX_BURST)).toBe(MAX_REQUESTS_PER_SECOND / 2);
    now += 60_000;
    expect(asked(pace, MAX_BURST + 1)).toBe(MAX_BURST);
  });

  it('remembers a bounded number of tokens, and who asks all the time is not forgotten', () => {
    const pace = new Pace(() => 0);
    asked(pace, MAX_BURST);
    for (let other = 0; other < 5000; other += 1) {
      asked(pace, 1, `other ${other}`);
      if (other % 500 === 0) expect(asked(pace, 1)).toBe(0);
    }
    expect(asked(pace, 1, 'other 0')).toBe(1);
  });

  it('holds over HTTP, is told by health, and who has no token is told that first', async () => {
    const stopped = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(stopped);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const api = await served();
    expect(await api.json('/api/v1/health')).toMatchObject({ refused: 0 });
    const statuses: number[] = [];
    const asking = Array.from({ length: 20 }, async () => {
      while (statuses.length < MAX_BURST) statuses.push((await api.ask('/api/v1/none')).status);
    });
    await Promise.all(asking);
    const refused = statuses.filter((status) => status === 429).length;
    expect(refused).toBe(statuses.length - (MAX_BURST - 1));
    expect(statuses.filter((status) => status === 404)).toHaveLength(MAX_BURST - 1);
    expect((await fetch(`${api.url}/api/v1/health`)).status).toBe(401);
    const told = await api.ask('/api/v1/health');
    expect([told.status, told.headers.get('retry-after')]).toEqual([429, '1']);
    vi.restoreAllMocks();
    await expect
      .poll(() => api.json('/api/v1/health'), { timeout: 10_000 })
      .toMatchObject({ refused: expect.any(Number) as number });
    expect(await api.json('/api/v1/health')).toMatchObject({ refused: refused + 1 });
  });
});
