/** `sidelight serve`: the debug API and the page over the recordings of this machine, until it is told to stop. */
import { dirname, join } from 'node:path';
import { TOKEN_FILE } from '../api/listener.ts';
import { type Api, startApi } from '../api/server.ts';
import { HOSTS } from '../config/addresses.ts';
import { ConfigError, quote } from '../config/error.ts';
import type { Loaded } from '../config/load.ts';
import { type Address, ADDRESS, isLoopback, type Kind } from '../config/schema.ts';
import { StoreError } from '../store/error.ts';
import type { Terminal } from './terminal.ts';

export interface ServeOptions {
  readonly listen: string;
  readonly allowRemote?: boolean;
  readonly allowedHosts?: string;
  readonly enableReplay?: boolean;
}

export interface ServeContext {
  readonly terminal: Terminal;
  readonly version: string;
  /** Program and first arguments that run Sidelight once more; the last is the file beside which the page is. */
  readonly self: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Resolves to the exit code when the signal aborts: 1 when it could not listen or read. */
export async function serve(
  loaded: Loaded,
  options: ServeOptions,
  { terminal, version, self, env, signal }: ServeContext,
): Promise<number> {
  const address = read('--listen', ADDRESS, options.listen);
  const { allowRemote: remote = false } = options;
  if (!remote && !isLoopback(address.host))
    throw new ConfigError(
      `--listen: ${ADDRESS.show(address)} can be reached from other machines; add --allow-remote if that is meant`,
    );
  const allowedHosts =
    options.allowedHosts === undefined ? [] : read('--allowed-hosts', HOSTS, options.allowedHosts);
  let api: Api;
  try {
    api = await startApi({
      ...address,
      remote,
      allowedHosts,
      loaded,
      version,
      page: join(dirname(self.at(-1) ?? ''), 'ui'),
      replay: options.enableReplay === true ? { self, env } : undefined,
      report: (line) => {
        terminal.problem(line);
      },
    });
  } catch (error) {
    terminal.problem(whyNot(error, address, loaded.config.dataDir));
    return 1;
  }
  const url = `http://${ADDRESS.show(api)}`;
  // In a fragment, which no browser sends anywhere.
  await terminal.line(`${url}/#token=${api.token}`);
  if (!isLoopback(address.host))
    terminal.problem(
      'the API can be reached from other machines, and is not encrypted: put TLS in front of it, and guard the token',
    );
  if (options.enableReplay === true && Object.keys(loaded.config.replayTargets).length === 0)
    terminal.problem(
      '--enable-replay: replay.targets of the configuration names no server, so there is nothing to run against',
    );
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await api.close();
  return 0;
}

function read<T>(flag: string, kind: Kind<T>, written: string): T {
  const result = kind.schema().safeParse(written);
  if (result.success) return result.data;
  throw new ConfigError(`${flag}: ${quote(written)} is not ${kind.expected}`);
}

const LISTENING: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; choose another',
  EACCES: 'the port is not allowed; choose one from 1024',
  EADDRNOTAVAIL: 'this machine does not have the address',
};

function whyNot(error: unknown, address: Address, dataDir: string): string {
  if (error instanceof StoreError) return error.message;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const why = LISTENING[code];
  return why === undefined
    ? `the token in ${join(dataDir, TOKEN_FILE)} cannot be used: ${message}`
    : `--listen: ${ADDRESS.show(address)}: ${why}`;
}
