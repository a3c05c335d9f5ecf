/** What can be wrong with the store, told in one line that says what to do. It never holds anything that was recorded. */

export type StoreErrorCode =
  /** Nothing was ever recorded here. */
  | 'store_missing'
  /** The SQLite driver cannot be loaded. */
  | 'store_no_driver'
  /** Written by a newer version; left untouched. */
  | 'store_newer'
  /** Not a database, or a damaged one. */
  | 'store_corrupt'
  /** A database of another program; left untouched. */
  | 'store_foreign'
  /** A symbolic link, no regular file, or a file of another user. */
  | 'store_unsafe'
  /** The file or its file system can be read only. */
  | 'store_readonly'
  /** The folder or the file cannot be opened or made. */
  | 'store_unwritable'
  | 'store_full'
  | 'store_io'
  /** Another process is writing; worth trying again at once. */
  | 'store_locked'
  | 'store_internal'
  /** The fleet's store does not answer now. */
  | 'fleet_away'
  /** It does not let us, is not set up, or is of another version. */
  | 'fleet_refused'
  /** A question that the fleet's store gave up. */
  | 'fleet_too_much'
  | 'session_unknown'
  | 'session_ambiguous';

/** `message` is one line. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** First match wins: the start of a SQLite result code or an errno, what it means here, and what to do about it. */
const TRANSLATIONS: readonly (readonly [string, StoreErrorCode, string])[] = [
  ['SQLITE_BUSY', 'store_locked', 'is being written by another process'],
  ['SQLITE_LOCKED', 'store_locked', 'is being written by another process'],
  ['SQLITE_FULL', 'store_full', 'cannot grow: the disk is full; make room'],
  ['ENOSPC', 'store_full', 'cannot grow: the disk is full; make room'],
  ['EDQUOT', 'store_full', 'cannot grow: the quota is used up; make room'],
  ['SQLITE_READONLY', 'store_readonly', 'can only be read; allow writing or choose another --data-dir'],
  ['EROFS', 'store_readonly', 'is on a read-only file system; choose another --data-dir'],
  ['SQLITE_CORRUPT', 'store_corrupt', 'is damaged; move it away and a new one is made'],
  ['SQLITE_NOTADB', 'store_corrupt', 'is no SQLite database; move it away and a new one is made'],
  ['SQLITE_IOERR', 'store_io', 'cannot be read or written; check the disk'],
  ['EIO', 'store_io', 'cannot be read or written; check the disk'],
  [
    'SQLITE_CANTOPEN',
    'store_unwritable',
    'cannot be opened; check the permissions or choose another --data-dir',
  ],
  ['ELOOP', 'store_unsafe', 'is a symbolic link, which is not followed; choose another --data-dir'],
  ['ENOTDIR', 'store_unwritable', 'has a file where a folder should be; choose another --data-dir'],
  ['EEXIST', 'store_unwritable', 'has a file where a folder should be; choose another --data-dir'],
  ['ERR_', 'store_internal', 'failed'],
  ['E', 'store_unwritable', 'cannot be opened; check the permissions or choose another --data-dir'],
];

/** A failure of SQLite or of the file system at `path`, as a StoreError; one that is a StoreError already stays. */
export function storeError(path: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const found = TRANSLATIONS.find(([start]) => code.startsWith(start));
  if (found === undefined) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new StoreError(
      'store_internal',
      `the recording ${path} failed: ${why.split('\n', 1).join('')}`,
      cause,
    );
  }
  return new StoreError(found[1], `the recording ${path} ${found[2]} (${code})`, cause);
}
