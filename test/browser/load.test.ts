/** Two pages that are open while several sidecars record a steady load: nothing is missed, nothing comes twice, nothing piles up. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Running, SIDELIGHT } from '../e2e/sidelight.ts';

const BENCH = fileURLToPath(new URL('../../bench/live.mjs', import.meta.url));
// Of browser.ts; Sidelight takes what begins with its name for a setting.
delete process.env.SIDELIGHT_SCREENSHOTS;

/** Of either page: what it is made of, and the operations of a session. */
const MAX_HEAP_MIB = 32;

/** The bench says why by then. */
const LIMIT_MS = 150_000;

interface Figures {
  readonly page: { readonly heapMiB: { readonly after: Readonly<Record<'list' | 'session', number>> } };
}

it(
  'show 2,000 messages a second of five sidecars, each operation once, and hold no more than they show',
  { timeout: LIMIT_MS },
  async () => {
    const running = new Running(process.execPath, [
      BENCH,
      '--page',
      'seconds=8',
      'rate=2000',
      `program=${SIDELIGHT}`,
    ]);
    const { code, stdout, stderr } = await running.ended;
    expect(stderr.toString()).toBe('');
    expect(code).toBe(0);
    console.log(stdout.toString());
    const figures = JSON.parse(stdout.toString()) as Figures;
    expect(figures).toMatchObject({
      told: 8005,
      missed: 0,
      duplicates: 0,
      droppedChunks: 0,
      page: { told: 8005, missed: 0, duplicates: 0, shown: 8005, shownInSession: 1601 },
    });
    const { list, session } = figures.page.heapMiB.after;
    expect(list).toBeLessThan(MAX_HEAP_MIB);
    expect(session).toBeLessThan(MAX_HEAP_MIB);
  },
);
