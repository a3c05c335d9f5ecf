/**
 * The definitions of tools that are trusted, as the observer asks for them: read from the store, a moment old at most. Where
 * there is no store, or it cannot be read, nothing is trusted and nothing is found.
 */
import type { Database } from 'better-sqlite3';
import type { TrustedTool, TrustedTools } from './event/toolDefinition.ts';

/** What somebody accepts is seen after so long; lists come seldom, and a look costs some microseconds. */
const FRESH_MS = 1000;
/** How often a store that is not there is looked for. */
const RETRY_MS = 2000;
/** Servers say their own names, so that there can be any number of them; what is forgotten is read again. */
const MAX_KNOWN = 64;

interface Known {
  readonly atMs: number;
  readonly tools: ReadonlyMap<string, TrustedTool> | undefined;
}

export class Baselines {
  readonly #dataDir: string;
  readonly #known = new Map<string, Known>();
  #db: Database | undefined;
  #triedAtMs = -Infinity;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Resolves when the store, if there is one, is open. */
  async open(): Promise<this> {
    await this.#connect();
    return this;
  }

  readonly trusted: TrustedTools = (server) => {
    const nowMs = performance.now();
    const known = this.#known.get(server);
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return known.tools;
    if (this.#db === undefined && nowMs - this.#triedAtMs > RETRY_MS) void this.#connect();
    const tools = this.#read(server);
    if (known === undefined && this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(server, { atMs: nowMs, tools });
    return tools;
  };

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  #read(server: string): ReadonlyMap<string, TrustedTool> | undefined {
    if (this.#db === undefined) return undefined;
    try {
      const rows = this.#db
        .prepare<[string], TrustedTool & { readonly tool: string }>(
          'SELECT tool, hash, definition FROM tool_definition WHERE server = ? AND trusted = 1',
        )
        .all(server);
      return rows.length === 0 ? undefined : new Map(rows.map(({ tool, ...rest }) => [tool, rest]));
    } catch {
      return undefined;
    }
  }

  async #connect(): Promise<void> {
    this.#triedAtMs = performance.now();
    try {
      const { openForReading } = await import('./store/open.ts');
      this.#db = await openForReading(this.#dataDir);
    } catch {
      // Nothing is recorded yet, or whoever writes says what is wrong.
    }
  }
}
