import { expect, test } from 'vitest';
import { MAX_FIELD_BYTES, SseFramer, type SseEvent } from '../../src/wire/sse.ts';
import type { Piece } from './frames.ts';
import { sseFramed, type SseFrame } from './sseEvents.ts';

const CAP = 100;
const chunks = (...texts: string[]): Uint8Array[] => texts.map((text) => Buffer.from(text, 'latin1'));
const frames = (pieces: readonly Piece[], cap = CAP): readonly SseFrame[] => sseFramed(pieces, cap).frames;
const event = (data: string | undefined, fields: Partial<SseFrame> = {}): SseFrame =>
  ({ kind: 'event', data, type: '', id: undefined, retry: undefined, ...fields }) as SseFrame;

test('an event of the MCP SDK is read whole', () => {
  expect(frames(chunks('event: message\nid: 7_1\ndata: {"a":1}\n\n'))).toEqual([
    event('{"a":1}', { type: 'message', id: '7_1', sizeBytes: 34 }),
  ]);
});

test('the priming event of a resumable stream has an id, empty data, and perhaps a retry', () => {
  expect(frames(chunks('id: 1\nretry: 500\ndata: \n\n'))).toEqual([
    event('', { id: '1', retry: 500, sizeBytes: 21 }),
  ]);
});

test('an event without a data field has no data, and one with an empty field has empty data', () => {
  expect(frames(chunks('id: 1\n\ndata\n\ndata:\n\nx: y\n\n'))).toMatchObject([
    event(undefined, { id: '1' }),
    event(''),
    event(''),
    event(undefined),
  ]);
});

test('data lines are joined by a newline whatever ended them, and one space after the colon is dropped', () => {
  expect(frames(chunks('data: a\rdata:b\r\ndata:  c\ndata\ndata: \n\n'))).toMatchObject([
    event('a\nb\n c\n\n'),
  ]);
});

test('the last of several ids, types and retries of an event counts, and none is handed on to the next', () => {
  expect(
    frames(chunks('id: 1\nevent: a\nretry: 1\nid: 2\nevent: b\nretry: 2\ndata: x\n\ndata: y\n\n')),
  ).toMatchObject([event('x', { type: 'b', id: '2', retry: 2 }), event('y')]);
});

test('an id with a NUL and a retry that is not all digits are ignored, an empty id is not', () => {
  expect(frames(chunks('id: a\0b\nretry: 1s\n\nid\nretry:\nretry: -1\n\n'))).toMatchObject([
    event(undefined),
    event(undefined, { id: '' }),
  ]);
});

test('an id above its cap is left out, a type is cut, and the event is whole', () => {
  const long = 'x'.repeat(MAX_FIELD_BYTES);
  expect(frames(chunks(`id: ${long}\nevent: ${long}\ndata: 1\n\n`))).toMatchObject([
    event('1', { id: long, type: long }),
  ]);
  expect(frames(chunks(`id: ${long}`, `y\nevent: ${long}`, 'y\nda', 'ta: 1\n\n'))).toMatchObject([
    event('1', { id: undefined, type: long }),
  ]);
});

test('only a byte order mark at the very start is dropped', () => {
  const bom = '\xef\xbb\xbf';
  expect(frames(chunks(`${bom}data: a\n\n${bom}data: b\n\n`))).toMatchObject([event('a'), event(undefined)]);
  expect(frames(chunks('\xef', '\xbb', '\xbfdata: a\n\n'))).toMatchObject([event('a')]);
  expect(frames(chunks('\xef\xbb'))).toEqual([{ kind: 'unterminated', data: '' }]);
});

test('a comment is told of by itself, between events and inside one', () => {
  expect(frames(chunks(': keepalive\n\n', ':\r\n', 'data: a\n: in\ndata: b\n\n', ':cut'))).toEqual([
    { kind: 'comment', sizeBytes: 11 },
    { kind: 'comment', sizeBytes: 1 },
    { kind: 'comment', sizeBytes: 4 },
    event('a\nb', { sizeBytes: 14 }),
    { kind: 'comment', sizeBytes: 4 },
  ]);
});

test('a \\r completes an event at once, and a \\n that follows it in the next chunk is no blank line', () => {
  expect(sseFramed(chunks('data: a\r\n\r', '\ndata: b\r', '\r', '\n'), CAP)).toMatchObject({
    frames: [event('a'), event('b')],
    times: [0, 2],
  });
});

test('blank lines that end nothing are no events', () => {
  expect(frames(chunks('\n\r\n\r\r\n\n'))).toEqual([]);
});

test('an event that no blank line ended is unterminated, also when only its name came', () => {
  expect(frames(chunks('data: a\n\ndata: b\ndata: c'))).toEqual([
    event('a', { sizeBytes: 7 }),
    { kind: 'unterminated', data: 'b\nc' },
  ]);
  expect(frames(chunks('id: 1\n'))).toEqual([{ kind: 'unterminated', data: '' }]);
  expect(frames(chunks('dat'))).toEqual([{ kind: 'unterminated', data: '' }]);
  expect(frames(chunks('data: a\n\n'))).toHaveLength(1);
});

test('data of exactly the cap is whole; above it passes from its first byte, under the id that came before it', () => {
  const data = 'x'.repeat(CAP);
  expect(frames(chunks(`data: ${data}\n\n`))).toMatchObject([event(data)]);
  expect(frames(chunks(`id: 5\ndata: ${data}`, 'y\nid: 6\n', '\ndata: z\n\n'))).toEqual([
    { kind: 'oversize', data: `${data}y`, type: '', id: '5', ending: '\n' },
    event('z', { sizeBytes: 7 }),
  ]);
  expect(frames(chunks(`data: ${data}\ndata\n\n`))).toMatchObject([{ kind: 'oversize', data: `${data}\n` }]);
  expect(frames([...chunks(`data: ${data}y`), 'gap', ...chunks('z\n\ndata: a\n\n')])).toMatchObject([
    { kind: 'oversize', data: `${data}y`, ending: '' },
    event('a'),
  ]);
});

test('a gap hands over what is pending and skips to the end of the event it fell into, counting what it skips', () => {
  expect(
    sseFramed([...chunks('data: a\n'), 'gap', ...chunks('lost\r\n\r', '\ndata: b\n\n')], CAP),
  ).toMatchObject({
    frames: [{ kind: 'unterminated', data: 'a' }, event('b')],
    skippedBytes: 8,
  });
});

test('a line ending right after a gap is no blank line: it may end a line that was lost', () => {
  for (const ending of ['\n', '\r', '\r\n']) {
    const pieces = [
      'gap' as const,
      ...chunks(`${ending}data: maybe${ending}${ending}data: b${ending}${ending}`),
    ];
    expect(sseFramed(pieces, CAP).frames).toMatchObject([event('b')]);
  }
  expect(sseFramed(['gap', ...chunks('\n\ndata: b\n\n')], CAP)).toMatchObject({
    frames: [event('b')],
    skippedBytes: 2,
  });
});

test('sizes, line endings and the byte order mark add up to what came', () => {
  const text = '\xef\xbb\xbfid: 1\r\ndata: abc\rdata\n\n: k\nevent: x\n\n';
  const sum = frames(chunks(text)).reduce(
    (size, frame) => size + ('sizeBytes' in frame ? frame.sizeBytes : 0),
    0,
  );
  expect(sum).toBe(text.replace(/[\r\n]|\xef\xbb\xbf/g, '').length);
});

test('data that lies in one chunk is a view on it', () => {
  const chunk = Buffer.from('data: whole\n\n');
  const seen: SseEvent[] = [];
  const framer = new SseFramer(
    { maxFrameBytes: CAP },
    {
      event: (one) => void seen.push(one),
      comment: () => expect.unreachable(),
      oversize: () => expect.unreachable(),
      unterminated: () => expect.unreachable(),
    },
  );
  framer.push(chunk, 0);
  expect(seen[0]?.data?.buffer).toBe(chunk.buffer);
});
