import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from '../../src/mcp/canonical.ts';
import { hashOf } from '../../src/track/checks/json.ts';

/** The same value with the members of every object the other way round. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reordered(member)]),
  );
}

describe('the number of a value', () => {
  test('is the same for equal values in any order of members, and another for others', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(hashOf(reordered(a))).toBe(hashOf(a));
        expect(hashOf(a) === hashOf(b)).toBe(canonical(a) === canonical(b));
      }),
      { numRuns: 5000 },
    );
  });

  test('tells apart what looks alike when it is written one after the other', () => {
    const alike = [
      ...[[], {}, null, 'null', '', '[]', '{}', 0, '0', false, [[]], [{}], [null], { a: null }, { a: {} }],
      ...[
        ['ab', 'c'],
        ['a', 'bc'],
        [['ab'], 'c'],
        ['ab', ['c']],
      ],
      ...[{ a: 'b', c: 'd' }, { a: 'd', c: 'b' }, { ab: 'c' }, { a: 'bc' }, { a: { b: 1 }, c: 2 }],
      ...[{ a: { b: 1, c: 2 } }, { a: { b: 1 }, b: { c: 2 } }, [{ a: 1 }, { b: 2 }], [{ a: 1, b: 2 }]],
    ];
    expect(new Set(alike.map(hashOf)).size).toBe(alike.length);
  });
});
