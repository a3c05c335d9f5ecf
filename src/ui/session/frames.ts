/**
 * The frames of a session by ranges, as far as somebody looks at them: heads and the beginnings of payloads, never whole ones. A
 * place that is far away is forgotten.
 */
import { signal, type Signal } from '@preact/signals';
import type { Answer, Client } from '../../api/client.ts';

export type Frame = Answer<'frames'>['items'][number];

const PAGE = 200;
/** Of pages: 20,000 frames of some 500 bytes. */
const MAX_PAGES = 100;
/** Questions at once. */
const MAX_ASKING = 2;

interface Page {
  /** `missing`: nothing is stored under the number. */
  readonly frames: ReadonlyMap<number, Frame>;
  readonly isWhole: boolean;
}

export class Frames {
  readonly #client: Client;
  readonly #id: string;
  /** Replaced with each answer: whoever reads it while it is drawn is drawn again. */
  readonly #pages = signal<ReadonlyMap<number, Page>>(new Map());
  readonly #asking = new Set<number>();
  readonly #error = signal<Error | undefined>(undefined);
  readonly #count: Signal<number>;
  #wanted: readonly number[] = [];

  constructor(client: Client, id: string, count: number) {
    this.#client = client;
    this.#id = id;
    this.#count = signal(count);
  }

  /** Grows with what is recorded, and where numbers were passed over. */
  get count(): number {
    return this.#count.value;
  }

  get error(): Error | undefined {
    return this.#error.value;
  }

  grow(count: number): void {
    if (count <= this.count) return;
    // The page that was the last is not whole any more.
    const last = Math.floor((this.count - 1) / PAGE);
    const page = this.#pages.value.get(last);
    if (page !== undefined) this.#keep(last, { ...page, isWhole: false });
    this.#count.value = count;
    this.#ask();
  }

  /** `missing`: it was not stored. Undefined: not asked for yet. */
  of(seq: number): Frame | 'missing' | undefined {
    const page = this.#pages.value.get(Math.floor(seq / PAGE));
    return page?.frames.get(seq) ?? (page?.isWhole === true ? 'missing' : undefined);
  }

  /** What can be seen now. */
  want(first: number, last: number): void {
    const wanted: number[] = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) wanted.push(page);
    this.#wanted = wanted;
    this.#ask();
  }

  again(): void {
    this.#error.value = undefined;
    this.#ask();
  }

  #ask(): void {
    for (const page of this.#wanted) {
      if (this.#asking.size >= MAX_ASKING) return;
      if (this.#asking.has(page) || this.#pages.peek().get(page)?.isWhole === true) continue;
      this.#asking.add(page);
      void this.#load(page)
        .then(
          () => {
            this.#error.value = undefined;
            return true;
          },
          (cause: unknown) => {
            this.#error.value = cause instanceof Error ? cause : new Error(String(cause));
            return false;
          },
        )
        .then((isLoaded) => {
          this.#asking.delete(page);
          if (isLoaded) this.#ask();
        });
    }
  }

  async #load(page: number): Promise<void> {
    const from = page * PAGE;
    const countThen = this.count;
    const { items, next } = await this.#client.frames(this.#id, { from, to: from + PAGE - 1, limit: PAGE });
    this.#keep(page, {
      frames: new Map(items.map((frame) => [frame.seq, frame])),
      isWhole: countThen === this.count,
    });
    const last = next ?? items.at(-1)?.seq ?? -1;
    if (last >= this.count) this.grow(last + 1);
  }

  /** As the newest; the oldest goes. */
  #keep(page: number, content: Page): void {
    const pages = new Map(this.#pages.peek());
    pages.delete(page);
    pages.set(page, content);
    const [oldest] = pages.keys();
    if (pages.size > MAX_PAGES && oldest !== undefined) pages.delete(oldest);
    this.#pages.value = pages;
  }
}
