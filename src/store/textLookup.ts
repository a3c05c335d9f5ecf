/**
 * Asks the index of texts where a text may be. It only narrows down: what the index does not know, or would answer at length, may
 * have the text, and each payload is still read before it is found.
 */
import type { Database, Statement } from 'better-sqlite3';
import { asSought } from './says.ts';
import { queryFor } from './trigrams.ts';

/** Numbers in memory for one text. What is in more blocks than these is found soon without an index. */
const MAX_BLOCKS = 100_000;
/** Each costs a look at a page; with more of them the newest of all sessions are walked. */
const MAX_NARROWED = 10_000;

export class TextLookup {
  readonly #blocks: Statement<unknown[], number>;
  readonly #sessions: Statement<unknown[], number>;
  /** Blocks by text; undefined: it may be in any. */
  readonly #found = new Map<string, ReadonlySet<number> | undefined>();
  readonly #narrowed = new Map<string, string | undefined>();

  /** Adds the function to a connection: may_say(number of a block that has an entry, text). */
  constructor(db: Database) {
    this.#blocks = db
      .prepare<unknown[], number>('SELECT rowid FROM block_text WHERE block_text MATCH ? LIMIT ?')
      .pluck();
    this.#sessions = db
      .prepare<unknown[], number>(
        'SELECT number FROM session INDEXED BY session_unindexed WHERE indexed = 0 UNION SELECT session.number FROM json_each(?) AS found ' +
          'CROSS JOIN block ON block.number = found.value CROSS JOIN session ON session.id = block.session_id LIMIT ?',
      )
      .pluck();
    db.function('may_say', (number: number, text: string) =>
      (this.#found.get(text)?.has(number) ?? true) ? 1 : 0,
    );
  }

  /** Looks up texts as of this moment; what was looked up before is forgotten. */
  look(texts: Iterable<string>): void {
    this.#found.clear();
    this.#narrowed.clear();
    for (const text of texts) {
      const query = queryFor(asSought(text));
      const blocks = query === undefined ? [] : this.#blocks.all(query, MAX_BLOCKS + 1);
      const isTold = query !== undefined && blocks.length <= MAX_BLOCKS;
      this.#found.set(text, isTold ? new Set(blocks) : undefined);
    }
  }

  /** Numbers of the sessions that may have a text that was looked up, as JSON; undefined: too many to name. */
  sessions(text: string): string | undefined {
    if (!this.#narrowed.has(text)) this.#narrowed.set(text, this.#sessionsOf(this.#found.get(text)));
    return this.#narrowed.get(text);
  }

  #sessionsOf(blocks: ReadonlySet<number> | undefined): string | undefined {
    if (blocks === undefined || blocks.size > MAX_NARROWED) return undefined;
    const sessions = this.#sessions.all(JSON.stringify([...blocks]), MAX_NARROWED + 1);
    return sessions.length > MAX_NARROWED ? undefined : JSON.stringify(sessions);
  }
}
