/**
 * The file of the store: where it is, and that it is the user's alone. A link or a file of somebody else is refused:
 * whoever planted it would get, or choose, what is recorded.
 */
import { chmodSync, closeSync, lstatSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../self/folder.ts';
import { StoreError } from './error.ts';

export const STORE_FILE = 'sidelight.db';
const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;
const OTHERS = 0o077;

export function storePath(dataDir: string): string {
  return join(dataDir, STORE_FILE);
}

/** Bytes of the store's file and its log; undefined where there is none. */
export function storeBytes(dataDir: string): number | undefined {
  const path = storePath(dataDir);
  const [file, log] = [path, `${path}-wal`].map((name) => statSync(name, { throwIfNoEntry: false })?.size);
  return file === undefined ? undefined : file + (log ?? 0);
}

/**
 * Makes the folder and an empty file where there are none, for the owner only. A folder that is there keeps its mode:
 * it may be anybody's; the files do not. SQLite gives its -wal and -shm files the mode of the database. Throws what
 * node:fs throws, or a StoreError `store_unsafe`.
 */
export function prepareFile(dataDir: string): void {
  makeFolder(dataDir, OWNER_ONLY_FOLDER);
  const path = storePath(dataDir);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) secure(file);
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY_FILE));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    secure(path);
  }
}

function secure(file: string): void {
  // Looked at by name: opening and closing a database drops the locks that this process holds on it.
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile())
    throw new StoreError('store_unsafe', `${file} is no regular file; choose another --data-dir`);
  const me = process.geteuid?.();
  if (me === undefined) return;
  if (stat.uid !== me) {
    throw new StoreError('store_unsafe', `${file} belongs to another user; choose another --data-dir`);
  }
  if ((stat.mode & OTHERS) !== 0) chmodSync(file, OWNER_ONLY_FILE);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
