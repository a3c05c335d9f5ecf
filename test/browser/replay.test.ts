/** Running a session again from the page: the plan, step by step, and what came of it beside what was recorded. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/api/client.ts';
import { server } from '../e2e/sidelight.ts';
import { NOTES } from '../unit/notesSession.ts';
import { STDIO_ID, stdioEvents, stored } from '../unit/recordings.ts';
import { axe, folder, Pages, remove, screenshot, serve, type Serving } from './browser.ts';

let pages: Pages;
let dataDir: string;
let off: Serving;
let on: Serving;

beforeAll(async () => {
  dataDir = folder();
  const config = join(dataDir, 'sidelight.yaml');
  const command = JSON.stringify([process.execPath, server('keeps-notes.mjs')]);
  writeFileSync(config, `replay:\n  targets:\n    notes: { command: ${command} }\n`);
  await stored(dataDir, stdioEvents(STDIO_ID, NOTES));
  [pages, off, on] = await Promise.all([
    Pages.launch(),
    serve(dataDir),
    serve(dataDir, 0, ['--enable-replay', '--config', config]),
  ]);
});

afterAll(async () => {
  await pages.close();
  await Promise.all([off.stop(), on.stop()]);
  remove(dataDir);
});

describe('running a session again', () => {
  it('is a plan where it is off, with the command that does it', async () => {
    const { page, faults, close } = await pages.open(off, `/sessions/${STDIO_ID}?view=replay`);
    await page.getByText('start sidelight serve --enable-replay').waitFor();
    expect(await page.locator('.steps tbody tr').allTextContents()).toEqual(
      expect.arrayContaining([expect.stringMatching(/delete_note.*destructive/)]),
    );
    await page.locator('.steps tr', { hasText: 'add_note' }).getByLabel('allow').check();
    await page.locator('.steps tr', { hasText: 'add_note' }).getByText('allowed').waitFor();
    await page.getByRole('button', { name: 'Copy command' }).click();
    await page.locator('.said.shown').waitFor();
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(
      `sidelight replay ${STDIO_ID} --allow 'add_note' --execute -- <command of the server>`,
    );
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'replay-plan');
    await page.goto(`${off.url}/replays`);
    await page.getByText('Replays are off').waitFor();
    expect(faults).toEqual([]);
    await close();
  });

  it('goes step by step, says whether the same came of it, and leaves out what is ignored by a click', async () => {
    const { page, faults, close } = await pages.open(
      on,
      `/sessions/${STDIO_ID}?view=replay&allow=add_note%0Adelete_note`,
    );
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.waitForURL(/\/replays\//);
    await page.locator('.mark', { hasText: 'paused' }).waitFor();
    await page.locator('.waiting-step').getByText('Step 0 waits').waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.locator('.waiting-step').getByText('Step 1 waits').waitFor();
    await screenshot(page, 'replay-waits');
    await page.getByRole('button', { name: 'Run the rest' }).click();
    await page.locator('.mark', { hasText: 'done' }).waitFor();
    await page.getByLabel('compared by').selectOption('strict');
    await page.locator('.mark', { hasText: 'not the same came of it' }).waitFor();
    await page.locator('.differences li').first().waitFor();
    await screenshot(page, 'replay-differs');
    expect(await axe(page)).toEqual([]);
    const before = await page.locator('.verdicts .mark.bad').count();
    while ((await page.locator('.differences button').count()) > 0) {
      const url = page.url();
      await page.locator('.differences button').first().click();
      await page.waitForURL((now) => now.href !== url);
      await page.locator('.step-diff .tree-row').first().waitFor();
      if ((await page.locator('.verdicts .mark.bad').count()) < before) break;
    }
    await expect.poll(() => page.locator('.verdicts .mark.bad').count()).toBeLessThan(before);
    await page.reload();
    await expect.poll(() => page.locator('.verdicts .mark.bad').count()).toBeLessThan(before);
    await page.getByRole('link', { name: /^its own recording/ }).click();
    await page.locator('.op-row', { hasText: 'add_note' }).waitFor();
    await page.goto(`${on.url}/replays`);
    await page.locator('.replays li', { hasText: 'notes' }).waitFor();
    expect((await createClient(on).replays()).items).toHaveLength(1);
    expect(faults).toEqual([]);
    await close();
  });

  it('is cancelled by a click', async () => {
    const { page, close } = await pages.open(
      on,
      `/sessions/${STDIO_ID}?view=replay&allow=add_note%0Adelete_note`,
    );
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.locator('.mark', { hasText: 'paused' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.locator('.mark', { hasText: 'cancelled' }).first().waitFor();
    await close();
  });
});
