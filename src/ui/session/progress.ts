/** When operations told of their progress: looked up in the frames of those that somebody sees. */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Client } from '../../api/client.ts';
import type { Operation } from './data.ts';

/** Beyond, ticks are one line. */
const MAX_TICKS = 200;
/** An operation over more frames than this would cost more to look through than its ticks are worth. */
const MAX_FRAMES = 20_000;
/** Operations of which the ticks are kept. */
const MAX_KEPT = 500;

export class ProgressTimes {
  readonly #client: Client;
  readonly #kept = new Map<number, ReadonlySignal<readonly number[] | undefined>>();

  constructor(client: Client) {
    this.#client = client;
  }

  of({
    sessionId,
    operationId,
    firstSeq,
    lastSeq,
  }: Operation): ReadonlySignal<readonly number[] | undefined> {
    const kept = this.#kept.get(operationId);
    if (kept !== undefined) return kept;
    const times = signal<readonly number[] | undefined>(undefined);
    if (this.#kept.size < MAX_KEPT) this.#kept.set(operationId, times);
    if (lastSeq - firstSeq > MAX_FRAMES) return times;
    this.#client
      .frames(sessionId, {
        from: firstSeq,
        to: lastSeq,
        operation: operationId,
        payload: 'none',
        limit: MAX_TICKS,
      })
      .then(
        ({ items }) => {
          times.value = items
            .filter(({ method }) => method === 'notifications/progress')
            .map(({ atUs }) => atUs);
        },
        // A picture without ticks is still right.
        () => undefined,
      );
    return times;
  }
}
