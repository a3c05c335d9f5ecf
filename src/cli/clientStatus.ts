/** `sidelight status`: which clients are there, which servers they have, and which go through Sidelight. It changes nothing. */
import type { Server } from '../clients/entry.ts';
import { shownUrl, shownWords } from '../clients/shown.ts';
import { quote } from '../config/error.ts';
import { type Asked, filesMeant, type Found, titleOf } from './clientFiles.ts';
import type { Io } from './io.ts';
import { json, safe, type Terminal } from './terminal.ts';

interface ServerStatus {
  readonly name: string;
  /** Of a file with servers of several projects. */
  readonly project?: string;
  readonly transport: 'stdio' | 'http' | 'unknown';
  readonly wrapped: boolean;
  /** What it is without Sidelight, without what may be a secret. */
  readonly server?: string;
  readonly cannotBeWrapped?: string;
}

/** Prints it; resolves to the exit code: 1 where a file cannot be read or a server is not there. */
export async function status(
  asked: Asked,
  options: { readonly json?: true; readonly file?: string },
  { io, terminal }: { readonly io: Io; readonly terminal: Terminal },
): Promise<number> {
  const files = filesMeant(asked, options.file, io);
  const rows = files.map((file) => ({ file, servers: serversOf(file, asked.server) }));
  const failed = files.some(({ state }) => state === 'broken');
  const isMissing = asked.server !== undefined && rows.every(({ servers }) => servers.length === 0);
  if (options.json === true) {
    await terminal.line(json(rows.map(({ file, servers }) => fileStatus(file, servers))));
    return failed || isMissing ? 1 : 0;
  }
  for (const { file, servers } of rows) if (file.state !== 'absent') await print(file, servers, terminal);
  const present = new Set(files.filter(({ state }) => state !== 'absent').map(({ client }) => client.id));
  const absent = [...new Set(files.map(({ client }) => client.id))].filter((id) => !present.has(id));
  if (absent.length > 0) await terminal.line(terminal.paint('dim', `Not found: ${absent.join(', ')}`));
  if (isMissing) terminal.problem(`no server named ${quote(asked.server)}`);
  return failed || isMissing ? 1 : 0;
}

function fileStatus(file: Found, servers: readonly ServerStatus[]): object {
  const problem = file.state === 'broken' ? { problem: file.problem } : {};
  return { client: file.client.id, file: file.path, state: file.state, ...problem, servers };
}

async function print(file: Found, servers: readonly ServerStatus[], terminal: Terminal): Promise<void> {
  await terminal.line(`${terminal.paint('bold', file.client.title)}  ${safe(file.path)}`);
  if (file.state === 'broken') await terminal.line(`  ${terminal.paint('red', safe(file.problem))}`);
  else if (servers.length === 0) await terminal.line('  no servers');
  for (const one of servers) {
    const title = titleOf({
      name: one.name,
      path: one.project === undefined ? [] : ['projects', one.project],
    });
    const state = one.wrapped
      ? terminal.paint('green', 'wrapped')
      : one.cannotBeWrapped === undefined
        ? 'not wrapped'
        : `cannot be wrapped: ${one.cannotBeWrapped}`;
    const what = one.server === undefined ? '' : `  ${terminal.paint('dim', safe(one.server))}`;
    await terminal.line(`  ${safe(title)}  ${one.transport}  ${state}${what}`);
  }
}

function serversOf(file: Found, name: string | undefined): readonly ServerStatus[] {
  if (file.state !== 'read') return [];
  return file.listed.servers.filter((server) => name === undefined || server.name === name).map(statusOf);
}

function statusOf({ name, path, entry }: Server): ServerStatus {
  const project = path[0] === 'projects' ? path[1] : undefined;
  const of = { name, ...(project !== undefined && { project }) };
  switch (entry.kind) {
    case 'odd':
      return { ...of, transport: 'unknown', wrapped: false, cannotBeWrapped: entry.why };
    case 'url': {
      const server = shownUrl(entry.ours === undefined ? entry.url.text : entry.raw.slice(entry.ours));
      return { ...of, transport: 'http', wrapped: entry.ours !== undefined, server };
    }
    case 'command':
    case 'words': {
      const server = shownWords(entry.words)
        .slice(entry.through?.own ?? 0)
        .join(' ');
      return { ...of, transport: 'stdio', wrapped: entry.through !== undefined, server };
    }
  }
}
