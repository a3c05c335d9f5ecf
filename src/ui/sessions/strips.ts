/** How the last operations of sessions ended, asked for only where somebody looks, a few at a time. */
import { signal, type ReadonlySignal, type Signal } from '@preact/signals';
import type { Answer, Client } from '../../api/client.ts';

export type Outcomes = readonly Answer<'operation'>['outcome'][];

/** As many as a strip has room for. */
export const MAX_SHOWN = 36;
/** At once; the lists come first. */
const MAX_ASKING = 3;
/** Sessions of which the strip is kept. */
const MAX_KEPT = 1000;

interface Kept {
  readonly operations: number;
  readonly outcomes: Signal<Outcomes | undefined>;
}

export class OutcomeStrips {
  readonly #client: Client;
  readonly #kept = new Map<string, Kept>();
  readonly #waiting = new Map<string, () => Promise<void>>();
  #asking = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Undefined until they are there. */
  of({
    id,
    operations,
  }: {
    readonly id: string;
    readonly operations: number;
  }): ReadonlySignal<Outcomes | undefined> {
    const kept = this.#kept.get(id);
    if (kept?.operations === operations) return kept.outcomes;
    const outcomes = kept?.outcomes ?? signal<Outcomes | undefined>(undefined);
    this.#kept.set(id, { operations, outcomes });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    if (operations === 0) outcomes.value = [];
    else {
      this.#waiting.set(id, async () => {
        const { items } = await this.#client.sessionOperations(id, {
          limit: MAX_SHOWN,
          // They are numbered from 0.
          after: operations > MAX_SHOWN ? operations - MAX_SHOWN - 1 : undefined,
        });
        outcomes.value = items.map(({ outcome }) => outcome);
      });
      this.#next();
    }
    return outcomes;
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#asking >= MAX_ASKING) return;
    const [id, ask] = first;
    this.#waiting.delete(id);
    this.#asking += 1;
    // A strip that could not be had is left empty: the list itself says what is wrong.
    void ask()
      .catch(() => undefined)
      .then(() => {
        this.#asking -= 1;
        this.#next();
      });
  }
}
