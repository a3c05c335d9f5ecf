import { expect, test } from 'vitest';
import { AN_ARRAY, AN_OBJECT, type Fact, UNKEPT } from '../../src/mcp/capture.ts';
import { MAX_KEPT_BYTES, memberAt, MESSAGE } from '../../src/mcp/members.ts';
import { MAX_BATCH_MESSAGES, MAX_DEPTH, Scanner } from '../../src/mcp/scan.ts';

const METHOD = memberAt('message method');
const NAME = memberAt('message params name');
const STATE = memberAt('message params requestState');
const ID = memberAt('message id');

function scan(...pieces: (string | Uint8Array)[]): { fault: string | undefined; scanner: Scanner } {
  const scanner = new Scanner();
  for (const piece of pieces) scanner.push(Buffer.from(piece));
  return { fault: scanner.end(), scanner };
}

const factOf = (member: number, ...pieces: (string | Uint8Array)[]): Fact | undefined =>
  scan(...pieces).scanner.fact(member);

test.each([
  ['a number', '-0.5e+10'],
  ['a string', '"\\u00e9\\n\u007f"'],
  ['white space around', ' \t\r\n{ } \n'],
  ['lone surrogates written as escapes', '"\\ud800"'],
  ['all widths of UTF-8', '"\u00e9\u20ac\ud7ff\ue000\u{1f600}\u{10ffff}"'],
])('accepts %s', (_, text) => {
  expect(scan(text).fault).toBeUndefined();
});

test.each([
  '',
  ' ',
  '{',
  '[1',
  '"a',
  '1.',
  '-',
  '01',
  '+1',
  '.5',
  '1e',
  'NaN',
  'Infinity',
  'nul',
  'truee',
  '1 2',
  '{}{}',
  '[1,]',
  '{"a":1,}',
  '{,}',
  '[,1]',
  '{"a"}',
  '{"a" 1}',
  '{a:1}',
  "{'a':1}",
  '[1}',
  '{"a":1]',
  '"\n"',
  '"\\x41"',
  '"\\u12g4"',
  '\ufeff{}',
  '// no\n{}',
  '1,2',
  ']',
])('rejects %j', (text) => {
  expect(scan(text).fault).toBe('not_json');
});

test.each([
  ['a bare continuation byte', [0x80]],
  ['an overlong form', [0xc0, 0xaf]],
  ['an overlong form of three bytes', [0xe0, 0x9f, 0xbf]],
  ['an overlong form of four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['more than U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['a character cut short', [0xe2, 0x82]],
  ['a byte that UTF-8 never has', [0xff]],
])('rejects %s as not UTF-8', (_, bytes) => {
  expect(scan(Uint8Array.from([0x22, ...bytes, 0x22])).fault).toBe('not_utf8');
});

test('tells the first thing wrong', () => {
  expect(scan('nope "', Uint8Array.of(0xff)).fault).toBe('not_json');
  expect(scan('["', Uint8Array.of(0xff), '" nope').fault).toBe('not_utf8');
});

test(
  'nests deeply, and refuses what nests without end instead of growing for ever',
  { timeout: 120_000 },
  () => {
    const depth = 200_000;
    expect(scan('['.repeat(depth) + ']'.repeat(depth)).fault).toBeUndefined();
    const scanner = new Scanner();
    const opening = Buffer.alloc(1024 * 1024, '[');
    for (let pushed = 0; pushed <= MAX_DEPTH; pushed += opening.length) scanner.push(opening);
    expect(scanner.end()).toBe('not_json');
  },
);

test('keeps a member by its path only', () => {
  expect(
    factOf(NAME, '{"name":"no","params":{"arguments":{"name":"no"},"name":"yes","x":[{"name":"no"}]}}'),
  ).toBe('yes');
  expect(factOf(NAME, '{"params":[{"name":"no"}]}')).toBeUndefined();
  expect(factOf(METHOD, '{"params":{"params":{"method":"no"}},"x":{"method":"no"}}')).toBeUndefined();
  expect(factOf(METHOD, '[{"method":"no"}]')).toBeUndefined();
});

test('knows a key with escapes', () => {
  expect(factOf(METHOD, '{"\\u006d\\u0065thod":"ping"}')).toBe('ping');
  expect(factOf(METHOD, '{"method\\\\":"ping","\\\\method":"ping","method\\n":"ping"}')).toBeUndefined();
});

test('lets the last of two members win, with everything inside it', () => {
  expect(factOf(METHOD, '{"method":"a","method":"b"}')).toBe('b');
  expect(factOf(METHOD, '{"method":"a","\\u006dethod":7}')).toBe(7);
  expect(factOf(NAME, '{"params":{"name":"a"},"params":{"uri":"b"}}')).toBeUndefined();
  expect(factOf(NAME, '{"params":{"name":"a"},"params":null}')).toBeUndefined();
});

test('tells the kind of a value that it does not keep', () => {
  expect(factOf(MESSAGE, ' {}')).toBe(AN_OBJECT);
  expect(factOf(MESSAGE, '[]')).toBe(AN_ARRAY);
  expect(factOf(MESSAGE, '"text"')).toBe(UNKEPT);
  expect(factOf(MESSAGE, '12')).toBeUndefined();
  expect(factOf(memberAt('message result'), '{"result":"text"}')).toBe(UNKEPT);
  expect(factOf(METHOD, '{"method":null}')).toBeNull();
});

test('keeps a value up to its cap and tells that a longer one was there, in one piece or in many', () => {
  const name = 'n'.repeat(1024);
  const state = 's'.repeat(MAX_KEPT_BYTES);
  const text = (extra: string): string =>
    JSON.stringify({ params: { name: name + extra, requestState: state + extra } });
  for (const pieces of [(all: string) => [all], (all: string) => all.split('')]) {
    expect(factOf(NAME, ...pieces(text('')))).toBe(name);
    expect(factOf(STATE, ...pieces(text('')))).toBe(state);
    expect(factOf(NAME, ...pieces(text('x')))).toBe(UNKEPT);
    expect(factOf(STATE, ...pieces(text('x')))).toBe(UNKEPT);
    expect(factOf(ID, ...pieces(`{"id":${'1'.repeat(2000)}}`))).toBe(UNKEPT);
    expect(factOf(ID, ...pieces(`{"${'k'.repeat(2 * MAX_KEPT_BYTES)}":1,"id":2}`))).toBe(2);
  }
});

test('reads numbers as JSON.parse does', () => {
  for (const text of ['0', '-0', '7', '999999999999999', '9007199254740993', '1e3', '-1.5', '1e999', '0.1']) {
    expect(factOf(ID, `{"id":${text}}`)).toBe(JSON.parse(text));
  }
});

test('tells where the messages of a batch stand, up to one above its cap', () => {
  expect(scan('[{"a":[1,2]}, 3,"x,]"]').scanner.separators).toEqual([0, 12, 15, 21]);
  expect(scan('[]').scanner.separators).toEqual([0, 1]);
  expect(scan('{"a":[1,2]}').scanner.separators).toEqual([]);
  const many = JSON.stringify(Array<number>(MAX_BATCH_MESSAGES * 3).fill(0));
  expect(scan(many).scanner.separators).toHaveLength(MAX_BATCH_MESSAGES + 2);
});
