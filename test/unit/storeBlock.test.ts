/** Blocks: what is packed comes back, to the byte. */
import { describe, expect, test } from 'vitest';
import type { FrameRecorded } from '../../src/event/event.ts';
import { BlockEncoder, decodeBlock, type StoredFrame } from '../../src/store/block.ts';
import { CHANNELS, ENDINGS, KINDS } from '../../src/store/migrations/v1.ts';
import { asStored, comparable, frame, sessionId } from './storeEvents.ts';

const id = sessionId(1);

function unpacked(frames: readonly FrameRecorded[], withBodies = true): StoredFrame[] {
  const blocks = new BlockEncoder(withBodies).encode(frames);
  return blocks.flatMap(({ firstAtUs, entries, data }) => decodeBlock(firstAtUs, entries, data));
}

describe('a block', () => {
  test('gives back every channel, kind and ending, and bytes that are no text', () => {
    const frames = CHANNELS.flatMap((channel) =>
      KINDS.flatMap((kind) => ENDINGS.map((ending) => ({ channel, kind, ending }))),
    ).map((changes, seq) => frame(id, seq, { ...changes, bytes: Buffer.from([seq, 0, 0xff, 0xc3, 0x28]) }));
    expect(unpacked(frames).map(comparable)).toEqual(frames.map(asStored));
  });

  test('gives back what is cut, redacted, unrelated, empty or out of order in time', () => {
    const frames = [
      frame(id, 7, { truncated: true, sha256: 'ab'.repeat(32), sizeBytes: 5_000_000_000 }),
      frame(id, 8, { redactions: 3 }),
      frame(id, 11, { method: undefined, operationId: undefined, bytes: new Uint8Array(0) }),
      frame(id, 12, { atUs: 1, method: 'quo"te\u0000\u2028/\ud83d\ude00' }),
    ];
    expect(unpacked(frames).map(comparable)).toEqual(frames.map(asStored));
  });

  test('is closed before it grows too large, and a frame above the bound has one of its own', () => {
    const sizes = [100_000, 100_000, 100_000, 1_000_000, 10, 10];
    const blocks = new BlockEncoder(true).encode(
      sizes.map((size, seq) => frame(id, seq, { bytes: Buffer.alloc(size, seq) })),
    );
    expect(
      blocks.map(({ firstSeq, lastSeq, count, data }) => [firstSeq, lastSeq, count, data.length]),
    ).toEqual([
      [0, 1, 2, 200_000],
      [2, 2, 1, 100_000],
      [3, 3, 1, 1_000_000],
      [4, 5, 2, 20],
    ]);
    const many = new BlockEncoder(true).encode(
      Array.from({ length: 5000 }, (_, seq) => frame(id, seq, { bytes: new Uint8Array(0) })),
    );
    expect(many.map(({ count }) => count)).toEqual([2048, 2048, 904]);
  });

  test('keeps of bodies nothing but their size where only metadata is wanted, save our own notes', () => {
    const frames = [frame(id, 0), frame(id, 1, { kind: 'gap' }), frame(id, 2, { kind: 'lifecycle' })];
    expect(unpacked(frames, false)).toMatchObject([
      { bytes: { length: 0 }, truncated: true, sizeBytes: frames[0]?.bytes.length },
      { bytes: { length: frames[1]?.bytes.length }, truncated: false },
      { bytes: { length: frames[2]?.bytes.length }, truncated: false },
    ]);
  });
});
