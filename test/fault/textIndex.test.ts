/**
 * The index of texts, when the process that makes it is killed at random moments: what is left is sound, finds what a look at every
 * payload finds, and the next run finishes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { openStore } from '../../src/store/read.ts';
import type { TextIndexRules } from '../../src/store/textIndex.ts';
import { ended, frame, sessionId, started } from '../unit/storeEvents.ts';

const SESSIONS = 120;
const ROUNDS = 8;
/** A run from the start takes about so long. */
const LATEST_MS = 400;

let dir: string;
let bundles: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-texts-'));
  const root = fileURLToPath(new URL('../..', import.meta.url));
  mkdirSync(join(root, '.tmp'), { recursive: true });
  bundles = mkdtempSync(join(root, '.tmp', 'texts-'));
  // Node 20 reads no TypeScript.
  await build({
    ...{ entryPoints: [fileURLToPath(new URL('textIndexer.ts', import.meta.url))] },
    ...{ outfile: join(bundles, 'indexer.mjs'), bundle: true, platform: 'node', format: 'esm' },
    ...{ external: ['better-sqlite3'], logLevel: 'error' },
  });
  const sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(console.error));
  for (let number = 1; number <= SESSIONS; number += 1) {
    const id = sessionId(number);
    const bytes = (seq: number): Buffer =>
      Buffer.from(
        Array.from({ length: 500 }, (_, at) => ((at + 1) * (seq + 7919) * number).toString(36)).join(' '),
      );
    await sink.write([
      started(id),
      ...Array.from({ length: 10 }, (_, seq) => frame(id, seq, { bytes: bytes(seq) })),
      frame(id, 10, { bytes: Buffer.from(`needle ${number % 7}`) }),
      ended(id),
    ]);
  }
  await sink.close(5000);
  // Packed, so that all that is killed is busy with the index.
  expect(await run('keep')).toBe(0);
});
afterAll(() => {
  for (const folder of [dir, bundles]) rmSync(folder, { recursive: true, force: true });
});

/** Runs until it is over, or is killed after a moment. */
async function run(does: TextIndexRules['does'], killedAfterMs?: number): Promise<number | null> {
  const args = [join(bundles, 'indexer.mjs'), dir, does];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  if (killedAfterMs !== undefined) {
    // It says so when it begins.
    await Promise.race([once(child.stdout, 'data'), closed]);
    const timer = setTimeout(() => child.kill('SIGKILL'), killedAfterMs);
    void closed.then(() => {
      clearTimeout(timer);
    });
  }
  const [code] = (await closed) as [number | null];
  return code;
}

/** How many sessions are in the index, which is sound, and whose answers are right. */
async function entered(): Promise<number> {
  const db = new Database(storePath(dir));
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.exec("INSERT INTO block_text (block_text) VALUES ('integrity-check')");
  const count = db.prepare<unknown[], number>('SELECT count(*) FROM session WHERE indexed = 1').pluck().get();
  db.close();
  const reader = await openStore(dir);
  const filter = { kind: 'text', text: 'NEEDLE 3' } as const;
  const { rows } = reader.find.sessions({ filter, nowUs: Date.now() * 1000, limit: 1000 });
  reader.close();
  const expected = Array.from({ length: SESSIONS }, (_, number) => number + 1).filter((n) => n % 7 === 3);
  expect(rows.map(({ id }) => id).sort()).toEqual(expected.map(sessionId));
  return count ?? 0;
}

test(`killed ${ROUNDS} times while it is made or removed`, { timeout: 60_000 }, async () => {
  const counts: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await run(round % 4 === 3 ? 'drop' : 'grow', Math.random() * LATEST_MS);
    counts.push(await entered());
  }
  expect(await run('grow')).toBe(0);
  expect(await entered()).toBe(SESSIONS);
  expect(await run('drop')).toBe(0);
  expect(await entered()).toBe(0);
  console.info(`text index: sessions in it after each kill: ${counts.join(' ')}`);
});
