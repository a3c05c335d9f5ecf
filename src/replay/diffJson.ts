/** A comparison of two sessions as JSON, the same on the command line and over the API. Pure. */
import type { Difference } from './compare.ts';
import type { ComparedCall, SessionDiff } from './diff.ts';
import { pathText } from './paths.ts';

export function callJson({ operation }: ComparedCall) {
  const { operationId, method, target, outcome } = operation;
  return { operationId, method, target: target?.name, outcome };
}

export function diffJson(found: SessionDiff) {
  return {
    session: found.session.map(([name, left, right]) => ({ name, left, right })),
    toolsAdded: found.toolsAdded,
    toolsRemoved: found.toolsRemoved,
    toolsChanged: found.toolsChanged.map(({ tool, differences }) => ({
      tool,
      differences: differences.map(differenceJson),
    })),
    calls: found.calls.map(({ left, right, asked, answered }) => ({
      left: callJson(left),
      right: callJson(right),
      asked: asked.map(differenceJson),
      answered: answered.map(differenceJson),
    })),
    onlyLeft: found.onlyLeft.map(callJson),
    onlyRight: found.onlyRight.map(callJson),
  };
}

function differenceJson({ path, ...rest }: Difference) {
  return { path: pathText(path), ...rest };
}
