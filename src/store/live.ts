/** Whether the process that records a session is still there. A process id alone does not tell: ids are reused. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { sessionRecord, type SessionRecord } from './record.ts';
import type { SessionRow, StoredSessionRow } from './session.ts';

/** Of the fields of /proc/<pid>/stat after the command's name, the one that says when the process started (proc(5)). */
const START_TIME_FIELD = 19;

/** Tells two processes of the same id apart: the boot and the start time. Null where the system does not say (not Linux). */
export function processMark(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME_FIELD];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return started === undefined ? null : `${boot}/${started}`;
  } catch {
    return null;
  }
}

export function isAlive(pid: number, mark: string | null): boolean {
  if (mark !== null) return processMark(pid) === mark;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

type Recorder = Pick<SessionRow, 'ended_at' | 'hostname' | 'pid' | 'process_mark'>;

/** Asks whether sessions are being recorded. One process records thousands over HTTP: it is looked for once for all of them. */
export function liveness(): (row: Recorder) => boolean {
  const here = hostname();
  const alive = new Map<string, boolean>();
  return ({ ended_at, hostname: host, pid, process_mark: mark }) => {
    if (ended_at !== null || host !== here) return false;
    const process = `${pid} ${mark ?? ''}`;
    const known = alive.get(process) ?? isAlive(pid, mark);
    alive.set(process, known);
    return known;
  };
}

export function sessionRecords(rows: readonly StoredSessionRow[]): SessionRecord[] {
  const isLive = liveness();
  return rows.map((row) => sessionRecord(row, isLive(row)));
}
