/**
 * The server that a replay is run against: the command or the URL that somebody named, and nothing else. Where the replay is to be
 * recorded, Sidelight stands in between as it does for any client.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { startServer } from '../tap/child.ts';
import { CannotRun, type Connection, type ConnectionEvents } from './connection.ts';
import { HttpConnection } from './httpConnection.ts';
import type { Scenario } from './scenario.ts';
import { StdioConnection } from './stdioConnection.ts';

export type Server =
  | { readonly command: string; readonly args: readonly string[]; readonly cwd: string }
  | { readonly url: URL; readonly headers: Readonly<Record<string, string>> };

/** How Sidelight runs itself once more, and with which flags. */
export interface Recording {
  readonly self: readonly [string, ...string[]];
  readonly flags: readonly string[];
}

export interface TargetOptions {
  readonly server: Server;
  readonly scenario: Scenario;
  readonly env: NodeJS.ProcessEnv;
  /** Undefined: the replay is not recorded. */
  readonly recording: Recording | undefined;
}

/** How long Sidelight may take until it listens. */
const START_MS = 15_000;
const LISTENING = /listening on (http:\/\/\S+?),? /;

/** Rejects with CannotRun. */
export async function connect(options: TargetOptions, events: ConnectionEvents): Promise<Connection> {
  const { server, scenario, recording, env } = options;
  if ('command' in server) {
    const [command, ...args]: readonly [string, ...string[]] =
      recording === undefined
        ? [server.command, ...server.args]
        : [...recording.self, 'run', ...recording.flags, '--', server.command, ...server.args];
    const child = await startServer({
      command,
      args,
      cwd: server.cwd,
      env,
      pdeathsig: undefined,
    }).catch((error: unknown) => {
      throw new CannotRun(error instanceof Error ? error.message : String(error));
    });
    return new StdioConnection(child, events);
  }
  const { era, protocolVersion, tools } = scenario;
  const { url, headers } = server;
  const to = (at: URL): HttpConnection =>
    new HttpConnection({ url: at, era, protocolVersion, headers, tools }, events);
  if (recording === undefined) return to(url);
  const [program, ...own] = recording.self;
  const flags = ['--target', url.origin, '--listen', '127.0.0.1:0', ...recording.flags];
  const proxy = spawn(program, [...own, 'http', ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const connection = to(new URL(url.pathname + url.search, await listening(proxy)));
  return {
    cancelsByClosing: connection.cancelsByClosing,
    send: (message) => connection.send(message),
    opened: (version) => {
      connection.opened(version);
    },
    drop: (id) => {
      connection.drop(id);
    },
    close: async () => {
      await connection.close();
      const ended = proxy.exitCode === null ? once(proxy, 'exit') : undefined;
      proxy.kill('SIGTERM');
      await ended;
    },
  };
}

async function listening(proxy: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      proxy.kill('SIGKILL');
      reject(new CannotRun(`the replay cannot be recorded: ${why}; --unrecorded runs it without`));
    };
    const timer = setTimeout(() => {
      fail('sidelight http does not listen');
    }, START_MS);
    proxy.once('error', (error) => {
      fail(error.message);
    });
    proxy.once('exit', () => {
      fail(said.trim().split('\n').at(-1) ?? 'sidelight http ended');
    });
    proxy.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4096);
      const url = LISTENING.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      proxy.removeAllListeners('exit');
      resolve(url);
    });
  });
}
