/**
 * Starts a process that records through the real sink: `storeWriter.ts`, bundled, since Node 20 reads no TypeScript.
 * It may run behind a command of the system that gives it a disk of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Count } from '../../src/self/stats.ts';

export interface WriterOptions {
  readonly dataDir: string;
  /** Number of its session. */
  readonly session: number;
  /** How many batches; without, until it is killed. */
  readonly batches?: number;
  /** Operations, each with two frames, of a batch. */
  readonly perBatch: number;
  readonly bodyBytes?: number;
  /** A file that takes up room on the disk: after the first failure it is removed, and recording is to go on. */
  readonly ballast?: { readonly path: string; readonly bytes: number };
}

/** What the writer prints at its end. */
export interface Report {
  readonly failures: readonly { readonly reason: string; readonly count: number }[];
  readonly drops: readonly Count[];
  readonly said: readonly string[];
  /** What readiness said while the disk was full, and at the end. */
  readonly problem: string | undefined;
  readonly problemAtEnd: string | undefined;
  /** Of the store at the end, read by the same process: only it sees its disk. */
  readonly integrity: string;
  readonly storedFrames: number;
  readonly complete: boolean;
  readonly droppedEvents: number;
}

export interface Writer {
  readonly process: ChildProcess;
  /** Lines it printed so far. */
  readonly lines: readonly string[];
  /** Settles with its exit code, or null for a signal. */
  readonly exited: Promise<number | null>;
}

/** Bundles the writer; the path of the bundle, in the project, where it finds the driver. */
export async function bundleWriter(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const outfile = join(mkdtempSync(join(root, '.tmp', 'store-writer-')), 'writer.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('storeWriter.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['better-sqlite3'],
    logLevel: 'error',
  });
  return outfile;
}

/** `behind`: a command that starts the one that follows it. */
export function startWriter(bundle: string, options: WriterOptions, behind: readonly string[] = []): Writer {
  const [command, ...args] = [...behind, process.execPath, bundle, JSON.stringify(options)];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { process: child, lines, exited };
}

export async function reportOf(writer: Writer): Promise<Report> {
  const code = await writer.exited;
  const last = writer.lines.at(-1);
  if (code !== 0 || last === undefined)
    throw new Error(`the writer ended with ${String(code)}: ${writer.lines.join()}`);
  return JSON.parse(last) as Report;
}
