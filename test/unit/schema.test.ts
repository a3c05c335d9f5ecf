import { describe, expect, it } from 'vitest';
import { schemaValidators } from '../../src/schema.ts';
import { patternOf, UNCHECKED } from '../../src/schemaPattern.ts';
import type { Validator } from '../../src/track/checks/validator.ts';

function validator(schema: unknown): Validator {
  const found = schemaValidators()(schema);
  if (found === undefined) throw new Error('the schema is not compiled');
  return found;
}

describe('a schema', () => {
  it.each([
    [{ required: ['path'] }, {}, "/ must have required property 'path'"],
    [{ properties: { path: { type: 'string' } } }, { path: 1 }, '/path must be string'],
    [{ additionalProperties: false }, { k: 1 }, '/ must NOT have additional properties: k'],
    [
      { properties: { l: { enum: ['a'] } } },
      { l: 'secret' },
      '/l must be equal to one of the allowed values',
    ],
    [
      { properties: { l: { $ref: '#/$defs/x~1y' } }, $defs: { 'x/y': { type: 'null' } } },
      { l: 1 },
      '/l must be null',
    ],
    [
      {
        properties: { l: { items: [{ type: 'string' }] } },
        $schema: 'http://json-schema.org/draft-07/schema#',
      },
      { l: [1] },
      '/l/0 must be string',
    ],
    [
      {
        properties: { l: { prefixItems: [{ type: 'string' }] } },
        $schema: 'https://json-schema.org/draft/2020-12/schema',
      },
      { l: [1] },
      '/l/0 must be string',
    ],
    [
      { properties: { p: { pattern: '^a+$' }, q: { pattern: '^b+$' } } },
      { p: 'aa', q: 'a' },
      '/q must match pattern "^b+$"',
    ],
  ])('%j says of %j where it is wrong, and not what is there', (schema, value, fault) => {
    expect(validator(schema)(value)).toBe(fault);
  });

  it('finds nothing wrong with what keeps to it', () => {
    expect(validator({ type: 'object', properties: { n: { type: 'integer' } } })({ n: 1 })).toBeUndefined();
  });

  it('takes formats, unknown keywords and examples as said, and checks nothing by them', () => {
    const check = validator({ properties: { a: { format: 'email', 'x-mine': 1, example: { $ref: 7 } } } });
    expect(check({ a: 'none' })).toBeUndefined();
  });

  it.each([
    ['that refers to somewhere else', { $ref: 'https://example.com/schema.json' }],
    ['that refers to a file', { properties: { a: { $ref: 'other.json#/a' } } }],
    ['that refers to itself', { properties: { a: { $ref: '#' } } }],
    ['that refers to itself by a detour', { $defs: { a: { items: { $ref: '#/$defs/a' } } } }],
    ['that refers to nothing', { $ref: '#/$defs/none' }],
    ['that refers by anchor', { $ref: '#name', $defs: { a: { $anchor: 'name' } } }],
    ['that refers dynamically', { $dynamicRef: '#name' }],
    ['with another base inside', { properties: { a: { $id: 'urn:x' } } }],
    ['of another dialect', { $schema: 'urn:mine' }],
    ['that is none', 'object'],
    ['that is too large', { description: 'x'.repeat(70_000) }],
    ['that doubles with each definition', doubling(40)],
  ])('%s is not compiled', (_what, schema) => {
    expect(schemaValidators()(schema)).toBeUndefined();
  });

  it('that no compiler takes finds nothing wrong', () => {
    expect(validator({ type: 'nonsense' })({})).toBeUndefined();
    expect(validator({ properties: { a: { pattern: '(' } } })({ a: 'x' })).toBeUndefined();
  });

  it('that would be a promise is checked all the same', () => {
    expect(validator({ $async: true, type: 'object' })([])).toBe('/ must be object');
  });

  it('gives no verdict where a pattern may take too long', () => {
    const text = `${'a'.repeat(40)}!`;
    expect(validator({ properties: { a: { pattern: '^(a+)+$' } } })({ a: text })).toBeUndefined();
    expect(validator({ properties: { a: { not: { pattern: '^(a+)+$' } } } })({ a: 'a' })).toBeUndefined();
    expect(validator({ patternProperties: { '^(a+)+$': false } })({ [text]: 1 })).toBeUndefined();
  });

  it('is known again, up to a bound', () => {
    const of = schemaValidators();
    const first = of({ title: 'first' });
    expect(of({ title: 'first' })).toBe(first);
    for (let at = 0; at < 600; at++) of({ title: String(at) });
    expect(of({ title: 'first' })).not.toBe(first);
  });

  it('may name itself as another one does', () => {
    const of = schemaValidators();
    expect(of({ $id: 'urn:tool', type: 'string' })?.(1)).toBe('/ must be string');
    expect(of({ $id: 'urn:tool', type: 'number' })?.('x')).toBe('/ must be number');
  });
});

describe('a pattern', () => {
  it.each([
    ['^[a-z]+$', 100_000],
    [String.raw`^\d{4}-\d{2}-\d{2}$`, 100_000],
    ['^(foo|bar)?$', 100_000],
    ['^[a-z0-9]+(?:-[a-z0-9]+)?$', 100],
    ['a*b*c*', 10],
    [String.raw`^[\w-.]+$`, 1000],
    ['[)+]+', 1000],
  ])('%s is matched with texts of up to %s characters and more', (source, chars) => {
    expect(() => patternOf(source).test('a'.repeat(chars))).not.toThrow();
  });

  it.each([
    '^(a+)+$',
    '(a|aa)+$',
    '^(a*){10}$',
    '((a?)b)*',
    String.raw`(?<n>a)\k<n>`,
    String.raw`(.)\1`,
    'a'.repeat(3000),
  ])('%s is not matched at all', (source) => {
    expect(() => patternOf(source).test('')).toThrow(UNCHECKED);
  });

  it.each([
    'a?'.repeat(40) + 'a{40}',
    '^.*.*.*.*.*$',
    '^([a-z]{1,9}){1,9}$',
    '^(x|y|z)?(x|y|z)?(x|y|z)?.*.*.*$',
  ])('%s is not matched with a text of 1000 characters', (source) => {
    expect(() => patternOf(source).test('a'.repeat(1000))).toThrow(UNCHECKED);
  });
});

function doubling(levels: number): unknown {
  const $defs: Record<string, unknown> = { d0: { type: 'string' } };
  for (let level = 1; level <= levels; level++) {
    const $ref = `#/$defs/d${level - 1}`;
    $defs[`d${level}`] = { anyOf: [{ $ref }, { $ref }] };
  }
  return { $ref: `#/$defs/d${levels}`, $defs };
}
