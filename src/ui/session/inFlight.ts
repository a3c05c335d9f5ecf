/**
 * Operations without an end: requests among the frames of a session whose operation is not over. They are looked for in what was
 * recorded last and in what comes, while it is recorded; of a session that was interrupted, they never ended.
 */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Client } from '../../api/client.ts';
import type { Known } from './data.ts';
import type { Frame } from './frames.ts';

export interface InFlight {
  readonly operationId: number;
  readonly method: string;
  readonly fromServer: boolean;
  readonly startedAtUs: number;
  readonly seq: number;
}

const PAGE = 1000;
/** Looked back at when a session is opened; what began before is shown when it ends. */
const MAX_LOOKED_BACK = 20_000;
/** More at a time are not shown. */
const MAX_IN_FLIGHT = 10_000;

class Looking {
  readonly #client: Client;
  readonly #id: string;
  readonly #changed: () => void;
  readonly #begun = new Map<number, InFlight>();
  #next: number;
  #isRunning = false;
  #isStopped = false;

  constructor(client: Client, { id, frames }: Known['session'], changed: () => void) {
    this.#client = client;
    this.#id = id;
    this.#next = Math.max(0, frames - MAX_LOOKED_BACK);
    this.#changed = changed;
  }

  /** Forgets those that are over. */
  without(isOver: (operationId: number) => boolean): readonly InFlight[] {
    for (const id of this.#begun.keys()) if (isOver(id)) this.#begun.delete(id);
    return [...this.#begun.values()];
  }

  async run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      let isMore = true;
      while (isMore && !this.#isStopped) {
        const question = { from: this.#next, limit: PAGE, payload: 'none' } as const;
        const { items, next } = await this.#client.frames(this.#id, question);
        for (const frame of items) this.#take(frame);
        this.#next = next ?? (items.at(-1)?.seq ?? this.#next - 1) + 1;
        isMore = next !== undefined;
      }
    } catch {
      // The next frames ask again; operations that are over are there without it.
    }
    this.#isRunning = false;
    if (!this.#isStopped) this.#changed();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #take({ kind, operationId, method = '', channel, atUs: startedAtUs, seq }: Frame): void {
    if (kind !== 'request' || operationId === undefined || this.#begun.size >= MAX_IN_FLIGHT) return;
    // A later leg is of the operation that began with the first.
    if (this.#begun.has(operationId)) return;
    const fromServer = channel === 'server_to_client';
    this.#begun.set(operationId, { operationId, method, fromServer, startedAtUs, seq });
  }
}

export function useInFlight(client: Client, { session, operations }: Known): readonly InFlight[] {
  const { id, frames, status } = session;
  const [turn, redraw] = useState(0);
  const isOpen = status === 'live' || status === 'interrupted';
  const looking = useMemo(
    () => (isOpen ? new Looking(client, session, () => redraw((last) => last + 1)) : undefined),
    [client, id, isOpen],
  );
  useEffect(() => () => looking?.stop(), [looking]);
  useEffect(() => void looking?.run(), [looking, frames]);
  const over = useMemo(() => new Set(operations.map(({ operationId }) => operationId)), [operations]);
  return useMemo(() => looking?.without((one) => over.has(one)) ?? [], [looking, over, turn]);
}
