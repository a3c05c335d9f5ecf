/** Runs the built program as a client would, and reads back what it recorded. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
export const SIDELIGHT = fileURLToPath(new URL('dist/main.js', ROOT));
export const TALKS = fileURLToPath(new URL('test/servers/talks.mjs', ROOT));

export function server(name: string): string {
  return fileURLToPath(new URL(`test/servers/${name}`, ROOT));
}

export function packageFile(path: string): string {
  return fileURLToPath(new URL(`node_modules/${path}`, ROOT));
}

/** Looks, 10 ms apart, at which a count has not changed: it stands still. */
const STILL_LOOKS = 30;

/** A folder of the test's own, removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export type Piped = ChildProcessByStdio<Writable, Readable, Readable>;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** A process under test with what it wrote; ended with the test if it still runs. */
export class Running {
  readonly process: Piped;
  readonly ended: Promise<Ended>;
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];

  constructor(
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ) {
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.process.stdin.on('error', () => undefined);
    this.process.stdout.on('data', (chunk: Buffer) => this.#out.push(chunk));
    this.process.stderr.on('data', (chunk: Buffer) => this.#err.push(chunk));
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: Buffer.concat(this.#err) });
      });
    });
    onTestFinished(() => {
      if (this.process.exitCode === null) this.process.kill('SIGKILL');
    });
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out);
  }

  get stderr(): string {
    return Buffer.concat(this.#err).toString();
  }

  /** Resolves when stdout and stderr together contain the text. */
  async says(text: string): Promise<void> {
    await until(() => this.stdout.includes(text) || this.stderr.includes(text), `"${text}"`);
  }
}

/** Polls a condition that another process makes true; the deadline ends a test that would hang, and says at what. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 20_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until a count has begun and does not change any more. */
export async function standsStill(count: () => number): Promise<number> {
  let last = 0;
  let looks = 0;
  await until(() => {
    const now = count();
    looks = now > 0 && now === last ? looks + 1 : 0;
    last = now;
    return looks === STILL_LOOKS;
  }, 'a count that stands still');
  return last;
}

/** Sidelight in front of a command, recording into the folder. */
export function wrapped(
  dataDir: string,
  command: readonly string[],
  options: { flags?: readonly string[]; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Running {
  const { flags = [], ...rest } = options;
  return new Running(
    process.execPath,
    [SIDELIGHT, 'run', '--data-dir', dataDir, ...flags, '--', ...command],
    rest,
  );
}

/** The scripted server, direct. */
export function talks(...script: readonly string[]): readonly string[] {
  return [process.execPath, TALKS, ...script];
}

/** Runs a reading command and gives back its parsed `--json` output. */
export async function read(dataDir: string, ...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await new Running(process.execPath, [
    SIDELIGHT,
    ...args,
    '--json',
    '--data-dir',
    dataDir,
  ]).ended;
  if (code !== 0)
    throw new Error(`sidelight ${args.join(' ')} ended with ${String(code)}: ${stderr.toString()}`);
  // Lists are an object in a line each.
  if (args[0] !== 'sessions') return JSON.parse(stdout.toString());
  const lines = stdout.toString().split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as unknown);
}
