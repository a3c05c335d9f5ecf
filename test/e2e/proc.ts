/** What Linux tells of processes: whose child, how much memory, how much written, alive or not. */
import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { until } from './sidelight.ts';

/** The processes that a process has started and that are not reaped yet. */
export function childrenOf(pid: number | undefined): number[] {
  return read(pid, `task/${String(pid)}/children`)
    .split(' ')
    .filter((child) => child !== '')
    .map(Number);
}

/** The first child, once its program runs: a fork is a copy of its parent until then. Killed with the test. */
export async function serverOf(sidelight: number | undefined): Promise<number> {
  await until(
    () => childrenOf(sidelight).some((pid) => read(pid, 'cmdline') !== read(sidelight, 'cmdline')),
    'a server process',
  );
  const [server = 0] = childrenOf(sidelight);
  onTestFinished(() => {
    if (isAlive(server)) process.kill(server, 'SIGKILL');
  });
  return server;
}

/** A zombie is dead: only its parent has not looked yet. */
export function isAlive(pid: number): boolean {
  const [state = 'X'] = read(pid, 'stat').replace(/^.*\) /s, '');
  return state !== 'Z' && state !== 'X';
}

export function peakMemoryBytes(pid: number | undefined): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(read(pid, 'status'))?.[1]) * 1024;
}

/** Bytes that the process has passed to write calls so far. */
export function writtenBytes(pid: number): number {
  return Number(/wchar: (\d+)/.exec(read(pid, 'io'))?.[1]);
}

/** Empty when the process is gone. */
function read(pid: number | undefined, file: string): string {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
