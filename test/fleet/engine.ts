/** The real ClickHouse engine as a process of its own: on a free port, on data that outlive it, to be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '@clickhouse/client';
import { TABLES } from '../../src/fleet/schema.ts';

/** What happens to the next `count` requests. */
export interface Fault {
  readonly count: number;
  readonly hang?: true;
  readonly status?: number;
  /** Of an exception: 243 for a full disk, 241 for want of memory. */
  readonly code?: number;
  readonly slowMs?: number;
  /** The work is done, and the connection breaks before it is said. */
  readonly after?: true;
}

export class FleetEngine {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sidelight-fleet-'));
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;
  port = 0;

  /** `settings`: arguments of the engine, such as `--config-file=...`. */
  constructor(settings: readonly string[] = []) {
    this.#settings = settings;
  }

  async start(): Promise<void> {
    this.port ||= await freePort();
    const program = join(import.meta.dirname, 'engineProgram.cjs');
    const child = spawn(process.execPath, [program, this.#folder, String(this.port), ...this.#settings], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    await once(createInterface(child.stdout), 'line');
  }

  /** As by a power cut. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  async fault(fault: Fault): Promise<void> {
    await fetch(`http://127.0.0.1:${this.port}/faults`, { method: 'POST', body: JSON.stringify(fault) });
  }

  /** How many requests have not met their fault. */
  async faultsLeft(): Promise<number> {
    return Number(await (await fetch(`http://127.0.0.1:${this.port}/faults`)).text());
  }

  async query<Row>(query: string): Promise<readonly Row[]> {
    const client = createClient({ url: `http://127.0.0.1:${this.port}` });
    try {
      const found = await client.query({ query, format: 'JSONEachRow' });
      return await found.json<Row>();
    } finally {
      await client.close();
    }
  }

  url(database: string, org = 'default'): string {
    return `clickhouse://default@127.0.0.1:${this.port}/${database}?org=${org}`;
  }

  /** A database that is set up, as a Sidelight of schema 1 would have left it. */
  async toSchema1(database: string): Promise<void> {
    await this.query(`DROP VIEW ${database}.session_arrives`);
    await this.query(`DROP TABLE ${database}.session_first`);
    for (const { name, added = [], indexes = [] } of TABLES) {
      for (const index of indexes)
        await this.query(`ALTER TABLE ${database}.${name} DROP INDEX ${index.split(' ')[1] ?? ''}`);
      for (const column of added)
        await this.query(`ALTER TABLE ${database}.${name} DROP COLUMN ${column.split(' ')[0] ?? ''}`);
    }
    await this.query(`TRUNCATE TABLE ${database}.schema_version`);
    await this.query(`INSERT INTO ${database}.schema_version SELECT 1, now()`);
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
