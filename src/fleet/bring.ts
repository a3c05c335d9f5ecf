/**
 * Sessions of the fleet as local stores, one each, which live as long as they are looked at: what shows, checks or replays one reads
 * them as it reads any other. Their number and size are bounded, and nothing of them outlives this process.
 */
import { BlockEncoder, isOwnKind, type StoredFrame } from '../store/block.ts';
import { StoreError } from '../store/error.ts';
import { openTemporary } from '../store/open.ts';
import { StoreReader } from '../store/read.ts';
import type { FindingRow, OperationRow } from '../store/record.ts';
import type { StoredSessionRow } from '../store/session.ts';

export interface BroughtSession {
  readonly row: StoredSessionRow;
  readonly operations: AsyncIterable<readonly OperationRow[]>;
  readonly findings: AsyncIterable<readonly (FindingRow & { readonly number: number })[]>;
  /** Undefined bytes: the payload did not come. */
  readonly frames: AsyncIterable<readonly BroughtFrame[]>;
}

export type BroughtFrame = Omit<StoredFrame, 'bytes'> & { readonly bytes: Uint8Array | undefined };

export interface BringLimits {
  /** Open at once: each is a connection with a page cache of two megabytes. */
  readonly sessions: number;
  /** Of payloads, in SQLite's temporary files. */
  readonly bytes: number;
  /** So long nothing of one is thrown away: somebody is reading it. */
  readonly keptMs: number;
}

const LIMITS: BringLimits = { sessions: 500, bytes: 4 * 1024 ** 3, keptMs: 60_000 };
/** Frames are packed in portions of so many bytes. */
const PORTION_BYTES = 4 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

type Database = Awaited<ReturnType<typeof openTemporary>>;

interface Entry {
  readonly version: string;
  readonly filled: Promise<{ readonly reader: StoreReader; readonly bytes: number }>;
  bytes: number;
  usedMs: number;
}

export class Brought {
  readonly #limits: BringLimits;
  /** By org and session; who was asked for last is the last. */
  readonly #entries = new Map<string, Entry>();

  constructor(limits: BringLimits = LIMITS) {
    this.#limits = limits;
  }

  /** The one that is here, if it is of this version. Rejects with a StoreError when all that may be open is being read. */
  async open(
    org: string,
    sessionId: string,
    version: string,
    fetch: () => Promise<BroughtSession>,
  ): Promise<StoreReader> {
    const id = keyOf(org, sessionId);
    const known = this.#entries.get(id);
    if (known?.version === version) {
      this.#entries.delete(id);
      this.#entries.set(id, known);
      known.usedMs = performance.now();
      return (await known.filled).reader;
    }
    await this.#makeRoom();
    const entry: Entry = { version, filled: fetch().then(fill), bytes: 0, usedMs: performance.now() };
    // One that is read under its name until now goes when its time is over.
    if (known !== undefined) this.#entries.set(`${id} ${known.version}`, known);
    this.#entries.set(id, entry);
    try {
      const { reader, bytes } = await entry.filled;
      entry.bytes = bytes;
      return reader;
    } catch (error) {
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    }
  }

  /** Those of an org. */
  async close(org: string): Promise<void> {
    const entries = [...this.#entries].filter(([id]) => id.startsWith(keyOf(org, '')));
    for (const [id] of entries) this.#entries.delete(id);
    for (const [, { filled }] of entries) await closed(filled);
  }

  async #makeRoom(): Promise<void> {
    for (;;) {
      const bytes = [...this.#entries.values()].reduce((sum, one) => sum + one.bytes, 0);
      if (this.#entries.size < this.#limits.sessions && bytes < this.#limits.bytes) return;
      const now = performance.now();
      const [id, idle] =
        [...this.#entries].find(([, { usedMs }]) => now - usedMs > this.#limits.keptMs) ?? [];
      if (id === undefined || idle === undefined)
        throw new StoreError(
          'store_full',
          `${this.#entries.size} sessions of the fleet are open at once, which is as much as may be; ask for fewer`,
        );
      this.#entries.delete(id);
      await closed(idle.filled);
    }
  }
}

/** No org has a blank in its name. */
function keyOf(org: string, sessionId: string): string {
  return `${org} ${sessionId}`;
}

async function closed(filled: Entry['filled']): Promise<void> {
  const opened = await filled.catch(() => undefined);
  opened?.reader.close();
}

async function fill(session: BroughtSession): Promise<{ reader: StoreReader; bytes: number }> {
  const db = await openTemporary();
  try {
    db.exec('BEGIN');
    const bytes = await write(db, session);
    db.exec('COMMIT');
    return { reader: new StoreReader(db), bytes };
  } catch (error) {
    db.close();
    throw error;
  }
}

async function write(db: Database, { row, operations, findings, frames }: BroughtSession): Promise<number> {
  // Its number and how its blocks are packed were another store's.
  inserting(db, 'session')({ ...row, number: 1, packed: 0, indexed: 0 });
  const operation = inserting(db, 'operation');
  for await (const some of operations) for (const one of some) operation({ ...one, session: 1 });
  const finding = inserting(db, 'finding');
  for await (const some of findings) for (const one of some) finding(one);
  const { bytes, missing, there } = await writeFrames(db, row.id, frames);
  if (missing > 0 && row.bodies !== 'none')
    db.prepare('UPDATE session SET bodies = ?').run(there > 0 ? 'part' : 'none');
  return bytes;
}

interface Written {
  bytes: number;
  /** Frames of the wire with and without their payload. */
  there: number;
  missing: number;
}

async function writeFrames(db: Database, id: string, frames: BroughtSession['frames']): Promise<Written> {
  const encoder = new BlockEncoder(true);
  const insertBlock = db.prepare(
    'INSERT INTO block (session_id, first_seq, last_seq, count, first_at, last_at, entries, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const written: Written = { bytes: 0, there: 0, missing: 0 };
  let portion: StoredFrame[] = [];
  let portionBytes = 0;
  const flush = (): void => {
    for (const block of encoder.encode(portion)) {
      const { firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data } = block;
      insertBlock.run(id, firstSeq, lastSeq, count, firstAtUs, lastAtUs, entries, data);
    }
    portion = [];
    portionBytes = 0;
  };
  for await (const some of frames)
    for (const { bytes, ...frame } of some) {
      portion.push({ ...frame, bytes: bytes ?? NO_BYTES, truncated: frame.truncated || bytes === undefined });
      if (!isOwnKind(frame.kind)) written[bytes === undefined ? 'missing' : 'there'] += 1;
      portionBytes += bytes?.length ?? 0;
      written.bytes += bytes?.length ?? 0;
      if (portionBytes > PORTION_BYTES) flush();
    }
  flush();
  return written;
}

/** Rows of what another version may have written: what this one has no column for is left out. */
function inserting(db: Database, table: 'session' | 'operation' | 'finding'): (row: object) => void {
  const known = new Set(
    db.prepare<unknown[], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table),
  );
  let [last, statement] = ['', db.prepare('SELECT 1')];
  return (row) => {
    const columns = Object.entries(row).filter(([name]) => known.has(name));
    const names = columns.map(([name]) => name).join(', ');
    if (names !== last) {
      const places = columns.map(() => '?').join(', ');
      [last, statement] = [names, db.prepare(`INSERT INTO ${table} (${names}) VALUES (${places})`)];
    }
    statement.run(...columns.map(([, value]) => value as unknown));
  };
}
