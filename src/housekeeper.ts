/**
 * Has the store tidied now and then beside the recording: in the observer, in small steps. What goes wrong is said once and
 * tried again the next time; it never stops the recording.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config, Retention } from './config/config.ts';
import type { Stats } from './self/stats.ts';
import type { Trouble } from './self/trouble.ts';
import { storeError } from './store/error.ts';
import { storePath } from './store/file.ts';
import { type HousekeepingOptions, tidy } from './store/housekeeping.ts';
import { retentionRules } from './store/retention.ts';
import { lostCounts } from './store/spool.ts';

export interface HousekeeperOptions {
  readonly dataDir: string;
  readonly retention: Retention;
  readonly fullText: Config['fullText'];
  /** What waits for the fleet's store, which is kept. */
  readonly spool?: HousekeepingOptions['spool'];
  readonly holder: string;
  readonly nowUs: () => number;
  /** After the start, when the session has the machine for itself. */
  readonly firstMs?: number;
  readonly everyMs?: number;
}

const FIRST_MS = 15_000;
const EVERY_MS = 10 * 60_000;
/** Processes that began together do not come together. */
const JITTER = 0.2;
/** Between two steps of some milliseconds each: a tenth of the thread's time. */
const PAUSE_MS = 30;

export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #stats: Stats;
  readonly #trouble: Trouble;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(options: HousekeeperOptions, stats: Stats, trouble: Trouble) {
    this.#options = options;
    this.#stats = stats;
    this.#trouble = trouble;
    this.#schedule(options.firstMs ?? FIRST_MS);
  }

  /** Resolves when the step that is under way has ended. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(ms: number): void {
    if (this.#closing) return;
    const jitter = 1 + JITTER * (2 * Math.random() - 1);
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, ms * jitter).unref();
  }

  async #run(): Promise<void> {
    const { dataDir, retention, fullText, spool, holder, nowUs, everyMs = EVERY_MS } = this.#options;
    try {
      const rules = retentionRules(retention);
      const tidied = await tidy({
        ...{ dataDir, rules, holder, nowUs, pause: () => this.#pause() },
        texts: { does: fullText.enabled ? 'grow' : 'drop', maxStoreBytes: fullText.maxStoreBytes },
        ...(spool !== undefined && { spool }),
      });
      if (tidied !== undefined) {
        for (const [reason, sessions] of Object.entries(tidied.pruned))
          this.#stats.add(`store_pruned_${reason}`, sessions);
        this.#stats.add('store_packed', tidied.packedSessions);
        for (const { kind, reason, count } of lostCounts(tidied.lost))
          this.#stats.add(`fleet_lost_${kind}_${reason}`, count);
        this.#trouble.over('housekeeping');
      }
    } catch (error) {
      const { code, message } = storeError(storePath(dataDir), error);
      this.#stats.fail('store', code.replace(/^store_/, ''));
      this.#trouble.say('housekeeping', `${message}; old recordings are not deleted`);
    }
    this.#schedule(everyMs);
  }

  async #pause(): Promise<boolean> {
    if (!this.#closing) await delay(PAUSE_MS);
    return !this.#closing;
  }
}
