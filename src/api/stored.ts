/** The store as the API has it: opened when it is first needed, anew when the file was replaced, and written to for a moment only. */
import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { storeError } from '../store/error.ts';
import { storePath } from '../store/file.ts';
import { openForWriting } from '../store/open.ts';
import { openStore } from '../store/read.ts';
import { localRecordings, type Recordings } from '../store/recordings.ts';
import { ApiError } from './problem.ts';

export type Writing = Awaited<ReturnType<typeof openForWriting>>;

/** Others write for some milliseconds at a time: this is two seconds, with what SQLite waits by itself. */
const MAX_TRIES = 20;
const RETRY_MS = 50;

export class Stored {
  readonly #dataDir: string;
  #opened: { readonly recordings: Recordings; readonly file: number } | undefined;
  #opening: Promise<Recordings> | undefined;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** The same until the file is another. Rejects with a StoreError. */
  recordings(): Promise<Recordings> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Rejects with a StoreError, `store_locked` when others did not let it write for too long. */
  async write<T>(use: (db: Writing) => T): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        const db = await openForWriting(this.#dataDir);
        try {
          return use(db);
        } finally {
          db.close();
        }
      } catch (cause) {
        const error = storeError(storePath(this.#dataDir), cause);
        if (error.code !== 'store_locked' || tries === MAX_TRIES) throw error;
      }
      await delay(RETRY_MS);
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.recordings.close();
  }

  async #open(): Promise<Recordings> {
    const file = await stat(storePath(this.#dataDir)).then(
      ({ ino }) => ino,
      () => undefined,
    );
    if (this.#opened !== undefined && this.#opened.file === file) return this.#opened.recordings;
    await this.close();
    const recordings = localRecordings(await openStore(this.#dataDir));
    this.#opened = { recordings, file: file ?? 0 };
    return recordings;
  }
}

/** Throws an ApiError on a query node, which reads what sidecars brought to the fleet's store. */
export function writable({ stored }: { readonly stored: Stored | undefined }): Stored {
  if (stored !== undefined) return stored;
  throw new ApiError(
    501,
    'nothing is changed in the store of a fleet from here: do it on the machine that recorded the session',
  );
}
