/** The HTML export as a file in Chromium, offline: what was recorded is text in it, whatever it wants to be, and its search works. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SIDELIGHT } from '../e2e/sidelight.ts';
import { DESKTOP, axe, folder, Pages, remove, screenshot } from './browser.ts';
import { BIG, CROWDED, hostileStores, MEDIA, SCRIPT } from './hostileStores.ts';

let pages: Pages;
let dataDir: string;

beforeAll(async () => {
  dataDir = folder();
  [pages] = await Promise.all([Pages.launch(), hostileStores(dataDir)]);
}, 60_000);

afterAll(async () => {
  await pages.close();
  remove(dataDir);
});

/** Opens the export of a session from the disk. */
async function opened(session: string, use: (page: Page) => Promise<void>): Promise<void> {
  const file = join(dataDir, `${session}.html`);
  const args = ['export', session, '--format', 'html', '--data-dir', dataDir, '-o', file];
  const { status, stderr } = spawnSync(process.execPath, [SIDELIGHT, ...args], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  const context = await pages.browser.newContext({ viewport: DESKTOP, offline: true });
  const faults: string[] = [];
  context.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) faults.push(`asked ${request.url()}`);
  });
  const page = await context.newPage();
  page.on('console', (message) => faults.push(message.text()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  try {
    await page.goto(pathToFileURL(file).href);
    await page.locator('#headline').filter({ hasText: /\S/ }).waitFor();
    await use(page);
    expect(faults).toEqual([]);
    expect(await page.evaluate<unknown>('globalThis.pwned')).toBeUndefined();
    expect(await axe(page)).toEqual([]);
  } finally {
    await context.close();
  }
}

it('runs no script that was recorded, asks nobody, and shows it as text', () =>
  opened(SCRIPT, async (page) => {
    expect(await page.locator('body').textContent()).toContain('onerror=');
    expect(await page.locator('img, iframe, object, a[href^="javascript"]').count()).toBe(0);
    // What would turn the line around, or hide what follows, is named.
    expect(
      await page.evaluate<string>(
        'document.querySelector("dl").textContent + document.querySelector("#stderr").textContent',
      ),
    ).not.toMatch(/[\u0007\u001B\u200B\u202E\u2066\uFEFF]/);
    expect(await page.locator('#title').textContent()).toContain('\\u{202e}');
    // The data, and the page's own.
    expect(await page.locator('script').count()).toBe(3);
    await screenshot(page, 'export-script');
  }));

it.each([
  ['a message of 10 MB', BIG],
  ['2,000 operations in flight', CROWDED],
  ['images and sounds', MEDIA],
])('copes with %s', (_, session) =>
  opened(session, async (page) => {
    expect(await page.locator('#frames-list > li').count()).toBeGreaterThan(0);
    const before = await page.locator('#frames-list > li:visible').count();
    await page.locator('#find').fill('nothing has this text');
    await expect.poll(() => page.locator('#frames-list > li:visible').count()).toBeLessThan(before);
    await screenshot(page, `export-${session.slice(-4)}`);
  }),
);
