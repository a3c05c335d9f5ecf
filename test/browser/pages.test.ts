/** The page over recordings of a real server: every view, as wide and as narrow, light and dark, by mouse and by keys. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/api/client.ts';
import { SIDELIGHT } from '../e2e/sidelight.ts';
import {
  axe,
  demoRecording,
  type Look,
  type Opened,
  Pages,
  remove,
  screenshot,
  serve,
  type Serving,
} from './browser.ts';

let pages: Pages;
let dataDir: string;
let serving: Serving;
/** On stdio, and over HTTP. */
let stdio: string;
let http: string;

beforeAll(async () => {
  [pages, dataDir] = await Promise.all([Pages.launch(), demoRecording()]);
  serving = await serve(dataDir);
  const { items } = await createClient(serving).sessions();
  stdio = items.find(({ transport }) => transport === 'stdio')?.id ?? '';
  http = items.find(({ transport }) => transport === 'http')?.id ?? '';
});

afterAll(async () => {
  await pages.close();
  await serving.stop();
  remove(dataDir);
});

/** Opens a page, and holds it to what no page does. */
async function on(
  path: string,
  use: (page: Page, opened: Opened) => Promise<void>,
  look?: Look,
): Promise<void> {
  const opened = await pages.open(serving, path, look);
  try {
    await use(opened.page, opened);
    expect(opened.faults).toEqual([]);
  } finally {
    await opened.close();
  }
}

const LOOKS: readonly (readonly [string, Look])[] = [
  ['wide-light', {}],
  ['wide-dark', { dark: true }],
  ['narrow-light', { narrow: true }],
  ['narrow-dark', { narrow: true, dark: true }],
];

/** Either width and either scheme once: what axe looks at takes a second. */
const checked = ['wide-light', 'narrow-dark'];

describe('every page', () => {
  it.each(LOOKS)('is there, and axe finds nothing serious: %s', async (name, look) => {
    const places = [
      ['sessions', '/', '.session-row:not(.head)'],
      ['failing', '/?order=failing&filter=server%3Aeverything', '.group'],
      ['wrong-filter', '/?filter=sttus%3Aok', '.filter-error mark'],
      ['summary', `/sessions/${stdio}?view=summary`, '.problems li'],
      ['waterfall', `/sessions/${stdio}?op=6`, '.op-row.at .bar'],
      ['sequence', `/sessions/${stdio}?view=sequence`, '.arrow'],
      ['messages', `/sessions/${stdio}?view=messages&frame=10`, '.tree-row'],
      ['log', `/sessions/${stdio}?view=log`, '.log-row'],
      ['tools', `/sessions/${stdio}?view=tools&tool=echo`, '.tool .tree-row'],
      ['http', `/sessions/${http}?view=http&frame=0`, '.envelope th'],
      ['statistics', '/stats', '.stats-table tbody tr'],
      ['no-page', '/nothing/here', '.state h2'],
    ] as const;
    await on(
      '/',
      async (page) => {
        for (const [place, path, sign] of places) {
          await page.goto(serving.url + path);
          await page.locator(sign).first().waitFor({ state: 'attached' });
          await screenshot(page, `${place}-${name}`);
          if (checked.includes(name)) expect(await axe(page), place).toEqual([]);
          const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
          expect(overflow, `${place} scrolls sideways`).toBeLessThanOrEqual(0);
        }
      },
      look,
    );
  });
});

describe('the list of sessions', () => {
  it('says who spoke with whom and how it went, failing first where that is asked', () =>
    on('/', async (page) => {
      const rows = page.locator('.session-row:not(.head)');
      await rows.nth(1).waitFor();
      expect(await rows.allTextContents()).toEqual([
        expect.stringMatching(/failed.*over-http.*demo-client.*\d failed/),
        expect.stringMatching(/crashed.*everything.*demo-client.*\d failed/),
      ]);
      await page.getByLabel('failing first').check();
      await page.locator('.group').first().waitFor();
      expect(new URL(page.url()).search).toBe('?order=failing');
      expect(await page.locator('.group').allTextContents()).toEqual(['Failing 2', 'Others 0']);
    }));

  it('completes a filter, applies it, and keeps it in the URL', () =>
    on('/', async (page) => {
      const field = page.getByRole('combobox', { name: 'Filter' });
      await field.fill('ser');
      await page.getByRole('option', { name: 'server:' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      expect(await field.inputValue()).toBe('server:');
      await page.keyboard.type('every');
      await page.getByRole('option', { name: 'everything' }).click();
      await page.waitForURL(/filter=server%3Aeverything/);
      await expect.poll(() => page.locator('.session-row:not(.head)').count()).toBe(1);
      await page.reload();
      await expect.poll(() => field.inputValue()).toBe('server:everything ');
      await expect.poll(() => page.locator('.session-row:not(.head)').count()).toBe(1);
    }));

  it('says where a filter is wrong, and asks the API nothing', () =>
    on('/', async (page) => {
      await page.getByRole('combobox', { name: 'Filter' }).fill('server:x dur:5');
      await page.locator('.filter-error mark').waitFor();
      expect(await page.locator('.filter-error').textContent()).toMatch(/5.*expected one of > >= < <=/);
    }));

  it('says what was most likely meant by a word that it does not know, and writes it at a click', () =>
    on('/', async (page) => {
      const field = page.getByRole('combobox', { name: 'Filter' });
      for (const [written, button, corrected] of [
        ['sever:everything is:failed', 'Did you mean server?', 'server:everything is:failed'],
        ['dur:>1s -is:faild', 'Did you mean failed?', 'dur:>1s -is:failed'],
      ] as const) {
        await field.fill(written);
        await page.getByRole('button', { name: button }).click();
        expect(await field.inputValue()).toBe(corrected);
        await expect.poll(() => page.locator('.filter-error mark').count()).toBe(0);
      }
      await field.fill('qqqqq:x');
      await page.locator('.filter-error mark').waitFor();
      expect(await page.locator('.filter-error button').count()).toBe(0);
    }));

  it('imports a file that is chosen or dropped, and says what came of it', () =>
    on('/', async (page, opened) => {
      const client = createClient(serving);
      const exported = await (await client.export(http)).text();
      const other = exported.replaceAll(http, http.replace(/^.{4}/, '0aaa'));
      const choosing = page.waitForEvent('filechooser');
      await page.getByRole('button', { name: 'Import' }).click();
      const file = { name: 'other.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(other) };
      await (await choosing).setFiles(file);
      await page.getByText('1 session imported').waitFor();
      expect(await axe(page)).toEqual([]);
      await screenshot(page, 'imported');
      const id = /sessions\/(\S+)/.exec((await page.locator('.imported a').getAttribute('href')) ?? '')?.[1];
      expect((await client.session(id ?? '')).operations).toBe((await client.session(http)).operations);
      await page.evaluate(`(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(['<b>nothing</b>'], 'no <b>recording</b>.txt'));
        const event = (type) => new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event('dragover'));
        document.body.dispatchEvent(event('drop'));
      })()`);
      await page.getByText('no <b>recording</b>.txt').waitFor();
      await page.getByRole('alert').getByText('in none that is known').waitFor();
      await client.unpin(id ?? '');
      await client.deleteSession(id ?? '');
      // The browser says on the console that it was answered with 400.
      expect(opened.faults.splice(0)).toEqual([expect.stringContaining('400')]);
    }));

  it('says what to do where a filter means nothing', () =>
    on('/?filter=server%3Anobody', async (page) => {
      await page.getByRole('button', { name: 'Take the filter away' }).click();
      await page.locator('.session-row:not(.head)').nth(1).waitFor();
    }));

  it('keeps a session that is pinned, and its note', () =>
    on('/', async (page) => {
      await page.locator(`.session-row:has(#session-${http}) .pin`).click();
      await expect.poll(async () => (await createClient(serving).session(http)).pinned).toBe(true);
      await page.goto(`${serving.url}/sessions/${http}`);
      await page.getByRole('button', { name: 'Add a note' }).click();
      await page.getByLabel('Note on this session').fill('the proxy was restarted <b>twice</b>');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('the proxy was restarted <b>twice</b>').waitFor();
      expect((await createClient(serving).session(http)).note).toBe('the proxy was restarted <b>twice</b>');
      await page.locator('.session-head .pin').click();
      await expect.poll(async () => (await createClient(serving).session(http)).pinned).toBe(false);
    }));
});

describe('a session', () => {
  it('says what went wrong, and leads to the evidence', () =>
    on(`/sessions/${stdio}`, async (page) => {
      await page.locator('.verdict.bad').waitFor();
      expect(await page.locator('.verdict').textContent()).toContain('4 of 14 operations failed');
      await page.locator('.verdict .why').click();
      await page.locator('.operation-head').waitFor();
      expect(await page.locator('.operation-head').textContent()).toMatch(/echo.*tool error/);
      await page.locator('.tree-row', { hasText: 'isError' }).waitFor();
    }));

  it('shows what a call caused under it, and the moments of its progress', () =>
    on(`/sessions/${stdio}`, async (page) => {
      const asked = page.locator('.op-row', { hasText: 'sampling/createMessage' });
      await asked.waitFor();
      const indent = async (row: typeof asked): Promise<number> =>
        (await row.locator('.op-name a').boundingBox())?.x ?? NaN;
      const causing = page.locator('.op-row', { hasText: 'trigger-sampling-request' });
      expect(await indent(asked)).toBeGreaterThan(await indent(causing));
      await expect.poll(() => page.locator('.op-row .moment').count()).toBeGreaterThanOrEqual(4);
    }));

  it('looks closer where the axis is dragged, and keeps that in the URL', () =>
    on(`/sessions/${stdio}`, async (page) => {
      const axis = await page.locator('.axis').boundingBox();
      if (axis === null) throw new Error('no axis');
      await page.mouse.move(axis.x + axis.width * 0.1, axis.y + 8);
      await page.mouse.down();
      await page.mouse.move(axis.x + axis.width * 0.3, axis.y + 8, { steps: 3 });
      await page.mouse.up();
      await page.waitForURL(/t0=\d+&t1=\d+/);
      await page.locator('.outside.right').first().waitFor();
      await page.keyboard.press('0');
      await expect.poll(() => page.locator('.outside').count()).toBe(0);
    }));

  it('finds messages by their method and by their kind', () =>
    on(`/sessions/${stdio}?view=messages`, async (page) => {
      await page.getByLabel('Find in messages').fill('prompts/get');
      await expect.poll(() => page.locator('.frame-row:not(.head)').count()).toBe(2);
      await page.getByLabel('Kind').selectOption('errors');
      await expect.poll(() => page.locator('.frame-row:not(.head)').count()).toBe(1);
      expect(new URL(page.url()).search).toContain('find=prompts%2Fget&kind=errors');
    }));

  it('shows the envelopes of HTTP, with what is of MCP set off', () =>
    on(`/sessions/${http}?view=http`, async (page) => {
      await page
        .locator('.http-row', { hasText: '502' })
        .getByRole('link', { name: /^response/ })
        .click();
      await page.locator('.envelope').getByText('502 Bad Gateway').waitFor();
      await page
        .locator('.http-row', { hasText: 'tools/list' })
        .getByRole('link', { name: /^request/ })
        .click();
      await page.locator('.envelope tr.of-mcp', { hasText: 'mcp-session-id' }).waitFor();
    }));

  it('lists the tools with their schemas and their calls', () =>
    on(`/sessions/${stdio}?view=tools`, async (page) => {
      await page.getByRole('button', { name: 'echo' }).click();
      await page.locator('.tool .tree-row', { hasText: 'inputSchema' }).waitFor();
      expect(await page.locator('.tool', { hasText: 'echo' }).first().textContent()).toContain(
        '2 calls 1 failed',
      );
    }));

  it('is found again by a link to any state, after a reload, and in another tab', () =>
    on(`/sessions/${stdio}?view=messages&frame=13`, async (page, { context }) => {
      await page.locator('.tree-row', { hasText: 'echo' }).first().waitFor();
      await page.reload();
      await page.locator('.tree-row', { hasText: 'echo' }).first().waitFor();
      const other = await context.newPage();
      await other.goto(page.url());
      await other.locator('.tree-row', { hasText: 'echo' }).first().waitFor();
      expect(other.url()).not.toContain('token');
      await page.locator('.frame-row a').nth(2).click();
      await page.locator('.tabs').getByText('Log').click();
      await page.locator('.log-row').first().waitFor();
      await page.goBack();
      await page.goBack();
      expect(new URL(page.url()).search).toContain('view=messages&frame=13');
    }));

  it('says so where there is no such session', async () => {
    const opened = await pages.open(serving, '/sessions/ffffffff');
    await opened.page.locator('.state.failed').waitFor();
    expect(await opened.page.locator('.state.failed').textContent()).toMatch(/no such session/);
    await opened.close();
  });
});

describe('a message', () => {
  it('is copied as JSON, as a path, as tools/call, as curl and as a command', () =>
    on(`/sessions/${http}?view=messages&find=tools/call&kind=requests`, async (page) => {
      await page.locator('.frame-row a').first().click();
      const copied = async (name: string): Promise<string> => {
        await page.getByRole('button', { name, exact: true }).click();
        await page.locator('.said.shown').waitFor();
        return page.evaluate<string>('navigator.clipboard.readText()');
      };
      expect(JSON.parse(await copied('Copy JSON'))).toMatchObject({ method: 'tools/call' });
      expect(JSON.parse(await copied('Copy tools/call'))).toMatchObject({ name: 'echo' });
      expect(await copied('Copy curl')).toMatch(
        /^curl -sS 'http:\/\/127\.0\.0\.1:\d+\/mcp' \\\n.*--data-raw '\{"/s,
      );
      expect(await copied('Copy CLI command')).toBe(`sidelight show ${http} --full`);
      await page.locator('.tree-row', { hasText: 'name' }).click();
      await expect.poll(() => copied('Copy path')).toBe('$.params.name');
    }));

  it('is searched, opened and closed by keys', () =>
    on(`/sessions/${stdio}?view=messages&frame=10`, async (page) => {
      const tree = page.getByRole('tree');
      await page.getByRole('searchbox', { name: 'Search in Message 10' }).fill('readOnlyHint');
      await page.locator('.tree-row.hit').first().waitFor();
      await page.locator('.tree-row.at.hit', { hasText: 'readOnlyHint' }).waitFor();
      await tree.focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => page.getByRole('treeitem').count()).toBe(1);
      await page.keyboard.press('ArrowRight');
      await expect.poll(() => page.getByRole('treeitem').count()).toBeGreaterThan(1);
    }));
});

describe('the keyboard', () => {
  it('goes through the list and into a session and out of it, and shows what it can do', () =>
    on('/', async (page) => {
      await page.locator('.session-row:not(.head)').nth(1).waitFor();
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.waitForURL(new RegExp(`at=${stdio}`));
      await expect.poll(() => page.evaluate<string>('document.activeElement.id')).toBe(`session-${stdio}`);
      await page.keyboard.press('Enter');
      await page.locator('.op-row.head').waitFor();
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.waitForURL(/op=1/);
      await page.keyboard.press('g');
      await page.keyboard.press('m');
      await page.waitForURL(/view=messages/);
      await page.keyboard.press('Escape');
      await expect.poll(() => page.locator('.detail').count()).toBe(0);
      await page.keyboard.press('/');
      await expect.poll(() => page.evaluate<string>('document.activeElement.type')).toBe('search');
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      const help = page.getByRole('dialog');
      await help.waitFor();
      expect(await help.textContent()).toContain('the next message');
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await help.waitFor({ state: 'detached' });
      await page.keyboard.press('g');
      await page.keyboard.press('t');
      await page.locator('.stats-table').waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('s');
      await page.locator('.session-row:not(.head)').first().waitFor();
    }));
});

describe('the token', () => {
  it('of somebody who may only read shows everything and offers no change', async () => {
    const file = join(dataDir, 'tokens.json');
    const made = spawnSync(
      process.execPath,
      [
        SIDELIGHT,
        'token',
        'create',
        '--tokens-file',
        file,
        '--org',
        'default',
        '--role',
        'reader',
        '--subject',
        'ada',
      ],
      { encoding: 'utf8' },
    );
    const reading = await serve(dataDir, 0, ['--tokens-file', file]);
    const opened = await pages.open({ ...reading, token: made.stdout.trim() }, `/sessions/${stdio}`);
    try {
      await opened.page.locator('.verdict').waitFor();
      expect(await opened.page.getByRole('button', { name: /note|Keep session/i }).count()).toBe(0);
      await opened.page.goto(`${reading.url}/`);
      await opened.page.locator('.session-row:not(.head)').first().waitFor();
      expect(await opened.page.getByRole('button', { name: /Import|Keep session/i }).count()).toBe(0);
      expect(opened.faults).toEqual([]);
    } finally {
      await opened.close();
      await reading.stop();
    }
  });

  it('is asked for where there is none, and is taken out of the URL', async () => {
    const context = await pages.browser.newContext();
    const page = await context.newPage();
    await page.goto(serving.url);
    const field = page.getByLabel('Link or token');
    await field.fill('nonsense');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('That is no token').waitFor();
    expect(await axe(page)).toEqual([]);
    await field.fill(`${serving.url}/#token=${serving.token}`);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.locator('.session-row:not(.head)').first().waitFor();
    expect(page.url()).toBe(`${serving.url}/`);
    expect(await context.cookies()).toEqual([]);
    await context.close();
  });

  it('is asked for anew when it is not the right one', async () => {
    const opened = await pages.open({ ...serving, token: '0'.repeat(64) }, '/');
    await opened.page.getByText('not, or no longer, the right one').waitFor();
    await opened.close();
  });
});
