/**
 * The real shipper for machines that are not there: as many at once as keep the engine busy, first with what waited (full
 * batches), then with little and often, as of sidecars in quiet use. Gives what the engine takes, and what a row costs both.
 */
import { join } from 'node:path';
import { openEngine } from '../src/fleet/engine.ts';
import { ship } from '../src/fleet/shipper.ts';
import { parseRemote, remoteName } from '../src/config/remote.ts';
import { Stats } from '../src/self/stats.ts';
import { Trouble } from '../src/self/trouble.ts';
import { StoreSink } from '../src/sink/store.ts';
import { openForWriting } from '../src/store/open.ts';
import { Outbox } from '../src/store/outbox.ts';
import { cpuMs } from './fleet-engine.mjs';
import { callEvents, record, sessionId, startEvents } from './fleet-seeds.mjs';
import { numbers } from './fleet-text.mjs';

const MACHINES = 4;
const RULES = { payloadsByServer: {}, slowMs: 10_000, sample: 0 };
/** What a quiet sidecar has after five seconds of a message a second. */
const QUIET_CALLS = 3;
const MERGED_MS = 60_000;

/** Records `sessions` of so many machines; `dataDirs` are theirs. */
export async function seed(folder, sessions, endUs) {
  const dataDirs = Array.from({ length: MACHINES }, (_, machine) => join(folder, `machine-${machine}`));
  for (const [machine, dataDir] of dataDirs.entries())
    await record({ dataDir, machine, sessions: Math.ceil(sessions / MACHINES), endUs });
  return dataDirs;
}

/** Everything that was recorded, by all machines at once. */
export async function shipAll({ engine, dataDirs, database, payloads }) {
  return measured(engine, database, async (remote) => {
    await Promise.all(dataDirs.map((dataDir) => shipOnce(dataDir, remote, payloads)));
  });
}

/** `machines`, each with a session that goes on, `rounds` times a few calls more of each; they are recorded before the clock runs. */
export async function shipQuietly({ engine, folder, database, machines, rounds }) {
  const draw = numbers(17);
  const all = Array.from({ length: machines }, (_, machine) => {
    const dataDir = join(folder, `quiet-${machine}`);
    const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
    const atUs = Date.now() * 1000 - 60_000_000;
    const session = { id: sessionId(atUs, draw), server: `server-${machine % 20}`, atUs };
    return { dataDir, sink, session };
  });
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const { sink, session } of all) {
      const start = { ...session, pid: process.pid, hostname: `quiet`, client: 'client-1' };
      await sink.write([
        ...(round === 0 ? startEvents(start) : []),
        ...callEvents({ ...session, from: round * QUIET_CALLS, calls: QUIET_CALLS, draw }),
      ]);
    }
    const result = await measured(engine, database, async (remote) => {
      const waiting = [...all];
      const lanes = Array.from({ length: MACHINES }, async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
          await shipOnce(next.dataDir, remote, 'telling');
      });
      await Promise.all(lanes);
    });
    results.push(result);
  }
  for (const { sink } of all) await sink.close(5000);
  const sum = (name) => results.reduce((total, result) => total + result[name], 0);
  const names = ['seconds', 'rows', 'inserts', 'parts', 'bytes', 'engineCpuSeconds', 'clientCpuSeconds'];
  return { ...Object.fromEntries(names.map((name) => [name, sum(name)])), machines, rounds };
}

async function shipOnce(dataDir, remote, payloads) {
  const db = await openForWriting(dataDir);
  const engine = await openEngine({ remote, password: undefined });
  try {
    const shipped = await ship({
      ...{ outbox: new Outbox(db, remoteName(remote)), engine, org: remote.org },
      ...{ rules: { ...RULES, payloads }, nowUs: () => Date.now() * 1000 },
      ...{ signal: new AbortController().signal, told: () => undefined },
    });
    if (shipped.buried > 0) throw new Error(`${shipped.buried} rows were not taken`);
  } finally {
    await engine.close();
    db.close();
  }
}

/** The engine's CPU includes the merges that follow. */
async function measured(engine, database, work) {
  const { remote } = parseRemote(engine.url(database));
  const before = await engine.counters();
  const [engineBefore, from] = [cpuMs(engine.pid), performance.now()];
  const client = process.cpuUsage();
  await work(remote);
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(client);
  await engine.merged(MERGED_MS);
  const after = await engine.counters();
  const grown = (event) => after(event) - before(event);
  return {
    seconds,
    rows: grown('InsertedRows'),
    inserts: grown('InsertQuery'),
    parts: grown('InsertedCompactParts') + grown('InsertedWideParts'),
    bytes: grown('InsertedBytes'),
    engineCpuSeconds: (cpuMs(engine.pid) - engineBefore) / 1000,
    clientCpuSeconds: (user + system) / 1e6,
  };
}
