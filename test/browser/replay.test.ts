/** Running a session again from the page: the plan, step by step, and what came of it beside what was recorded. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client as McpClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/api/client.ts';
import { readCase } from '../../src/replay/case.ts';
import { parseCase } from '../../src/replay/caseFile.ts';
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

  it('runs some times and learns what changes, and is saved as a case with what was chosen', async () => {
    const { page, faults, close } = await pages.open(
      on,
      `/sessions/${STDIO_ID}?view=replay&allow=add_note%0Adelete_note`,
    );
    await page.getByLabel('step by step').uncheck();
    await page.getByLabel('learn what changes').check();
    await page.getByLabel('time', { exact: true }).fill('2');
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'replay-plan-runs');
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.waitForURL(/\/replays\//);
    // Four servers start, each beside a recorder.
    await page.locator('.mark', { hasText: 'done' }).waitFor({ timeout: 30_000 });
    await page.getByText('0 of 2 runs').waitFor();
    await page.locator('.learnt', { hasText: 'seenAt' }).waitFor();
    await page.locator('.differences button').first().click();
    await page.waitForURL(/ignore=/);
    await page.getByRole('combobox', { name: /run/ }).selectOption('2');
    await page.waitForURL(/run=2/);
    await page
      .locator('.verdicts')
      .getByRole('link', { name: /add_note/ })
      .click();
    await page.locator('.step-diff .tree-row').first().waitFor();
    await screenshot(page, 'replay-runs');
    expect(await axe(page)).toEqual([]);
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as a case' }).click();
    const download = await saving;
    expect(download.suggestedFilename()).toBe(`sidelight-${STDIO_ID}.case.yaml`);
    const one = readCase(parseCase(readFileSync(await download.path(), 'utf8')));
    if ('problem' in one) throw new Error(one.problem);
    const ignored = new URL(page.url()).searchParams.get('ignore')?.split('\n');
    expect(one.rules.ignore.map(({ text }) => text)).toEqual(ignored);
    expect(one.learnt.map(({ pattern }) => pattern.text)).toContain('$.content[*].text.seenAt');
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

describe('a mock', () => {
  it('is started from a session, says what it was asked for, and is stopped', async () => {
    const { page, faults, close } = await pages.open(on, `/sessions/${STDIO_ID}?view=replay`);
    await page.getByRole('button', { name: 'Start a mock' }).click();
    await page.waitForURL(/\/replays$/);
    const mock = page.locator('.mocks > ul > li');
    await mock.getByText('0 of 4 recorded requests used').waitFor();
    await mock.getByRole('button', { name: 'Copy address' }).click();
    await page.locator('.said.shown').waitFor();
    const url = await page.evaluate<string>('navigator.clipboard.readText()');
    const client = new McpClient({ name: 'c', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    await client.listTools();
    await client.callTool({ name: 'nobody_has_this' }).catch(() => undefined);
    await client.close();
    await mock.getByText('1 of 4 recorded requests used, 1 unknown').waitFor();
    await mock.getByText('What was not asked for').click();
    await mock.getByText('unknown: tools/call nobody_has_this').waitFor();
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'mocks');
    await mock.getByRole('button', { name: 'Stop' }).click();
    await mock.locator('.mark', { hasText: 'stopped' }).waitFor();
    expect(await mock.getByText('1 of 4 recorded requests used').count()).toBe(1);
    expect((await createClient(on).mocks()).items.map(({ state }) => state)).toEqual(['stopped']);
    expect(faults).toEqual([]);
    await close();
  });
});
