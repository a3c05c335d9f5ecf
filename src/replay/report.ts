/** A verdict as a CI system shows it: a case for each step. Pure. */
import type { Suite } from '../check/junit.ts';
import type { Verdict } from './judge.ts';
import { pathText } from './paths.ts';
import type { Scenario } from './scenario.ts';

const MAX_VALUE = 200;

export function suiteOf({ steps }: Verdict, { id, server }: Scenario, startedAtUs: number): Suite {
  return {
    name: server === '' ? id : `${server}.${id}`,
    startedAtUs,
    seconds: steps.reduce((sum, { live }) => sum + live.durationUs, 0) / 1e6,
    hostname: '',
    cases: steps.map(({ live, is, expected, actual, differences, missingNotifications, slower }) => {
      const { step, blocked } = live.planned;
      return {
        name: [step.index, step.method, step.target].filter((word) => word !== undefined).join(' '),
        seconds: live.durationUs / 1e6,
        failures: [
          ...(is === 'different' && expected !== actual
            ? [{ type: 'outcome', message: `expected ${expected}, got ${actual}` }]
            : []),
          ...differences.map(({ path, kind, expected: then, actual: now }) => ({
            type: kind,
            message: `${pathText(path)}: expected ${shown(then)}, got ${shown(now)}`,
          })),
          ...missingNotifications.map((method) => ({
            type: 'notification',
            message: `${method} is missing`,
          })),
          ...(slower === undefined ? [] : [{ type: 'slow', message: `${slower.toFixed(1)} times as slow` }]),
        ],
        ...(live.outcome === 'not_sent' && { skipped: blocked[0] ?? 'left out' }),
      };
    }),
  };
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text;
}
