/**
 * The sessions of a list as they are paged in and as they change while they are recorded. With failing first there are two
 * lists after each other, each of the same filter with half of its meaning.
 */
import type { Answer, Client, LiveMessage } from '../../api/client.ts';

export type SessionRow = Answer<'session'>;

export interface Group {
  /** Empty for the only one. */
  readonly title: string;
  readonly items: readonly SessionRow[];
  /** Undefined: all are there. Empty: none was asked for yet. */
  readonly next: string | undefined;
}

export type Order = 'newest' | 'failing';

const PAGE = 200;
/** More than anybody scrolls through; a filter finds the others. */
const MAX_ROWS = 20_000;

function groupsOf(filter: string, order: Order): readonly (Group & { readonly filter: string })[] {
  const empty = { items: [], next: '' };
  if (order === 'newest') return [{ title: '', filter, ...empty }];
  const within = filter.trim() === '' ? '' : `(${filter}) `;
  return [
    { title: 'Failing', filter: `${within}is:failed`, ...empty },
    { title: 'Others', filter: `${within}-is:failed`, ...empty },
  ];
}

export class Listing {
  readonly #client: Client;
  readonly #changed: () => void;
  #groups: (Group & { readonly filter: string })[];
  #asking: Promise<void> | undefined;
  #error: Error | undefined;

  constructor(client: Client, filter: string, order: Order, changed: () => void) {
    this.#client = client;
    this.#groups = [...groupsOf(filter, order)];
    this.#changed = changed;
  }

  get groups(): readonly Group[] {
    return this.#groups;
  }

  get error(): Error | undefined {
    return this.#error;
  }

  get isAsking(): boolean {
    return this.#asking !== undefined;
  }

  get isWhole(): boolean {
    return this.#groups.every(({ next }) => next === undefined);
  }

  get isFull(): boolean {
    return this.#count() >= MAX_ROWS;
  }

  /** The next page, of the first group that has one; an empty group is followed by the next at once. */
  more(): void {
    if (this.#asking !== undefined || this.isFull) return;
    const index = this.#groups.findIndex(({ next }) => next !== undefined);
    const group = this.#groups[index];
    if (group === undefined) return;
    this.#asking = this.#ask(index, group).then(
      () => {
        this.#error = undefined;
      },
      (cause: unknown) => {
        this.#error = cause instanceof Error ? cause : new Error(String(cause));
      },
    );
    void this.#asking.then(() => {
      this.#asking = undefined;
      this.#changed();
      if (this.#error === undefined && this.#count() < PAGE / 2) this.more();
    });
  }

  async #ask(index: number, { filter, next }: Group & { readonly filter: string }): Promise<void> {
    const page = await this.#client.sessions({
      filter: filter === '' ? undefined : filter,
      limit: PAGE,
      after: next === '' ? undefined : next,
    });
    const group = this.#groups[index];
    if (group === undefined) return;
    const known = new Set(group.items.map(({ id }) => id));
    const items = [...group.items, ...page.items.filter(({ id }) => !known.has(id))];
    this.#groups[index] = { ...group, items, next: page.next };
  }

  /** What is told while it is recorded. */
  take(message: LiveMessage): void {
    if (message.type === 'problem') return;
    if (message.type === 'missed') {
      this.again();
      return;
    }
    const news = message.type === 'hello' ? message.live : [...message.started, ...message.changed];
    for (const session of news.toReversed()) this.put(session);
    if (news.length > 0) this.#changed();
  }

  /** In its place where it is known, else at the top of where it belongs. */
  put(session: SessionRow): void {
    const wanted = this.#groups.length > 1 && !isFailing(session) ? 1 : 0;
    const before = this.#groups.findIndex(({ items }) => items.some(({ id }) => id === session.id));
    this.#groups = this.#groups.map((group, index) => {
      const others = group.items.filter(({ id }) => id !== session.id);
      if (index !== wanted) return others.length === group.items.length ? group : { ...group, items: others };
      // It comes with the first page.
      if (before === -1 && group.next === '') return group;
      if (before === index)
        return { ...group, items: group.items.map((one) => (one.id === session.id ? session : one)) };
      return { ...group, items: [session, ...others].slice(0, MAX_ROWS) };
    });
  }

  again(): void {
    this.#groups = this.#groups.map((group) => ({ ...group, items: [], next: '' }));
    this.more();
  }

  #count(): number {
    return this.#groups.reduce((sum, { items }) => sum + items.length, 0);
  }
}

function isFailing({ status, failedOperations }: SessionRow): boolean {
  return failedOperations > 0 || status === 'failed' || status === 'crashed';
}
