/** Runs the official conformance suite and reads what it found, scenario by scenario. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../e2e/sidelight.ts';

/** The two releases of `@modelcontextprotocol/conformance`, as package.json names them. */
export type Suite = 'conformance-2025' | 'conformance-2026';

export interface Verdict {
  /** `✓ tools-list: 1 passed, 0 failed`, as the suite says it. */
  readonly line: string;
  /** `SUCCESS tools-list`, and what it complained of; sorted, since some happen at the same time. */
  readonly checks: readonly string[];
}

export type Verdicts = Readonly<Record<string, Verdict>>;

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** Checks of how late something came: they tell of the load of the machine. Counted, not compared. */
const MEASURED = new Set(['client-sse-retry-timing']);

const OLD_NODE = 'globSync' in fs ? [] : ['--import', new URL('globSync.mjs', import.meta.url).href];

/** A run that hangs must end the test with what it has said, not the test runner. */
const DEADLINE_MS = 180_000;

/** Runs the command of the suite to its end, whatever its verdict. Throws when it gives none. */
export async function runSuite(suite: Suite, args: readonly string[]): Promise<Verdicts> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'sidelight-conformance-'));
  try {
    const output = await run([...OLD_NODE, packageFile(`${suite}/dist/index.js`), ...args, '-o', folder]);
    const verdicts = Object.fromEntries(
      [...output.matchAll(/^[✓✗-] ([\w/-]+): .*$/gm)].map(([line, name = '']) => [
        name,
        { line, checks: [] as readonly string[] },
      ]),
    );
    for (const [name, checks] of found(folder)) {
      const verdict = verdicts[name];
      if (verdict === undefined) throw new Error(`no verdict about ${name} in: ${output}`);
      verdict.checks = checks;
      if (checks.some((check) => check.startsWith('MEASURED'))) verdict.line = name;
    }
    if (Object.keys(verdicts).length === 0) throw new Error(`no verdicts in: ${output}`);
    return verdicts;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Runs one scenario, of which the suite says no verdict; what it found, as in a verdict. */
export async function runScenario(suite: Suite, args: readonly string[]): Promise<readonly string[]> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'sidelight-conformance-'));
  try {
    await run([...OLD_NODE, packageFile(`${suite}/dist/index.js`), ...args, '-o', folder]);
    return [...found(folder)].flatMap(([, checks]) => checks);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** The names of the scenarios with a failed check. */
export function failed(verdicts: Verdicts): string[] {
  return Object.keys(verdicts).filter((name) => verdicts[name]?.line.startsWith('✗'));
}

/** How many scenarios, and how many checks passed, failed and so on, for people to read. */
export function counts(verdicts: Verdicts): string {
  const statuses = new Map<string, number>();
  for (const { checks } of Object.values(verdicts)) {
    for (const check of checks) {
      const status = check.split(' ')[0]?.toLowerCase() ?? '';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  }
  const checks = [...statuses].map(([status, count]) => `${String(count)} ${status}`).join(', ');
  return `${String(Object.keys(verdicts).length)} scenarios; checks: ${checks}`;
}

async function run(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(deadline);
  return Buffer.concat(said).toString();
}

/** The checks of each scenario; it writes them to `[server-]<scenario>-<time>/checks.json`. */
function* found(folder: string): Generator<[string, string[]]> {
  for (const file of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('checks.json')) continue;
    const name = relative(folder, dirname(join(folder, file))).replace(/^server-|-\d{4}-\d\d-\d\dT.*$/g, '');
    const checks = JSON.parse(fs.readFileSync(join(folder, file), 'utf8')) as Check[];
    yield [name, checks.map(({ id, status, errorMessage }) => told(status, id, errorMessage)).sort()];
  }
}

/** Ports, ids and times differ from run to run. */
function told(status: string, id: string, complaint = ''): string {
  if (MEASURED.has(id)) return `MEASURED ${id}`;
  return `${status} ${id} ${complaint.replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\d+/g, '0')}`.trimEnd();
}

/** What the client suite is given to start: `<node> <this> <port>`. */
export const HAND_OVER = fileURLToPath(new URL('hand-over.mjs', import.meta.url));
