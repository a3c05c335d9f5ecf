/**
 * One query to the fleet's store while it is put together: every value of it is a parameter, and every table is read as rows of one
 * org alone. Nothing else writes a FROM or a WHERE. Pure.
 */
import type { Remote } from '../config/remote.ts';

export type Place = Pick<Remote, 'database' | 'org' | 'cluster'>;
export type ReadTable = 'session' | 'session_first' | 'operation' | 'finding' | 'frame';
type ValueType = 'String' | 'Array(String)' | 'UInt64' | 'Array(UInt64)' | 'Int64' | 'Float64';

/** What a person waits for. */
const MAX_SECONDS = 60;
/** Payloads that one question may look through. */
const MAX_READ_BYTES = 64 * 1024 ** 3;

export class Question {
  readonly params: Record<string, unknown>;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    this.params = { org: place.org };
  }

  /** The place of a value. */
  value(type: ValueType, value: unknown): string {
    const name = `p${Object.keys(this.params).length}`;
    this.params[name] = value;
    return `{${name}:${type}}`;
  }

  /** An instant, in microseconds since the epoch, within what a DateTime64 can say. */
  time(us: number): string {
    const whole = Math.min(Math.max(0, Math.ceil(us)), 9e15);
    return `fromUnixTimestamp64Micro(${this.value('Int64', whole)}, 'UTC')`;
  }

  /** What follows FROM: the newest version of each row that meets a condition. */
  rows(table: ReadTable, condition: string): string {
    return `${this.#place.database}.${table} FINAL ${this.#where(condition)}`;
  }

  /** The same of any version: for what no later version takes back. */
  versions(table: ReadTable, condition: string): string {
    return `${this.#place.database}.${table} ${this.#where(condition)}`;
  }

  /** What ends a query. Rows of a session lie on one shard, so that each answers for its own. */
  get settings(): string {
    const settings = [
      ...['do_not_merge_across_partitions_select_final = 1', `max_execution_time = ${MAX_SECONDS}`],
      `max_bytes_to_read = ${MAX_READ_BYTES}`,
      ...(this.#place.cluster === undefined ? [] : ["distributed_product_mode = 'local'"]),
    ];
    return `SETTINGS ${settings.join(', ')}`;
  }

  #where(condition: string): string {
    return `WHERE org = {org:String} AND (${condition})`;
  }
}
