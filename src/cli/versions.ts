/** What `sidelight bisect` tries, as it stands on the command line. It starts nothing. */
import { ConfigError, quote } from '../config/error.ts';
import { wordsOf } from '../config/words.ts';
import type { Server } from '../replay/target.ts';

/** What is tried. */
export type Versions =
  | { readonly commands: readonly string[] }
  | {
      readonly good: string;
      readonly bad: string;
      /** One after the other, in each working tree. */
      readonly build: readonly (readonly [string, ...string[]])[];
      readonly server: Server & { readonly command: string };
    };

const MAX_SERVERS = 100;

/** As commander hands it over. */
export interface BisectWritten {
  readonly servers?: readonly string[];
  readonly git?: string;
  readonly build?: string;
  readonly json?: true;
}

/** As it stands on the command line; `server` is what stands behind `--`. */
export function versionsFrom({ servers, git, build }: BisectWritten, server: Server | undefined): Versions {
  if (git === undefined) {
    if (servers === undefined)
      throw new ConfigError(
        "bisect: which servers? --servers 'npx -y pkg@{1.2,1.3}', or --git GOOD..BAD -- <command> [args...]",
      );
    if (build !== undefined) throw new ConfigError('--build: it is for commits; name them: --git GOOD..BAD');
    if (server !== undefined)
      throw new ConfigError('--servers: a command behind -- is for --git; name it here');
    return { commands: servers.flatMap(expanded) };
  }
  if (servers !== undefined) throw new ConfigError('--git: either commits or --servers, not both');
  if (server === undefined || !('command' in server))
    throw new ConfigError('--git: what starts the server in a working tree? name it: -- node dist/server.js');
  return { ...rangeFrom(git), build: build === undefined ? [] : buildFrom(build), server };
}

/** `npx pkg@{1,2} x` is two commands, as in a shell. */
function expanded(text: string): readonly string[] {
  const [, before, list, after] = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(text) ?? [];
  if (before === undefined || list === undefined || after === undefined) return [text];
  const all = list.split(',').flatMap((one) => expanded(`${before}${one}${after}`));
  if (all.length > MAX_SERVERS)
    throw new ConfigError(`--servers: ${all.length} servers are too many; ${MAX_SERVERS} are the most`);
  return all;
}

/** `GOOD..BAD`. */
function rangeFrom(written: string): Pick<Exclude<Versions, { commands: unknown }>, 'good' | 'bad'> {
  const [, good, bad] = /^([^.](?:.*?[^.])?)\.\.([^.].*)$/.exec(written) ?? [];
  if (good !== undefined && bad !== undefined) return { good, bad };
  throw new ConfigError(`--git: ${quote(written)} is not GOOD..BAD, such as v1.2..HEAD`);
}

/** `npm ci && npm run build` is two commands. What else a shell would read is a mistake here. */
export function buildFrom(written: string): readonly (readonly [string, ...string[]])[] {
  const commands: string[][] = [[]];
  for (const word of wordsOf(written)) {
    if (word === '&&') commands.push([]);
    else if (/^(?:\|\|?|&|[<>].*|2>.*|\S*;)$/.test(word))
      throw new ConfigError(`--build: no shell reads ${quote(word)}; give it to one: --build "sh -c '...'"`);
    else commands.at(-1)?.push(word);
  }
  return commands.map(([program, ...args]) => {
    if (program === undefined)
      throw new ConfigError(`--build: ${quote(written)} has a command that is empty`);
    return [program, ...args] as const;
  });
}
