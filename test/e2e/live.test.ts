/** The live view while several sidecars record a steady load: nothing is missed, nothing comes twice. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Running, SIDELIGHT } from './sidelight.ts';

const BENCH = fileURLToPath(new URL('../../bench/live.mjs', import.meta.url));

it('tells of 2,000 messages a second from five sidecars, each operation once', async () => {
  const running = new Running(process.execPath, [BENCH, 'seconds=5', 'rate=2000', `program=${SIDELIGHT}`]);
  const { code, stdout, stderr } = await running.ended;
  expect(stderr.toString()).toBe('');
  expect(code).toBe(0);
  const figures = JSON.parse(stdout.toString()) as object;
  console.log(stdout.toString());
  expect(figures).toMatchObject({
    messages: 10_000,
    operations: 5005,
    told: 5005,
    missed: 0,
    duplicates: 0,
    // And initialize, its answer, the notification and the start of each server.
    framesRecorded: 10_000 + 5 * 4,
    droppedChunks: 0,
  });
});
