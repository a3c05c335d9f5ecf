/**
 * The process's own three streams as non-blocking streams. Node's `process.stdout` and `process.stderr` block the
 * whole process on a pipe whose reader is slow, so that a client that stops reading would stop its own input too.
 */
import { constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

export function openStdin(): Readable {
  return isPipe(0) ? new Socket({ fd: 0, readable: true, writable: false }) : process.stdin;
}

export function openStdout(): Writable {
  return isPipe(1) ? new Socket({ fd: 1, readable: false, writable: true }) : process.stdout;
}

/**
 * A client often hands its own stderr down, so that the pipe behind descriptor 2 is shared: making it non-blocking
 * would change it for the client too. On Linux a FIFO can be opened anew, which gives flags of our own.
 */
export function openStderr(): Writable {
  if (!isPipe(2)) return process.stderr;
  return new Socket({ fd: ownDescription(2) ?? 2, readable: false, writable: true });
}

function ownDescription(fd: number): number | undefined {
  if (process.platform !== 'linux' || !fstatSync(fd).isFIFO()) return undefined;
  try {
    // The old descriptor stays open: a free number 2 would be given to the next file that is opened.
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function isPipe(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}
