/** The engine of the fleet bench, the one of test/fleet, as a process: statements, its counters, its CPU and memory, its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';

/** A statement of the bench may generate a day of a hundred million rows. */
const STATEMENT_LIMIT_MS = 30 * 60_000;
/** Of `getconf CLK_TCK`, which is the same wherever Linux runs Node. */
const TICK_MS = 10;

/** `settings` are arguments of the engine itself, such as `--config-file=...`. */
export async function startEngine(root, package_, settings = []) {
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-fleet-bench-'));
  const child = spawn(
    process.execPath,
    [join(root, 'test/fleet/engineProgram.cjs'), join(folder, 'data'), '0', ...settings],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, FLEET_ENGINE: package_ } },
  );
  const ended = once(child, 'close');
  const [port] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`the engine ended with ${code}`))),
  ]);
  const client = createClient({
    url: `http://127.0.0.1:${port}`,
    request_timeout: STATEMENT_LIMIT_MS,
    // Of a limit that suits no balancer; there is none.
    log: { level: ClickHouseLogLevel.OFF },
  });
  const query = async (text, params = {}) => {
    const found = await client.query({ query: text, query_params: params, format: 'JSONEachRow' });
    return found.json();
  };
  return {
    folder,
    pid: child.pid,
    query,
    command: (text) => client.command({ query: text }),
    /** One row, its numbers as numbers. */
    one: async (text, params) => {
      const [row = {}] = await query(text, params);
      return Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          value !== '' && !Number.isNaN(Number(value)) ? Number(value) : value,
        ]),
      );
    },
    url: (database, org = 'default') => `clickhouse://default@127.0.0.1:${port}/${database}?org=${org}`,
    /** What it has counted since it began, by name: events of ClickHouse. */
    counters: async () => {
      const rows = await query('SELECT event, value FROM system.events');
      const found = new Map(rows.map(({ event, value }) => [event, Number(value)]));
      return (event) => found.get(event) ?? 0;
    },
    /** Until no merge is under way or the limit is there. */
    merged: async (limitMs) => {
      for (let idle = 0, until = Date.now() + limitMs; idle < 3 && Date.now() < until; await delay(100)) {
        const [{ merges }] = await query('SELECT count() AS merges FROM system.merges');
        idle = Number(merges) === 0 ? idle + 1 : 0;
      }
    },
    kill: async () => {
      await client.close();
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sets a database up, as a user does. */
export async function migrate(root, url, folder) {
  const args = [join(root, 'dist/main.js'), 'store', 'migrate', '--store', url, '--data-dir', folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`store migrate ended with ${code}`);
}

/** Of a process and its threads, since it began. Undefined when it is gone. */
export function cpuMs(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}

export function rssMb(pid) {
  const [, kb] = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1024;
}

/** A share from 0 to 1 of the values, in order. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
