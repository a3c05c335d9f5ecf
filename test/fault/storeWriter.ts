/**
 * Records made-up operations through the real sink, as one Sidelight process does. Prints after each batch how many
 * operations are stored and, at the end, a report of what went wrong.
 */
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { openStore } from '../../src/store/read.ts';
import { calls, described, ended, sessionId, started } from '../unit/storeEvents.ts';
import type { Report, WriterOptions } from './storeProgram.ts';

// Beyond a limit on the size of files the system sends a signal; with a listener, writing fails instead.
process.on('SIGXFSZ', () => undefined);

const {
  dataDir,
  session,
  batches = Infinity,
  perBatch,
  bodyBytes = 300,
  ballast,
} = JSON.parse(process.argv[2] ?? '') as WriterOptions;
const id = sessionId(session);
const body = Buffer.alloc(bodyBytes, 'x');
const stats = new Stats();
const said: string[] = [];
const sink = new StoreSink(
  { dataDir, record: 'full', retryMs: 0 },
  stats,
  new Trouble((line) => said.push(line)),
);

if (ballast !== undefined) writeFileSync(ballast.path, Buffer.alloc(ballast.bytes));
await sink.write([started(id, { hostname: hostname() }), described(id)]);
let problem = stats.problems().get('store');
let number = 0;
for (let batch = 0; batch < batches; batch += 1) {
  await sink.write(calls(id, number, perBatch, body));
  number += perBatch;
  process.stdout.write(`${number}\n`);
  const now = stats.problems().get('store');
  if (problem === undefined && now !== undefined) {
    problem = now;
    makeRoom();
  }
}
await sink.write([ended(id, { operations: number })]);
await sink.close(1000);
process.stdout.write(`${JSON.stringify(await report())}\n`);

function makeRoom(): void {
  if (ballast !== undefined) rmSync(ballast.path, { force: true });
  // Only where there is such a limit; elsewhere this changes nothing.
  spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited']);
}

async function report(): Promise<Report> {
  const counts = {
    failures: stats.failures().map(({ reason, count }) => ({ reason, count })),
    drops: stats.drops(),
    said,
    problem,
    problemAtEnd: stats.problems().get('store'),
  };
  try {
    const reader = await openStore(dataDir);
    const { completeness } = reader.findSession(id);
    const storedFrames = [...reader.frames(id)].length;
    reader.close();
    const db = new Database(storePath(dataDir), { readonly: true });
    const integrity = String(db.pragma('integrity_check', { simple: true }));
    db.close();
    const { complete, droppedEvents } = completeness;
    return { ...counts, integrity, storedFrames, complete, droppedEvents };
  } catch (error) {
    return { ...counts, integrity: String(error), storedFrames: 0, complete: false, droppedEvents: 0 };
  }
}
