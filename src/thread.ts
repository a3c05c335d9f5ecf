/**
 * The relay's handle on the observer's thread: starts it, copies chunks to it, ends it within a deadline. Whatever
 * happens in that thread, the relay goes on: a thread that dies is said once and its copies are thrown away.
 */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { Config } from './config/config.ts';
import type { Trouble } from './self/trouble.ts';
import { createRing, RingWriter } from './tap/ring.ts';
import type { Channel, Direction } from './wire/chunk.ts';

/** What is observed, as far as the relay's thread knows it. */
interface ProcessFacts {
  /** Of the one session of a stdio process; over HTTP of the process, whose sessions have ids of their own. */
  readonly id: string;
  readonly startedAtUs: number;
  readonly pid: number;
  readonly hostname: string;
}

export interface StdioFacts extends ProcessFacts {
  readonly transport: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly envNames: readonly string[];
}

export interface HttpFacts extends ProcessFacts {
  readonly transport: 'http';
  /** URL of the server, without credentials. */
  readonly target: string;
}

export type SessionFacts = StdioFacts | HttpFacts;

/** What the thread is started with. */
export interface ObserverInput {
  readonly config: Config;
  readonly session: SessionFacts;
  readonly ring: SharedArrayBuffer;
  readonly delays: SharedArrayBuffer;
}

/** Facts that the relay tells the observer through the ring, in order with the bytes. */
export type LifecycleFact =
  | { readonly fact: 'server_started'; readonly pid: number }
  | { readonly fact: 'start_failed'; readonly code: string; readonly message: string }
  | { readonly fact: 'client_closed' }
  | { readonly fact: 'signal'; readonly signal: string }
  | { readonly fact: 'server_exited'; readonly code: number | null; readonly signal: string | null }
  /** HTTP exchanges that are over: whose end did not fit into the ring, and how many there were of which nothing did. */
  | { readonly fact: 'exchanges_lost'; readonly exchanges: readonly number[]; readonly unseen: number };

export type ToObserver =
  | { readonly type: 'wake' }
  | { readonly type: 'written'; readonly bytes: number }
  /** For /readyz; undefined: nothing is wrong with the listener any more. */
  | { readonly type: 'listener'; readonly problem: string | undefined }
  /** Bounds of the listener's at which something was refused. */
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'close'; /** Epoch. */ readonly deadlineUs: number };

export type FromObserver =
  /** Sidelight's own trouble, or a log line: for stderr, which only the relay's thread writes to. */
  { readonly type: 'stderr'; readonly line: string } | { readonly type: 'closed' };

/** Upper bounds of the delay histogram, microseconds; one more bucket for what is above, then sum and count. */
export const DELAY_BOUNDS_US = [
  10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 50_000, 100_000,
] as const;
/** Where, behind the histogram, the open connections of HTTP clients stand. */
export const CONNECTIONS = DELAY_BOUNDS_US.length + 3;

/** Beyond this the observer's heap ends the observer and not the process: traffic goes on without it. */
const OBSERVER_HEAP_MB = 1024;
/** A larger one would hold tens of megabytes of what is long done with, and displace the relay from a shared core's cache. */
const OBSERVER_NURSERY_MB = 6;

export class ObserverThread {
  readonly #ring: RingWriter;
  readonly #delays: Float64Array;
  readonly #worker: Worker | undefined;
  readonly #trouble: Trouble;
  #gone = false;
  #closed: (() => void) | undefined;

  constructor(
    config: Config,
    session: SessionFacts,
    options: {
      readonly entry: URL;
      readonly stderr: (line: string, done: () => void) => void;
      readonly trouble: Trouble;
    },
  ) {
    this.#trouble = options.trouble;
    const ring = createRing(config.captureBufferBytes);
    const delays = new SharedArrayBuffer((CONNECTIONS + 1) * 8);
    this.#delays = new Float64Array(delays);
    this.#ring = new RingWriter(ring, () => {
      this.#post({ type: 'wake' });
    });
    const lost = (cause: unknown): void => {
      if (this.#gone) return;
      this.#gone = true;
      const why = cause instanceof Error ? cause.message : String(cause);
      options.trouble.say(
        'observer',
        `observing stopped (${why}); traffic goes on, unobserved and unrecorded`,
      );
      this.#closed?.();
    };
    // V8's helper threads have the relay's priority, not the observer's: each of its many small collections would take
    // the core from traffic. A relay of HTTP has collections of its own, which they make short. The flag is looked up at
    // every collection, so that it may be set now.
    if (session.transport === 'stdio') setFlagsFromString('--no-parallel-scavenge');
    try {
      // stdout of a thread would become stdout of the process: the protocol's. Nothing of the observer may reach it.
      this.#worker = new Worker(options.entry, {
        workerData: { config, session, ring, delays } satisfies ObserverInput,
        stdout: true,
        stderr: true,
        resourceLimits: {
          maxOldGenerationSizeMb: OBSERVER_HEAP_MB,
          maxYoungGenerationSizeMb: OBSERVER_NURSERY_MB,
        },
      });
    } catch (cause) {
      lost(cause);
      return;
    }
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#worker.on('error', lost);
    this.#worker.on('exit', (code) => {
      if (this.#closed === undefined) lost(`its thread ended with ${code}`);
    });
    this.#worker.on('message', (message: FromObserver) => {
      if (message.type === 'closed') {
        this.#gone = true;
        this.#closed?.();
        return;
      }
      options.stderr(message.line, () => {
        this.#post({ type: 'written', bytes: message.line.length });
      });
    });
  }

  /** Copies a chunk that was forwarded. Never throws, never waits. */
  chunk(channel: Channel, bytes: Uint8Array, atUs: number, tookUs: number): void {
    this.delayed(tookUs);
    if (!this.#gone) this.#ring.push(channel, bytes, atUs);
  }

  /** The same of an HTTP exchange, its facts included. False when the copy did not fit. */
  record(
    kind: Direction | 'request' | 'response',
    bytes: Uint8Array,
    atUs: number,
    exchange: number,
    index: number,
    offset: number,
  ): boolean {
    return this.#gone || this.#ring.push(kind, bytes, atUs, exchange, index, offset);
  }

  /** Counts how long forwarding a chunk took. */
  delayed(tookUs: number): void {
    let bucket = 0;
    while (bucket < DELAY_BOUNDS_US.length && tookUs > (DELAY_BOUNDS_US[bucket] ?? 0)) bucket += 1;
    this.#count(bucket, 1);
    this.#count(DELAY_BOUNDS_US.length + 1, tookUs);
    this.#count(DELAY_BOUNDS_US.length + 2, 1);
  }

  /** So many connections of HTTP clients are open. */
  connections(open: number): void {
    this.#delays[CONNECTIONS] = open;
  }

  /** False when not even the reserve for such facts had room. */
  tell(fact: LifecycleFact, atUs: number): boolean {
    return this.#gone || this.#ring.pushLifecycle(fact, atUs);
  }

  /** What is wrong with the listener, for /readyz. */
  listener(problem: string | undefined): void {
    this.#post({ type: 'listener', problem });
  }

  refused(reason: string): void {
    this.#post({ type: 'refused', reason });
  }

  /** For lossless capture: whether the next chunks will be taken. True when nobody observes any more. */
  hasRoom(bytes: number): boolean {
    return this.#gone || this.#ring.hasRoom(bytes);
  }

  /** Lets the observer finish what it has, for at most the deadline. */
  close(deadlineMs: number): Promise<void> {
    if (this.#gone) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#trouble.say(
          'observer',
          `observing did not end within ${deadlineMs + CLOSE_GRACE_MS} ms: what was not delivered by then is lost`,
        );
        resolve();
      }, deadlineMs + CLOSE_GRACE_MS);
      this.#closed = () => {
        clearTimeout(timer);
        resolve();
      };
      // A moment and not a duration: a thread that is still starting has that much less.
      const nowMs = performance.timeOrigin + performance.now();
      this.#post({ type: 'close', deadlineUs: Math.round((nowMs + deadlineMs) * 1000) });
    });
  }

  #count(index: number, by: number): void {
    this.#delays[index] = (this.#delays[index] ?? 0) + by;
  }

  #post(message: ToObserver): void {
    this.#worker?.postMessage(message);
  }
}

/** The observer keeps the deadline itself; this is for one that is stuck in a call. */
const CLOSE_GRACE_MS = 250;
