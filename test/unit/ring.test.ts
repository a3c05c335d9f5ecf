import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createRing, RingReader, type RingRecord, RingWriter } from '../../src/tap/ring.ts';

const CAPACITY = 1024 * 1024;

function pair(capacity = CAPACITY): { writer: RingWriter; reader: RingReader; woken: () => number } {
  const ring = createRing(capacity);
  let woken = 0;
  const writer = new RingWriter(ring, () => {
    woken += 1;
  });
  return { writer, reader: new RingReader(ring), woken: () => woken };
}

function drain(reader: RingReader): RingRecord[] {
  const records: RingRecord[] = [];
  // What a record holds is gone with the next read.
  while (reader.read((record) => records.push({ ...record, bytes: record.bytes.slice() })));
  return records;
}

function json(record: RingRecord | undefined): unknown {
  return JSON.parse(new TextDecoder().decode(record?.bytes));
}

describe('the ring', () => {
  it('gives back every record that it took, in order, byte for byte, whatever the order of writes and reads', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ push: fc.uint8Array({ maxLength: 200_000 }) }) },
      { weight: 2, arbitrary: fc.constant({ read: true as const }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { writer, reader } = pair();
        const taken: string[] = [];
        const got: RingRecord[] = [];
        let refused = 0;
        let at = 0;
        for (const action of steps) {
          at += 1;
          if ('read' in action) got.push(...drain(reader));
          else if (writer.push('server_to_client', action.push, at)) taken.push(digest(action.push, at));
          else refused += 1;
        }
        got.push(...drain(reader));
        writer.pushLifecycle({ fact: 'client_closed' }, at + 1);
        got.push(...drain(reader));
        const chunks = got.filter((record) => record.kind === 'server_to_client');
        const gaps = got.filter((record) => record.kind === 'gap').map(json) as { chunks: number }[];
        expect(chunks.map((record) => digest(record.bytes, record.atUs))).toEqual(taken);
        expect(gaps.reduce((sum, gap) => sum + gap.chunks, 0)).toBe(refused);
        expect(got.at(-1)?.kind).toBe('lifecycle');
      }),
      { numRuns: 300 },
    );
  });

  it('tells a gap exactly where copies are missing, with their number and size', () => {
    const { writer, reader } = pair();
    const chunk = new Uint8Array(100_000);
    let taken = 0;
    while (writer.push('client_to_server', chunk, 1)) taken += 1;
    writer.push('client_to_server', chunk, 2);
    writer.push('stderr', chunk.subarray(0, 10), 3);
    expect(drain(reader).map((record) => record.kind)).toEqual(Array<string>(taken).fill('client_to_server'));

    expect(writer.push('client_to_server', chunk, 4)).toBe(true);
    const after = drain(reader);
    expect(after.map((record) => record.kind)).toEqual(['gap', 'gap', 'client_to_server']);
    expect(json(after[0])).toEqual({ channel: 'client_to_server', chunks: 2, bytes: 200_000 });
    expect(json(after[1])).toEqual({ channel: 'stderr', chunks: 1, bytes: 10 });
  });

  it('takes lifecycle facts when it is too full for chunks', () => {
    const { writer, reader } = pair();
    while (writer.push('client_to_server', new Uint8Array(1000), 1));
    writer.pushLifecycle({ fact: 'server_exited', code: 3, signal: null }, 9);
    const kinds = drain(reader).map((record) => record.kind);
    expect(kinds.slice(-2)).toEqual(['gap', 'lifecycle']);
  });

  it('takes a burst of its whole capacity after having been read empty at any position', () => {
    const { writer, reader } = pair(8 * CAPACITY);
    for (const before of [1, 17, 40, 90]) {
      for (let i = 0; i < before; i += 1) writer.push('stderr', new Uint8Array(65_536), 0);
      drain(reader);
      let burst = 0;
      while (writer.push('stderr', new Uint8Array(65_536), 0)) burst += 65_536;
      expect(burst).toBeGreaterThan(7.5 * CAPACITY);
      drain(reader);
    }
  });

  it('loses nothing that comes between the reader seeing it empty and asking to start over', () => {
    const { writer, reader } = pair(8 * CAPACITY);
    for (let i = 0; i < 40; i += 1) writer.push('stderr', new Uint8Array(65_536), i);
    const store = Atomics.store.bind(Atomics);
    let slipped = false;
    const spy = vi.spyOn(Atomics, 'store').mockImplementation(((
      words: Int32Array,
      index: number,
      value: number,
    ) => {
      // The request to start over is the store of a 1 at the fourth word: here the other thread gets in between.
      if (index === 3 && value === 1 && !slipped) {
        slipped = true;
        writer.push('client_to_server', Uint8Array.of(7), 100);
      }
      return store(words, index, value);
    }) as typeof Atomics.store);
    const before = drain(reader);
    spy.mockRestore();
    expect(slipped).toBe(true);
    writer.push('client_to_server', Uint8Array.of(8), 101);
    const after = [...before, ...drain(reader)].filter(({ kind }) => kind === 'client_to_server');
    expect(after.map(({ bytes }) => bytes[0])).toEqual([7, 8]);
  });

  it('wakes a sleeping reader once, and never one that is awake', () => {
    const { writer, reader, woken } = pair();
    writer.push('stderr', new Uint8Array(1), 0);
    expect(woken()).toBe(0);
    expect(reader.sleep()).toBe(false);
    drain(reader);
    expect(reader.sleep()).toBe(true);
    writer.push('stderr', new Uint8Array(1), 0);
    writer.push('stderr', new Uint8Array(1), 0);
    expect(woken()).toBe(1);
  });

  it('says whether a chunk would fit, which is what lossless capture waits for', () => {
    const { writer, reader } = pair();
    expect(writer.hasRoom(65_536)).toBe(true);
    while (writer.hasRoom(65_536)) expect(writer.push('stderr', new Uint8Array(65_536), 0)).toBe(true);
    expect(writer.push('stderr', new Uint8Array(65_536), 0)).toBe(false);
    drain(reader);
    // Also after a loss that is not told yet: it is told with the next chunk, which waits for this.
    expect(writer.hasRoom(65_536)).toBe(true);
  });
});

function digest(bytes: Uint8Array, at: number): string {
  let sum = bytes.length;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return `${at}:${bytes.length}:${sum}`;
}
