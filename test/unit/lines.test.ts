import { expect, test } from 'vitest';
import { LineFramer } from '../../src/wire/lines.ts';
import { framed, type Piece } from './frames.ts';

const CAP = 10;
const chunks = (...texts: string[]): Uint8Array[] => texts.map((text) => Buffer.from(text, 'latin1'));
const frames = (pieces: readonly Piece[], cap = CAP): string[] =>
  framed(pieces, cap).frames.map(
    ({ kind, text, ending }) => `${kind} ${JSON.stringify(text + '|' + ending)}`,
  );

test('a line ends at \\n, and a \\r before it belongs to the ending', () => {
  expect(frames(chunks('a\nb\r\n\r\n\nc\rd\n'))).toEqual([
    'line "a|\\n"',
    'line "b|\\r\\n"',
    'line "|\\r\\n"',
    'line "|\\n"',
    'line "c\\rd|\\n"',
  ]);
});

test('only the last of several \\r belongs to the ending', () => {
  expect(frames(chunks('a\r\r\n'))).toEqual(['line "a\\r|\\r\\n"']);
  expect(frames(chunks('a\r', '\r', '\n'))).toEqual(['line "a\\r|\\r\\n"']);
});

test('a line split anywhere, also inside a character or its ending, is one line', () => {
  const bytes = Buffer.from('{"é":1}\r\nx\n');
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(frames([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([
      'line "{\\"Ã©\\":1}|\\r\\n"',
      'line "x|\\n"',
    ]);
  }
});

test('a line inside one chunk is a view on it, a split line is not', () => {
  const chunk = Buffer.from('whole\nhalf');
  const lines: Uint8Array[] = [];
  const framer = new LineFramer(
    { maxFrameBytes: CAP },
    {
      line: (bytes) => void lines.push(bytes),
      oversize: () => expect.unreachable(),
      unterminated: () => expect.unreachable(),
      skipped: () => expect.unreachable(),
    },
  );
  framer.push(chunk, 0);
  framer.push(Buffer.from(' line\n'), 1);
  expect(lines.map((line) => Buffer.from(line).toString())).toEqual(['whole', 'half line']);
  expect(lines[0]?.buffer).toBe(chunk.buffer);
  expect(lines[1]?.buffer).not.toBe(chunk.buffer);
});

test('a line carries the time of the chunk that completed it', () => {
  expect(framed(chunks('a\nb', 'c', '\nd', '\r'), CAP)).toMatchObject({
    frames: [{ text: 'a' }, { text: 'bc' }, { text: 'd\r' }],
    times: [0, 2, 4],
  });
});

test('a line of exactly the cap is whole, its ending not counted', () => {
  const line = 'x'.repeat(CAP);
  const expected = [`line "${line}|\\r\\n"`];
  expect(frames(chunks(line + '\r\n'))).toEqual(expected);
  expect(frames(chunks(line, '\r', '\n'))).toEqual(expected);
});

test('a line above the cap passes from its first byte, ending apart, and the next line is whole again', () => {
  const line = 'x'.repeat(CAP + 1);
  const expected = [`oversize "${line}|\\r\\n"`, 'line "y|\\n"'];
  expect(frames(chunks(line + '\r\ny\n'))).toEqual(expected);
  expect(frames(chunks('xxxx', line.slice(4), '\r', '\n', 'y\n'))).toEqual(expected);
});

test('a \\r that turns out to be inside a line counts for the cap', () => {
  const line = 'x'.repeat(CAP) + '\r';
  expect(frames(chunks(line, 'y\n'))).toEqual([`oversize "${'x'.repeat(CAP)}\\ry|\\n"`]);
  expect(frames(chunks(line))).toEqual([`oversize "${'x'.repeat(CAP)}\\r|"`]);
});

test('the end of the stream hands over what no newline completed, once', () => {
  expect(frames(chunks('a\nb\r'))).toEqual(['line "a|\\n"', 'unterminated "b\\r|"']);
  expect(frames(chunks('a\n'))).toEqual(['line "a|\\n"']);
  expect(frames(chunks('x'.repeat(CAP + 1)))).toEqual([`oversize "${'x'.repeat(CAP + 1)}|"`]);
  expect(frames([])).toEqual([]);
});

test('a gap hands over what is pending and skips to the next newline, counting what it skips', () => {
  const { frames: seen, skippedBytes } = framed(
    [...chunks('a\nbe'), 'gap', ...chunks('lost', 'lost\nc\n')],
    CAP,
  );
  expect(seen).toEqual([
    { kind: 'line', text: 'a', ending: '\n' },
    { kind: 'unterminated', text: 'be', ending: '' },
    { kind: 'line', text: 'c', ending: '\n' },
  ]);
  expect(skippedBytes).toBe(9);
});

test('a gap between two lines skips the next line all the same, since nothing tells', () => {
  expect(framed([...chunks('a\n'), 'gap', ...chunks('maybe\nb\n')], CAP)).toMatchObject({
    frames: [{ text: 'a' }, { text: 'b' }],
    skippedBytes: 6,
  });
});

test('a gap ends an oversize line', () => {
  const long = 'x'.repeat(CAP + 1);
  expect(frames([...chunks(long), 'gap', 'gap', ...chunks('rest\na\n')])).toEqual([
    `oversize "${long}|"`,
    'line "a|\\n"',
  ]);
});

test('a line that comes byte by byte is one line, held in few parts', () => {
  const line = 'abcdefghij'.repeat(10_000);
  const pieces = Array.from(Buffer.from(line + '\n'), (byte) => Uint8Array.of(byte));
  expect(framed(pieces, line.length).frames).toEqual([{ kind: 'line', text: line, ending: '\n' }]);
});

test('small and large parts of one line keep their order', () => {
  const parts = Array.from({ length: 40 }, (_, index) => String(index).repeat(index % 3 === 0 ? 900 : 3));
  expect(framed(chunks(...parts, '\n'), 1e6).frames).toEqual([
    { kind: 'line', text: parts.join(''), ending: '\n' },
  ]);
});
