/**
 * The fleet's database, asked through its official client, which is loaded only here and only when there is a fleet. One host
 * after the other is tried; what an error means for the caller (later, never, or this row) is told apart here.
 */
import type * as Library from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import type { Remote } from '../config/remote.ts';

/**
 * `away`: nobody answers, or the engine cannot now: the same again later is right. `refused`: who asks may not, or what is asked
 * for is not there: somebody has to mend it. `rejected`: a row is not what the table takes.
 */
export class FleetError extends Error {
  readonly kind: 'away' | 'refused' | 'rejected';

  constructor(kind: FleetError['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'FleetError';
    this.kind = kind;
  }
}

export interface EngineOptions {
  readonly remote: Remote;
  readonly password: string | undefined;
}

/** As long as an insert of the largest batch may take. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Of ClickHouse's error codes: what a row can be wrong in (6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349). */
const ROW_CODES: ReadonlySet<string> = new Set('6 26 27 33 38 41 53 69 70 72 117 130 131 321 349'.split(' '));
/** And what no second try mends: unknown names, users and rights, syntax (16, 47, 60, 62, 81, 115, 192, 193, 194, 497, 516). */
const LASTING_CODES: ReadonlySet<string> = new Set('16 47 60 62 81 115 192 193 194 497 516'.split(' '));
const MISSING_CODES: ReadonlySet<string> = new Set(['60', '81']);

export async function openEngine(options: EngineOptions): Promise<Engine> {
  let library: typeof Library;
  try {
    library = await import('@clickhouse/client');
  } catch (cause) {
    throw new FleetError(
      'refused',
      'the fleet store needs the package @clickhouse/client, which is not installed',
      cause,
    );
  }
  const { createClient, ClickHouseLogLevel } = library;
  const { remote, password } = options;
  const clients = remote.urls.map((url) =>
    createClient({
      url,
      username: remote.username,
      ...(password !== undefined && { password }),
      request_timeout: REQUEST_TIMEOUT_MS,
      application: 'sidelight',
      compression: { request: true },
      // What is wrong is told to the caller, and not to a standard stream.
      log: { level: ClickHouseLogLevel.OFF },
    }),
  );
  return new Engine(clients, remote);
}

export class Engine {
  readonly #clients: readonly ClickHouseClient[];
  readonly #remote: Remote;
  /** The host that answered last. */
  #current = 0;

  constructor(clients: readonly ClickHouseClient[], remote: Remote) {
    this.#clients = clients;
    this.#remote = remote;
  }

  /** Runs a statement. Rejects with FleetError, as all of these do. */
  async command(query: string): Promise<void> {
    await this.#ask((client) => client.command({ query }));
  }

  /** Rows as objects. `params` fill the places `{name:Type}`. */
  async query<Row>(query: string, params: Readonly<Record<string, unknown>> = {}): Promise<readonly Row[]> {
    return this.#ask(async (client) => {
      const found = await client.query({ query, query_params: params, format: 'JSONEachRow' });
      return await found.json<Row>();
    });
  }

  /** The same, some rows at a time, as they come. */
  async *rows<Row>(
    query: string,
    params: Readonly<Record<string, unknown>> = {},
  ): AsyncGenerator<readonly Row[]> {
    const found = await this.#ask((client) =>
      client.query({ query, query_params: params, format: 'JSONEachRow' }),
    );
    try {
      for await (const some of found.stream<Row>()) yield some.map((row) => row.json());
    } catch (cause) {
      throw cause instanceof FleetError ? cause : fleetError(cause, this.#remote);
    }
  }

  /** All rows or none; a second insert with the same token is none. Resolves when they are written to disk. */
  async insert(table: string, rows: readonly object[], token: string): Promise<void> {
    await this.#ask((client) =>
      client.insert({
        table: `${this.#remote.database}.${table}`,
        values: rows,
        format: 'JSONEachRow',
        clickhouse_settings: {
          insert_deduplication_token: token,
          async_insert: 1,
          wait_for_async_insert: 1,
          async_insert_deduplicate: 1,
          date_time_input_format: 'best_effort',
        },
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #ask<Answer>(how: (client: ClickHouseClient) => Promise<Answer>): Promise<Answer> {
    let away: FleetError | undefined;
    const order = [...this.#clients.slice(this.#current), ...this.#clients.slice(0, this.#current)];
    for (const client of order) {
      try {
        return await how(client);
      } catch (cause) {
        const error = fleetError(cause, this.#remote);
        if (error.kind !== 'away') throw error;
        away = error;
        this.#current = (this.#current + 1) % this.#clients.length;
      }
    }
    throw away ?? new FleetError('away', 'no host is given');
  }
}

function fleetError(cause: unknown, { database }: Remote): FleetError {
  const { code = '', message } = cause as Error & { code?: string };
  const first = message.split('\n')[0] ?? '';
  if (ROW_CODES.has(code)) return new FleetError('rejected', first, cause);
  if (MISSING_CODES.has(code)) {
    return new FleetError(
      'refused',
      `the database ${database} is not set up; run \`sidelight store migrate\``,
      cause,
    );
  }
  if (LASTING_CODES.has(code)) return new FleetError('refused', first, cause);
  return new FleetError('away', first === '' ? code : first, cause);
}
