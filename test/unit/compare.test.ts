/** Comparing answers: each level sees what it should and nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from '../../src/mcp/canonical.ts';
import { compareValues, type CompareRules, type Level, MAX_DIFFERENCES } from '../../src/replay/compare.ts';
import { matches, parsePattern, pathText, type Pattern } from '../../src/replay/paths.ts';

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  if (parsed === undefined) throw new Error(`${text} is no pattern`);
  return parsed;
}

function rules(
  level: Level,
  changes: Partial<Record<'ignore' | 'typeOnly' | 'unordered', string[]>> = {},
): CompareRules {
  const { ignore = [], typeOnly = [], unordered = [] } = changes;
  return {
    level,
    ignore: ignore.map(pattern),
    typeOnly: typeOnly.map(pattern),
    unordered: unordered.map(pattern),
  };
}

function told(expected: unknown, actual: unknown, how: CompareRules): string[] {
  return compareValues(expected, actual, how).map(({ path, kind }) => `${kind} ${pathText(path)}`);
}

describe('levels', () => {
  const answer = { content: [{ type: 'text', text: '{"n": 1, "at": "10:00"}' }], isError: false };

  test.each<[string, unknown, Record<Level, string[]>]>([
    ['the same', answer, { outcome: [], shape: [], semantic: [], strict: [] }],
    [
      'white space in JSON within text',
      { ...answer, content: [{ type: 'text', text: '{"at":"10:00","n":1}' }] },
      { outcome: [], shape: [], semantic: [], strict: ['value $.content[0].text'] },
    ],
    [
      'a value in JSON within text',
      { ...answer, content: [{ type: 'text', text: '{"n": 2, "at": "10:00"}' }] },
      {
        outcome: [],
        shape: [],
        semantic: ['value $.content[0].text.n'],
        strict: ['value $.content[0].text'],
      },
    ],
    [
      'a member of JSON within text',
      { ...answer, content: [{ type: 'text', text: '{"n": 1}' }] },
      {
        outcome: [],
        shape: ['missing $.content[0].text.at'],
        semantic: ['missing $.content[0].text.at'],
        strict: ['value $.content[0].text'],
      },
    ],
    [
      'more elements of the same kind',
      { ...answer, content: [...answer.content, ...answer.content] },
      { outcome: [], shape: [], semantic: ['length $.content'], strict: ['length $.content'] },
    ],
    [
      'a type and a member more',
      { content: answer.content, isError: 'no', extra: null },
      {
        outcome: [],
        shape: ['type $.isError', 'added $.extra'],
        semantic: ['type $.isError', 'added $.extra'],
        strict: ['type $.isError', 'added $.extra'],
      },
    ],
  ])('%s', (_name, actual, expected) => {
    for (const level of ['outcome', 'shape', 'semantic', 'strict'] as const)
      expect([level, told(answer, actual, rules(level))]).toEqual([level, expected[level]]);
  });

  test('what one level takes for equal, every weaker one does, and a value equals itself', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(told(a, a, rules('strict'))).toEqual([]);
        const equal = (['strict', 'semantic', 'shape', 'outcome'] as const).map(
          (level) => told(a, b, rules(level)).length === 0,
        );
        for (let index = 1; index < equal.length; index += 1)
          if (equal[index - 1] === true) expect(equal[index]).toBe(true);
        expect(equal[0]).toBe(canonical(a) === canonical(b));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('rules', () => {
  test('ignore leaves out a place with everything below it, also where it is on one side only', () => {
    const how = rules('semantic', { ignore: ['$.meta', 'at'] });
    expect(
      told({ meta: { a: 1 }, list: [{ at: 1 }], x: 1 }, { list: [{ at: 2 }], x: 1, at: 3 }, how),
    ).toEqual([]);
    expect(told({ x: 1 }, { x: 2 }, how)).toEqual(['value $.x']);
  });

  test('type-only sees another type and no other value', () => {
    const how = rules('semantic', { typeOnly: ['$..id'] });
    expect(told({ a: { id: 1 } }, { a: { id: 2 } }, how)).toEqual([]);
    expect(told({ a: { id: 1 } }, { a: { id: '1' } }, how)).toEqual(['type $.a.id']);
  });

  test('an unordered array differs only in what it holds', () => {
    const how = rules('semantic', { unordered: ['$.tags'] });
    expect(told({ tags: ['a', 'b', 'a'] }, { tags: ['a', 'a', 'b'] }, how)).toEqual([]);
    expect(told({ tags: ['a', 'b'] }, { tags: ['b', 'c'] }, how)).toEqual(['value $.tags[0]']);
  });

  test('differences are as many as a person reads', () => {
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    const found = compareValues(
      numbers,
      numbers.map((n) => n + 1),
      rules('semantic'),
    );
    expect(found).toHaveLength(MAX_DIFFERENCES);
  });
});

describe('patterns', () => {
  test.each([
    ['$.a.b', ['a', 'b'], true],
    ['$.a.b', ['a', 'b', 'c'], false],
    ['$.a[*].b', ['a', 3, 'b'], true],
    ['$.a[3]', ['a', 3], true],
    ['$.a[3]', ['a', '3'], false],
    ["$['odd key'].*", ['odd key', 'x'], true],
    ['$["q\\"q"]', ['q"q'], true],
    ['$..id', ['x', 0, 'id'], true],
    ['$..x..y', ['x', 'a', 'x', 'y'], true],
    ['id', ['deep', 'id'], true],
    ['id', ['idea'], false],
    ['$', [], true],
  ] as const)('%s and %j: %s', (text, path, expected) => {
    expect(matches(pattern(text), path)).toBe(expected);
  });

  test.each(['$.', '$.a[', '$.a[-1]', '$[?(@.a)]', '$.a b', '$...a'])('%s is none', (text) => {
    expect(parsePattern(text)).toBeUndefined();
  });

  test('a path as it is shown is a pattern for that place', () => {
    const part = fc.oneof(
      fc.nat(1000),
      fc.string({ unit: 'grapheme' }).filter((name) => !name.includes('\\')),
    );
    fc.assert(
      fc.property(fc.array(part), (path) => {
        const written = pathText(path);
        // Control characters are escaped for the eye.
        fc.pre(!/[\u0000-\u001f]/.test(path.join('')));
        expect(matches(pattern(written), path)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
