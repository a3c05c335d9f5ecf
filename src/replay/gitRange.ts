/**
 * Commits of a git repository, and a working tree of each for as long as it is used. It changes nothing in the repository but its
 * list of working trees, and leaves none behind. No shell is asked.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CannotRun } from './connection.ts';

export interface Commit {
  readonly hash: string;
  /** The first line of its message. */
  readonly subject: string;
}

export interface Range {
  /** Where the search begins; it is not in `commits`. */
  readonly good: Commit;
  /** Along first parents, the oldest first. */
  readonly commits: readonly Commit[];
}

export interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** More is no range, but a history. Halved, it is 17 trials. */
export const MAX_COMMITS = 100_000;
/** An installation and a build of a large server; longer it hangs. */
const BUILD_MS = 30 * 60_000;
/** Of what a command said, for the line that tells why it failed. */
const MAX_SAID_CHARS = 4096;
/** Those of a repository would run in each working tree. */
const WITHOUT_HOOKS = ['-c', 'core.hooksPath=/dev/null'];

/** Rejects with CannotRun: no repository, no such commits, nothing between them. */
export async function commitsIn(good: string, bad: string, place: Place): Promise<Range> {
  const first = await commitOf(good, place);
  const last = await commitOf(bad, place);
  const range = `${first.hash}..${last.hash}`;
  const commits = linesOf(await git(['log', '--format=%H %s', '--first-parent', '--reverse', range], place));
  if (commits.length > MAX_COMMITS)
    throw new CannotRun(`--git: ${commits.length} commits are too many; ${MAX_COMMITS} are the most`);
  if (commits.length === 0)
    throw new CannotRun(`--git: there is no commit between ${good} and ${bad}; the older one stands first`);
  return { good: first, commits };
}

async function commitOf(name: string, place: Place): Promise<Commit> {
  const hash = await git(
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`],
    place,
  ).catch((error: unknown) => {
    // Quiet: it says nothing where there is no such commit.
    const said =
      error instanceof CannotRun && !error.message.includes('exit code') ? error.message : undefined;
    throw new CannotRun(said ?? `--git: ${name} is no commit of the repository in ${place.cwd}`);
  });
  const [commit] = linesOf(await git(['log', '-1', '--format=%H %s', hash.trim()], place));
  return commit ?? { hash: hash.trim(), subject: '' };
}

function linesOf(text: string): Commit[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ hash: line.slice(0, line.indexOf(' ')), subject: line.slice(line.indexOf(' ') + 1) }));
}

/** Gives `use` a working tree of the commit in a temporary folder, built; both go when it is over, however it ends. */
export async function withTree<T>(
  { hash }: Commit,
  build: readonly (readonly [string, ...string[]])[],
  place: Place,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const above = mkdtempSync(join(tmpdir(), 'sidelight-bisect-'));
  const folder = join(above, hash.slice(0, 12));
  try {
    await git([...WITHOUT_HOOKS, 'worktree', 'add', '--detach', '--quiet', folder, hash], place);
    for (const command of build) await execute(command, { ...place, cwd: folder });
    return await use(folder);
  } finally {
    // Also after an interrupt: it is what is to be cleared away then.
    const always = { ...place, signal: new AbortController().signal };
    await git(['worktree', 'remove', '--force', folder], always).catch(() => undefined);
    rmSync(above, { recursive: true, force: true });
    await git(['worktree', 'prune'], always).catch(() => undefined);
  }
}

function git(args: readonly string[], place: Place): Promise<string> {
  return execute(['git', ...args], place);
}

/** Its stdout. Rejects with CannotRun: not started, failed, interrupted, or not over in time. */
async function execute([program, ...args]: readonly [string, ...string[]], place: Place): Promise<string> {
  const { cwd, env, signal } = place;
  if (signal.aborted) throw new CannotRun('interrupted');
  // A group of its own: what a build has started ends with it.
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const out: string[] = [];
  let said = '';
  const end = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has just ended.
    }
  };
  const timer = setTimeout(end, BUILD_MS);
  signal.addEventListener('abort', end, { once: true });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.push(text);
    said = (said + text).slice(-MAX_SAID_CHARS);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MAX_SAID_CHARS);
  });
  try {
    const how = await new Promise<number | NodeJS.Signals | Error>((resolve) => {
      child.once('error', resolve);
      child.once('close', (code, by) => {
        resolve(code ?? by ?? 'SIGKILL');
      });
    });
    if (how === 0) return out.join('');
    if (place.signal.aborted) throw new CannotRun('interrupted');
    if (how instanceof Error) throw new CannotRun(`${program} cannot be started: ${how.message}`);
    const what = typeof how === 'number' ? `with exit code ${how}` : `by ${how}`;
    const last = said.trim().split('\n').at(-1) ?? '';
    throw new CannotRun(`${[program, ...args].join(' ')} ended ${what}${last === '' ? '' : `: ${last}`}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
