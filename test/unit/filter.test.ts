/** The filter language: what is read, what is refused and where, what is printed, what is offered. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Filter } from '../../src/filter/ast.ts';
import { completeFilter } from '../../src/filter/complete.ts';
import { KEYS, matches } from '../../src/filter/keys.ts';
import { MAX_DEPTH, MAX_FILTER_CHARS, MAX_TERMS, parseFilter } from '../../src/filter/parse.ts';
import { printFilter } from '../../src/filter/print.ts';
import { whenUs } from '../../src/filter/quantity.ts';
import { filters } from './filters.ts';

function parsed(text: string): Filter {
  const result = parseFilter(text);
  if (!result.ok) throw new Error(`${text}: ${result.error.message} at ${result.error.at}`);
  return result.filter;
}

const tool = (...parts: readonly string[]): Filter => ({ kind: 'match', key: 'tool', any: [parts] });
const text = (what: string): Filter => ({ kind: 'text', text: what });

describe('what is read', () => {
  test.each<[string, Filter]>([
    ['', { kind: 'and', of: [] }],
    ['  ', { kind: 'and', of: [] }],
    ['tool:search', tool('search')],
    ['TOOL:Search', tool('Search')],
    ['tool:"two words"', tool('two words')],
    ['tool:"a*b"', tool('a*b')],
    ['tool:a*', tool('a', '')],
    ['tool:**a**', tool('', 'a', '')],
    ['tool:"x y"*"(z)"', tool('x y', '(z)')],
    ['tool:""', tool('')],
    ['tool:a:b', tool('a:b')],
    ['tool:"say \\"hi\\" \\\\ \\n"', tool('say "hi" \\ \\n')],
    ['status:tool_error,timeout', { kind: 'match', key: 'status', any: [['tool_error'], ['timeout']] }],
    ['status:*_error', { kind: 'match', key: 'status', any: [['', '_error']] }],
    ['dur:>500ms', { kind: 'compare', key: 'dur', is: '>', than: 500_000 }],
    ['dur:<=1.5s', { kind: 'compare', key: 'dur', is: '<=', than: 1_500_000 }],
    ['dur:>=2min', { kind: 'compare', key: 'dur', is: '>=', than: 120_000_000 }],
    ['bytes:>1MB', { kind: 'compare', key: 'bytes', is: '>', than: 1_000_000 }],
    ['bytes:<64kib', { kind: 'compare', key: 'bytes', is: '<', than: 65_536 }],
    ['since:2h', { kind: 'time', key: 'since', when: { agoUs: 7_200_000_000 } }],
    ['until:2026-09-01', { kind: 'time', key: 'until', when: { date: '2026-09-01' } }],
    [
      'since:2026-09-01T14:30:05.25+02:00',
      { kind: 'time', key: 'since', when: { date: '2026-09-01T14:30:05.25+02:00' } },
    ],
    ['word', text('word')],
    ['12:30', text('12:30')],
    ['"tool:x"', text('tool:x')],
    ['or', text('or')],
    ['ORDER', text('ORDER')],
    ['a"b c"', { kind: 'and', of: [text('a'), text('b c')] }],
    ['a b', { kind: 'and', of: [text('a'), text('b')] }],
    ['a AND b', { kind: 'and', of: [text('a'), text('b')] }],
    [
      'a b OR c',
      {
        kind: 'or',
        of: [{ kind: 'and', of: [text('a'), text('b')] }, text('c')],
      },
    ],
    [
      'a (b OR c)',
      {
        kind: 'and',
        of: [text('a'), { kind: 'or', of: [text('b'), text('c')] }],
      },
    ],
    ['(a (b)) c', { kind: 'and', of: [text('a'), text('b'), text('c')] }],
    ['-tool:x', { kind: 'not', of: tool('x') }],
    ['NOT tool:x', { kind: 'not', of: tool('x') }],
    ['-(a OR b)', { kind: 'not', of: { kind: 'or', of: [text('a'), text('b')] } }],
    ['-NOT -a', { kind: 'not', of: { kind: 'not', of: { kind: 'not', of: text('a') } } }],
    ['-"a b"', { kind: 'not', of: text('a b') }],
    ['a-b', text('a-b')],
  ])('%j', (written, filter) => {
    expect(parsed(written)).toEqual(filter);
    expect(parsed(printFilter(filter))).toEqual(filter);
  });
});

describe('what is refused: with its place, and what was expected', () => {
  test.each<[string, number, number, RegExp]>([
    ['sttus:ok', 0, 5, /^no such key "sttus"; to look for the text, quote it$/],
    ['a http://x', 2, 6, /^no such key "http"/],
    ['tool:', 5, 5, /^expected a value right after :, such as tool:search$/],
    ['tool: x', 5, 6, /^expected a value right after :/],
    ['status:ok,', 10, 10, /^expected a value right after ,/],
    ['status:ok,,timeout', 10, 11, /^expected a value right after ,/],
    ['status:fine', 7, 11, /^status: "fine" is not one of ok, tool_error, .*unknown$/],
    ['era:old', 4, 7, /^era: "old" is not one of legacy, modern$/],
    ['is:failed,alive', 10, 15, /^is: "alive" is not one of failed, pinned, live, /],
    ['finding:late', 8, 12, /^finding: "late" is not the rule of a finding: docs\/findings[.]md$/],
    ['dur:500ms', 4, 9, /^expected one of > >= < <= right after dur:, such as dur:>500ms$/],
    ['dur:>500', 5, 8, /^expected a duration with its unit .* after >, such as dur:>500ms$/],
    ['dur:>', 5, 5, /^expected a duration/],
    ['dur:>1MB', 5, 8, /^expected a duration/],
    ['bytes:>=1s', 8, 10, /^expected a size with its unit .* after >=, such as bytes:>1MB$/],
    ['since:', 6, 6, /^expected how long ago or a date after since:/],
    ['since:yesterday', 6, 15, /^expected how long ago or a date/],
    ['since:2026-02-30', 6, 16, /^expected how long ago or a date/],
    ['since:2026-09-01T25:00', 6, 22, /^expected how long ago or a date/],
    ['trace:xyz', 6, 9, /^expected a trace id/],
    ['trace:*abc', 6, 10, /^expected at least the first digit/],
    ['a OR', 4, 4, /^expected a term/],
    ['OR a', 0, 2, /^expected a term.*; quote it to look for the text OR$/],
    ['a AND', 5, 5, /^expected a term/],
    ['a OR OR b', 5, 7, /^expected a term/],
    ['NOT', 3, 3, /^expected a term/],
    ['a - b', 2, 3, /^expected a term right after -/],
    ['-', 0, 1, /^expected a term right after -/],
    ['(a', 0, 1, /^this [(] is never closed/],
    ['a)', 1, 2, /^a [)] without its [(]/],
    ['()', 1, 2, /^expected a term/],
    ['a "b', 2, 3, /^this quote is never closed/],
    ['tool:x"b', 6, 7, /^this quote is never closed/],
    ['""', 0, 2, /^expected a text to look for between the quotes$/],
  ])('%j', (written, at, end, message) => {
    const result = parseFilter(written);
    expect(result).toMatchObject({ ok: false, error: { at, end } });
    expect(result.ok ? '' : result.error.message).toMatch(message);
  });

  test('what may have been meant comes with it', () => {
    const wrong = parseFilter('sttus:ok');
    expect(wrong).toMatchObject({ error: { word: 'sttus', candidates: KEYS.map(({ key }) => key) } });
    expect(parseFilter('status:toolerror')).toMatchObject({ error: { word: 'toolerror' } });
  });

  test.each([
    ['too long a text', 'a'.repeat(MAX_FILTER_CHARS + 1)],
    ['too many terms', 'a '.repeat(MAX_TERMS + 1)],
    ['too many values', `tool:${'a,'.repeat(MAX_TERMS)}a`],
    ['too many parentheses', '('.repeat(MAX_DEPTH + 1)],
    ['too many NOTs', `${'-'.repeat(MAX_DEPTH + 1)}a`],
  ])('%s', (_what, written) => {
    expect(parseFilter(written).ok).toBe(false);
  });

  test('the bounds themselves are allowed', () => {
    expect(parsed('a '.repeat(MAX_TERMS))).toMatchObject({ kind: 'and' });
    expect(parsed('('.repeat(MAX_DEPTH) + 'a' + ')'.repeat(MAX_DEPTH))).toEqual(text('a'));
    expect(parsed('a'.repeat(MAX_FILTER_CHARS))).toMatchObject({ kind: 'text' });
  });
});

describe('dates', () => {
  test('a day begins when it begins here, and a time is one of here, unless it names its zone', () => {
    expect(whenUs({ date: '2026-09-01' }, 0)).toBe(new Date(2026, 8, 1).getTime() * 1000);
    expect(whenUs({ date: '2026-09-01T14:30' }, 0)).toBe(new Date(2026, 8, 1, 14, 30).getTime() * 1000);
    expect(whenUs({ date: '2026-09-01T14:30Z' }, 0)).toBe(Date.UTC(2026, 8, 1, 14, 30) * 1000);
    expect(whenUs({ agoUs: 5 }, 12)).toBe(7);
  });
});

describe('patterns', () => {
  test.each([
    ['abc', ['abc'], true],
    ['ABC', ['abc'], true],
    ['abcd', ['abc'], false],
    ['', ['', ''], true],
    ['abc', ['a', 'c'], true],
    ['a', ['a', 'a'], false],
    ['aba', ['a', 'b', 'a'], true],
    ['axbxc', ['a', 'b', 'c'], true],
    ['É', ['é'], false],
  ])('%j and %j', (value, pattern, is) => {
    expect(matches(pattern, value)).toBe(is);
  });
});

describe('what is offered', () => {
  const known = { server: ['files', 'git hub'], tool: ['search'] };
  test.each<[string, number, readonly string[]]>([
    ['ser', 0, ['server:']],
    ['a (st', 3, ['status:']],
    ['-to', 1, ['tool:']],
    ['status:t', 7, ['tool_error', 'timeout']],
    ['status:ok,tool', 10, ['tool_error']],
    ['is:p', 3, ['pinned', 'probe']],
    ['server:', 7, ['files', '"git hub"']],
    ['dur:', 4, ['>100ms', '>1s', '>10s']],
    ['nothing:', 8, []],
    ['"se', 3, []],
    ['O', 0, ['OR']],
  ])('%j', (written, from, candidates) => {
    expect(completeFilter(written, written.length, known)).toEqual({ from, to: written.length, candidates });
  });

  test('in the middle, what is before the place counts', () => {
    expect(completeFilter('tool:x stat timeout', 11).candidates).toEqual(['status:']);
  });

  test('each candidate makes a filter that goes on', () => {
    for (const candidate of completeFilter('', 0).candidates.filter((one) => one.endsWith(':'))) {
      for (const value of completeFilter(candidate, candidate.length, known).candidates)
        expect(parseFilter(candidate + value)).toMatchObject({ ok: true });
    }
  });

  test('the example of each key is a filter', () => {
    for (const { example } of KEYS) expect(parseFilter(example)).toMatchObject({ ok: true });
  });
});

describe('whatever is written', () => {
  const seed = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Date.now() % 2 ** 31);
  console.info(`filter fuzz: SIDELIGHT_FUZZ_SEED=${seed}`);

  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...KEYS.flatMap(({ key, example }) => [`${key}:`, example])) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ' ',
        '  ',
        '(',
        ')',
        '-',
        '"',
        '\\',
        ',',
        '*',
        ':',
        '>',
        '<=',
        ' OR ',
        ' AND ',
        'NOT ',
      ),
    },
    fc.constantFrom(
      'ok',
      'a',
      '2h',
      '500ms',
      '1MB',
      'timeout',
      'failed',
      '2026-09-01',
      '\u0000',
      '\ud800',
      '😀',
    ),
    fc.string({ maxLength: 8, unit: 'binary' }),
  );
  const anything = fc.oneof(
    { weight: 4, arbitrary: fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join('')) },
    fc.string({ maxLength: 40, unit: 'binary' }),
  );

  test('it is read or refused within its bounds, and what is read is printed as what it is', () => {
    let read = 0;
    let refused = 0;
    fc.assert(
      fc.property(anything, fc.nat(60), (written, place) => {
        const result = parseFilter(written);
        if (result.ok) {
          read += 1;
          expect(parseFilter(printFilter(result.filter))).toEqual(result);
        } else {
          refused += 1;
          const { at, end, message } = result.error;
          expect(at >= 0 && at <= end && end <= written.length).toBe(true);
          expect(message).toMatch(/^[^\n]+$/);
        }
        const at = Math.min(place, written.length);
        const { from, to } = completeFilter(written, at);
        expect(from <= to && to === at && from >= 0).toBe(true);
      }),
      { seed, numRuns: 100_000 },
    );
    // The generator meets both ends.
    expect(Math.min(read, refused)).toBeGreaterThan(10_000);
  }, 120_000);

  test('each filter is printed as a text that means it', () => {
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseFilter(printFilter(filter))).toEqual({ ok: true, filter });
      }),
      { seed, numRuns: 20_000 },
    );
  }, 60_000);
});
