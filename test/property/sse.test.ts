import fc from 'fast-check';
import { expect, test } from 'vitest';
import { latin1, type Piece } from '../unit/frames.ts';
import { sseFramed, type SseFrame } from '../unit/sseEvents.ts';
import { chunked, settings } from './cuts.ts';

const BOM = '\xef\xbb\xbf';
const ending = fc.constantFrom('\n', '\r\n', '\r');
const value = fc
  .array(
    fc.constantFrom('{"a":1}', ' ', ':', 'x', '1', '250', '\xc3\xa9', '\xf0\x9f\x98\x80', '\xff', '\0', BOM),
    { maxLength: 4 },
  )
  .map((texts) => texts.join(''));
const name = fc.constantFrom('data', 'event', 'id', 'retry', '', 'dat', 'datas', 'Data', 'unknown', BOM);
const line = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(fc.constantFrom('data', 'id', 'event', ''), value).map((t) => t.join(': ')),
  },
  { weight: 4, arbitrary: fc.tuple(name, fc.constantFrom(':', ': ', ':  '), value).map((t) => t.join('')) },
  { weight: 2, arbitrary: name },
  { weight: 1, arbitrary: value },
  { weight: 1, arbitrary: fc.nat({ max: 6000 }).map((length) => `data:${'y'.repeat(length)}`) },
  { weight: 8, arbitrary: fc.constant('') },
);
/** Mostly of one kind of line ending, as streams are, sometimes of all; at times not ended, or behind a BOM. */
const stream = fc
  .tuple(
    fc.constantFrom('', '', '', BOM, BOM + BOM, '\xef', '\xef\xbb'),
    fc.oneof(
      fc.tuple(fc.array(line, { maxLength: 24 }), ending).map(([lines, end]) => lines.join(end)),
      fc.array(fc.tuple(line, ending), { maxLength: 24 }).map((lines) => lines.flat().join('')),
    ),
    fc.constantFrom('', '\n\n', '\r\n\r\n', '\r\r', '\r', 'da', 'data: cut', ':cut', '\xef\xbb'),
  )
  .map((texts) => Buffer.from(texts.join(''), 'latin1'));
const cap = fc.oneof(fc.nat({ max: 24 }), fc.constantFrom(1024, 4096, 1e6));
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });

interface Line {
  readonly text: string;
  /** Empty for what no line ending completed. */
  readonly ending: string;
}

function linesOf(text: string): Line[] {
  return [...text.matchAll(/([^\r\n]*)(\r\n|\n|\r|$)/g)]
    .map(([, content = '', end = '']) => ({ text: content, ending: end }))
    .filter(({ text: content, ending: end }) => content + end !== '');
}

const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString();

/** WHATWG HTML 9.2.6, step by step, over lines; what the standard discards at the end is told as unterminated. */
function interpret(lines: readonly Line[], maxFrameBytes: number): SseFrame[] {
  const frames: SseFrame[] = [];
  let dataBuffer = '';
  let type = '';
  let id: string | undefined;
  let retry: number | undefined;
  let sizeBytes = 0;
  /** The type and id when the data outgrew the cap. */
  let head: { type: string; id: string | undefined } | undefined;
  const reset = (): void => {
    dataBuffer = type = '';
    id = retry = head = undefined;
    sizeBytes = 0;
  };
  for (const { text, ending: end } of lines) {
    if (text === '') {
      const data = dataBuffer === '' ? undefined : dataBuffer.slice(0, -1);
      if (head !== undefined) frames.push({ kind: 'oversize', data: data ?? '', ...head, ending: '\n' });
      else if (sizeBytes > 0) frames.push({ kind: 'event', data, type, id, retry, sizeBytes });
      reset();
      continue;
    }
    if (text.startsWith(':')) {
      frames.push({ kind: 'comment', sizeBytes: text.length });
      continue;
    }
    sizeBytes += text.length;
    const colon = text.indexOf(':');
    // A line that is cut off has no field before its colon.
    if (colon === -1 && end === '') continue;
    const field = colon === -1 ? text : text.slice(0, colon);
    const fieldValue = colon === -1 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      dataBuffer += `${fieldValue}\n`;
      if (dataBuffer.length - 1 > maxFrameBytes) head ??= { type, id };
    } else if (end === '') {
      continue;
    } else if (field === 'event') {
      type = utf8(fieldValue);
    } else if (field === 'id') {
      if (!fieldValue.includes('\0')) id = utf8(fieldValue);
    } else if (field === 'retry') {
      if (/^[0-9]+$/.test(fieldValue)) retry = Number(fieldValue);
    }
  }
  const data = dataBuffer.slice(0, -1);
  if (head !== undefined) frames.push({ kind: 'oversize', data, ...head, ending: '' });
  else if (sizeBytes > 0) frames.push({ kind: 'unterminated', data });
  return frames;
}

function framesByDefinition(text: string, maxFrameBytes: number): SseFrame[] {
  return interpret(linesOf(text.startsWith(BOM) ? text.slice(BOM.length) : text), maxFrameBytes);
}

test('any chunking of the same bytes gives the events that the standard gives', () => {
  const seen = { event: 0, comment: 0, oversize: 0, unterminated: 0 };
  const run = fc.property(stream, cap, cuts, (bytes, maxFrameBytes, at) => {
    const { frames } = sseFramed(chunked(bytes, at), maxFrameBytes);
    expect(frames).toEqual(framesByDefinition(latin1(bytes), maxFrameBytes));
    for (const frame of frames) seen[frame.kind]++;
  });
  fc.assert(run, settings(10_000));
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(500);
});

test('a cut at any one offset, or at all of them, changes nothing', () => {
  const run = fc.property(stream, cap, (bytes, maxFrameBytes) => {
    const expected = framesByDefinition(latin1(bytes), maxFrameBytes);
    for (let cut = 0; cut <= Math.min(bytes.length, 200); cut++) {
      expect(sseFramed([bytes.subarray(0, cut), bytes.subarray(cut)], maxFrameBytes).frames).toEqual(
        expected,
      );
    }
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(sseFramed(single, maxFrameBytes).frames).toEqual(expected);
  });
  fc.assert(run, settings(300));
});

test('an event is handed over with the byte that completes it, in the chunk where that is', () => {
  const run = fc.property(stream, (bytes) => {
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    const { frames, times } = sseFramed(single, 1e6);
    for (const [index, frame] of frames.entries()) {
      const to = times[index] ?? 0;
      if (frame.kind !== 'event') continue;
      const before = framesByDefinition(latin1(bytes.subarray(0, to)), 1e6);
      const after = framesByDefinition(latin1(bytes.subarray(0, to + 1)), 1e6);
      const whole = (list: readonly SseFrame[]): SseFrame[] => list.filter(({ kind }) => kind === 'event');
      expect(whole(after).length).toBe(whole(before).length + 1);
    }
  });
  fc.assert(run, settings(1000));
});

test('around gaps, too, chunking changes nothing, and each part begins at the blank line that surely is one', () => {
  const run = fc.property(
    fc.array(stream, { minLength: 2, maxLength: 4 }),
    cap,
    cuts,
    (parts, maxFrameBytes, at) => {
      const pieces = parts.flatMap((bytes, index): Piece[] =>
        index === 0 ? chunked(bytes, at) : ['gap', ...chunked(bytes, at)],
      );
      let skippedBytes = 0;
      const expected = parts.flatMap((bytes, index) => {
        const text = latin1(bytes);
        if (index === 0) return framesByDefinition(text, maxFrameBytes);
        const lines = linesOf(text);
        const blank = lines.findIndex((one, number) => number > 0 && one.text === '' && one.ending !== '');
        const skipped = blank === -1 ? lines : lines.slice(0, blank + 1);
        skippedBytes += skipped.reduce((sum, one) => sum + one.text.length + one.ending.length, 0);
        return interpret(lines.slice(skipped.length), maxFrameBytes);
      });
      expect(sseFramed(pieces, maxFrameBytes)).toMatchObject({ frames: expected, skippedBytes });
    },
  );
  fc.assert(run, settings(5_000));
});
