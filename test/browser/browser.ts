/**
 * The page in a real Chromium, in front of a real `sidelight serve`. Whatever a page should never do is written down while it is
 * open: an error on the console, a violation of its policy, a dialog, a request to somewhere else.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { SIDELIGHT } from '../e2e/sidelight.ts';

export const DESKTOP = { width: 1280, height: 800 };
export const NARROW = { width: 390, height: 780 };

/** Shorter than a test may take, so that a failure says what was waited for. */
const WAIT_MS = 30_000;

/** Where pictures of the pages go: kept when SIDELIGHT_SCREENSHOTS names a folder. */
const SCREENSHOTS = process.env.SIDELIGHT_SCREENSHOTS ?? join(tmpdir(), 'sidelight-screenshots');
// Sidelight takes what begins with its name for a setting, and says that it knows none of this name.
delete process.env.SIDELIGHT_SCREENSHOTS;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export function folder(): string {
  return mkdtempSync(join(tmpdir(), 'sidelight-browser-'));
}

export interface Serving {
  readonly url: string;
  readonly token: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export async function serve(dataDir: string, port = 0, flags: readonly string[] = []): Promise<Serving> {
  const child = spawn(
    process.execPath,
    [SIDELIGHT, 'serve', '--data-dir', dataDir, '--listen', `127.0.0.1:${port}`, ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
    said += text;
    if (said.includes('\n')) break;
  }
  child.stdout.resume();
  const [, url = '', token = ''] = /^(http:\S+)\/#token=([0-9a-f]{64})$/m.exec(said) ?? [];
  return {
    url,
    token,
    port: Number(new URL(url).port),
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** What the demo records of a real server: on stdio, over HTTP, with every kind of end. */
export async function demoRecording(): Promise<string> {
  const demo = spawn(process.execPath, [fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  demo.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(demo, 'close');
  const [, dataDir] = /^The recording is in (\S+)\. /m.exec(said) ?? [];
  if (dataDir === undefined) throw new Error(`the demo left no recording:\n${said.slice(-2000)}`);
  return dataDir;
}

export interface Look {
  readonly narrow?: boolean;
  readonly dark?: boolean;
}

export interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What it did that no page should do. */
  readonly faults: string[];
  readonly close: () => Promise<void>;
}

export class Pages {
  readonly browser: Browser;

  private constructor(browser: Browser) {
    this.browser = browser;
  }

  static async launch(): Promise<Pages> {
    const found = (process.env.PATH ?? '')
      .split(delimiter)
      .map((one) => join(one, 'chromium'))
      .find((path) => existsSync(path));
    if (found === undefined) throw new Error('chromium is not on the PATH: node scripts/setup.mjs --test');
    return new Pages(await chromium.launch({ executablePath: found }));
  }

  /** A page at a path, with the token, in a profile of its own. */
  async open(
    { url, token }: Serving,
    path: string,
    { narrow = false, dark = false }: Look = {},
  ): Promise<Opened> {
    const context = await this.browser.newContext({
      viewport: narrow ? NARROW : DESKTOP,
      colorScheme: dark ? 'dark' : 'light',
      permissions: ['clipboard-read', 'clipboard-write'],
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(WAIT_MS);
    const faults: string[] = [];
    context.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (origin !== url && protocol !== 'blob:') faults.push(`asked ${request.url()}`);
    });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.addInitScript(
      `addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective));`,
    );
    await page.goto(`${url}${path}#token=${token}`);
    return { page, context, faults, close: () => context.close() };
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

/** What axe finds that is serious or worse, a line each. */
export async function axe(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  return page.evaluate<string[]>(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html.slice(0, 160) + ' ' + failureSummary)))`,
  );
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

export function remove(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
}
