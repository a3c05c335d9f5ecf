/** Writes the whole file anew: the one way in which a store of before version 2 learns to give freed pages back. */
import { storeError } from './error.ts';
import { storePath } from './file.ts';
import { openForWriting } from './open.ts';

/** Nobody else can write meanwhile, and the disk needs room for a second file. Rejects with a StoreError. */
export async function vacuum(dataDir: string): Promise<void> {
  const db = await openForWriting(dataDir);
  try {
    db.pragma('auto_vacuum = INCREMENTAL');
    db.exec('VACUUM');
    db.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    throw storeError(storePath(dataDir), error);
  } finally {
    db.close();
  }
}
