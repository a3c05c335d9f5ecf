/** Looks into a recording with SQLite alone, as any other program could. */
import Database from 'better-sqlite3';
import { join } from 'node:path';

export interface RecordedFrame {
  readonly seq: number;
  readonly channel: string;
  readonly kind: string;
  readonly bytes: Buffer;
  readonly ending: string;
  readonly size: number;
  readonly truncated: number;
}

/** Columns as in the table. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs a query on the store of a folder. Empty when there is no store yet. */
export function query<T = Row>(dataDir: string, sql: string, ...values: unknown[]): T[] {
  let db;
  try {
    db = new Database(join(dataDir, 'sidelight.db'), { readonly: true, fileMustExist: true, timeout: 5000 });
    return db.prepare<unknown[], T>(sql).all(...values);
  } catch (error) {
    // The file appears before its tables do.
    if (error instanceof Error && /no such table|unable to open/.test(error.message)) return [];
    throw error;
  } finally {
    db?.close();
  }
}

/** The frames of a folder's only session, in order. */
export function frames(dataDir: string): RecordedFrame[] {
  return query<RecordedFrame>(dataDir, 'SELECT * FROM frame ORDER BY seq');
}

/** What a stream's frames and endings make when they are put together again. */
export function rejoined(
  recorded: readonly { channel: string; kind: string; bytes: Uint8Array; ending: string }[],
  channel: string,
): Buffer {
  return Buffer.concat(
    recorded
      .filter((frame) => frame.channel === channel && frame.kind !== 'lifecycle' && frame.kind !== 'gap')
      .flatMap(({ bytes, ending }) => [bytes, Buffer.from(ending)]),
  );
}
