/** A plan and a verdict as JSON, the same on the command line and over the API. Pure. */
import type { StepVerdict } from './judge.ts';
import { pathText } from './paths.ts';
import type { Plan } from './plan.ts';

export function planJson({ scenario, steps, bindings }: Plan) {
  return {
    session: scenario.id,
    era: scenario.era,
    protocolVersion: scenario.protocolVersion,
    steps: steps.map(({ step, safety, blocked, params }) => ({
      step: step.index,
      is: step.is,
      method: step.method,
      target: step.target,
      params,
      safety,
      blocked,
      after: step.after,
      outcome: step.outcome,
      asks: step.asks.map(({ method, answer }) => ({ method, answered: answer !== undefined })),
      inputs: [...step.inputs.keys()],
    })),
    bindings: bindings.map(({ from, at, to, into }) => ({
      from,
      path: pathText(at.path),
      ...(at.word !== undefined && { word: at.word }),
      to,
      into: into.join('.'),
    })),
  };
}

export function stepVerdictJson(verdict: StepVerdict) {
  const { live, is, expected, actual, differences, missingNotifications, slower } = verdict;
  const { step } = live.planned;
  return {
    step: step.index,
    method: step.method,
    target: step.target,
    verdict: is,
    expected,
    actual,
    outcome: live.outcome,
    durationUs: live.durationUs,
    recordedUs: step.durationUs,
    slower,
    differences: differences.map(({ path, ...rest }) => ({ path: pathText(path), ...rest })),
    missingNotifications,
    unmatchedAsks: live.unmatchedAsks,
    missingBindings: live.missingBindings,
  };
}
