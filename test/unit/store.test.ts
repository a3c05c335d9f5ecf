/** The recording: what goes in through the sink comes out through the reader. Real files, a real database. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { Stats } from '../../src/self/stats.ts';
import { Trouble } from '../../src/self/trouble.ts';
import { StoreSink, type StoreSinkOptions } from '../../src/sink/store.ts';
import { storePath } from '../../src/store/file.ts';
import { processMark } from '../../src/store/live.ts';
import { openStore, type StoreReader } from '../../src/store/read.ts';
import {
  asStored,
  comparable,
  calls,
  described,
  ended,
  finding,
  frame,
  operation,
  sessionId,
  START_US,
  started,
} from './storeEvents.ts';

let dir: string;
const readers: StoreReader[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-store-'));
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Recorder {
  readonly sink: StoreSink;
  readonly stats: Stats;
  readonly said: string[];
}

function recorder(options: Partial<StoreSinkOptions> = {}): Recorder {
  const stats = new Stats();
  const said: string[] = [];
  const trouble = new Trouble((line) => said.push(line));
  return { sink: new StoreSink({ dataDir: dir, record: 'full', ...options }, stats, trouble), stats, said };
}

async function recorded(
  events: readonly McpEvent[],
  options: Partial<StoreSinkOptions> = {},
): Promise<Recorder> {
  const all = recorder(options);
  await all.sink.write(events);
  await all.sink.close(1000);
  return all;
}

async function reading(): Promise<StoreReader> {
  const reader = await openStore(dir);
  readers.push(reader);
  return reader;
}

const id = sessionId(1);
const BINARY = Buffer.from([0x7b, 0x00, 0xff, 0xfe, 0xc3, 0x28, 0x22, 0x0a, 0x7d]);

describe('a recording', () => {
  test('gives back a session with everything that was learnt about it', async () => {
    await recorded([
      started(id, { configuredName: 'files' }),
      described(id),
      ...calls(id, 0, 2),
      operation(id, 2, {
        outcome: 'tool_error',
        error: { code: undefined, type: 'tool_error', message: 'no' },
      }),
      { type: 'copies_dropped', sessionId: id, atUs: START_US, channel: 'stderr', chunks: 3, bytes: 4096 },
      frame(id, 4, { redactions: 2 }),
      frame(id, 5, { truncated: true, sha256: 'ab'.repeat(32), sizeBytes: 9_000_000_000 }),
      finding(id, 5),
      {
        type: 'server_exited',
        sessionId: id,
        atUs: START_US,
        code: null,
        signal: 'SIGSEGV',
        crashed: true,
        lastStderr: ['a', 'b'],
      },
      ended(id, {
        cause: 'server_crashed',
        exitCode: null,
        exitSignal: 'SIGSEGV',
        operations: 3,
        failedOperations: 1,
        findings: 1,
      }),
    ]);
    expect((await reading()).findSession('last')).toEqual({
      id,
      status: 'crashed',
      completeness: {
        complete: false,
        record: 'full',
        bodies: 'all',
        interrupted: false,
        droppedChunks: 3,
        droppedBytes: 4096,
        missedExchanges: 0,
        elidedMedia: 0,
        droppedEvents: 0,
        truncatedFrames: 1,
        redactions: 2,
      },
      startedAtUs: START_US,
      endedAtUs: START_US + 5_000_000,
      transport: 'stdio',
      server: 'everything',
      serverInfo: { name: 'everything', version: '2.0.0' },
      clientInfo: { name: 'inspector', version: '1.2.3' },
      protocolVersion: '2025-11-25',
      era: 'legacy',
      clientCapabilities: ['sampling'],
      serverCapabilities: ['tools', 'logging'],
      command: ['node', 'server.js'],
      cwd: '/srv',
      envNames: ['HOME', 'PATH'],
      pid: process.pid,
      hostname: 'host',
      sidelightVersion: '0.0.0',
      eventVersion: 1,
      record: 'full',
      endCause: 'server_crashed',
      exitCode: undefined,
      exitSignal: 'SIGSEGV',
      lastStderr: ['a', 'b'],
      probe: false,
      frames: 6,
      bytes: 9_000_000_000 + 5 * 46,
      operations: 3,
      failedOperations: 1,
      findings: 1,
      pinned: false,
      note: undefined,
      replayOf: undefined,
    });
  });

  test('gives back frames to the byte, also those that are no text, over many batches', async () => {
    const { sink, stats } = recorder();
    const sent = Array.from({ length: 3000 }, (_, seq) =>
      frame(id, seq, {
        bytes: seq % 7 === 0 ? BINARY : Buffer.alloc(seq % 500, seq),
        ending: seq % 3 === 0 ? '\r\n' : '\n',
      }),
    );
    await sink.write([started(id)]);
    for (let from = 0; from < sent.length; from += 700) await sink.write(sent.slice(from, from + 700));
    await sink.close(1000);
    expect([...(await reading()).frames(id)].map(comparable)).toEqual(sent.map(asStored));
    expect(stats.drops()).toEqual([]);
  });

  test('gives back a part of the frames', async () => {
    await recorded([started(id), ...calls(id, 0, 50, Buffer.alloc(20_000))]);
    const reader = await reading();
    const seqs = (range: { from?: number; to?: number }): number[] =>
      [...reader.frames(id, range)].map(({ seq }) => seq);
    expect(seqs({ from: 37, to: 40 })).toEqual([37, 38, 39, 40]);
    expect(seqs({ from: 98 })).toEqual([98, 99]);
    expect(seqs({ to: 1 })).toEqual([0, 1]);
    expect(seqs({ from: 100 })).toEqual([]);
  });

  test('gives back operations, their errors, legs and parents', async () => {
    const legs = [1, 'b'].map((requestId) => ({
      requestId,
      startedAtUs: 1,
      endedAtUs: 2,
      outcome: 'ok' as const,
    }));
    const all = [
      operation(id, 0),
      operation(id, 1, {
        requestId: '1',
        target: undefined,
        method: 'ping',
        initiator: 'server_to_client',
        parentOperationId: 0,
      }),
      operation(id, 2, {
        requestId: null,
        outcome: 'protocol_error',
        error: { code: -32602, type: '-32602', message: 'bad' },
      }),
      operation(id, 3, {
        legs,
        progressCount: 4,
        stream: true,
        target: { kind: 'resource', name: 'file:///x' },
      }),
    ];
    await recorded([started(id), ...all]);
    const got = [...(await reading()).operations(id)];
    expect(got.map(({ number: _number, ...rest }) => rest)).toEqual(
      all.map((one) => ({
        sessionId: id,
        operationId: one.operationId,
        initiator: one.initiator,
        method: one.method,
        target: one.target,
        requestId: one.requestId,
        startedAtUs: one.startedAtUs,
        endedAtUs: one.endedAtUs,
        outcome: one.outcome,
        error: one.error,
        parentOperationId: one.parentOperationId,
        stream: one.stream,
        requestBytes: one.requestBytes,
        resultBytes: one.resultBytes,
        progressCount: one.progressCount,
        firstSeq: one.firstSeq,
        lastSeq: one.lastSeq,
        traceId: one.span.traceId,
        spanId: one.span.spanId,
        legs: one.legs.length > 1 ? one.legs : [],
      })),
    );
  });

  test('gives back more operations than it reads at once, in order', async () => {
    await recorded([started(id), ...calls(id, 0, 2500)]);
    const got = [...(await reading()).operations(id)].map(({ operationId }) => operationId);
    expect(got).toEqual(Array.from({ length: 2500 }, (_, number) => number));
  });

  test('can be read by any SQLite shell: the view unfolds the blocks into the same frames', async () => {
    const sent = [
      frame(id, 0, { bytes: BINARY, ending: '\r\n' }),
      frame(id, 1, {
        channel: 'stderr',
        kind: 'stderr',
        method: undefined,
        operationId: undefined,
        ending: '',
      }),
      frame(id, 2, { truncated: true, redactions: 1, sha256: 'cd'.repeat(32), sizeBytes: 77 }),
      frame(id, 3, { exchange: 7, eventId: 'stream-1/2' }),
      frame(id, 4, { kind: 'http', exchange: 8, truncated: true, sha256: 'ef'.repeat(32) }),
    ];
    await recorded([started(id), ...sent]);
    const db = new Database(storePath(dir), { readonly: true });
    const rows = db.prepare('SELECT * FROM frame WHERE session_id = ? ORDER BY seq').all(id);
    db.close();
    expect(rows).toEqual(
      sent.map((one) => ({
        session_id: id,
        seq: one.seq,
        at: one.atUs,
        channel: one.channel,
        kind: one.kind,
        bytes: Buffer.from(one.bytes),
        size: one.sizeBytes,
        ending: one.ending,
        method: one.method ?? null,
        operation_id: one.operationId ?? null,
        truncated: one.truncated ? 1 : 0,
        redactions: one.redactions,
        sha256: one.sha256 ?? null,
        exchange: one.exchange ?? null,
        event_id: one.eventId ?? null,
      })),
    );
  });

  test('holds no body where only metadata is wanted, and says so', async () => {
    await recorded([started(id), ...calls(id, 0, 3, Buffer.from('needle')), ended(id, { operations: 3 })], {
      record: 'metadata',
    });
    const reader = await reading();
    expect([...reader.frames(id)].map(({ bytes, sizeBytes }) => [bytes.length, sizeBytes])).toEqual(
      Array.from({ length: 6 }, () => [0, 6]),
    );
    expect(readFileSync(storePath(dir)).includes('needle')).toBe(false);
    expect(reader.findSession('last').completeness).toMatchObject({ complete: false, record: 'metadata' });
  });

  test('of two sessions in one batch keeps each its own', async () => {
    const other = sessionId(2);
    const mixed = [...calls(id, 0, 2), ...calls(other, 0, 3)].sort((a, b) => a.atUs - b.atUs);
    await recorded([started(id), started(other), ...mixed]);
    const reader = await reading();
    expect([...reader.frames(id)]).toHaveLength(4);
    expect([...reader.frames(other)]).toHaveLength(6);
    expect([...reader.operations(other)]).toHaveLength(3);
  });

  test('tells what is missing: frames that never came, operations that were not told', async () => {
    await recorded([started(id), frame(id, 0), frame(id, 5), operation(id, 0), ended(id, { operations: 3 })]);
    expect((await reading()).findSession('last')).toMatchObject({
      frames: 6,
      operations: 3,
      completeness: { complete: false, droppedEvents: 6 },
    });
  });

  test('is complete when nothing is missing', async () => {
    await recorded([started(id), ...calls(id, 0, 3), ended(id, { operations: 3 })]);
    expect((await reading()).findSession('last')).toMatchObject({
      status: 'ok',
      completeness: { complete: true },
    });
  });
});

describe('a list of sessions', () => {
  const last = (number: number): string => sessionId(number).slice(-8);

  beforeEach(async () => {
    await recorded([
      ...[1, 2, 3, 4].map((number) => started(sessionId(number), { atUs: START_US + number })),
      ended(sessionId(1)),
      operation(sessionId(2), 0, {
        outcome: 'timeout',
        error: { code: undefined, type: 'timeout', message: undefined },
      }),
      ended(sessionId(2), { operations: 1, failedOperations: 1 }),
      ended(sessionId(3), { cause: 'server_crashed' }),
      ended(sessionId(4), { probe: true }),
    ]);
  });

  test('is newest first, in pages', async () => {
    const reader = await reading();
    const list = reader.listSessions({ limit: 3 });
    expect(list.map((one) => one.id)).toEqual([4, 3, 2].map(sessionId));
    const next = reader.listSessions({ limit: 3, beforeUs: list.at(-1)?.startedAtUs ?? 0 });
    expect(next.map((one) => one.id)).toEqual([sessionId(1)]);
  });

  test('can be of those that failed', async () => {
    const failed = (await reading()).listSessions({ limit: 10, failed: true });
    expect(failed.map((one) => [one.id, one.status])).toEqual([
      [sessionId(3), 'crashed'],
      [sessionId(2), 'failed'],
    ]);
  });

  test('is searched by any part of an id that is enough, and `last` is no probe', async () => {
    const reader = await reading();
    expect(reader.findSession('last').id).toBe(sessionId(3));
    expect(reader.findSession(last(2)).id).toBe(sessionId(2));
    expect(reader.findSession(sessionId(2).toUpperCase()).id).toBe(sessionId(2));
    expect(() => reader.findSession('01977420')).toThrow(
      expect.objectContaining({ code: 'session_ambiguous' }),
    );
    for (const wanted of ['ffff', '', '%', '_', "' OR 1=1"]) {
      expect(() => reader.findSession(wanted)).toThrow(expect.objectContaining({ code: 'session_unknown' }));
    }
  });
});

describe('a session without an end', () => {
  test('is live while its process is, and interrupted after that, also when the process id is taken again', async () => {
    const here = { hostname: hostname() };
    await recorded([started(sessionId(1), here)]);
    await recorded([started(sessionId(2), { ...here, pid: 2 ** 22 + 1 })]);
    await recorded([started(sessionId(3), { hostname: 'elsewhere' })]);
    const reader = await reading();
    const status = (number: number): string | undefined => reader.session(sessionId(number))?.status;
    expect([1, 2, 3].map(status)).toEqual(['live', 'interrupted', 'interrupted']);

    // Not Linux: there is no mark, and the id alone has to do.
    if (processMark(process.pid) === null) return;
    const db = new Database(storePath(dir));
    db.prepare("UPDATE session SET process_mark = 'another boot/1'").run();
    db.close();
    expect(status(1)).toBe('interrupted');
    expect(reader.session(sessionId(1))?.completeness).toMatchObject({ complete: false, interrupted: true });
  });
});

describe('a reader that follows', () => {
  test('sees what was stored since, once and in order', async () => {
    const { sink } = recorder();
    await sink.write([started(id), ...calls(id, 0, 1)]);
    const reader = await reading();
    const version = reader.version();
    let position = reader.position();
    expect(reader.since(position)).toMatchObject({ sessions: [], operations: [], more: false });

    await sink.write([started(sessionId(2)), ...calls(id, 1, 1200)]);
    expect(reader.version()).not.toBe(version);
    const first = reader.since(position);
    position = first.position;
    const second = reader.since(position);
    expect(first.sessions.map((one) => one.id)).toEqual([sessionId(2)]);
    expect([first.more, second.more]).toEqual([true, false]);
    expect([...first.operations, ...second.operations].map(({ operationId }) => operationId)).toEqual(
      Array.from({ length: 1200 }, (_, number) => number + 1),
    );
    await sink.close(1000);
  });
});

describe('the files', () => {
  const modes = (): string[] =>
    ['', '-wal', '-shm'].map((suffix) => (statSync(storePath(dir) + suffix).mode & 0o777).toString(8));

  test('are for the owner only, and so is a folder that was made for them', async () => {
    const before = process.umask(0);
    try {
      dir = join(dir, 'state', 'sidelight');
      const { sink } = recorder();
      await sink.write([started(id)]);
      expect(modes()).toEqual(['600', '600', '600']);
      expect(statSync(dir).mode & 0o777).toBe(0o700);
      await sink.close(1000);
    } finally {
      process.umask(before);
      dir = join(dir, '../..');
    }
  });

  test('become so when they were not, but a folder that was there is left as it is', async () => {
    await recorded([started(id)]);
    chmodSync(storePath(dir), 0o644);
    chmodSync(dir, 0o755);
    const { sink } = recorder();
    await sink.write([started(sessionId(2))]);
    expect(modes()).toEqual(['600', '600', '600']);
    expect(statSync(dir).mode & 0o777).toBe(0o755);
    await sink.close(1000);
  });

  test('are not made before there is something to store', async () => {
    const { sink, stats } = recorder({ dataDir: join(dir, 'never') });
    await sink.close(1000);
    expect(() => statSync(join(dir, 'never'))).toThrow('ENOENT');
    expect(stats.failures()).toEqual([]);
  });
});

describe('a store that cannot be used', () => {
  /** Records where that cannot work, and checks that this is said once, counted and told to readiness. */
  async function refused(word: string, sentence: RegExp): Promise<void> {
    const { sink, stats, said } = recorder();
    await sink.write([started(id), ...calls(id, 0, 1, Buffer.alloc(10))]);
    await sink.write(calls(id, 1, 1, Buffer.alloc(10)));
    expect(stats.failures()).toEqual([{ part: 'store', reason: word, count: 1 }]);
    expect(stats.drops()).toEqual([{ stage: 'store', reason: word, count: 6, bytes: 40 }]);
    expect(stats.problems().get('store')).toMatch(sentence);
    await sink.close(100);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(sentence);
    expect(said[0]).not.toContain('\n');
  }

  const hash = (): string =>
    createHash('sha256')
      .update(readFileSync(storePath(dir)))
      .digest('hex');

  test('is said to be damaged when it is no database, and is left untouched', async () => {
    writeFileSync(storePath(dir), 'this is not a database, it is a letter\n'.repeat(1000));
    const before = hash();
    await refused('corrupt', /is no SQLite database; move it away/);
    expect(hash()).toBe(before);
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'store_corrupt' });
  });

  test('is said to be damaged when its pages are', async () => {
    await recorded([started(id), ...calls(id, 0, 500)]);
    const bytes = readFileSync(storePath(dir));
    bytes.fill(0xa5, 100, 60_000);
    writeFileSync(storePath(dir), bytes);
    await refused('corrupt', /move it away/);
  });

  test('is left untouched when a newer Sidelight wrote it', async () => {
    await recorded([started(id)]);
    const db = new Database(storePath(dir));
    db.pragma('user_version = 999');
    db.close();
    const before = hash();
    await refused('newer', /of a newer Sidelight \(version 999, this one writes 3\)/);
    expect(hash()).toBe(before);
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'store_newer' });
  });

  test('is left untouched when it is the database of another program', async () => {
    const db = new Database(storePath(dir));
    db.exec('CREATE TABLE bookmark (url TEXT)');
    db.close();
    const before = hash();
    await refused('foreign', /database of another program/);
    expect(hash()).toBe(before);
  });

  test('is refused when it is a symbolic link, and what the link leads to is left alone', async () => {
    const target = join(dir, 'target');
    writeFileSync(target, '');
    symlinkSync(target, storePath(dir));
    await refused('unsafe', /no regular file/);
    expect(statSync(target).size).toBe(0);
  });

  test('is refused when its log is a symbolic link', async () => {
    symlinkSync(join(dir, 'target'), `${storePath(dir)}-wal`);
    await refused('unsafe', /no regular file/);
  });

  test.skipIf(process.geteuid?.() !== 0)('is refused when it belongs to another user', async () => {
    writeFileSync(storePath(dir), '');
    chownSync(storePath(dir), 65_534, 65_534);
    await refused('unsafe', /belongs to another user/);
  });

  test('is refused when it is a folder', async () => {
    mkdirSync(storePath(dir));
    await refused('unsafe', /no regular file/);
  });

  test('is told when a file stands where its folder should be', async () => {
    const before = dir;
    writeFileSync(join(dir, 'file'), '');
    dir = join(dir, 'file', 'below');
    await refused('unwritable', /has a file where a folder should be/);
    dir = before;
  });

  test('is missing for a reader before anything was recorded', async () => {
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'store_missing' });
    writeFileSync(storePath(dir), '');
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'store_missing' });
  });
});

describe('a store that another process writes to', () => {
  /** Holds the write lock, as a transaction of another process does. */
  async function locked(): Promise<Database.Database> {
    await recorded([started(id)]);
    const other = new Database(storePath(dir));
    other.exec('BEGIN IMMEDIATE');
    return other;
  }

  test('is waited for, and nothing is lost', async () => {
    const { sink, stats } = recorder();
    await sink.write([started(sessionId(2))]);
    const other = await locked();
    // Not stored at once: a promise.
    const writing = sink.write(calls(sessionId(2), 0, 1));
    expect(writing).toBeInstanceOf(Promise);
    other.exec('COMMIT');
    other.close();
    await writing;
    await sink.close(1000);
    expect([...(await reading()).frames(sessionId(2))]).toHaveLength(2);
    expect(stats.drops()).toEqual([]);
  });

  test('is given up after a while: counted, said, and marked once it can be', async () => {
    const other = await locked();
    const { sink, stats, said } = recorder({ lockedPatienceMs: 100 });
    await sink.write([started(sessionId(2)), ...calls(sessionId(2), 0, 1)]);
    expect(stats.drops()).toMatchObject([{ stage: 'store', reason: 'locked', count: 3 }]);
    expect(stats.problems().get('store')).toContain('written by another process');
    other.exec('COMMIT');
    other.close();
    await sink.write([...calls(sessionId(2), 1, 1), ended(sessionId(2), { operations: 2 })]);
    expect(stats.problems().size).toBe(0);
    await sink.close(1000);
    expect(said).toHaveLength(1);
    const session = (await reading()).findSession(sessionId(2));
    expect(session.completeness).toMatchObject({ complete: false, droppedEvents: 3 });
  });

  test('does not keep the end waiting beyond its deadline', async () => {
    const other = await locked();
    const { sink, stats } = recorder();
    const writing = sink.write([started(sessionId(2)), ...calls(sessionId(2), 0, 1)]);
    await sink.close(100);
    await writing;
    expect(stats.drops()).toMatchObject([{ stage: 'store', reason: 'locked', count: 3 }]);
    other.close();
  });
});

describe('after a failure', () => {
  test('recording goes on by itself when the store can be used again, and the session says what is missing', async () => {
    mkdirSync(storePath(dir));
    const { sink, stats, said } = recorder({ retryMs: 0 });
    await sink.write([started(id), described(id), ...calls(id, 0, 2)]);
    expect(stats.problems().has('store')).toBe(true);
    rmSync(storePath(dir), { recursive: true });
    await sink.write(calls(id, 2, 1));
    expect(stats.problems().has('store')).toBe(false);
    await sink.write([ended(id, { operations: 3 })]);
    await sink.close(1000);
    expect(said).toHaveLength(1);
    const reader = await reading();
    expect(reader.findSession('last')).toMatchObject({
      server: 'everything',
      operations: 3,
      frames: 6,
      completeness: { complete: false, droppedEvents: 6 },
    });
    expect([...reader.frames(id)].map(({ seq }) => seq)).toEqual([4, 5]);
  });

  test('the end of the session is marked at the close, even when no event came since', async () => {
    mkdirSync(storePath(dir));
    const { sink } = recorder();
    await sink.write([started(id), ...calls(id, 0, 2), ended(id, { operations: 2 })]);
    rmSync(storePath(dir), { recursive: true });
    await sink.close(1000);
    expect((await reading()).findSession('last')).toMatchObject({
      status: 'ok',
      completeness: { droppedEvents: 6 },
    });
  });
});
