/** Starts the server process and says, in one line, why it could not be started. It never decides when the server ends. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { constants as fsConstants, accessSync, statSync, type Stats } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export type ServerProcess = ChildProcessByStdio<Writable, Readable, Readable>;

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Signal that the kernel sends the server when Sidelight dies, e.g. `SIGTERM`. Linux with util-linux's setpriv. */
  readonly pdeathsig: string | undefined;
}

export type StartErrorCode =
  | 'cwd_not_found'
  | 'command_not_found'
  | 'interpreter_not_found'
  | 'command_not_executable'
  | 'pdeathsig_unavailable'
  | 'start_failed';

/** The server could not be started. `message` is one line; `exitCode` is what a shell would have ended with. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;
  readonly exitCode: 126 | 127;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.exitCode = code === 'command_not_executable' || code === 'start_failed' ? 126 : 127;
  }
}

/** Spawns without a shell. Rejects with StartError; after that the process is what it would have been without us. */
export function startServer(server: ServerCommand): Promise<ServerProcess> {
  const cwd = server.cwd ?? currentDirectory();
  if (cwd === undefined || !isDirectory(cwd)) {
    const which = server.cwd === undefined ? 'the current directory' : `the working directory ${server.cwd}`;
    return Promise.reject(
      new StartError(
        'cwd_not_found',
        `cannot start the server: ${which} does not exist or is not a directory`,
      ),
    );
  }
  let { command, args } = server;
  if (server.pdeathsig !== undefined) {
    const problem = explain(server, cwd);
    if (problem !== undefined) return Promise.reject(problem);
    if (find('setpriv', server.env, cwd) === undefined) {
      return Promise.reject(
        new StartError(
          'pdeathsig_unavailable',
          '--pdeathsig needs setpriv (util-linux) on the PATH, which is not there',
        ),
      );
    }
    args = ['--pdeathsig', server.pdeathsig.replace(/^SIG/, ''), '--', command, ...args];
    command = 'setpriv';
  }
  return new Promise<ServerProcess>((done, failed) => {
    // Node tells some errors of exec as an event and throws the others.
    const child = spawn(command, args, {
      cwd,
      env: server.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    });
    child.once('error', failed);
    // A command that cannot be started has no pid; its error is told in the next turn.
    if (child.pid !== undefined) done(child);
  }).catch((cause: unknown) => {
    const { message } = cause as Error;
    throw (
      explain(server, cwd, cause as NodeJS.ErrnoException) ??
      new StartError('start_failed', `cannot start ${server.command}: ${message}`, { cause })
    );
  });
}

/** Looks at the file system for what a failed exec does not say. Undefined: nothing to see. */
function explain(server: ServerCommand, cwd: string, cause?: NodeJS.ErrnoException): StartError | undefined {
  const path = find(server.command, server.env, cwd);
  if (path === undefined) {
    const where = server.command.includes('/') ? 'there is no such file' : 'it is not on the PATH';
    return new StartError(
      'command_not_found',
      `cannot start ${server.command}: command not found (${where})`,
      {
        cause,
      },
    );
  }
  if (isDirectory(path) || !isExecutable(path)) {
    const why = isDirectory(path)
      ? 'it is a directory'
      : 'permission denied; try chmod +x or name its interpreter';
    return new StartError(
      'command_not_executable',
      `cannot start ${server.command}: not executable (${why})`,
      {
        cause,
      },
    );
  }
  return cause?.code === 'ENOENT'
    ? new StartError(
        'interpreter_not_found',
        `cannot start ${server.command}: the interpreter named in its first line was not found`,
        { cause },
      )
    : undefined;
}

/** The file that exec would run: as named when it has a slash, else the first on the PATH, executable ones first. */
function find(command: string, env: NodeJS.ProcessEnv, cwd: string): string | undefined {
  const candidates =
    isAbsolute(command) || command.includes('/')
      ? [resolve(cwd, command)]
      : (env.PATH ?? '').split(delimiter).map((folder) => join(resolve(cwd, folder), command));
  const files = candidates.filter(exists);
  return files.find(isExecutable) ?? files[0];
}

function exists(path: string): boolean {
  return stat(path) !== undefined;
}

function isDirectory(path: string): boolean {
  return stat(path)?.isDirectory() ?? false;
}

function stat(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, fsConstants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The process's working directory; undefined when it was removed. */
export function currentDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
