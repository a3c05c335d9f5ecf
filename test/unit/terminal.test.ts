/** What reaches a terminal: nothing that steers it, units that can be read, and no fuss about a reader that leaves. */
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import {
  duration,
  fit,
  json,
  localClock,
  localTime,
  type Output,
  pad,
  safe,
  size,
  Terminal,
  width,
} from '../../src/cli/terminal.ts';

const RANGES = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0x61c, 0x61c],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
] as const;
const STEERING = RANGES.flatMap(([from, to]) =>
  Array.from({ length: to - from + 1 }, (_, offset) => String.fromCharCode(from + offset)),
);

function terminal(out: Partial<Output> & PassThrough, env: NodeJS.ProcessEnv = {}): Terminal {
  return new Terminal({ out, err: new PassThrough(), env });
}

function tty(columns = 80): PassThrough & { isTTY: boolean; columns: number } {
  return Object.assign(new PassThrough(), { isTTY: true, columns });
}

describe('recorded text', () => {
  test('has every control character and bidirectional override written out', () => {
    for (const char of STEERING) {
      for (const shown of [safe(`a${char}b`), json(`a${char}b`)]) {
        expect(shown, JSON.stringify(char)).not.toContain(char);
        expect(shown).toMatch(/a\\(?:[bfnrt]|u[0-9a-f]{4})b/);
      }
    }
    expect(safe('\u001b]0;owned\u0007\u001b[2J\n\u202egpj.exe')).toBe(
      '\\u001b]0;owned\\u0007\\u001b[2J\\n\\u202egpj.exe',
    );
  });

  test('is else left as it is', () => {
    const text = 'naïve 日本 👩‍👩‍👧 Ω  "q" \\ {}';
    expect(safe(text)).toBe(text);
  });

  test('as JSON is still the same value', () => {
    const value = { [STEERING.join('')]: [STEERING.join('x'), 1, null] };
    expect(JSON.parse(json(value))).toEqual(value);
  });
});

describe('columns', () => {
  test('are counted as a terminal counts them', () => {
    expect(['abc', '日本', 'é', 'e\u0301', '👍', ''].map(width)).toEqual([3, 4, 1, 1, 2, 0]);
  });

  test('are cut with an ellipsis, never in the middle of a character, never beyond the room', () => {
    expect(fit('abcdef', 6)).toBe('abcdef');
    expect(fit('abcdefg', 6)).toBe('abcde…');
    expect(fit('日本語', 5)).toBe('日本…');
    expect(fit('日本語', 4)).toBe('日…');
    expect(fit('👍👍👍', 3)).toBe('👍…');
    expect([fit('abc', 1), fit('abc', 0), fit('abc', -4)]).toEqual(['…', '', '']);
  });

  test('are filled on either side', () => {
    expect([pad('日', 4), pad('7', 4, 'left'), pad('long', 2)]).toEqual(['日  ', '   7', 'long']);
  });
});

describe('a figure', () => {
  test.each([
    [0, '0 µs'],
    [999, '999 µs'],
    [1000, '1.00 ms'],
    [12_340, '12.3 ms'],
    [999_499, '999 ms'],
    [999_500, '1.00 s'],
    [59_949_999, '59.9 s'],
    [59_960_000, '1 m 00 s'],
    [123_000_000, '2 m 03 s'],
    [3_599_600_000, '1 h 00 m'],
    [3_720_000_000, '1 h 02 m'],
    [-1500, '-1.50 ms'],
  ])('of %i µs reads %s', (us, text) => {
    expect(duration(us)).toBe(text);
  });

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [10_240, '10.0 KiB'],
    [1_048_575, '1.00 MiB'],
    [9_000_000_000, '8.38 GiB'],
  ])('of %i bytes reads %s', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });

  test('of time is in the local zone', () => {
    const us = new Date(2026, 0, 5, 7, 8, 9, 42).getTime() * 1000 + 999;
    expect(localTime(us)).toBe('2026-01-05 07:08:09');
    expect(localClock(us)).toBe('07:08:09.042');
  });
});

describe('a terminal', () => {
  test('gets colours only where there is one, and nobody said no', () => {
    expect(terminal(tty()).paint('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(terminal(tty(), { NO_COLOR: '' }).paint('red', 'x')).not.toBe('x');
    expect(terminal(tty(), { NO_COLOR: '1' }).paint('red', 'x')).toBe('x');
    expect(terminal(tty(), { TERM: 'dumb' }).paint('red', 'x')).toBe('x');
    expect(terminal(new PassThrough()).paint('red', 'x')).toBe('x');
    expect(terminal(tty()).paint(undefined, 'x')).toBe('x');
  });

  test('is as wide as it says, and a pipe has a width to fit into', () => {
    expect(terminal(tty(72)).columns).toBe(72);
    expect(terminal(new PassThrough()).columns).toBe(120);
  });

  test('that is slow is waited for', async () => {
    const out = new PassThrough({ highWaterMark: 8 });
    const slow = terminal(out);
    const written = slow.line('more than eight bytes');
    expect(out.writableNeedDrain).toBe(true);
    out.resume();
    await written;
    expect(out.writableNeedDrain).toBe(false);
  });

  test('that goes away is no error, also in the middle of a line that waits', async () => {
    const out = new PassThrough({ highWaterMark: 8 });
    const leaving = terminal(out);
    const written = leaving.line('more than eight bytes');
    out.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await written;
    expect(leaving.gone).toBe(true);
    await leaving.line('nobody is there');
  });

  test('gets trouble on one line, whatever is in it', () => {
    const err = new PassThrough();
    new Terminal({ out: new PassThrough(), err, env: {} }).problem('bad\n\u001b[2J');
    expect(String(err.read())).toBe('sidelight: bad\\n\\u001b[2J\n');
  });
});
