/** The recording under what disks and processes do: several writers, no room, no permission, kill -9. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { storePath } from '../../src/store/file.ts';
import { openStore } from '../../src/store/read.ts';
import { sessionId } from '../unit/storeEvents.ts';
import { mountNamespace } from './mounts.ts';
import { bundleWriter, reportOf, startWriter, type Writer } from './storeProgram.ts';

let bundle: string;
let dir: string;

beforeAll(async () => {
  bundle = await bundleWriter();
});
afterAll(() => {
  rmSync(dirname(bundle), { recursive: true, force: true });
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-fault-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function integrity(): unknown {
  const db = new Database(storePath(dir));
  const result = db.pragma('integrity_check', { simple: true });
  db.close();
  return result;
}

/** Runs what follows it in a mount name space, after a shell script that gets the data folder as $1. */
function after(namespace: readonly string[], script: string): readonly string[] {
  return [...namespace, 'sh', '-ec', `dir=$1; shift; ${script}; exec "$@"`, 'sh', dir];
}

describe('several processes', () => {
  test('make and fill the same fresh store at once, and nothing is lost', async () => {
    const writers = [1, 2, 3, 4, 5].map((session) =>
      startWriter(bundle, { dataDir: dir, session, batches: 40, perBatch: 50 }),
    );
    for (const writer of writers) {
      expect(await reportOf(writer)).toMatchObject({ failures: [], drops: [], said: [], complete: true });
    }
    expect(integrity()).toBe('ok');
    const reader = await openStore(dir);
    expect(reader.listSessions({ limit: 10 })).toHaveLength(5);
    for (const session of [1, 2, 3, 4, 5]) {
      const numbers = [...reader.operations(sessionId(session))].map(({ operationId }) => operationId);
      expect(numbers).toEqual(Array.from({ length: 2000 }, (_, number) => number));
      expect([...reader.frames(sessionId(session))].map(({ seq }) => seq)).toEqual(
        Array.from({ length: 4000 }, (_, seq) => seq),
      );
    }
    reader.close();
  });
});

describe('a disk without room', () => {
  test('is said once and counted; when there is room again, recording goes on, and the session is marked', async () => {
    const namespace = mountNamespace(dir);
    const options = { dataDir: join(dir, 'data'), session: 1, batches: 40, perBatch: 40, bodyBytes: 4000 };
    const ballast = { path: join(dir, 'ballast'), bytes: 22_000_000 };
    const writer =
      namespace === undefined
        ? // No file may grow beyond 2 MiB: where nothing can be mounted, the nearest thing to a full disk.
          startWriter(bundle, options, ['prlimit', '--fsize=2097152:unlimited'])
        : startWriter(
            bundle,
            { ...options, ballast },
            after(namespace, 'mount -t tmpfs -o size=24m tmpfs "$dir"'),
          );
    const report = await reportOf(writer);

    const word = namespace === undefined ? 'io' : 'full';
    const sentence = namespace === undefined ? /cannot be read or written/ : /the disk is full; make room/;
    expect(report.problem).toMatch(sentence);
    expect(report.said[0]).toMatch(sentence);
    expect(report.problemAtEnd).toBeUndefined();
    expect(report.failures).toMatchObject([{ reason: word }]);
    const lost = report.drops.reduce((sum, { count }) => sum + count, 0);
    expect(lost).toBeGreaterThan(0);
    expect(report.drops.map(({ stage, reason }) => [stage, reason])).toEqual([['store', word]]);
    expect(report).toMatchObject({ integrity: 'ok', complete: false, droppedEvents: lost });
    // Of three lost events two are frames.
    expect(report.storedFrames).toBe(40 * 40 * 2 - (lost / 3) * 2);
  });
});

describe('a disk that cannot be written to', () => {
  test('is said once and counted, and what was recorded before can still be read', async () => {
    const namespace = mountNamespace(dir);
    if (namespace === undefined) {
      // A file system in which nobody makes folders.
      const report = await reportOf(
        startWriter(bundle, { dataDir: '/sys/sidelight', session: 2, batches: 3, perBatch: 1 }),
      );
      expect(report.said).toHaveLength(1);
      expect(report.drops).toMatchObject([{ count: 9 }]);
      return;
    }
    const first = JSON.stringify({ dataDir: dir, session: 1, batches: 2, perBatch: 3 });
    const script = [
      'mount -t tmpfs -o size=16m tmpfs "$dir"',
      `"$1" "$2" '${first}' >/dev/null`,
      'mount -o remount,ro "$dir"',
    ].join('; ');
    const report = await reportOf(
      startWriter(bundle, { dataDir: dir, session: 1, batches: 3, perBatch: 1 }, after(namespace, script)),
    );
    expect(report.said).toHaveLength(1);
    expect(report.said[0]).toMatch(/can only be read|read-only file system/);
    expect(report.problemAtEnd).toMatch(/choose another --data-dir/);
    expect(report.drops).toMatchObject([{ stage: 'store', reason: 'readonly', count: 9 }]);
    // Of the process before.
    expect(report.storedFrames).toBe(12);
  });
});

describe('kill -9', () => {
  const ROUNDS = 20;
  const LATEST_MS = 120;

  test(`at random moments, ${ROUNDS} times, never damages the store and loses nothing that was stored`, async () => {
    const acknowledged: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const writer = startWriter(bundle, { dataDir: dir, session: round, perBatch: 200 });
      await firstLine(writer);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LATEST_MS));
      writer.process.kill('SIGKILL');
      await writer.exited;
      acknowledged.push(Number(writer.lines.at(-1)));
      if (round % 5 === 0) expect(integrity()).toBe('ok');
    }
    const reader = await openStore(dir);
    for (const [index, count] of acknowledged.entries()) {
      const id = sessionId(index + 1);
      const stored = [...reader.operations(id)].length;
      expect(stored).toBeGreaterThanOrEqual(count);
      // Whole batches only, with all their frames.
      expect(stored % 200).toBe(0);
      expect([...reader.frames(id)]).toHaveLength(stored * 2);
      expect(reader.session(id)).toMatchObject({ operations: stored, completeness: { interrupted: true } });
    }
    reader.close();
  }, 60_000);

  function firstLine(writer: Writer): Promise<void> {
    return new Promise((resolve) => {
      writer.process.stdout?.once('data', () => resolve());
    });
  }
});
