/**
 * The recording as a sink: sorts events by session and has them written, a transaction a batch. Whatever is wrong with
 * the disk, it says so once, counts what is lost and tries again later; it never throws and never blocks for long.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { type StoreError, storeError } from '../store/error.ts';
import { storePath } from '../store/file.ts';
import { processMark } from '../store/live.ts';
import { openForWriting } from '../store/open.ts';
import { type Recorded, SessionProjection } from '../store/session.ts';
import { type SessionBatch, StoreWriter } from '../store/write.ts';
import type { QueueLimits, Sink } from './sink.ts';

/** After a failure the disk is left alone for so long. */
const RETRY_MS = 5000;
/** So long a batch waits for another process to finish writing; the queue fills meanwhile. */
const LOCKED_PATIENCE_MS = 5000;
/** Between two tries for the lock, at most; random, so that waiting processes do not come back all at once. */
const LOCKED_PAUSE_MS = 40;
const DEFAULT_SPOOL_BYTES = 64 * 1024 * 1024;
/** Of a session that is over and not kept, so many bytes lose their bodies at once; of the rest, housekeeping takes them. */
const STRIP_STEPS_AT_END = 8;
/** Twice as many as are told apart at a time over HTTP: the row of one that has not ended is never forgotten. */
const MAX_SESSIONS = 20_000;

export interface StoreSinkOptions {
  readonly dataDir: string;
  readonly record: Recorded;
  /** With `failures`: bytes of bodies that are kept of a session while nothing has failed. */
  readonly spoolBytes?: number;
  readonly retryMs?: number;
  readonly lockedPatienceMs?: number;
}

export class StoreSink implements Sink {
  readonly name = 'store';
  readonly wants: ReadonlySet<EventType> = new Set([
    'session_started',
    'session_described',
    'frame_recorded',
    'operation_finished',
    'finding_raised',
    'tool_seen',
    'server_exited',
    'copies_dropped',
    'exchanges_missed',
    'session_ended',
  ]);
  /** The delay is what a kill -9 may lose; the bounds are what two seconds of a stuck disk may hold. */
  readonly queue: QueueLimits = {
    maxEvents: 200_000,
    maxBytes: 64 * 1024 * 1024,
    maxDelayMs: 50,
    batchEvents: 1024,
  };
  readonly #options: Required<StoreSinkOptions>;
  readonly #stats: Stats;
  readonly #trouble: Trouble;
  readonly #sessions = new Map<string, SessionProjection>();
  /** Sessions whose row in the store is older than what is known. */
  readonly #unsaved = new Set<SessionProjection>();
  /** The first frame of a session that may still have a body. */
  readonly #strippedTo = new WeakMap<SessionProjection, number>();
  #writer: StoreWriter | undefined;
  #failed: { readonly word: string; readonly retryAt: number } | undefined;
  #giveUpAt = Infinity;

  constructor(options: StoreSinkOptions, stats: Stats, trouble: Trouble) {
    this.#options = {
      retryMs: RETRY_MS,
      lockedPatienceMs: LOCKED_PATIENCE_MS,
      spoolBytes: DEFAULT_SPOOL_BYTES,
      ...options,
    };
    this.#stats = stats;
    this.#trouble = trouble;
  }

  write(events: readonly McpEvent[]): void | Promise<void> {
    const batches = this.#sort(events);
    if (this.#writer === undefined) return this.#persist(batches);
    const error = this.#tryWrite(this.#writer, batches);
    if (error === undefined) return;
    if (error.code === 'store_locked') return this.#persist(batches);
    this.#lose(batches, this.#fail(error));
  }

  /** Also says, where the store has come back, what was lost since; then closes the file. */
  async close(deadlineMs: number): Promise<void> {
    this.#giveUpAt = performance.now() + deadlineMs;
    this.#failed = undefined;
    if (this.#unsaved.size > 0) await this.#persist(new Map());
    this.#closeWriter();
  }

  /** Sorts events into what each session's row, blocks and operations become. */
  #sort(events: readonly McpEvent[]): Map<SessionProjection, SessionBatch> {
    const batches = new Map<SessionProjection, SessionBatch>();
    let batch: SessionBatch | undefined;
    for (const event of events) {
      if (batch?.session.row.id !== event.sessionId) batch = this.#batchOf(event, batches);
      batch.session.apply(event);
      if (event.type === 'frame_recorded') batch.frames.push(event);
      else if (event.type === 'operation_finished') batch.operations.push(event);
      else if (event.type === 'finding_raised') batch.findings.push(event);
      else if (event.type === 'tool_seen') batch.tools.push(event);
    }
    return batches;
  }

  #batchOf(event: McpEvent, batches: Map<SessionProjection, SessionBatch>): SessionBatch {
    let session = this.#sessions.get(event.sessionId);
    if (session === undefined) {
      session = new SessionProjection(event, this.#options.record, processMark);
      this.#sessions.set(event.sessionId, session);
      const [oldest] = this.#sessions.values();
      if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) {
        this.#stats.drop('store', 'session_cap');
        this.#forget(oldest);
      }
    }
    this.#unsaved.add(session);
    const batch = batches.get(session) ?? emptyBatch(session);
    batches.set(session, batch);
    return batch;
  }

  /** Opens the store where needed and waits for its lock; settles when the batch is stored or counted as lost. */
  async #persist(batches: Map<SessionProjection, SessionBatch>): Promise<void> {
    const patience = performance.now() + this.#options.lockedPatienceMs;
    if (this.#failed !== undefined && performance.now() < this.#failed.retryAt) {
      this.#lose(batches, this.#failed.word);
      return;
    }
    for (;;) {
      const error = await this.#openAndWrite(batches);
      if (error === undefined) return;
      const over = performance.now() >= Math.min(patience, this.#giveUpAt);
      if (error.code !== 'store_locked' || over) {
        this.#lose(batches, this.#fail(error));
        return;
      }
      await delay(Math.random() * LOCKED_PAUSE_MS);
    }
  }

  async #openAndWrite(batches: Map<SessionProjection, SessionBatch>): Promise<StoreError | undefined> {
    const { dataDir, record } = this.#options;
    try {
      this.#writer ??= new StoreWriter(await openForWriting(dataDir), record);
    } catch (error) {
      return storeError(storePath(dataDir), error);
    }
    return this.#tryWrite(this.#writer, batches);
  }

  #tryWrite(writer: StoreWriter, batches: Map<SessionProjection, SessionBatch>): StoreError | undefined {
    for (const session of this.#unsaved) {
      if (!batches.has(session)) batches.set(session, emptyBatch(session));
    }
    try {
      writer.write(batches.values());
    } catch (error) {
      return storeError(storePath(this.#options.dataDir), error);
    }
    this.#unsaved.clear();
    for (const { session } of batches.values()) {
      this.#spool(writer, session);
      if (session.ended) this.#forget(session);
    }
    if (this.#failed !== undefined) {
      this.#failed = undefined;
      this.#stats.condition('store', undefined);
      this.#trouble.over('store');
    }
    return undefined;
  }

  /** Of a session that is recorded only if something fails: what is above the bound, or all of it once nothing has. */
  #spool(writer: StoreWriter, session: SessionProjection): void {
    const { id, bodies, record } = session.row;
    if (record !== 'failures') return;
    const isOver = session.ended && bodies === 'none';
    if (!isOver && session.spoolExcess(this.#options.spoolBytes) === 0) return;
    try {
      if (writer.isPinned(id)) return;
      if (isOver) {
        let seq: number | undefined = this.#strippedTo.get(session) ?? 0;
        for (let step = 0; step < STRIP_STEPS_AT_END && seq !== undefined; step += 1)
          seq = writer.strip(id, seq).nextSeq;
        return;
      }
      while (session.spoolExcess(this.#options.spoolBytes) > 0) {
        const { nextSeq, strippedFrames, strippedBytes } = writer.strip(
          id,
          this.#strippedTo.get(session) ?? 0,
        );
        session.spoolCut(strippedBytes);
        this.#unsaved.add(session);
        if (strippedFrames > 0) this.#stats.drop('store', 'spool_full', strippedFrames, strippedBytes);
        if (nextSeq === undefined) return;
        this.#strippedTo.set(session, nextSeq);
      }
    } catch (error) {
      // The bodies stay where they are; the next batch or housekeeping takes them.
      this.#stats.fail(
        'store',
        storeError(storePath(this.#options.dataDir), error).code.replace(/^store_/, ''),
      );
    }
  }

  /** Says and counts what went wrong; the word for it. */
  #fail(error: StoreError): string {
    const word = error.code.replace(/^store_/, '');
    this.#stats.fail('store', word);
    this.#stats.condition('store', error.message);
    this.#trouble.say('store', `${error.message}; traffic goes on, this is not recorded`);
    const locked = error.code === 'store_locked';
    if (!locked) this.#closeWriter();
    this.#failed = { word, retryAt: locked ? 0 : performance.now() + this.#options.retryMs };
    return word;
  }

  #lose(batches: Map<SessionProjection, SessionBatch>, word: string): void {
    for (const { session, frames, operations, findings } of batches.values()) {
      const events = frames.length + operations.length + findings.length;
      if (events === 0) continue;
      session.lost(events);
      const bytes = frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
      this.#stats.drop('store', word, events, bytes);
    }
  }

  #forget(session: SessionProjection): void {
    this.#sessions.delete(session.row.id);
    this.#unsaved.delete(session);
  }

  #closeWriter(): void {
    const writer = this.#writer;
    this.#writer = undefined;
    try {
      writer?.close();
    } catch {
      // What was committed is in the log; the next to open the file folds it in.
    }
  }
}

function emptyBatch(session: SessionProjection): SessionBatch {
  return { session, frames: [], operations: [], findings: [], tools: [] };
}
