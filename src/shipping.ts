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

export interface ShippingOptions {
  readonly dataDir: string;
  readonly fleet: FleetConfig & { readonly store: Remote; readonly everyMs: number };
  /** Distinguishes any two processes. */
  readonly holder: string;
  readonly nowUs: () => number;
}

/** Longer than a batch takes, and renewed with each. */
const LEASE_US = 60_000_000;
/** Processes that began together do not come together. */
const JITTER = 0.2;

export class Shipping {
  readonly #options: ShippingOptions;
  readonly #stats: Stats;
  readonly #trouble: Trouble;
  readonly #stop = new AbortController();
  #engine: Engine | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ShippingOptions, stats: Stats, trouble: Trouble) {
    this.#options = options;
    this.#stats = stats;
    this.#trouble = trouble;
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
    const { dataDir, fleet, holder, nowUs } = this.#options;
    const { signal } = this.#stop;
    const db = await openForWriting(dataDir);
    const lease = new Lease(db, { task: `ship ${remoteName(fleet.store)}`, holder, nowUs, forUs: LEASE_US });
    try {
      if (!lease.take()) return;
      this.#engine ??= await openEngine({ remote: fleet.store, password: fleet.password });
      await checkVersion(this.#engine, fleet.store);
      const shipped = await ship({
        outbox: new Outbox(db, remoteName(fleet.store)),
        ...{ engine: this.#engine, org: fleet.store.org, rules: fleet, nowUs, signal },
        goesOn: () => lease.take(),
        told: (away) => {
          if (away === undefined) this.#back();
          else this.#away('away', away);
        },
      });
      this.#stats.add('fleet_rows', shipped.rows);
      if (shipped.buried > 0) this.#stats.drop('fleet', 'rejected', shipped.buried);
      this.#back();
    } finally {
      lease.drop();
      db.close();
    }
  }

  #away(reason: string, message: string): void {
    this.#stats.fail('fleet', reason);
    this.#trouble.say('fleet', `${message}; recordings wait on this machine for the fleet's store`);
  }

  #back(): void {
    this.#trouble.over('fleet');
  }
}
