/**
 * Remakes the pictures of the documentation: `node scripts/screenshots.mjs`. It records the demo, serves it, and takes pictures of
 * the page in Chromium. Each picture is small enough to be in a repository, or it fails.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { fail, root } from './step.mjs';

const IMAGES = join(root, 'docs/images');
const MAX_IMAGE_BYTES = 200_000;
const SIZE = { width: 1200, height: 720 };

/** `show` is a selector that is there when the picture can be taken. */
const PICTURES = [
  { name: 'sessions', path: () => '/', show: '.session-row .strip rect' },
  { name: 'waterfall', path: ({ stdio }) => `/sessions/${stdio}?op=6`, show: '.detail .tree-row' },
  {
    name: 'waterfall-dark',
    path: ({ stdio }) => `/sessions/${stdio}?op=6`,
    show: '.detail .tree-row',
    dark: true,
  },
  { name: 'sequence', path: ({ stdio }) => `/sessions/${stdio}?view=sequence`, show: '.arrow' },
  {
    name: 'message',
    path: ({ stdio }) => `/sessions/${stdio}?view=messages&frame=10`,
    show: '.detail .tree-row',
  },
  { name: 'summary', path: ({ stdio }) => `/sessions/${stdio}?view=summary`, show: '.problems li' },
  {
    name: 'http',
    path: ({ http }) => `/sessions/${http}?view=http&frame=5`,
    show: '.envelope th',
    dark: true,
  },
  { name: 'statistics', path: () => '/stats', show: '.stats-table' },
];

const dataDir = await recordDemo();
const server = spawn(
  process.execPath,
  [join(root, 'dist/main.js'), 'serve', '--data-dir', dataDir, '--listen', '127.0.0.1:0'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const browser = await chromium.launch({ executablePath: onPath('chromium') });
try {
  const [said] = await once(server.stdout.setEncoding('utf8'), 'data');
  const [, url, token] = /^(http:\S+)\/#token=(\S+)$/m.exec(said);
  const sessions = await sessionsOf(url, token);
  await ask(url, token, `/sessions/${sessions.stdio}/pin`, { method: 'PUT' });
  await ask(url, token, `/sessions/${sessions.stdio}/note`, {
    method: 'PUT',
    body: JSON.stringify({ text: 'killed in the middle of a call' }),
    headers: { 'content-type': 'application/json' },
  });
  mkdirSync(IMAGES, { recursive: true });
  for (const picture of PICTURES) await take(picture, url, token, sessions);
} finally {
  await browser.close();
  server.kill('SIGTERM');
  rmSync(dataDir, { recursive: true, force: true });
}

async function take({ name, path, show, dark = false }, url, token, sessions) {
  const context = await browser.newContext({
    viewport: SIZE,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(`${url}${path(sessions)}#token=${token}`);
  await page.locator(show).first().waitFor();
  const file = join(IMAGES, `${name}.png`);
  await page.screenshot({ path: file });
  await context.close();
  const { size } = statSync(file);
  if (size > MAX_IMAGE_BYTES)
    fail(`screenshots: ${name}.png has ${size} bytes; ${MAX_IMAGE_BYTES} are the most`);
  console.log(`screenshots: docs/images/${name}.png, ${Math.round(size / 1024)} KiB`);
}

async function sessionsOf(url, token) {
  const { items } = await ask(url, token, '/sessions');
  const of = (wanted) => items.find(({ transport }) => transport === wanted).id;
  return { stdio: of('stdio'), http: of('http') };
}

async function ask(url, token, path, init = {}) {
  const headers = { ...init.headers, authorization: `Bearer ${token}` };
  return (await fetch(`${url}/api/v1${path}`, { ...init, headers })).json();
}

async function recordDemo() {
  const demo = spawn(process.execPath, [join(root, 'scripts/demo.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  demo.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  await once(demo, 'close');
  const [, folder] =
    /^The recording is in (\S+)\. /m.exec(said) ?? fail('screenshots: the demo left no recording');
  return folder;
}

function onPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  return found ?? fail(`screenshots: ${name} is needed (Debian: apt-get install ${name})`);
}
