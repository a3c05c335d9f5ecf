/** The config files that a command line means, read. Nothing is written here. */
import { resolve } from 'node:path';
import { type Client, CLIENTS, filesOf } from '../clients/clients.ts';
import { type ConfigFile, readConfigFile } from '../clients/file.ts';
import { sidelightOf } from '../clients/launch.ts';
import { formatOf, listed, type Listed, type Source } from '../clients/rewrite.ts';
import { ConfigError, quote } from '../config/error.ts';
import { didYouMean, nearest } from '../config/suggest.ts';
import type { Io } from './io.ts';

/** What follows the command's name. */
export interface Asked {
  readonly client: string | undefined;
  readonly server: string | undefined;
}

export type Found = { readonly client: Client; readonly path: string } & (
  | { readonly state: 'absent' }
  | { readonly state: 'broken'; readonly problem: string }
  | { readonly state: 'read'; readonly file: ConfigFile; readonly source: Source; readonly listed: Listed }
);

/** Throws ConfigError for a client that is not known. */
export function filesMeant({ client: name }: Asked, file: string | undefined, io: Io): readonly Found[] {
  const clients = clientsMeant(name);
  if (file !== undefined && name === undefined) {
    throw new ConfigError('--file: name the client whose config it is, such as claude-code');
  }
  const { script } = sidelightOf(io.self, io.platform);
  return clients.flatMap((client) =>
    (file === undefined ? filesOf(client, io) : [resolve(io.cwd, file)]).map((path) =>
      found(client, path, script),
    ),
  );
}

function clientsMeant(name: string | undefined): readonly Client[] {
  if (name === undefined) return CLIENTS;
  const client = CLIENTS.find(({ id }) => id === name);
  if (client !== undefined) return [client];
  const ids = CLIENTS.map(({ id }) => id);
  throw new ConfigError(
    `${quote(name)} is no client; clients: ${ids.join(', ')}${didYouMean(nearest(name, ids))}`,
  );
}

function found(client: Client, path: string, script: string | undefined): Found {
  const file = readConfigFile(path);
  if (file === undefined) return { client, path, state: 'absent' };
  if ('problem' in file) return { client, path, state: 'broken', problem: file.problem };
  const source = { text: file.text, client, format: formatOf(path) };
  const all = listed(source, script);
  return 'problem' in all
    ? { client, path, state: 'broken', problem: `cannot be used: ${all.problem}` }
    : { client, path, state: 'read', file, source, listed: all };
}

/** `files`, or `files (/home/me/project)` where a file has servers of several projects. */
export function titleOf({ name, path }: { readonly name: string; readonly path: readonly string[] }): string {
  const project = path[0] === 'projects' ? path[1] : undefined;
  return project === undefined ? name : `${name} (${project})`;
}
