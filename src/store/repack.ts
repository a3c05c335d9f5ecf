/**
 * Rewrites blocks of a session: merges the small ones that a quiet session leaves, compresses them, or takes the bodies out.
 * Each call is one short transaction, so that writers wait for milliseconds; until it commits, the old blocks stand.
 */
import type { Database } from 'better-sqlite3';
import { BlockEncoder, decodeBlock, type StoredFrame } from './block.ts';
import { packed, PLAIN, unpacked } from './coding.ts';

/** What is read for one call, at most, but for a single block above it: a few milliseconds of work. */
const STEP_BYTES = 1024 * 1024;

export interface Repacking {
  readonly keepBodies: boolean;
  readonly compress: boolean;
}

export interface Repacked {
  /** The next call begins here; undefined: that was the last block. */
  readonly nextSeq: number | undefined;
  /** Frames that lost their bodies, and how many bytes these had. */
  readonly strippedFrames: number;
  readonly strippedBytes: number;
}

interface BlockRow {
  readonly number: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly first_at: number;
  readonly coding: number;
  readonly entries: string;
  readonly data: Buffer;
}

/** Throws what SQLite throws; then nothing has changed. */
export function repack(
  db: Database,
  sessionId: string,
  fromSeq: number,
  { keepBodies, compress }: Repacking,
): Repacked {
  return db
    .transaction(() => {
      const rows = step(db, sessionId, fromSeq);
      const frames = rows.flatMap((row) => {
        const { entries, data } = unpacked(row);
        return decodeBlock(row.first_at, entries, data);
      });
      const remove = db.prepare('DELETE FROM block WHERE number = ?');
      for (const { number } of rows) remove.run(number);
      const insert = db.prepare(
        'INSERT INTO block (session_id, first_seq, last_seq, count, first_at, last_at, coding, entries, data) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      );
      let left = 0;
      for (const block of new BlockEncoder(keepBodies).encode(frames)) {
        const { firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data } = block;
        const stored = compress ? packed(entries, data) : { coding: PLAIN, entries, data };
        insert.run(
          sessionId,
          firstSeq,
          lastSeq,
          count,
          firstAtUs,
          lastAtUs,
          stored.coding,
          stored.entries,
          stored.data,
        );
        left += data.length;
      }
      const last = rows.at(-1)?.last_seq;
      return {
        nextSeq: last === undefined || !hasMore(db, sessionId, last) ? undefined : last + 1,
        strippedFrames: keepBodies ? 0 : frames.filter(({ bytes }) => bytes.length > 0).length,
        strippedBytes: bytesOf(frames) - left,
      };
    })
    .immediate();
}

function step(db: Database, sessionId: string, fromSeq: number): BlockRow[] {
  const rows: BlockRow[] = [];
  let bytes = 0;
  const next = db.prepare<unknown[], BlockRow>(
    'SELECT number, first_seq, last_seq, first_at, coding, entries, data FROM block ' +
      'WHERE session_id = ? AND first_seq >= ? ORDER BY first_seq LIMIT 1',
  );
  for (let seq = fromSeq; bytes < STEP_BYTES;) {
    const row = next.get(sessionId, seq);
    if (row === undefined) break;
    const size = row.entries.length + row.data.length;
    if (rows.length > 0 && bytes + size > STEP_BYTES) break;
    rows.push(row);
    bytes += size;
    seq = row.last_seq + 1;
  }
  return rows;
}

function hasMore(db: Database, sessionId: string, seq: number): boolean {
  const sql = 'SELECT 1 FROM block WHERE session_id = ? AND first_seq > ? LIMIT 1';
  return db.prepare(sql).get(sessionId, seq) !== undefined;
}

function bytesOf(frames: readonly StoredFrame[]): number {
  return frames.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
