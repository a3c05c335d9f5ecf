/** A short run of the memory bench: whatever peers begin and never end, what is kept of it stops growing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const MESSAGES = 200_000;
/** Last quarter against second. A tenth is left for bounds that so few messages fill late. */
const MOST_GROWTH = 1.1;
/** Of the heap, for a session over HTTP that was opened and is idle. */
const MOST_IDLE_BYTES = 12_000;

interface Figures {
  readonly ratios: { readonly heap: number };
  readonly drops: readonly { readonly stage: string; readonly reason: string }[];
}

async function bench(run: string): Promise<unknown> {
  const program = fileURLToPath(new URL('../../bench/memory.mjs', import.meta.url));
  const args = [program, '--json', '--only', run, '--messages', String(MESSAGES)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    if (child.exitCode === null) child.kill('SIGTERM');
  });
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(said);
  return (JSON.parse(out) as Readonly<Record<string, unknown>>)[run];
}

it('what is kept in memory stops growing', { timeout: 300_000 }, async () => {
  const { ratios, drops } = (await bench('stdio')) as Figures;
  expect(ratios.heap).toBeLessThan(MOST_GROWTH);
  // What was lost on the way would not have been kept either.
  expect(drops.filter(({ reason }) => !reason.endsWith('_cap'))).toEqual([]);
});

it('an idle session over HTTP costs a few kilobytes', { timeout: 120_000 }, async () => {
  const { bytes } = (await bench('idle')) as { readonly bytes: { readonly opened: number } };
  expect(bytes.opened).toBeLessThan(MOST_IDLE_BYTES);
});
