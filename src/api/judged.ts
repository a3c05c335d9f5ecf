/** Handlers of what is concluded from recordings: findings, verdicts, checks, statistics and comparisons. They run nothing. */
import { check as checked, DEFAULT_FAIL_ON, passes } from '../check/gate.ts';
import { findingInfo } from '../event/findings.ts';
import { sourceOf } from '../formats/source.ts';
import type { CompareRules } from '../replay/compare.ts';
import { comparedSession } from '../replay/compared.ts';
import { diffSessions, isSame } from '../replay/diff.ts';
import { diffJson } from '../replay/diffJson.ts';
import { parsePattern, type Pattern } from '../replay/paths.ts';
import { hasText } from '../store/filter.ts';
import type { CountedOperation } from '../store/find.ts';
import { MAX_PAGE } from '../store/page.ts';
import { Tally } from '../store/tally.ts';
import { verdictOf } from '../store/verdict.ts';
import type { ApiRequest, Handlers } from './handler.ts';
import { readFilter } from './parameters.ts';
import { ApiError } from './problem.ts';

export const JUDGED_HANDLERS: Handlers<'findings' | 'explain' | 'check' | 'stats' | 'diff'> = {
  findings: async ({ open, session }) => ({
    items: (await open(session)).findings(session.id).map((finding) => {
      const { severity = 'warning', title = finding.rule, hint = '' } = findingInfo(finding.rule) ?? {};
      return { ...finding, severity, title, hint };
    }),
    total: session.findings,
  }),
  explain: async ({ open, session }) => {
    const reader = await open(session);
    return {
      session: session.id,
      ...verdictOf(session, reader.operations(session.id), reader.findings(session.id)),
    };
  },
  check: async ({ open, session, query: { failOn, maxDurationMs, expectTool, forbidTool } }) => {
    const reader = await open(session);
    const found = checked(session, reader.operations(session.id), reader.findings(session.id), {
      failOn: new Set(failOn.length === 0 ? DEFAULT_FAIL_ON : failOn),
      maxDurationUs: maxDurationMs === undefined ? undefined : maxDurationMs * 1000,
      expectTools: expectTool,
      forbidTools: forbidTool,
    });
    return {
      session: session.id,
      server: session.server,
      passed: passes(found),
      operations: found.operations.length,
      violations: [...found.violations, ...found.operations.flatMap(({ violations }) => violations)],
    };
  },
  stats: async (request) => {
    const tally = new Tally();
    const complete = await counted(request, (operation) => tally.add(operation));
    const all = tally.statistics();
    return { items: all.slice(0, request.query.limit), groups: all.length, complete };
  },
  diff: (request) => diffOf(request, request.query.before, request.query.after, request.query),
};

/** With a text in the filter, payloads are read, within the same bound as for a list. Resolves to whether all were added. */
async function counted(
  { recordings, query, context }: ApiRequest<'stats'>,
  add: (operation: CountedOperation) => boolean,
): Promise<boolean> {
  const question = { filter: readFilter(query.filter), nowUs: context.now() * 1000 };
  if (!hasText(question.filter)) return recordings.counted(question, add);
  for (let after: string | undefined; ;) {
    const page = await recordings.operations({
      ...question,
      limit: MAX_PAGE,
      ...(after !== undefined && { after }),
    });
    for (const { target, startedAtUs, endedAtUs, requestBytes, resultBytes, ...one } of page.rows) {
      const tool = target?.kind === 'tool' ? target.name : undefined;
      const durationUs = endedAtUs - startedAtUs;
      if (!add({ ...one, tool, durationUs, bytes: requestBytes + resultBytes })) return false;
    }
    if (page.next === undefined || page.stopped) return !page.stopped;
    after = page.next;
  }
}

type Written = Pick<ApiRequest<'diff'>['query'], 'level' | 'ignore' | 'typeOnly' | 'unordered'>;

/** What a query says about comparing. Throws an ApiError that names the parameter. */
export function rulesOf({ level, ignore, typeOnly, unordered }: Written): CompareRules {
  return {
    level,
    ignore: patterns('ignore', ignore),
    typeOnly: patterns('typeOnly', typeOnly),
    unordered: patterns('unordered', unordered),
  };
}

/** Of two sessions, named as in a path. */
export async function diffOf(
  { recordings, open }: Pick<ApiRequest<'diff'>, 'recordings' | 'open'>,
  before: string,
  after: string,
  query: Written,
) {
  const compared = async (named: string) => {
    const session = await recordings.findSession(named);
    return { id: session.id, session: comparedSession(sourceOf(await open(session), session)) };
  };
  const [left, right] = [await compared(before), await compared(after)];
  const found = diffSessions(left.session, right.session, rulesOf(query));
  return { before: left.id, after: right.id, same: isSame(found), ...diffJson(found) };
}

function patterns(parameter: string, written: readonly string[]): readonly Pattern[] {
  return written.map((text) => {
    const pattern = parsePattern(text);
    if (pattern !== undefined) return pattern;
    const expected = 'a path such as $.content[*].text, or the name of a member';
    throw new ApiError(400, `${parameter}: ${JSON.stringify(text)} is not ${expected}`, { parameter });
  });
}
