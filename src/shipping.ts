/**
 * Brings recordings to the fleet's store beside the recording: in the observer, one process for all of a machine. What goes
 * wrong is said once and tried again; it never stops the recording, and nothing waits for it at the end.
 */
import type { FleetConfig } from './config/config.ts';
import { type Remote, remoteName } from './config/remote.ts';
import { type Engine, FleetError, openEngine } from './fleet/engine.ts';
import { ship } from './fleet/shipper.ts';
import { checkVersion } from './fleet/version.ts';
import type { Stats } from './self/stats.ts';
import type { Trouble } from './self/trouble.ts';
import { storeError } from './store/error.ts';
import { storePath } from './store/file.ts';
import { Lease } from './store/lease.ts';
import { openForWriting } from './store/open.ts';
import { Outbox } from './store/outbox.ts';
import { SHIPPED_KINDS } from './store/shipment.ts';
import type { Backlog } from './store/backlog.ts';
import { type Lost, lostCounts, Spool, spoolRules } from './store/spool.ts';

export interface ShippingOptions {
  readonly dataDir: string;
  readonly fleet: FleetConfig & { readonly store: Remote; readonly everyMs: number };
  /** Distinguishes any two processes. */
  readonly holder: string;
  readonly nowUs: () => number;
  /** Between two tries, at most. */
  readonly longestWaitMs?: number;
}

/** Longer than a batch takes, and renewed with each. */
const LEASE_US = 60_000_000;
/** Processes that began together do not come together. */
const JITTER = 0.2;
/** After a look at what waits, so many times as long nobody looks again. */
const BOUND_PAUSE = 20;

export class Shipping {
  readonly #options: ShippingOptions;
  readonly #stats: Stats;
  readonly #trouble: Trouble;
  readonly #stop = new AbortController();
  #engine: Engine | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #backlog: Backlog | undefined;
  #nextBoundMs = 0;

  constructor(options: ShippingOptions, stats: Stats, trouble: Trouble) {
    this.#options = options;
    this.#stats = stats;
    this.#trouble = trouble;
    stats.gauge('fleet_lag_seconds', () => {
      if (this.#backlog === undefined) return undefined;
      const { oldestUs } = this.#backlog;
      return oldestUs === undefined ? 0 : Math.max(0, options.nowUs() - oldestUs) / 1e6;
    });
    stats.gauge('fleet_waiting_sessions', () => this.#backlog?.sessions);
    stats.gauge('fleet_waiting_frames', () => this.#backlog?.frames);
    stats.gauge('fleet_waiting_bytes', () => this.#backlog?.bytes);
    stats.gauge('fleet_dead_letters', () => this.#backlog?.deadLetters);
    this.#schedule();
  }

  /** What is under way is left where it is: whoever ships next goes on with it. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#engine?.close();
    await this.#running;
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return;
    const jitter = 1 + JITTER * (2 * Math.random() - 1);
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, this.#options.fleet.everyMs * jitter).unref();
  }

  async #run(): Promise<void> {
    const { dataDir } = this.#options;
    try {
      await this.#ship();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof FleetError) this.#away(error.kind, error.message);
      else {
        const { code, message } = storeError(storePath(dataDir), error);
        if (code !== 'store_locked') this.#away(code.replace(/^store_/, ''), message);
      }
    }
    this.#schedule();
  }

  async #ship(): Promise<void> {
    const { dataDir, fleet, holder, nowUs, longestWaitMs } = this.#options;
    const { signal } = this.#stop;
    const db = await openForWriting(dataDir);
    const remote = remoteName(fleet.store);
    const lease = new Lease(db, { task: `ship ${remote}`, holder, nowUs, forUs: LEASE_US });
    const spool = new Spool(db, remote);
    try {
      if (!lease.take()) {
        this.#backlog = spool.noted();
        return;
      }
      await this.#bound(spool);
      this.#engine ??= await openEngine({ remote: fleet.store, password: fleet.password });
      await checkVersion(this.#engine, fleet.store);
      await ship({
        outbox: new Outbox(db, remote),
        ...{
          engine: this.#engine,
          org: fleet.store.org,
          rules: fleet,
          maxRate: fleet.maxRate,
          nowUs,
          signal,
        },
        ...(longestWaitMs !== undefined && { longestWaitMs }),
        goesOn: () => lease.take(),
        between: () => this.#bound(spool),
        told: (away) => {
          if (away === undefined) this.#back();
          else this.#away('away', away);
        },
        arrived: ({ there, rejected, bytes }) => {
          this.#stats.add('fleet_batches', 1);
          this.#stats.add('fleet_bytes', bytes);
          for (const kind of SHIPPED_KINDS) this.#stats.add(`fleet_rows_${kind}`, there[kind] ?? 0);
          this.#lost({ rejected });
        },
      });
      await this.#bound(spool);
      this.#back();
    } finally {
      lease.drop();
      db.close();
    }
  }

  /** Looks what waits and keeps it below its caps; of this thread's time, a small part. */
  async #bound(spool: Spool): Promise<void> {
    const beganMs = performance.now();
    if (beganMs < this.#nextBoundMs || this.#stop.signal.aborted) return;
    const { fleet, nowUs } = this.#options;
    const { lost, backlog } = await spool.bound(spoolRules(fleet), nowUs());
    this.#lost(lost);
    this.#backlog = backlog;
    const endedMs = performance.now();
    this.#nextBoundMs = endedMs + (endedMs - beganMs) * BOUND_PAUSE;
  }

  #lost(lost: Lost): void {
    for (const { kind, reason, count } of lostCounts(lost))
      this.#stats.add(`fleet_lost_${kind}_${reason}`, count);
  }

  #away(reason: string, message: string): void {
    this.#stats.fail('fleet', reason);
    this.#trouble.say('fleet', `${message}; recordings wait on this machine for the fleet's store`);
  }

  #back(): void {
    this.#trouble.over('fleet');
  }
}
