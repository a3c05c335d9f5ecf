/** Generated filters: every shape that the parser can give back, over few names, so that they meet what is recorded. */
import fc from 'fast-check';
import type { Comparison, Filter, MatchKey, Pattern } from '../../src/filter/ast.ts';
import { IS_WORDS } from '../../src/filter/keys.ts';

export const NAMES = [
  'alpha',
  'Beta',
  'b',
  'al pha',
  'x,y',
  'a"q\\',
  '(p)',
  '-dash',
  'été',
  '50%_',
  'OR',
] as const;

const part = fc.constantFrom('', 'a', 'al', 'pha', 'B', '_', '%', ...NAMES);
const name: fc.Arbitrary<Pattern> = fc.oneof(
  fc.constantFrom(...NAMES).map((text) => [text]),
  fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) =>
    // No text between two wildcards would be one wildcard.
    parts.filter((text, index) => text !== '' || index === 0 || index === parts.length - 1),
  ),
);

const word = (words: readonly string[]): fc.Arbitrary<Pattern> =>
  fc.oneof(
    fc.constantFrom(...words).map((text) => [text]),
    fc.constantFrom(...words).map((text) => [text.slice(0, 1), '']),
  );

/** Patterns by key. */
export const VALUES: Readonly<Record<MatchKey, fc.Arbitrary<Pattern>>> = {
  server: name,
  client: name,
  method: fc.oneof(name, word(['tools/call', 'resources/read', 'sampling/createMessage', 'Tools/Call'])),
  tool: name,
  version: word(['2025-11-25', '2026-07-28']),
  session: fc.oneof(
    fc.constantFrom('0197', '1', '00000002', '01977420-dc00-7000-8000-000000000003').map((id) => [id]),
    fc.constant(['0197', '1']),
  ),
  is: word(IS_WORDS),
  era: word(['legacy', 'modern']),
  finding: word(['late_result', 'invalid_frame', 'duplicate_response']),
  status: word(['ok', 'tool_error', 'timeout', 'cancelled', 'unknown']),
  trace: fc.oneof(
    fc.constantFrom('a', 'b').map((digit) => [digit.repeat(32)]),
    fc.constantFrom(['a', ''], ['A', 'a'], ['b', 'c', '']),
  ),
};

const match = fc
  .constantFrom(...(Object.keys(VALUES) as MatchKey[]))
  .chain((key) =>
    fc.array(VALUES[key], { minLength: 1, maxLength: 2 }).map((any): Filter => ({ kind: 'match', key, any })),
  );

const comparison = fc.constantFrom<Comparison>('>', '>=', '<', '<=');

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  { weight: 6, arbitrary: match },
  fc.record({
    kind: fc.constant('compare' as const),
    key: fc.constantFrom('dur' as const, 'bytes' as const),
    is: comparison,
    than: fc.constantFrom(0, 1, 600, 1000, 65_536, 100_000, 1_000_000, 3_600_000_000),
  }),
  fc.record({
    kind: fc.constant('time' as const),
    key: fc.constantFrom('since' as const, 'until' as const),
    when: fc.oneof(
      fc.record({ agoUs: fc.constantFrom(0, 1_000_000, 30_000_000, 90_000_000, 86_400_000_000) }),
      fc.record({
        date: fc.constantFrom('2025-06-15', '2025-06-15T15:06:40Z', '2025-06-15T15:06:30.5+00:00'),
      }),
    ),
  }),
  fc.record({
    kind: fc.constant('text' as const),
    text: fc.constantFrom('needle', 'NEEDLE', 'hay', 'a "quoted" \\ text', 'été'),
  }),
);

/** Joined as the parser joins: no member is of its parent's kind, none stands alone. */
const join =
  (kind: 'and' | 'or') =>
  (members: readonly Filter[]): Filter => {
    const of = members.flatMap((one) => (one.kind === kind ? one.of : [one]));
    const [only] = of;
    return of.length === 1 && only !== undefined ? only : { kind, of };
  };

export const filters: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map(join('and')),
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map(join('or')),
    tie('filter').map((of): Filter => ({ kind: 'not', of })),
  ),
})).filter;
