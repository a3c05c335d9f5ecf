/** Lets one process at a time do a task on a store that many share; one that died is followed when its time is over. */
import type { Database } from 'better-sqlite3';

export interface LeaseOptions {
  readonly task: string;
  /** Distinguishes any two processes. */
  readonly holder: string;
  readonly nowUs: () => number;
  readonly forUs: number;
}

/** One that lasts longer was taken by a clock that was ahead, and nobody would ever get it. */
const AT_MOST_US = 3_600_000_000;

export class Lease {
  readonly #db: Database;
  readonly #options: LeaseOptions;

  constructor(db: Database, options: LeaseOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** Takes it or renews it; false: somebody else has it. */
  take(): boolean {
    const { task, holder, nowUs, forUs } = this.#options;
    const now = nowUs();
    const sql =
      'INSERT INTO lease (task, holder, until) VALUES (@task, @holder, @until) ON CONFLICT (task) DO UPDATE ' +
      'SET holder = excluded.holder, until = excluded.until WHERE lease.holder = excluded.holder OR lease.until NOT BETWEEN @now AND @now + @atMost';
    return (
      this.#db
        .prepare(sql)
        .run({ task, holder, until: now + forUs, now, atMost: Math.max(forUs, AT_MOST_US) }).changes > 0
    );
  }

  drop(): void {
    const { task, holder } = this.#options;
    try {
      this.#db.prepare('DELETE FROM lease WHERE task = ? AND holder = ?').run(task, holder);
    } catch {
      // It ends by itself.
    }
  }
}
