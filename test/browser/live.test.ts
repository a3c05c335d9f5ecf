/** The page while sidecars record: what happens is there without a reload, also after a break. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Peer } from '../e2e/peers.ts';
import { server, SIDELIGHT } from '../e2e/sidelight.ts';
import { axe, folder, Pages, remove, screenshot, serve, type Serving } from './browser.ts';

const NODE = process.execPath;
const CALLS = 30;

let pages: Pages;
let dataDir: string;
let serving: Serving;

beforeAll(async () => {
  dataDir = folder();
  [pages, serving] = await Promise.all([Pages.launch(), serve(dataDir)]);
});

afterAll(async () => {
  await pages.close();
  await serving.stop();
  remove(dataDir);
});

function recording(name: string, program = 'keeps-notes.mjs'): Promise<Peer> {
  return connect('v1', [NODE, SIDELIGHT, '--name', name, '--data-dir', dataDir, '--', NODE, server(program)]);
}

async function calls(peer: Peer, count: number): Promise<void> {
  for (let made = 0; made < count; made += 1)
    await peer.call({ name: 'add_note', arguments: { text: String(made) } });
}

const rowOf = (page: Page, name: string) => page.locator('.session-row:not(.head)', { hasText: name });

describe('a page that is open', () => {
  it('shows sessions as they begin, go on and end, and says what to do before there is one', async () => {
    const { page, faults, close } = await pages.open(serving, '/');
    await page.getByText('Nothing was recorded yet').waitFor();
    await page.locator('.connection.live').waitFor();
    await screenshot(page, 'nothing-recorded');
    expect(await axe(page)).toEqual([]);
    const [notes, others] = await Promise.all([recording('notes'), recording('others')]);
    await rowOf(page, 'notes').waitFor();
    await rowOf(page, 'others').waitFor();
    expect(await rowOf(page, 'notes').textContent()).toContain('live');
    await calls(notes, CALLS);
    await expect.poll(() => rowOf(page, 'notes').locator('.numbers').textContent()).toBe(String(CALLS + 1));
    await notes.close();
    await expect.poll(() => rowOf(page, 'notes').locator('.c-status').textContent()).toContain('ok');
    expect(await page.locator('.session-row:not(.head)').count()).toBe(2);
    await others.close();
    expect(faults).toEqual([]);
    await close();
  });

  it('stands still while it is paused, and then has what came', async () => {
    const { page, faults, close } = await pages.open(serving, '/?filter=server%3Alater');
    await page.locator('.connection.live').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const peer = await recording('later');
    await page.getByRole('button', { name: /^Go on, \d+ new/ }).waitFor();
    expect(await rowOf(page, 'later').count()).toBe(0);
    await page.locator('body').press(' ');
    await rowOf(page, 'later').waitFor();
    await peer.close();
    expect(faults).toEqual([]);
    await close();
  });

  it('shows the operations of a session as they end, and its end', async () => {
    const { page, faults, close } = await pages.open(serving, '/');
    const peer = await recording('followed');
    await rowOf(page, 'followed').getByRole('link').click();
    await page.locator('.session-head .mark.live').waitFor();
    await calls(peer, CALLS);
    await expect.poll(() => page.locator('.view-tools').textContent()).toContain(`${CALLS + 1} operations`);
    await page.locator('.tabs').getByText('Messages').click();
    await expect.poll(() => page.locator('.view-tools').textContent()).toMatch(/6\d messages/);
    await peer.close();
    await page.locator('.session-head .mark.good').waitFor();
    expect(faults).toEqual([]);
    await close();
  });

  it('shows operations that are not over, until they are', async () => {
    const { page, faults, close } = await pages.open(serving, '/');
    const peer = await recording('holds', 'slow.mjs');
    await rowOf(page, 'holds').getByRole('link').click();
    await page.locator('.session-head .mark.live').waitFor();
    const held = peer.call({ name: 'hold', arguments: {} });
    const open = page.locator('.op-row.in-flight');
    await open.waitFor();
    expect(await open.textContent()).toContain('tools/call');
    await page.getByText('1 in flight').waitFor();
    await open.getByRole('link').click();
    await page.locator('.detail .tree-row', { hasText: 'hold' }).first().waitFor();
    expect(await axe(page)).toEqual([]);
    await screenshot(page, 'in-flight');
    const before = await page.locator('.op-row').count();
    await Promise.all([held, peer.call({ name: 'wait', arguments: { ms: 1 } })]);
    await expect.poll(() => open.count()).toBe(0);
    await expect.poll(() => page.locator('.op-row').count()).toBe(before + 1);
    await peer.close();
    expect(faults).toEqual([]);
    await close();
  });

  it('that sleeps has everything once when it wakes, whether its connection lived or not', async () => {
    const { page, context, close } = await pages.open(serving, '/');
    const peer = await recording('sleeps');
    await rowOf(page, 'sleeps').getByRole('link').click();
    await page.locator('.session-head .mark.live').waitFor();
    const devtools = await context.newCDPSession(page);
    const sleep = (state: 'frozen' | 'active') => devtools.send('Page.setWebLifecycleState', { state });
    const seen = async (operations: number): Promise<void> => {
      await expect
        .poll(() => page.locator('.view-tools').textContent())
        .toContain(`${operations} operations`);
    };
    await sleep('frozen');
    await calls(peer, CALLS);
    await sleep('active');
    await seen(CALLS + 1);
    await sleep('frozen');
    const { port } = serving;
    await serving.stop();
    await calls(peer, CALLS);
    serving = await serve(dataDir, port);
    await calls(peer, CALLS);
    await sleep('active');
    await page.locator('.connection.live').waitFor();
    await seen(3 * CALLS + 1);
    await calls(peer, 1);
    await seen(3 * CALLS + 2);
    await peer.close();
    await page.locator('.session-head .mark.good').waitFor();
    await seen(3 * CALLS + 2);
    await close();
  });

  it('says that the connection broke, and goes on where it was when the server is back', async () => {
    const { page, close } = await pages.open(serving, '/');
    await page.locator('.connection.live').waitFor();
    const { port } = serving;
    await serving.stop();
    await page.locator('.connection.broken').waitFor();
    expect(await page.locator('.connection').textContent()).toContain('disconnected');
    expect(await page.locator('.session-row:not(.head)').count()).toBeGreaterThan(0);
    await screenshot(page, 'disconnected');
    const peer = await recording('meanwhile');
    await calls(peer, 1);
    serving = await serve(dataDir, port);
    await page.locator('.connection.live').waitFor();
    await rowOf(page, 'meanwhile').waitFor();
    expect(await rowOf(page, 'meanwhile').count()).toBe(1);
    await peer.close();
    await expect.poll(() => rowOf(page, 'meanwhile').locator('.c-status').textContent()).toContain('ok');
    await close();
  });
});
