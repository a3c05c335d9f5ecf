/** Opens the listener, on an address or a Unix socket, and says in one line why it cannot. */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';

export type Listen = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export class ListenError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ListenError';
    this.code = code;
  }
}

/** Clients that wait to be accepted, as thousands do that come back at once; systems bound it themselves, Linux at this. */
const BACKLOG = 4096;

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use; choose another with --listen',
  EACCES: 'it is not allowed',
  EADDRNOTAVAIL: 'this machine does not have the address',
  ENOTFOUND: 'the name cannot be resolved',
  ENOENT: 'its directory does not exist',
  EINVAL: 'the path is too long or not a path',
};

/** Resolves to the port, or undefined on a Unix socket; rejects with ListenError. */
export async function listen(server: Server, where: Listen): Promise<number | undefined> {
  const name = 'socketPath' in where ? `unix:${where.socketPath}` : `${where.host}:${where.port}`;
  if ('socketPath' in where) await removeStale(where.socketPath);
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      const { code = '', message } = cause;
      reject(new ListenError(code, `cannot listen on ${name}: ${WORDS[code] ?? message}`, { cause }));
    };
    server.once('error', failed);
    server.listen(
      { backlog: BACKLOG, ...('socketPath' in where ? { path: where.socketPath } : where) },
      () => {
        server.off('error', failed);
        resolve();
      },
    );
  });
  const address = server.address();
  return typeof address === 'object' ? address?.port : undefined;
}

/** A socket that nobody listens on is left from a process that was killed. Anything else is somebody's. */
async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) return;
  } catch {
    return;
  }
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
  if (!isAlive) unlinkSync(path);
}
