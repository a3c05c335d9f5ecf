/** Whether the process that records a session is still there. A process id alone does not tell: ids are reused. */
import { readFileSync } from 'node:fs';

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
