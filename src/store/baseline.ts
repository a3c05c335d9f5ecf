/** The tools' definitions that are trusted, by server, and what was seen since: read by the observer, decided by a person. */
import type { Database, Statement } from 'better-sqlite3';
import type { ToolSeen } from '../event/event.ts';

/** A definition of a tool of a server; times are microseconds since the Unix epoch. */
export interface ToolDefinition {
  readonly server: string;
  readonly tool: string;
  readonly hash: string;
  /** JSON, redacted. */
  readonly definition: string;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  readonly trusted: boolean;
}

const COLUMNS = 'server, tool, hash, definition, first_seen AS firstSeenUs, last_seen AS lastSeenUs, trusted';

/** Every definition that was seen, of one server or of all, the trusted one of a tool first, then the latest. */
export function definitions(db: Database, server?: string): ToolDefinition[] {
  const where = server === undefined ? '' : 'WHERE server = ?';
  const rows = db
    .prepare<unknown[], Omit<ToolDefinition, 'trusted'> & { readonly trusted: number }>(
      `SELECT ${COLUMNS} FROM tool_definition ${where} ORDER BY server, tool, trusted DESC, last_seen DESC`,
    )
    .all(...(server === undefined ? [] : [server]));
  return rows.map(({ trusted, ...row }) => ({ ...row, trusted: trusted === 1 }));
}

/** Trusts what was seen last of a server's tools, or of one of them. Gives back how many that changed. */
export function accept(db: Database, server: string, tool: string | undefined): number {
  const latest = new Map<string, ToolDefinition>();
  for (const definition of definitions(db, server)) {
    const known = latest.get(definition.tool);
    if (known === undefined || definition.lastSeenUs > known.lastSeenUs)
      latest.set(definition.tool, definition);
  }
  const trust = db.prepare('UPDATE tool_definition SET trusted = (hash = ?) WHERE server = ? AND tool = ?');
  let changes = 0;
  const all = db.transaction(() => {
    for (const { tool: name, hash, trusted } of latest.values()) {
      if (trusted || (tool !== undefined && tool !== name)) continue;
      trust.run(hash, server, name);
      changes += 1;
    }
  });
  all.immediate();
  return changes;
}

/** Forgets a server's tools: what is seen next is trusted. Gives back how many definitions there were. */
export function reset(db: Database, server: string): number {
  return db.prepare('DELETE FROM tool_definition WHERE server = ?').run(server).changes;
}

/** Writes what was seen; part of a batch's transaction. */
export class DefinitionWriter {
  readonly #seen: Statement;

  constructor(db: Database) {
    this.#seen = db.prepare(
      `INSERT INTO tool_definition (server, tool, hash, definition, first_seen, last_seen, trusted)
       VALUES (@server, @tool, @hash, @definition, @atUs, @atUs, @first AND NOT EXISTS (
         SELECT 1 FROM tool_definition WHERE server = @server AND tool = @tool AND trusted = 1))
       ON CONFLICT (server, tool, hash) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)`,
    );
  }

  write({ server, tool, hash, definition, atUs, trust }: ToolSeen): void {
    this.#seen.run({ server, tool, hash, definition, atUs, first: trust === 'first_use' ? 1 : 0 });
  }
}
