/** The page of `sidelight serve` in a real Chromium, as the benches look at it: what came to it, what it drew, what it holds. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

const VIEWPORT = { width: 1280, height: 800 };
/** Operations and frames that are counted in a page. */
const MAX_COUNTED = 2_000_000;

/** Counts what the socket of the page is told, before the page is, and when it was drawn; in arrays that do not grow. */
const COUNTER = `
window.told = { counts: new Uint8Array(${MAX_COUNTED}), here: [], drawn: [], missed: 0 };
window.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.addEventListener('message', ({ data }) => {
      const nowUs = (performance.timeOrigin + performance.now()) * 1000;
      const message = JSON.parse(data);
      if (message.type === 'missed') told.missed += message.operations;
      const ended = (message.operations ?? []).map(({ number, endedAtUs }) => {
        told.counts[number] += 1;
        return endedAtUs;
      });
      if (ended.length === 0) return;
      // The oldest of a batch waited longest.
      const oldest = Math.min(...ended);
      told.here.push(nowUs - oldest);
      requestAnimationFrame(() => setTimeout(() => told.drawn.push((performance.timeOrigin + performance.now()) * 1000 - oldest)));
    });
  }
};`;

export async function launched() {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((one) => join(one, 'chromium'))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error('chromium is not on the PATH: node scripts/setup.mjs --test');
  return chromium.launch({ executablePath: found });
}

/** A page at a path, with the token; `devtools` asks what Chromium knows of it. */
export async function opened(browser, { url, token }, path) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  await page.addInitScript(COUNTER);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable');
  await page.goto(`${url}${path}#token=${token}`);
  return { page, devtools };
}

/** Bytes that are left after what nobody holds was thrown away. */
export async function heapBytes(devtools) {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0;
}

/** How often each operation was told, and how many milliseconds after its end the oldest of a batch was here, and drawn. */
export function toldIn(page) {
  return page.evaluate(`(() => {
    const { counts, here, drawn, missed } = told;
    const ms = (values) => {
      const sorted = [...values].sort((a, b) => a - b);
      const at = (part) => Math.round((sorted[Math.floor((sorted.length - 1) * part)] ?? 0) / 100) / 10;
      return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
    };
    const times = (wanted) => counts.reduce((sum, count) => sum + (wanted(count) ? 1 : 0), 0);
    return {
      told: times((count) => count > 0),
      duplicates: times((count) => count > 1),
      passedOver: missed,
      hereMs: ms(here),
      drawnMs: ms(drawn),
    };
  })()`);
}
