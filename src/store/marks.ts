/** What a person says about a recorded session: that it is to be kept, and a note. */
import type { Database } from 'better-sqlite3';

/** One line or some: a note is shown in lists, and is no place for a log. */
export const MAX_NOTE_CHARACTERS = 2000;

/** Pinned sessions are never deleted by retention. False: there is no such session. */
export function setPinned(db: Database, sessionId: string, pinned: boolean): boolean {
  const sql = 'UPDATE session SET pinned = ? WHERE id = ?';
  return db.prepare(sql).run(pinned ? 1 : 0, sessionId).changes > 0;
}

/** Undefined takes the note away. False: there is no such session. */
export function setNote(db: Database, sessionId: string, note: string | undefined): boolean {
  return db.prepare('UPDATE session SET note = ? WHERE id = ?').run(note ?? null, sessionId).changes > 0;
}
