/** The page over recordings that want to hurt: nothing recorded is ever run or hidden, and no size stops it. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axe, folder, type Opened, Pages, remove, screenshot, serve, type Serving } from './browser.ts';
import {
  BIG,
  CROWDED,
  DEEP,
  EVIL,
  FRAMES,
  hostileStores,
  IN_FLIGHT,
  LONG,
  MEDIA,
  SCRIPT,
} from './hostileStores.ts';

/** A row of the page is worth some bytes, a recording megabytes: far below what it would take to hold everything. */
const MAX_ELEMENTS = 3000;

let pages: Pages;
let dataDir: string;
let serving: Serving;

beforeAll(async () => {
  dataDir = folder();
  [pages] = await Promise.all([Pages.launch(), hostileStores(dataDir)]);
  serving = await serve(dataDir);
}, 60_000);

afterAll(async () => {
  await pages.close();
  await serving.stop();
  remove(dataDir);
});

async function on(path: string, use: (page: Page, opened: Opened) => Promise<void>): Promise<void> {
  const opened = await pages.open(serving, path);
  try {
    await use(opened.page, opened);
    expect(opened.faults).toEqual([]);
    expect(await opened.page.evaluate<unknown>('globalThis.pwned')).toBeUndefined();
    expect(await elements(opened.page)).toBeLessThan(MAX_ELEMENTS);
  } finally {
    await opened.close();
  }
}

/** An element, as far as it is touched in the browser. */
interface Box {
  scrollTop: number;
  readonly scrollHeight: number;
}

const elements = (page: Page): Promise<number> =>
  page.evaluate<number>('document.querySelectorAll("*").length');
const all = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).allTextContents()).join('\n');

describe('scripts and invisible characters in every text', () => {
  const views = [
    ['the list', '/', '.session-row:not(.head)'],
    ['the summary', `/sessions/${SCRIPT}?view=summary`, '.facts dd'],
    ['the waterfall', `/sessions/${SCRIPT}?op=1`, '.op-row.at'],
    ['the sequence', `/sessions/${SCRIPT}?view=sequence`, '.arrow'],
    ['messages', `/sessions/${SCRIPT}?view=messages&frame=2`, '.tree-row'],
    ['a message that is no JSON', `/sessions/${SCRIPT}?view=messages&frame=4`, '.line'],
    ['the log', `/sessions/${SCRIPT}?view=log&frame=3`, '.log-row'],
    ['tools', `/sessions/${SCRIPT}?view=tools`, '.tool'],
    ['statistics', '/stats', '.stats-table tbody tr'],
  ] as const;

  it.each(views)('are text, and can be seen: %s', (name, path, sign) =>
    on(path, async (page) => {
      await page.locator(sign).first().waitFor();
      const shown = await all(page, sign);
      expect(shown).toContain('onerror=');
      expect(await page.locator('main img, main script, main iframe, main object').count()).toBe(0);
      // Whatever is left of them would turn the line around, or hide what follows.
      expect(await page.evaluate<string>('document.body.textContent + document.title')).not.toMatch(
        /[\u0007\u001B\u200B\u202E\u2066\uFEFF]/,
      );
      await screenshot(page, `hostile-${name.replaceAll(' ', '-')}`);
    }),
  );

  it('are no trouble for assistive technology', () =>
    on(`/sessions/${SCRIPT}?view=summary`, async (page) => {
      await page.locator('.facts dd').first().waitFor();
      expect(await axe(page)).toEqual([]);
    }));

  it('are copied as they were recorded', () =>
    on(`/sessions/${SCRIPT}?view=messages&frame=2`, async (page) => {
      await page.getByRole('button', { name: 'Copy JSON' }).click();
      await page.locator('.said.shown').waitFor();
      const copied = JSON.parse(await page.evaluate<string>('navigator.clipboard.readText()')) as {
        result: object;
      };
      expect(copied.result).toMatchObject({ [EVIL]: [EVIL] });
    }));
});

describe('a message of ten megabytes', () => {
  it('is opened, searched and read to its end', () =>
    on(`/sessions/${BIG}?view=messages&frame=0`, async (page) => {
      await page.locator('.tree-row', { hasText: '[100,000]' }).click();
      await page.locator('.tree-row', { hasText: /▸0 … 999/ }).waitFor();
      await page.getByRole('searchbox', { name: 'Search in Message 0' }).fill('item 98765');
      await page.locator('.tree-row.hit', { hasText: 'item 98765' }).waitFor();
      await page.getByRole('button', { name: 'Copy path' }).click();
      await page.locator('.said.shown').waitFor();
      expect(await page.evaluate<string>('navigator.clipboard.readText()')).toBe(
        '$.result.items[98765].name',
      );
      await page.getByRole('searchbox', { name: 'Search in Message 0' }).fill('needle');
      await page.locator('.tree-row.hit').waitFor();
      await page.getByRole('button', { name: /^read/ }).click();
      await page.locator('.lines').focus();
      await page.keyboard.press('End');
      await page.locator('.line', { hasText: 'needle' }).waitFor();
    }));

  it('is shown in part where everything is opened', () =>
    on(`/sessions/${BIG}?view=messages&frame=0`, async (page) => {
      await page.locator('.tree-row').first().waitFor();
      await page.getByRole('button', { name: 'Open all' }).click();
      await page.getByText('More is open than can be shown').waitFor();
      await page.getByRole('tree').focus();
      await page.keyboard.press('End');
      await expect.poll(() => page.locator('.tree-row.at').count()).toBe(1);
    }));

  it('is read as text where it is one line', () =>
    on(`/sessions/${BIG}?view=messages&frame=1`, async (page) => {
      await page.locator('.line').first().waitFor();
      await page.locator('.lines').focus();
      await page.keyboard.press('End');
      await expect.poll(() => all(page, '.line')).toContain('"');
    }));

  it('of ten thousand levels opens as far as it goes', () =>
    on(`/sessions/${DEEP}?view=messages&frame=0`, async (page) => {
      await page.locator('.tree-row').first().waitFor();
      await page.getByRole('button', { name: 'Open all' }).click();
      await page.getByRole('tree').focus();
      await page.keyboard.press('End');
      await page.locator('.tree-row', { hasText: 'deeper: see it as text' }).waitFor();
      await page.getByRole('button', { name: 'As text' }).click();
      await page.locator('.lines').focus();
      await page.keyboard.press('Control+End');
    }));
});

describe('a hundred thousand messages', () => {
  it('are scrolled to any place, in a page that stays small', () =>
    on(`/sessions/${LONG}?view=messages`, async (page) => {
      await page.getByText('100,000 messages').waitFor();
      const rows = page.locator('.messages .rows');
      for (const share of [0.25, 0.5, 0.75, 1]) {
        await rows.evaluate((box: Box, part) => {
          box.scrollTop = box.scrollHeight * part;
        }, share);
        const wanted = Math.min(FRAMES - 1, Math.floor(FRAMES * share));
        await page.getByRole('link', { name: `Message ${wanted},` }).waitFor();
        expect(await elements(page)).toBeLessThan(MAX_ELEMENTS);
      }
      await page
        .locator(`.frame-row:has-text("${FRAMES - 1}")`)
        .last()
        .waitFor();
    }));

  it('are looked through for the few that are meant', () =>
    on(`/sessions/${LONG}?view=messages&find=%22id%22%3A99999`, async (page) => {
      await page.getByText('1 of 100,000 messages').waitFor({ timeout: 25_000 });
      await page.getByRole('link', { name: 'Message 99999,' }).click();
      await page.locator('.tree-row', { hasText: '99999' }).waitFor();
    }));

  it('are a sequence, and fifty thousand operations are a waterfall', () =>
    on(`/sessions/${LONG}?view=sequence&frame=50000`, async (page) => {
      await page.getByRole('row').filter({ hasText: '#25000' }).first().waitFor();
      await page.locator('.tabs').getByText('Waterfall').click();
      await page.getByText('50,000 operations').waitFor({ timeout: 25_000 });
    }));
});

describe('two thousand operations in flight', () => {
  it('are drawn by the window, under what caused them, with the legs of one that waited', () =>
    on(`/sessions/${CROWDED}`, async (page) => {
      await page.getByText(`${IN_FLIGHT.toLocaleString('en')} operations`).waitFor();
      await page.locator('.op-row .bar.wait').waitFor();
      expect(
        await page
          .locator('.op-row', { has: page.locator('.wait') })
          .locator('.bar')
          .count(),
      ).toBe(3);
      await screenshot(page, 'hostile-in-flight');
      await page.getByLabel(/only the 667 failed/).check();
      await expect.poll(() => page.locator('.op-row .fill-good').count()).toBe(0);
      expect(await axe(page)).toEqual([]);
    }));
});

describe('media', () => {
  it('of types that run nothing are shown from memory, and everything else as text', () =>
    on(`/sessions/${MEDIA}?view=messages&frame=0`, async (page) => {
      const picture = page.getByRole('img', { name: 'content[0]' });
      await picture.waitFor();
      expect(await picture.getAttribute('src')).toMatch(/^blob:/);
      await expect
        .poll(() =>
          page
            .locator('audio')
            .evaluate((audio) => (audio as unknown as { readonly duration: number }).duration),
        )
        .toBeGreaterThan(0.09);
      expect(await page.locator('.media figure').count()).toBe(3);
      await page.getByText('This is no image/png.').waitFor();
      await page.locator('.tree-row', { hasText: 'not bold' }).waitFor();
      await page
        .locator('.tree-row', { hasText: '# A title' })
        .getByRole('button', { name: /^read/ })
        .click();
      await page.locator('.line', { hasText: '<b>not bold</b> [a link](javascript:alert(1))' }).waitFor();
      await screenshot(page, 'hostile-media');
    }));
});
