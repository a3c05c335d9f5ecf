/** Of a replay that ran some times: how often the same came of it, which run is shown, and what was learnt to change. */
import type { VNode } from 'preact';
import type { Answer } from '../../api/client.ts';
import { usePage } from '../page.ts';
import { Text } from '../parts/text.tsx';
import { plural } from '../words.ts';

type Result = Answer<'replayResult'>;

/** The case has all. */
const MAX_LEARNT = 20;

/** Nothing for a single one. */
export function Runs({
  runs,
  shown,
}: {
  readonly runs: Result['runs'];
  readonly shown: number;
}): VNode | null {
  const { place } = usePage();
  if (runs.length <= 1) return null;
  return (
    <label>
      {runs.filter(({ reproduced }) => reproduced).length} of {plural(runs.length, 'run')}, run{' '}
      <select
        value={shown}
        onChange={(event) => place.set({ run: event.currentTarget.value, step: undefined }, true)}
      >
        {runs.map(({ run, reproduced }) => (
          <option key={run} value={run}>
            {run} {reproduced ? 'the same' : 'differs'}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Learnt({ learnt }: Pick<Result, 'learnt'>): VNode | null {
  if (learnt.length === 0) return null;
  return (
    <p class="learnt faint">
      Learnt that these change:{' '}
      {learnt.slice(0, MAX_LEARNT).map(({ method, target, path }, index) => (
        <span key={index}>
          {index > 0 && ', '}
          <code>
            <Text max={100}>{`${target ?? method} ${path}`}</Text>
          </code>
        </span>
      ))}
      {learnt.length > MAX_LEARNT && ` and ${learnt.length - MAX_LEARNT} more`}
    </p>
  );
}
