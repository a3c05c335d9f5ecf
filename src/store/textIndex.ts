/**
 * Tends the index of texts, in steps of milliseconds: enters the blocks of packed sessions, takes all out again when it is not
 * wanted, and rewrites it so that of what was deleted nothing is left. Only housekeeping calls it, under its lease.
 */
import type { Database } from 'better-sqlite3';
import { usedBytes } from './retention.ts';
import { payloadsOf } from './says.ts';
import { Trigrams } from './trigrams.ts';

export interface TextIndexRules {
  /** `keep` neither enters anything nor takes it out. */
  readonly does: 'grow' | 'keep' | 'drop';
  /** Nothing more is entered while the store holds more; undefined: no bound. */
  readonly maxStoreBytes: number | undefined;
}

export interface TextIndexHealth {
  /** Of the index itself. */
  readonly bytes: number;
  readonly blocks: number;
  /** Sessions whose payloads are read for each search: they are not over, not packed, or not entered yet. */
  readonly unindexedSessions: number;
  /** Entries that were deleted, and whose trigrams a purge has still to remove. */
  readonly unpurged: number;
}

type GoesOn = () => Promise<boolean>;

/** Of payloads entered in one step, but for a single block above it: about 10 ms, and a lock of so long. */
const STEP_BYTES = 256 * 1024;
const STEP_BLOCKS = 64;
/** Entries taken out in one step. */
const DROPPED = 500;
/** Pages of 4 KB that a purge merges in one step. */
const MERGED_PAGES = 64;
/** A purge rewrites the whole index, so retention causes one a day; who deletes by hand does not wait for that. */
const PURGE_EVERY_US = 24 * 60 * 60 * 1_000_000;
/** Then retention is to have its turn. */
const GROW_US = 5 * 60_000_000;

/** How many sessions were entered. Throws what SQLite throws. */
export async function tendTextIndex(
  db: Database,
  { does, maxStoreBytes }: TextIndexRules,
  nowUs: () => number,
  goesOn: GoesOn,
): Promise<number> {
  if (does === 'drop') while (drop(db)) if (!(await goesOn())) return 0;
  const untilUs = nowUs() + GROW_US;
  const isRoom = (): boolean =>
    nowUs() < untilUs && (maxStoreBytes === undefined || usedBytes(db) <= maxStoreBytes);
  const entered = does === 'grow' ? await grow(db, isRoom, goesOn) : 0;
  await purge(db, does === 'grow' ? PURGE_EVERY_US : 0, nowUs(), goesOn);
  return entered;
}

/** Reads the whole index. */
export function textIndexHealth(db: Database): TextIndexHealth {
  const one = (sql: string): number => db.prepare<unknown[], number>(sql).pluck().get() ?? 0;
  return {
    bytes: one('SELECT sum(length(block)) FROM block_text_data'),
    blocks: one('SELECT count(*) FROM block_text_docsize'),
    unindexedSessions: one('SELECT count(*) FROM session WHERE indexed = 0'),
    unpurged: one('SELECT deletions - purged FROM text_index'),
  };
}

/** The newest first: they are asked for most. */
async function grow(db: Database, isRoom: () => boolean, goesOn: GoesOn): Promise<number> {
  const trigrams = new Trigrams();
  const next = db.prepare<unknown[], { number: number; id: string }>(
    'SELECT number, id FROM session WHERE indexed = 0 AND packed = 1 AND number < ? ORDER BY number DESC LIMIT 1',
  );
  let count = 0;
  for (let before = Number.MAX_SAFE_INTEGER; isRoom();) {
    const session = next.get(before);
    if (session === undefined) return count;
    before = session.number;
    for (let seq: number | undefined = 0; seq !== undefined;) {
      seq = enter(db, trigrams, session.id, seq);
      if (!(await goesOn())) return count;
    }
    count += 1;
  }
  return count;
}

interface BlockRow {
  readonly number: number;
  readonly last_seq: number;
  readonly coding: number;
  readonly entries: string;
  readonly data: Buffer;
}

/** One short transaction; the next begins at the frame it returns. Undefined: every block of the session has its entry. */
function enter(db: Database, trigrams: Trigrams, id: string, fromSeq: number): number | undefined {
  const next = db.prepare<unknown[], BlockRow>(
    'SELECT number, last_seq, coding, entries, data FROM block WHERE session_id = ? AND first_seq >= ? ' +
      'AND NOT EXISTS (SELECT 1 FROM block_text_docsize WHERE id = block.number) ORDER BY first_seq LIMIT 1',
  );
  const insert = db.prepare('INSERT INTO block_text (rowid, trigrams) VALUES (?, ?)');
  return db
    .transaction(() => {
      let seq = fromSeq;
      for (let bytes = 0, blocks = 0; bytes < STEP_BYTES && blocks < STEP_BLOCKS; blocks += 1) {
        const row = next.get(id, seq);
        if (row === undefined) {
          // Others may have repacked what lies before.
          if (seq > 0 && next.get(id, 0) !== undefined) return 0;
          db.prepare('UPDATE session SET indexed = 1 WHERE id = ?').run(id);
          return undefined;
        }
        const block = payloadsOf(row);
        insert.run(row.number, trigrams.wordsOf(block.payloads.map(({ text }) => text)));
        bytes += block.bytes;
        seq = row.last_seq + 1;
      }
      return seq;
    })
    .immediate();
}

/** False: nothing is left. */
function drop(db: Database): boolean {
  return db
    .transaction(() => {
      const some = `(SELECT id FROM block_text_docsize ORDER BY id LIMIT ${DROPPED})`;
      db.prepare(
        `UPDATE session SET indexed = 0 WHERE id IN (SELECT session_id FROM block WHERE number IN ${some})`,
      ).run();
      const { changes } = db.prepare(`DELETE FROM block_text WHERE rowid IN ${some}`).run();
      db.prepare('UPDATE text_index SET deletions = deletions + ?').run(changes);
      return changes > 0;
    })
    .immediate();
}

/** Where something was deleted since the last purge, and that is so long ago. */
async function purge(db: Database, everyUs: number, nowUs: number, goesOn: GoesOn): Promise<void> {
  const deletions = db
    .prepare<unknown[], number>(
      'SELECT deletions FROM text_index WHERE deletions > purged AND purged_at <= ?',
    )
    .pluck()
    .get(nowUs - everyUs);
  if (deletions === undefined) return;
  // A negative number makes one merge of all there is, which those that follow go on with.
  const merge = db.prepare("INSERT INTO block_text (block_text, rank) VALUES ('merge', ?)");
  const changes = db.prepare<unknown[], number>('SELECT total_changes()').pluck();
  for (let pages = -MERGED_PAGES; ; pages = MERGED_PAGES) {
    const before = changes.get() ?? 0;
    merge.run(pages);
    // So FTS5 says that nothing is left to be merged.
    if (pages > 0 && (changes.get() ?? 0) - before < 2) break;
    if (!(await goesOn())) return;
  }
  // What was deleted meanwhile is for the next.
  db.prepare('UPDATE text_index SET purged = ?, purged_at = ?').run(deletions, nowUs);
}
