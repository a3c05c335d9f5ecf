/** A log file that is opened when there is something to write, private to its owner, and appended to, never truncated. */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export class LogFile {
  readonly path: string;
  #handle: FileHandle | undefined;
  /** A write that failed may have left half a line behind. */
  #torn = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Rejects with the system's error; the next call opens the file anew. One call at a time. */
  async append(lines: Uint8Array): Promise<void> {
    try {
      this.#handle ??= await this.#open();
      if (this.#torn) await this.#handle.appendFile('\n');
      await this.#handle.appendFile(lines);
      this.#torn = false;
    } catch (error) {
      this.#torn = this.#handle !== undefined;
      await this.close();
      throw error;
    }
  }

  /** Lets go of the file: after a rotation the next line goes to a new one. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.path), { recursive: true, mode: DIRECTORY_MODE });
    return open(this.path, 'a', FILE_MODE);
  }
}
