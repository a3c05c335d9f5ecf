import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildFrom, versionsFrom } from '../../src/cli/versions.ts';
import { narrow, type Tried } from '../../src/replay/bisect.ts';

test('the first bad one is found in as few trials as halving takes', async () => {
  const range = fc
    .integer({ min: 1, max: 500 })
    .chain((count) => fc.tuple(fc.constant(count), fc.nat(count - 1)));
  await fc.assert(
    fc.asyncProperty(range, async ([count, first]) => {
      let trials = 0;
      const found = await narrow(count, (at) => {
        trials += 1;
        return Promise.resolve(at < first ? 'good' : 'bad');
      });
      expect(found).toEqual({ good: first - 1, bad: first });
      expect(trials).toBeLessThanOrEqual(Math.ceil(Math.log2(count)) + 1);
    }),
  );
});

test('what cannot be tried is passed over, each at most once, and told where it leaves a doubt', async () => {
  const kinds = fc.array(fc.constantFrom<Tried>('good', 'untestable'), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      kinds,
      fc.array(fc.constantFrom<Tried>('bad', 'untestable'), { maxLength: 20 }),
      async (before, after) => {
        const all: Tried[] = [...before, ...after, 'bad'];
        const tried: number[] = [];
        const found = await narrow(all.length, (at) => {
          tried.push(at);
          return Promise.resolve(all[at] ?? 'untestable');
        });
        expect(new Set(tried).size).toBe(tried.length);
        expect(found.good).toBe(all.lastIndexOf('good'));
        expect(found.bad).toBe(all.indexOf('bad'));
      },
    ),
  );
});

test('a build is commands, and what only a shell reads is refused', () => {
  expect(buildFrom("npm ci && sh -c 'a | b; c'")).toEqual([
    ['npm', 'ci'],
    ['sh', '-c', 'a | b; c'],
  ]);
  for (const written of ['npm ci; npm run build', 'a | b', 'a || b', 'a > out', 'a 2>&1', 'a &'])
    expect(() => buildFrom(written)).toThrow(/^--build: no shell reads .*sh -c/);
  expect(() => buildFrom('a && && b')).toThrow(/has a command that is empty/);
});

test.each([
  [{}, /^bisect: which servers\?/],
  [{ git: 'a' }, /what starts the server/],
  [{ git: 'v1..v2', servers: ['x'] }, /not both/],
  [{ servers: ['x'], build: 'y' }, /^--build: it is for commits/],
  [{ servers: ['x{1,2}'.repeat(8)] }, /servers are too many; 100 are the most/],
])('%j is told in one line', (written, line) => {
  expect(() => versionsFrom(written, undefined)).toThrow(line);
});

test.each(['main', '..b', 'a..', 'a...b'])('%s is no range', (git) => {
  const server = { command: 'node', args: [], cwd: '/' };
  expect(() => versionsFrom({ git }, server)).toThrow(/is not GOOD\.\.BAD/);
});
