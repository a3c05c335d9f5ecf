/**
 * The text of a config file with Sidelight in front of servers, or without it. It proves what it did before anybody writes it: the new
 * text is read again, and taking Sidelight out of it gives the old one.
 */
import type { Client } from './clients.ts';
import { type How, unwrapEdits, wrapEdits } from './edits.ts';
import { type Server, serversIn } from './entry.ts';
import { parseJsonc } from './jsonc.ts';
import { parseToml } from './toml.ts';
import { type Edit, edited, type Parsed, type Table } from './tree.ts';

export type Direction = 'wrap' | 'unwrap';

export interface Format {
  readonly parse: (text: string) => Parsed;
  readonly comment: RegExp;
}

/** Judged by the name, as clients do. */
export function formatOf(path: string): Format {
  return path.endsWith('.toml')
    ? { parse: parseToml, comment: /#[^\r\n]*/g }
    : { parse: parseJsonc, comment: /\/\/[^\r\n]*|\/\*[^]*?\*\//g };
}

export interface Source {
  readonly text: string;
  readonly client: Client;
  readonly format: Format;
}

export interface Listed {
  readonly root: Table;
  readonly servers: readonly Server[];
}

/** One line, without anything of the file. */
export interface Problem {
  readonly problem: string;
}

/** What the file has. */
export function listed({ text, client, format }: Source, script: string | undefined): Listed | Problem {
  const parsed = format.parse(text);
  if ('problem' in parsed) return parsed;
  return { root: parsed.root, servers: serversIn(parsed.root, text, client, script) };
}

export interface Rewritten {
  readonly text: string;
  readonly edits: readonly Edit[];
  /** Whose edits they are. */
  readonly changed: readonly Server[];
}

/** Of the servers that `isMeant`, those that it can change. */
export function rewritten(
  source: Source,
  direction: Direction,
  isMeant: (server: Server) => boolean,
  how: How,
): Rewritten | Problem {
  const found = listed(source, how.sidelight.script);
  if ('problem' in found) return found;
  const edits = found.servers.filter(isMeant).flatMap((server) => {
    const { entry, name } = server;
    const some =
      direction === 'wrap' ? wrapEdits(source.text, name, entry, how) : unwrapEdits(source.text, entry);
    return some.length === 0 ? [] : [{ server, some }];
  });
  const all = edits.flatMap(({ some }) => some);
  const changed = edits.map(({ server }) => server);
  const text = edited(source.text, all);
  const after = listed({ ...source, text }, how.sidelight.script);
  if ('problem' in after) return { problem: `left as it is, since the result would be ${after.problem}` };
  if (direction === 'wrap') {
    const names = new Set(changed.map(keyOf));
    const undo = after.servers
      .filter((server) => names.has(keyOf(server)))
      .flatMap(({ entry }) => unwrapEdits(text, entry));
    if (edited(text, undo) !== source.text) {
      return { problem: 'left as it is, since unwrap could not give the same bytes back' };
    }
  }
  return { text, edits: all, changed };
}

/** Of a file, one server. */
export function keyOf({ path, name }: Pick<Server, 'path' | 'name'>): string {
  return JSON.stringify([...path, name]);
}
