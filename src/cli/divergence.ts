/** The first step that differs, and in what, in one line: not yet safe for a terminal. */
import type { StepVerdict } from '../replay/judge.ts';
import { pathText } from '../replay/paths.ts';
import { valueText } from './diff.ts';

export function divergence(first: StepVerdict): string {
  const { step } = first.live.planned;
  const [difference] = first.differences;
  const what = [step.method, step.target].filter(Boolean).join(' ');
  const why =
    first.expected !== first.actual
      ? `expected ${first.expected}, got ${first.actual}`
      : difference === undefined
        ? `${first.missingNotifications[0] ?? ''} is missing`
        : `${pathText(difference.path)}: expected ${valueText(difference.expected)}, got ${valueText(difference.actual)}`;
  return `step ${step.index} ${what}: ${why}`;
}
