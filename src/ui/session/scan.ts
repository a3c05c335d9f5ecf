/**
 * Looks through all frames of a session for those that a view wants: heads and the first 200 characters, page by page, and goes on
 * while the session is recorded. It tells how far it is.
 */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Client } from '../../api/client.ts';
import { asError } from '../loading.ts';
import type { Frame } from './frames.ts';

/** Found ones that are kept. */
const MAX_FOUND = 50_000;
const PAGE = 1000;

export interface Scanned {
  readonly found: readonly Frame[];
  readonly looked: number;
  readonly isDone: boolean;
  /** The bound was reached. */
  readonly isFull: boolean;
  readonly error: Error | undefined;
}

class Scan {
  readonly #found: Frame[] = [];
  readonly #client: Client;
  readonly #id: string;
  readonly #keeps: (frame: Frame) => boolean;
  readonly #changed: () => void;
  #next = 0;
  #isRunning = false;
  #isStopped = false;
  #error: Error | undefined;

  constructor(client: Client, id: string, keeps: (frame: Frame) => boolean, changed: () => void) {
    this.#client = client;
    this.#id = id;
    this.#keeps = keeps;
    this.#changed = changed;
  }

  get state(): Scanned {
    return {
      found: this.#found,
      looked: this.#next,
      isDone: !this.#isRunning,
      isFull: this.#found.length >= MAX_FOUND,
      error: this.#error,
    };
  }

  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      let isMore = true;
      while (isMore && !this.#isStopped && this.#found.length < MAX_FOUND) {
        const { items, next } = await this.#client.frames(this.#id, { from: this.#next, limit: PAGE });
        for (const frame of items) if (this.#keeps(frame)) this.#found.push(frame);
        this.#next = next ?? (items.at(-1)?.seq ?? this.#next - 1) + 1;
        isMore = next !== undefined;
        if (isMore) this.#changed();
      }
      this.#error = undefined;
    } catch (cause) {
      this.#error = asError(cause);
    }
    this.#isRunning = false;
    if (!this.#isStopped) this.#changed();
  }

  stop(): void {
    this.#isStopped = true;
  }
}

/** `key` names what is wanted; undefined: nothing is looked for. */
export function useScan(
  client: Client,
  { id, frames }: { readonly id: string; readonly frames: number },
  key: string | undefined,
  keeps: (frame: Frame) => boolean,
): Scanned | undefined {
  const [, redraw] = useState(0);
  const scan = useMemo(
    () => (key === undefined ? undefined : new Scan(client, id, keeps, () => redraw((turn) => turn + 1))),
    [client, id, key],
  );
  useEffect(() => () => scan?.stop(), [scan]);
  useEffect(() => void scan?.run(), [scan, frames]);
  return scan?.state;
}
