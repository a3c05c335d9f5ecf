/**
 * One session as the page knows it: its record, operations, findings and verdict, and how they change while it is recorded. Frames
 * are kept elsewhere.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { Answer, Client, LiveMessage } from '../../api/client.ts';
import { asError } from '../loading.ts';

export type Session = Answer<'session'>;
export type Operation = Answer<'operation'>;
export type Finding = Answer<'findings'>['items'][number];
export type Verdict = Answer<'explain'>;

export interface Known {
  readonly session: Session;
  /** In no order. */
  readonly operations: readonly Operation[];
  /** Operations that are there and not shown. */
  readonly more: boolean;
  readonly findings: readonly Finding[];
  readonly verdict: Verdict | undefined;
}

/** Fifty pages of the API: beyond, a picture shows nothing; lists by filter do. */
const MAX_OPERATIONS = 50_000;
const PAGE = 1000;
/** Findings and verdict are asked for anew at most so often. */
const JUDGE_MS = 1000;
const SHOW_MS = 200;

export class SessionData {
  readonly #client: Client;
  readonly #id: string;
  readonly #known = signal<Known | undefined>(undefined);
  readonly #error = signal<Error | undefined>(undefined);
  #operations = new Map<number, Operation>();
  #judging: ReturnType<typeof setTimeout> | undefined;
  #showing: ReturnType<typeof setTimeout> | undefined;
  /** How it stands, not shown yet. */
  #pending: Session | undefined;
  #isClosed = false;

  constructor(client: Client, id: string) {
    this.#client = client;
    this.#id = id;
  }

  get known(): ReadonlySignal<Known | undefined> {
    return this.#known;
  }

  get error(): ReadonlySignal<Error | undefined> {
    return this.#error;
  }

  async load(): Promise<void> {
    try {
      this.#error.value = undefined;
      const [session, findings, verdict] = await Promise.all([
        this.#client.session(this.#id),
        this.#client.findings(this.#id),
        this.#client.explain(this.#id),
      ]);
      this.#show({ session, findings: findings.items, verdict });
      await this.#loadOperations();
    } catch (cause) {
      this.#error.value = asError(cause);
    }
  }

  /** What is told of this session while it is recorded. */
  take(message: LiveMessage): void {
    if (message.type === 'missed') void this.load();
    if (message.type !== 'news' && message.type !== 'hello') return;
    const sessions = message.type === 'hello' ? message.live : [...message.started, ...message.changed];
    const session = sessions.find(({ id }) => id === this.#known.value?.session.id);
    const operations = message.type === 'news' ? message.operations : [];
    const before = this.#known.value?.session;
    for (const operation of operations) if (operation.sessionId === before?.id) this.#add(operation);
    if (session === undefined && operations.length === 0) return;
    this.#pending = session ?? this.#pending;
    this.#showSoon();
    this.#judgeSoon();
  }

  /** What an action of the person came to. */
  put(session: Session): void {
    this.#show({ session });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#judging);
    clearTimeout(this.#showing);
  }

  async #loadOperations(): Promise<void> {
    let after: number | undefined;
    do {
      const page = await this.#client.sessionOperations(this.#id, { limit: PAGE, after });
      for (const operation of page.items) this.#add(operation);
      after = page.next;
      this.#show({ more: after !== undefined });
    } while (after !== undefined && this.#operations.size < MAX_OPERATIONS && !this.#isClosed);
  }

  #add(operation: Operation): void {
    if (this.#operations.size < MAX_OPERATIONS) this.#operations.set(operation.operationId, operation);
  }

  /** News come twenty times a second; a picture of fifty thousand operations need not. */
  #showSoon(): void {
    this.#showing ??= setTimeout(() => {
      this.#showing = undefined;
      const session = this.#pending;
      this.#pending = undefined;
      this.#show(session === undefined ? {} : { session });
    }, SHOW_MS);
  }

  #judgeSoon(): void {
    if (this.#judging !== undefined) return;
    this.#judging = setTimeout(() => {
      this.#judging = undefined;
      Promise.all([this.#client.findings(this.#id), this.#client.explain(this.#id)]).then(
        ([findings, verdict]) => this.#show({ findings: findings.items, verdict }),
        // The next news asks again.
        () => undefined,
      );
    }, JUDGE_MS);
  }

  #show(changes: Partial<Known>): void {
    const session = changes.session ?? this.#known.value?.session;
    if (session === undefined || this.#isClosed) return;
    const { findings = [], verdict, more = false } = { ...this.#known.value, ...changes };
    this.#known.value = { session, operations: [...this.#operations.values()], more, findings, verdict };
  }
}
