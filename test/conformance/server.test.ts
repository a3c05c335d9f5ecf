import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startListening, type Listening } from '../e2e/listening.ts';
import { server } from '../e2e/sidelight.ts';
import { startThrough } from '../e2e/through.ts';
import { counts, failed, runSuite, type Suite } from './suite.ts';

const RUNS: readonly [Suite, ...string[]][] = [
  ['conformance-2025', '--suite', 'all'],
  ['conformance-2026', '--requirements', '2025-11-25'],
  ['conformance-2026', '--requirements', '2026-07-28'],
];

describe.each(RUNS)('%s %s %s finds the same in a server', (suite, ...args) => {
  let fixture: Listening;
  beforeAll(async () => {
    fixture = await startListening([server('http-dual-era.mjs')]);
  });
  afterAll(() => fixture.stop());

  it('asked directly and through the proxy', { timeout: 120_000 }, async () => {
    const target = `http://127.0.0.1:${String(fixture.port)}/mcp`;
    const direct = await runSuite(suite, ['server', ...args, '--url', target]);
    const between = await startThrough(target);
    const through = await runSuite(suite, ['server', ...args, '--url', between.url]).finally(between.stop);
    console.log(`server, ${args.join(' ')}: ${counts(through)}`);
    expect(through).toEqual(direct);
    // The SDK has no tasks; everything else must work, or there is little to disturb.
    expect(failed(direct).filter((name) => !name.startsWith('tasks-'))).toEqual([]);
  });
});
