/** The failure that a session is about, and whether a run fails the same way. Pure. */
import { isFailure } from '../event/outcome.ts';
import { judge, type JudgeOptions } from './judge.ts';
import type { Plan } from './plan.ts';
import type { Run } from './run.ts';

/** The first step that failed; undefined where none did. */
export function failingStep({ steps }: Plan): number | undefined {
  return steps.find(({ step }) => step.outcome !== undefined && isFailure(step.outcome))?.step.index;
}

/** Whether this step ended as it was recorded, whatever became of the others. */
export function failsTheSame(run: Run, index: number, options: JudgeOptions): boolean {
  const only = {
    ...run,
    steps: run.steps.filter(({ planned }) => planned.step.index === index),
    end: undefined,
  };
  return judge(only, options).steps.some(({ is }) => is === 'same');
}
