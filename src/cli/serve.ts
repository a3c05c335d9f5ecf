/** `sidelight serve`: the debug API and the page over the recordings of this machine, or of a fleet, until it is told to stop. */
import { dirname, join } from 'node:path';
import { ownToken, TOKEN_FILE } from '../api/ownToken.ts';
import type { Authority } from '../api/principal.ts';
import { type Api, type ApiOptions, startApi } from '../api/server.ts';
import { TokensOfFile } from '../api/tokens.ts';
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
  /** The recordings of an org in the fleet's store; undefined: those of this machine are served. */
  readonly fleet: ApiOptions['fleet'];
  readonly signal: AbortSignal;
}

/** Resolves to the exit code when the signal aborts: 1 when it could not listen or read. Rejects with a ConfigError. */
export async function serve(
  loaded: Loaded,
  options: ServeOptions,
  { terminal, version, self, env, fleet, signal }: ServeContext,
): Promise<number> {
  const address = read('--listen', ADDRESS, options.listen);
  const { allowRemote: remote = false } = options;
  if (!remote && !isLoopback(address.host))
    throw new ConfigError(
      `--listen: ${ADDRESS.show(address)} can be reached from other machines; add --allow-remote if that is meant`,
    );
  const allowedHosts =
    options.allowedHosts === undefined ? [] : read('--allowed-hosts', HOSTS, options.allowedHosts);
  const report = (line: string): void => {
    terminal.problem(line);
  };
  const others = await othersOf(loaded, report);
  if (fleet !== undefined && others.length === 0)
    throw new ConfigError(
      'serve --store: nobody would be let in: --tokens-file or --oidc-issuer says who is; sidelight token create makes tokens',
    );
  let api: Api;
  // A query node has nothing of its own, so that it is the same as the others behind a balancer.
  let token: string | undefined;
  try {
    const own = fleet === undefined ? ownToken(loaded.config.dataDir) : undefined;
    token = own?.token;
    api = await startApi({
      ...address,
      remote,
      allowedHosts,
      authorities: own === undefined ? others : [own, ...others],
      loaded,
      version,
      fleet,
      page: join(dirname(self.at(-1) ?? ''), 'ui'),
      replay: options.enableReplay === true ? { self, env } : undefined,
      report,
    });
  } catch (error) {
    terminal.problem(whyNot(error, address, loaded.config.dataDir));
    return 1;
  }
  const url = `http://${ADDRESS.show(api)}`;
  // In a fragment, which no browser sends anywhere.
  await terminal.line(token === undefined ? `${url}/` : `${url}/#token=${token}`);
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

/** Who lets in besides the token of this installation. Rejects with a ConfigError. */
async function othersOf({ config, sources }: Loaded, report: (line: string) => void): Promise<Authority[]> {
  const { tokensFile, oidc } = config.serve;
  const authorities: Authority[] = [];
  if (tokensFile !== undefined)
    try {
      authorities.push(new TokensOfFile(tokensFile, () => Date.now(), report));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ConfigError(`${sources.get('tokensFile')?.where ?? ''}: ${tokensFile}: ${why}`, { cause });
    }
  if (oidc !== undefined) {
    const { audience } = oidc;
    if (audience === undefined)
      throw new ConfigError(
        'oidc.audience: it is missing: without it a token for any other service of the issuer would be let in',
      );
    const { Oidc } = await import('../api/oidc.ts');
    authorities.push(new Oidc({ config: { ...oidc, audience }, report }));
  }
  return authorities;
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
