import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Frame, framed, latin1, type Piece } from '../unit/frames.ts';
import { chunked, settings } from './cuts.ts';

/** Mostly newlines and letters, so that short streams hold many lines; sometimes a block that outgrows small parts. */
const stream = fc
  .array(
    fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom('\n', '\r', '\r\n', 'a', 'bc', '\u00e9', '\xff\xfe', '{}') },
      { weight: 1, arbitrary: fc.nat({ max: 3000 }).map((length) => 'x'.repeat(length)) },
    ),
    { maxLength: 40 },
  )
  .map((texts) => Buffer.from(texts.join(''), 'latin1'));
const cap = fc.oneof(fc.nat({ max: 12 }), fc.constantFrom(1024, 4096));
const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 12 });

/** Frames as the definition has them: split at each \n, one \r belongs to it. */
function frameByDefinition(text: string, maxFrameBytes: number): Frame[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index): Frame[] => {
    const isLast = index === lines.length - 1;
    if (isLast && line === '') return [];
    const crlf = !isLast && line.endsWith('\r');
    const content = crlf ? line.slice(0, -1) : line;
    const kind = content.length > maxFrameBytes ? 'oversize' : isLast ? 'unterminated' : 'line';
    return [{ kind, text: content, ending: isLast ? '' : crlf ? '\r\n' : '\n' }];
  });
}

const textOf = (frames: readonly Frame[]): string =>
  frames.map((frame) => frame.text + frame.ending).join('');

test('any chunking of the same bytes gives the frames that the definition gives, and they add up to the bytes', () => {
  const run = fc.property(stream, cap, cuts, (bytes, maxFrameBytes, at) => {
    const { frames } = framed(chunked(bytes, at), maxFrameBytes);
    expect(frames).toEqual(frameByDefinition(latin1(bytes), maxFrameBytes));
    expect(textOf(frames)).toBe(latin1(bytes));
  });
  fc.assert(run, settings(10_000));
});

test('around gaps, too, chunking changes nothing and every byte is framed or counted as skipped', () => {
  const run = fc.property(
    fc.array(stream, { minLength: 1, maxLength: 4 }),
    cap,
    cuts,
    (parts, maxFrameBytes, at) => {
      const withGaps = (chunk: (bytes: Uint8Array) => Piece[]): Piece[] =>
        parts.flatMap((bytes, index) => (index === 0 ? chunk(bytes) : ['gap', ...chunk(bytes)]));
      const whole = framed(
        withGaps((bytes) => [bytes]),
        maxFrameBytes,
      );
      const split = framed(
        withGaps((bytes) => chunked(bytes, at)),
        maxFrameBytes,
      );
      expect(split.frames).toEqual(whole.frames);
      expect(split.skippedBytes).toBe(whole.skippedBytes);
      const expected = parts.flatMap((bytes, index) => {
        const text = latin1(bytes);
        const from = index === 0 ? 0 : text.indexOf('\n') + 1;
        return index > 0 && from === 0 ? [] : frameByDefinition(text.slice(from), maxFrameBytes);
      });
      expect(whole.frames).toEqual(expected);
      const size = parts.reduce((sum, bytes) => sum + bytes.length, 0);
      expect(textOf(whole.frames).length + whole.skippedBytes).toBe(size);
    },
  );
  fc.assert(run, settings(5_000));
});
