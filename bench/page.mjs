/**
 * `node bench/page.mjs`: how the page behaves over a big recording. Makes the store of bench/store.mjs, serves it, and looks at it in
 * Chromium: the list, the sessions, their messages while they are scrolled. Nothing it starts outlives it.
 *
 *   --messages N   1,000,000 unless told
 *   --sessions N   10,000 unless told
 *   --program P    dist/main.js unless told
 *   --write        put the figures into docs/performance.md
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { heapBytes, launched, opened } from './chromium.mjs';
import { machineLine } from './report.mjs';
import { writeSection } from './section.mjs';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/performance.md');
const MIB = 1024 * 1024;
const REPEATS = 5;
const SCROLL_MS = 5000;
const LIST = '.session-row:not(.head)';

const { values: asked } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    sessions: { type: 'string', default: '10000' },
    program: { type: 'string', default: join(ROOT, 'dist/main.js') },
    write: { type: 'boolean', default: false },
  },
});
const sessions = whole('--sessions', asked.sessions);
const perSession = Math.round(whole('--messages', asked.messages) / sessions);
const machine = machineLine();

mkdirSync(join(ROOT, '.tmp'), { recursive: true });
const bundles = mkdtempSync(join(ROOT, '.tmp/page-'));
const folder = mkdtempSync(join(tmpdir(), 'sidelight-page-'));
const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const child of children) child.kill('SIGKILL');
    process.exitCode = 130;
  });
try {
  console.error('page: fill');
  await filled();
  const serving = await served();
  const browser = await launched();
  try {
    console.error('page: look');
    const figures = await looked(browser, serving);
    console.log(figures);
    if (asked.write) writeFileSync(DOCUMENT, writeSection(readFileSync(DOCUMENT, 'utf8'), 'page', figures));
  } finally {
    await browser.close();
  }
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(bundles, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

function whole(name, text) {
  const value = Number(text.replaceAll(/[_,]/g, ''));
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`page: ${name}: ${text} is no whole number above 0`);
  process.exit(2);
}

function started(args, stdio) {
  const child = spawn(process.execPath, args, { stdio });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** By the bench of the store, with its 50,000 frames in one session. */
async function filled() {
  const program = join(bundles, 'run.mjs');
  await build({
    ...{ absWorkingDir: ROOT, entryPoints: ['bench/store-run.mjs'], outfile: program, bundle: true },
    ...{ format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'warning' },
    external: ['better-sqlite3'],
  });
  const child = started(
    [program, 'fill', folder, String(sessions), String(perSession)],
    ['ignore', 'ignore', 'inherit'],
  );
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`filling the store ended with ${code}`);
}

async function served() {
  const args = [resolve(asked.program), 'serve', '--listen', '0', '--data-dir', folder];
  const child = started(args, ['ignore', 'pipe', 'inherit']);
  const lines = createInterface({ input: child.stdout });
  const [line] = await once(lines, 'line');
  lines.resume();
  const [, url, token] = /^(http:\S+)\/#token=(\S+)$/.exec(line) ?? [];
  if (url === undefined) throw new Error('serve does not say where it listens');
  return { url, token };
}

async function looked(browser, serving) {
  const { page, devtools } = await opened(browser, serving, '/');
  await page.locator(LIST).first().waitFor();
  const big = await biggest(serving);
  const list = await timed(page, serving, '/', LIST);
  const failing = await timed(page, serving, '/?order=failing', LIST);
  const filter = await timed(page, serving, '/?filter=server%3Aserver-3', LIST);
  const listScroll = await scrolled(page);
  const usual = await timed(page, serving, `/sessions/${big.usual}`, '.op-row:not(.head)');
  const waterfall = await timed(page, serving, `/sessions/${big.id}`, '.op-row:not(.head)');
  const messages = await timed(
    page,
    serving,
    `/sessions/${big.id}?view=messages`,
    '.view .rows [role="row"]',
  );
  const messageScroll = await scrolled(page);
  const heap = Math.round((await heapBytes(devtools)) / MIB);
  const count = (number) => number.toLocaleString('en-US');
  const size = (statSync(join(folder, 'sidelight.db')).size / 1e9).toFixed(2);
  return [
    `${machine}. Measured ${new Date().toISOString().slice(0, 10)}: ${count(sessions * perSession)} messages in ${count(sessions)} sessions, ${size} GB. From the beginning of a navigation until the first rows are drawn, the median of ${REPEATS}.`,
    table([
      ['', ''],
      ['the list of sessions', list],
      ['the same, failing first', failing],
      ['the same, filtered by server', filter],
      [`a session of ${count(big.usualFrames)} messages, its waterfall`, usual],
      [`the session of ${count(big.frames)} messages, its waterfall`, waterfall],
      ['its messages', messages],
      ['scrolling the list', listScroll],
      [`scrolling ${count(big.frames)} messages from end to end`, messageScroll],
      ['heap of the page after all of it', `${heap} MiB`],
    ]),
  ].join('\n\n');
}

async function biggest({ url, token }) {
  const ask = async (path) =>
    (await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })).json();
  let most;
  let usual;
  for (let after = ''; ;) {
    const { items, next } = await ask(`/sessions?limit=1000${after && `&after=${after}`}`);
    for (const one of items) {
      if (most === undefined || one.frames > most.frames) most = one;
      usual ??= one;
    }
    if (next === undefined) break;
    after = next;
  }
  return { id: most.id, frames: most.frames, usual: usual.id, usualFrames: usual.frames };
}

/** A load anew each time, with the files of the page from the cache of the browser. */
async function timed(page, { url }, path, wanted) {
  const times = [];
  for (let turn = 0; turn < REPEATS; turn += 1) {
    await page.goto('about:blank');
    const from = performance.now();
    await page.goto(url + path, { waitUntil: 'commit' });
    await page.locator(wanted).first().waitFor();
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
    times.push(performance.now() - from);
  }
  return `${Math.round(times.sort((a, b) => a - b)[Math.floor(REPEATS / 2)])} ms`;
}

/** From the top to the end in some seconds: frames that were drawn in a second, and what held the page for more than 50 ms. */
async function scrolled(page) {
  const { frames, seconds, long, longest, blank } = await page.evaluate(`new Promise((done) => {
    const box = document.querySelector('.rows');
    let long = 0, longest = 0, frames = 0, blank = 0, last = 0;
    const from = performance.now();
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) long += 1, longest = Math.max(longest, duration);
    });
    observer.observe({ type: 'longtask' });
    const step = () => {
      const gone = performance.now() - from;
      frames += 1;
      box.scrollTop = (box.scrollHeight - box.clientHeight) * Math.min(1, gone / ${SCROLL_MS});
      if (box.querySelectorAll('.row-place').length === 0) blank += 1;
      if (gone < ${SCROLL_MS}) requestAnimationFrame(step);
      else setTimeout(() => {
        observer.disconnect();
        done({ frames, seconds: gone / 1000, long, longest, blank });
      }, 100);
    };
    requestAnimationFrame(step);
  })`);
  const most = long === 0 ? '' : `, the longest ${Math.round(longest)} ms`;
  return `${Math.round(frames / seconds)} frames/s, ${long} long tasks${most}, ${blank} frames without rows`;
}

function table([head, ...rows]) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
