/** What a process of this machine uses, from /proc: read at a scrape, absent where there is no /proc. */
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly openFds: number;
}

/** USER_HZ: the unit of times in /proc on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Fields of /proc/<pid>/stat after the command in parentheses, see proc(5): 14 utime, 15 stime, from field 3. */
const UTIME = 14 - 3;
const STIME = 15 - 3;

/** Undefined when the process is gone, belongs to somebody else, or the system has no /proc. */
export async function processUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [stat, status, fds] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ]);
    // The command may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const residentKiB = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    // A zombie has no memory any more.
    if (residentKiB === undefined) return undefined;
    return {
      cpuSeconds: (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND,
      residentBytes: Number(residentKiB) * 1024,
      openFds: fds.length,
    };
  } catch {
    return undefined;
  }
}
