/**
 * What changes or copies a whole store, killed at random moments, and on a disk that fills at random moments: a migration, deleting
 * and packing, an export, an import; and a disk of which the machine wrote only a part. What is left is sound, each session whole or
 * gone, and the next run finishes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { openStore } from '../../src/store/read.ts';
import { SIDELIGHT, temporaryFolder } from '../e2e/sidelight.ts';
import { described, ended, frame, operation, sessionId, started } from '../unit/storeEvents.ts';
import { mountNamespace } from './mounts.ts';

const SESSIONS = 60;
const FRAMES = 200;
const ROUNDS = 6;
/** Most runs are over after so long, and each is cut at a moment before it. */
const LATEST_MS = 900;
/** Columns of sessions that schemas 2 and 3 added. */
const ADDED = ['pinned', 'note', 'bodies', 'elided_media', 'packed', 'replay_of', 'indexed'];

let original: string;

beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), 'sidelight-upkeep-'));
  const sink = new StoreSink({ dataDir: original, record: 'full' }, new Stats(), new Trouble(console.error));
  for (let number = 1; number <= SESSIONS; number += 1) {
    const id = sessionId(number);
    await sink.write([
      started(id),
      described(id),
      ...Array.from({ length: FRAMES }, (_, seq) => frame(id, seq, { bytes: bodyOf(number, seq) })),
      ...Array.from({ length: FRAMES / 2 }, (_, one) => operation(id, one)),
      ended(id, { operations: FRAMES / 2 }),
    ]);
  }
  await sink.close(5000);
});
afterAll(() => {
  rmSync(original, { recursive: true, force: true });
});

/** Of calls, each answered by the next frame. */
function bodyOf(number: number, seq: number): Buffer {
  const id = Math.floor(seq / 2);
  const text = `${number} ${'x'.repeat(400)}`;
  const call = { method: 'tools/call', params: { name: 'say', arguments: { text } } };
  const said = seq % 2 === 0 ? call : { result: { content: [{ type: 'text', text }] } };
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
}

/** A folder with a copy of the store. */
function copied(): string {
  const dir = temporaryFolder();
  cpSync(original, dir, { recursive: true });
  return dir;
}

/** The paths of exports of sessions 7, 8 and 9. */
async function exported(): Promise<readonly string[]> {
  const [from, folder] = [copied(), temporaryFolder()];
  const files = [7, 8, 9].map((number) => join(folder, `${number}.jsonl`));
  for (const [index, file] of files.entries()) {
    const args = ['export', sessionId(7 + index), '--data-dir', from, '--no-redact', '-o', file];
    expect(await run(args)).toBe(0);
  }
  return files;
}

/** Runs a command; kills it after a moment, unless it is over before or is to end by itself. */
async function run(args: readonly string[], killedAfterMs?: number): Promise<number | null> {
  const child = spawn(process.execPath, [SIDELIGHT, ...args], { stdio: 'ignore' });
  const timer =
    killedAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killedAfterMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return code;
}

/** Of what is left: sound, and every session that is listed is whole. */
async function sessionsLeft(dir: string): Promise<readonly string[]> {
  const db = new Database(storePath(dir));
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.close();
  const reader = await openStore(dir);
  try {
    const sessions = reader.listSessions({ limit: 1000 });
    for (const { id, frames, completeness } of sessions) {
      const number = parseInt(id.slice(-12), 16);
      const bodies = [...reader.frames(id)].map(({ bytes }) => Buffer.from(bytes).toString());
      expect(bodies).toEqual(Array.from({ length: FRAMES }, (_, seq) => bodyOf(number, seq).toString()));
      expect([...reader.operations(id)]).toHaveLength(FRAMES / 2);
      expect([frames, completeness.complete]).toEqual([FRAMES, true]);
    }
    return sessions.map(({ id }) => id);
  } finally {
    reader.close();
  }
}

function moments(): readonly number[] {
  return Array.from({ length: ROUNDS }, () => Math.random() * LATEST_MS);
}

describe(`killed ${ROUNDS} times at random`, { timeout: 120_000 }, () => {
  it('a migration from schema 1 leaves all of it, in the old schema or in the new one', async () => {
    const dir = copied();
    backToSchema1(dir);
    const old = join(temporaryFolder(), 'sidelight.db');
    copyFileSync(storePath(dir), old);
    for (const moment of moments()) {
      for (const end of ['', '-wal', '-shm']) rmSync(storePath(dir) + end, { force: true });
      copyFileSync(old, storePath(dir));
      await run(['sessions', '--data-dir', dir], moment);
      expect([1, 2, 3]).toContain(schemaOf(dir));
      expect(await sessionsLeft(dir)).toHaveLength(SESSIONS);
      expect(schemaOf(dir)).toBe(3);
    }
  });

  it('deleting and packing leave whole sessions, and the next run finishes', async () => {
    const dir = copied();
    let left = SESSIONS;
    const prune = (sessions: number): string[] => [
      ...['prune', '--data-dir', dir, '--retention-age', 'none', '--retention-failed-age', 'none'],
      ...['--retention-sessions', String(sessions)],
    ];
    for (const moment of moments()) {
      await run(prune(Math.max(4, left - 8)), moment);
      const now = (await sessionsLeft(dir)).length;
      expect(now).toBeLessThanOrEqual(left);
      left = now;
    }
    aMinuteLater(dir);
    expect(await run(prune(3))).toBe(0);
    expect(await sessionsLeft(dir)).toHaveLength(3);
    const after = new Database(storePath(dir));
    const rows = after.prepare(
      'SELECT (SELECT count(*) FROM doomed) AS doomed, (SELECT count(DISTINCT session_id) FROM block) AS blocks, (SELECT count(DISTINCT session) FROM operation) AS operations',
    );
    expect(rows.get()).toEqual({ doomed: 0, blocks: 3, operations: 3 });
    after.close();
  });

  it('an export is there whole or not at all', async () => {
    const dir = copied();
    const out = join(temporaryFolder(), 'session.jsonl');
    const args = ['export', sessionId(7), '--data-dir', dir, '--no-redact', '-o', out];
    expect(await run(args)).toBe(0);
    const whole = linesOf(out);
    expect(whole.length).toBeGreaterThan(FRAMES);
    for (const moment of moments()) {
      rmSync(out);
      await run(args, moment);
      if (existsSync(out)) expect(linesOf(out).length).toBe(whole.length);
      else expect(await run(args)).toBe(0);
    }
  });

  it('an import leaves whole sessions or none', async () => {
    const files = await exported();
    for (const moment of moments()) {
      const dir = join(temporaryFolder(), 'data');
      mkdirSync(dir);
      await run(['import', ...files, '--data-dir', dir], moment);
      if (existsSync(storePath(dir)) && schemaOf(dir) > 0) {
        const left = await sessionsLeft(dir);
        for (const id of left) expect([7, 8, 9].map(sessionId)).toContain(id);
      }
    }
    const whole = temporaryFolder();
    expect(await run(['import', ...files, '--data-dir', whole])).toBe(0);
    expect([...(await sessionsLeft(whole))].sort()).toEqual([7, 8, 9].map(sessionId));
  });
});

describe(`on a disk that fills ${ROUNDS} times at random`, { timeout: 120_000 }, () => {
  it('a migration from schema 1 leaves the old schema, or the new one', async () => {
    const dir = copied();
    backToSchema1(dir);
    const old = join(temporaryFolder(), 'sidelight.db');
    copyFileSync(storePath(dir), old);
    const list = ['sessions', '--data-dir', dir];
    const ends = await onRooms(512 * 1024, async (room) => {
      for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
      copyFileSync(old, storePath(dir));
      const end = await runOnFullDisk(dir, room, list);
      expect([1, 2, 3]).toContain(schemaOf(dir));
      expect(await run(list)).toBe(0);
      expect(await sessionsLeft(dir)).toHaveLength(SESSIONS);
      expect(schemaOf(dir)).toBe(3);
      return end;
    });
    expect(ends.some(({ code }) => code !== 0)).toBe(true);
  });

  it('deleting and packing leave whole sessions, and the next run finishes', async () => {
    const dir = copied();
    const prune = (sessions: number): string[] => [
      ...['prune', '--data-dir', dir, '--retention-age', 'none', '--retention-failed-age', 'none'],
      ...['--retention-sessions', String(sessions)],
    ];
    let left = SESSIONS;
    const ends = await onRooms(2 * 1024 * 1024, async (room) => {
      const wanted = Math.max(4, left - 6);
      const end = await runOnFullDisk(dir, room, prune(wanted));
      const between = (await sessionsLeft(dir)).length;
      expect(between).toBeLessThanOrEqual(left);
      aMinuteLater(dir);
      expect(await run(prune(wanted))).toBe(0);
      left = (await sessionsLeft(dir)).length;
      expect(left).toBe(wanted);
      return end;
    });
    expect(ends.some(({ code }) => code !== 0)).toBe(true);
  });

  it('an export leaves the file that was there, or the whole of the new one', async () => {
    const dir = copied();
    const disk = temporaryFolder();
    const out = join(disk, 'session.jsonl');
    const args = ['export', sessionId(7), '--data-dir', dir, '--no-redact', '-o', out];
    expect(await run(args)).toBe(0);
    const whole = readFileSync(out);
    const ends = await onRooms(whole.length * 2, async (room) => {
      const end = await runOnFullDisk(disk, room, args);
      expect(readdirSync(disk)).toEqual(['session.jsonl']);
      expect(linesOf(out)).toHaveLength(whole.toString().trimEnd().split('\n').length);
      return end;
    });
    expect(ends.some(({ code }) => code !== 0)).toBe(true);
  });

  it('an import leaves whole sessions or none, and the next run brings the rest', async () => {
    const files = await exported();
    const ends = await onRooms(1024 * 1024, async (room) => {
      const dir = temporaryFolder();
      const args = ['import', ...files, '--data-dir', dir];
      const end = await runOnFullDisk(dir, room, args);
      if (existsSync(storePath(dir)) && schemaOf(dir) > 0)
        for (const id of await sessionsLeft(dir)) expect([7, 8, 9].map(sessionId)).toContain(id);
      // Those that came in the first run come again, with ids of their own.
      if (end.code !== 0) {
        rmSync(dir, { recursive: true });
        expect(await run(args)).toBe(0);
      }
      expect([...(await sessionsLeft(dir))].sort()).toEqual([7, 8, 9].map(sessionId));
      return end;
    });
    expect(ends.some(({ code }) => code !== 0)).toBe(true);
  });
});

describe('a machine that loses its power while it records', () => {
  it('leaves a sound store with whole batches, whichever file reached the disk last', async () => {
    const dir = temporaryFolder();
    const sink = new StoreSink({ dataDir: dir, record: 'full' }, new Stats(), new Trouble(console.error));
    for (let round = 0; round < 30; round += 1) {
      const id = sessionId(round + 1);
      await sink.write([
        started(id),
        ...Array.from({ length: 50 }, (_, seq) => frame(id, seq)),
        ...Array.from({ length: 25 }, (_, one) => operation(id, one)),
      ]);
      const copy = temporaryFolder();
      const order = round % 2 === 0 ? ['', '-wal'] : ['-wal', ''];
      for (const end of order)
        if (existsSync(storePath(dir) + end)) copyFileSync(storePath(dir) + end, storePath(copy) + end);
      const db = new Database(storePath(copy));
      expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
      db.close();
      const reader = await openStore(copy);
      for (const { id: stored } of reader.listSessions({ limit: 100 })) {
        expect([...reader.frames(stored)]).toHaveLength(50);
        expect([...reader.operations(stored)]).toHaveLength(25);
      }
      reader.close();
    }
    await sink.close(1000);
  });
});

/** One that was killed, or could not say that it had ended, is held to be at it for so long. */
function aMinuteLater(dir: string): void {
  const db = new Database(storePath(dir));
  db.exec('DELETE FROM lease');
  db.close();
}

/** How a command ended, and what it said. */
interface End {
  readonly code: number | null;
  readonly said: string;
}

/** With next to no room first, then with any below `most` bytes. Each that fails says in a line why. */
async function onRooms(most: number, round: (room: number) => Promise<End>): Promise<readonly End[]> {
  const ends: End[] = [];
  for (const share of [0, ...Array.from({ length: ROUNDS - 1 }, () => Math.random())]) {
    const end = await round(Math.round(share * most));
    if (end.code !== 0) expect(end.said).toMatch(/^sidelight: .*(full|written|too large)/im);
    ends.push(end);
  }
  return ends;
}

/**
 * Runs a command while the disk that holds `folder` has `room` more bytes: a disk of its own in memory, where it may be mounted;
 * elsewhere no file grows beyond what the largest one has and the room.
 */
async function runOnFullDisk(folder: string, room: number, args: readonly string[]): Promise<End> {
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  const namespace = mountNamespace(folder);
  const script =
    namespace === undefined
      ? 'ulimit -f "$2"; shift 2; exec "$@"'
      : [
          'folder=$1; kib=$2; shift 2',
          'disk=$(mktemp -d); mount -t tmpfs -o "size=${kib}k" tmpfs "$disk"; cp -a "$folder/." "$disk"',
          'mount --bind "$disk" "$folder"; code=0; "$@" || code=$?; umount "$folder"',
          'find "$folder" -mindepth 1 -delete; cp -a "$disk/." "$folder"; umount "$disk"; rmdir "$disk"; exit "$code"',
        ].join('; ');
  const limit =
    namespace === undefined
      ? Math.ceil((Math.max(0, ...sizes) + room) / 512)
      : // A disk in memory gives whole pages, and the folder has one.
        Math.ceil(sizes.reduce((sum, size) => sum + Math.ceil(size / 4096), 2) * 4 + room / 1024);
  const shell = ['sh', '-ec', script, 'sh', folder, String(limit)];
  const child = spawn('env', [...(namespace ?? []), ...shell, process.execPath, SIDELIGHT, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

function linesOf(file: string): readonly string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}

function schemaOf(dir: string): number {
  const db = new Database(storePath(dir));
  const version = db.pragma('user_version', { simple: true }) as number;
  db.close();
  return version;
}

/** The store as a Sidelight of schema 1 would have left it. */
function backToSchema1(dir: string): void {
  const db = new Database(storePath(dir));
  for (const later of ['TRIGGER block_goes', 'TRIGGER block_comes', 'TABLE block_text', 'TABLE text_index'])
    db.exec(`DROP ${later}`);
  const indexes = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    .pluck()
    .all() as string[];
  const kept = new Set([
    ...[
      'session_by_start',
      'session_failed',
      'block_by_session',
      'operation_by_session',
      'finding_by_session',
    ],
  ]);
  for (const name of indexes) if (!kept.has(name)) db.exec(`DROP INDEX ${name}`);
  for (const table of ['doomed', 'lease']) db.exec(`DROP TABLE ${table}`);
  for (const column of ADDED) db.exec(`ALTER TABLE session DROP COLUMN ${column}`);
  db.exec('ALTER TABLE block DROP COLUMN coding');
  db.pragma('user_version = 1');
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}
