/**
 * The process's own three streams as non-blocking streams. Node's `process.stdout` and `process.stderr` block the
 * whole process on a pipe whose reader is slow, so that a client that stops reading would stop its own input too.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { socketSource, type Source, streamSource } from './source.ts';

/**
 * libuv never closes descriptors 0 to 2, but the client is to see its end of the pipe closed when ours is. Closing one
 * leaves its number free for a moment, in which another thread may get it for a file that libuv then refuses to close.
 * So it is done before there is another thread or, where that cannot be, once the threads have what they need.
 */
const VACATE_AFTER_MS = 1000;

/** Both of these are called before any thread is started. */
export function openStdin(): Source {
  if (!isPipe(0)) return streamSource(process.stdin);
  const own = ownDescription(0);
  const source = socketSource({ fd: own ?? 0 });
  leave(0, own, source.stream);
  return source;
}

export function openStdout(): Writable {
  if (!isPipe(1)) return process.stdout;
  const own = ownDescription(1);
  const socket = new Socket({ fd: own ?? 1, readable: false, writable: true });
  leave(1, own, socket);
  return socket;
}

/** Number 2 itself stays open, for what Node says when it dies. */
export function openStderr(): Writable {
  if (!isPipe(2)) return process.stderr;
  return new Socket({ fd: ownDescription(2) ?? 2, readable: false, writable: true });
}

/** Of the two descriptors of a pipe, or of the one that its stream uses, only the stream's is to be open. */
function leave(fd: 0 | 1, own: number | undefined, stream: Readable | Writable): void {
  if (own !== undefined) vacate(fd);
  else stream.once('close', () => setTimeout(vacate, VACATE_AFTER_MS, fd).unref());
}

/** The number stays taken: the next file that is opened must not become anybody's stdout. */
function vacate(fd: number): void {
  closeSync(fd);
  openSync(devNull, constants.O_RDWR);
}

/**
 * The pipe behind a descriptor is often shared, with the client or with other commands of a shell: making it
 * non-blocking would change it for them too. On Linux a FIFO can be opened anew, which gives flags of our own.
 */
function ownDescription(fd: number): number | undefined {
  if (process.platform !== 'linux' || !fstatSync(fd).isFIFO()) return undefined;
  const direction = fd === 0 ? constants.O_RDONLY : constants.O_WRONLY;
  try {
    return openSync(`/proc/self/fd/${fd}`, direction | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function isPipe(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}
