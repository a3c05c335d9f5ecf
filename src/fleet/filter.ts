/**
 * A filter as conditions of ClickHouse, which find what the local store finds. Values are parameters, and rows of other orgs are
 * never among those that are looked at. Pure.
 */
import { isFailure, OUTCOMES } from '../event/outcome.ts';
import type { CompareKey, Filter, MatchKey, Pattern } from '../filter/ast.ts';
import { type IsWord, meantWords } from '../filter/keys.ts';
import { whenUs } from '../filter/quantity.ts';
import { hasText, isOfOperations } from '../store/filter.ts';
import { asSought } from '../store/says.ts';
import type { Question } from './question.ts';
import { SAID } from './schema.ts';

export type Listed = 'session' | 'operation';

interface Context {
  readonly question: Question;
  readonly nowUs: number;
  readonly listed: Listed;
  /** Undefined: a text may be anywhere. Else the condition on what it is looked for in; an empty one for everything. */
  readonly within: string | undefined;
}

/** So long after something came of it, a session without an end is taken for one that runs. */
export const LIVE_SECONDS = 600;
export const IS_FRESH = `stored_at > now64(6, 'UTC') - INTERVAL ${LIVE_SECONDS} SECOND`;
const IS_LIVE = `ended_at IS NULL AND ${IS_FRESH}`;
/** What Sidelight itself wrote is not looked through. */
const NOT_OWN = "kind NOT IN ('gap', 'lifecycle', 'http')";

/** The condition on rows of a table. Texts are looked for only in what the rest of the filter leaves. */
export function conditionOf(listed: Listed, filter: Filter, nowUs: number, question: Question): string {
  const context: Context = { question, nowUs, listed, within: undefined };
  const rest = condition(filter, context, true);
  return hasText(filter) ? condition(filter, { ...context, within: rest }, true) : rest;
}

function condition(filter: Filter, context: Context, positive: boolean): string {
  if (filter.kind === 'not') return `NOT (${condition(filter.of, context, !positive)})`;
  const isSession = context.listed === 'session';
  if (filter.kind === 'and' || filter.kind === 'or') {
    // What is asked of operations side by side is asked of one and the same.
    const together = isSession ? filter.of.filter(isOfOperations) : [];
    const parts = filter.of
      .filter((one) => !together.includes(one))
      .map((one) => condition(one, context, positive));
    if (together.length > 0) parts.push(hasOperation({ kind: filter.kind, of: together }, context));
    return joined(filter.kind, parts);
  }
  if (isSession && isOfOperations(filter)) return hasOperation(filter, context);
  return leafCondition(filter, context, positive);
}

function hasOperation(filter: Filter, context: Context): string {
  const meant = condition(filter, { ...context, listed: 'operation' }, true);
  return `session_id IN (SELECT session_id FROM ${context.question.rows('operation', meant)})`;
}

function leafCondition(
  leaf: Exclude<Filter, { readonly of: unknown }>,
  context: Context,
  positive: boolean,
): string {
  const { question, nowUs } = context;
  switch (leaf.kind) {
    case 'text':
      return context.within === undefined ? String(positive) : says(leaf.text, context.within, context);
    case 'time':
      return `started_at ${leaf.key === 'since' ? '>=' : '<'} ${question.time(whenUs(leaf.when, nowUs))}`;
    case 'compare':
      return `${MEASURES[leaf.key]} ${leaf.is} ${question.value('Float64', leaf.than)}`;
    case 'match':
      return matchCondition(leaf.key, leaf.any, context);
  }
}

const MEASURES: Readonly<Record<CompareKey, string>> = { dur: 'duration_us', bytes: 'bytes' };

/** In the index of texts an array of one is what it knows. */
function says(text: string, within: string, { question, listed }: Context): string {
  const found = (columns: string, also: string): string => {
    const sought = question.value('String', asSought(text));
    const bound =
      within === 'true' ? '' : ` AND session_id IN (SELECT session_id FROM ${question.rows(listed, within)})`;
    const meant = `${NOT_OWN} AND multiSearchAny(${SAID}, [${sought}])${also}${bound}`;
    return `SELECT ${columns} FROM ${question.versions('frame', meant)}`;
  };
  if (listed === 'session') return `session_id IN (${found('session_id', '')})`;
  const frames = found(
    'session_id, assumeNotNull(operation_id) AS about, seq',
    ' AND operation_id IS NOT NULL',
  );
  const operations = question.rows('operation', within);
  return (
    `(session_id, operation_id) IN (SELECT asked.session_id, asked.operation_id FROM (${frames}) AS said ` +
    `INNER JOIN (SELECT session_id, operation_id, first_seq, last_seq FROM ${operations}) AS asked ` +
    'ON said.session_id = asked.session_id AND said.about = asked.operation_id ' +
    'WHERE said.seq >= asked.first_seq AND said.seq <= asked.last_seq)'
  );
}

const SESSION_COLUMNS: Partial<Readonly<Record<MatchKey, string>>> = {
  server: 'server',
  client: 'client',
  version: 'protocol_version',
};

function matchCondition(key: MatchKey, any: readonly Pattern[], context: Context): string {
  const { question } = context;
  switch (key) {
    case 'method':
      return isLike('method', any, question);
    case 'tool':
      return `target_kind = 'tool' AND ${isLike('target', any, question)}`;
    case 'status':
      return `outcome IN ${question.value('Array(String)', meantWords(key, any))}`;
    case 'trace':
      // Made of small letters alone, and the index knows the column as it is.
      return isLike('trace_id', any, question, 'trace_id');
    case 'finding':
      return hasFinding(meantWords(key, any), context);
    case 'is':
      return joined(
        'or',
        meantWords(key, any).map((word) => isCondition(word as IsWord, context)),
      );
    case 'session':
      return idLike(any, question);
    case 'era':
      return ofSession(`era IN ${question.value('Array(String)', meantWords(key, any))}`, context);
    default: {
      const column = SESSION_COLUMNS[key] ?? 'server';
      // What is not known is not like anything.
      const known = key === 'server' ? '' : `${column} != '' AND `;
      return ofSession(known + isLike(column, any, question), context);
    }
  }
}

function hasFinding(rules: readonly string[], { question, listed }: Context): string {
  const meant = `rule IN ${question.value('Array(String)', rules)}`;
  if (listed === 'session')
    return `session_id IN (SELECT session_id FROM ${question.rows('finding', meant)})`;
  const found = question.rows('finding', `${meant} AND operation_id IS NOT NULL`);
  return `(session_id, operation_id) IN (SELECT session_id, assumeNotNull(operation_id) FROM ${found})`;
}

/** A condition on its session, whatever is listed. */
function ofSession(meant: string, { listed, question }: Context): string {
  return listed === 'session'
    ? meant
    : `session_id IN (SELECT session_id FROM ${question.rows('session', meant)})`;
}

function isCondition(word: IsWord, context: Context): string {
  if (word !== 'failed') return ofSession(OF_SESSION[word], context);
  return context.listed === 'session'
    ? "failed > 0 OR end_cause IN ('server_crashed', 'start_failed')"
    : `outcome IN ${context.question.value('Array(String)', OUTCOMES.filter(isFailure))}`;
}

const OF_SESSION: Readonly<Record<Exclude<IsWord, 'failed'>, string>> = {
  pinned: 'pinned = 1',
  live: IS_LIVE,
  // As `completenessOf` has it.
  incomplete: `bodies NOT IN ('all', 'undecided') OR missing > 0 OR ended_at IS NULL AND NOT (${IS_FRESH})`,
  probe: 'probe = 1',
  inferred: 'inferred = 1',
};

/** A start or an end of an id, as everywhere on the command line, or a pattern. */
function idLike(any: readonly Pattern[], question: Question): string {
  const patterns = any.flatMap((pattern) =>
    pattern.length > 1
      ? [pattern]
      : [
          [...pattern, ''],
          ['', ...pattern],
        ],
  );
  return isLike('session_id', patterns, question);
}

/** Capitals of a to z do not count. `lowered`: the column without them. */
function isLike(
  column: string,
  any: readonly Pattern[],
  question: Question,
  lowered = `lower(${column})`,
): string {
  const exact = any.filter(({ length }) => length === 1).map(([text = '']) => lower(text));
  const parts = any
    .filter(({ length }) => length > 1)
    .map((pattern) => {
      const like = pattern.map((text) => lower(text).replace(/[\\%_]/g, '\\$&')).join('%');
      return `${lowered} LIKE ${question.value('String', like)}`;
    });
  if (exact.length > 0) parts.push(`${lowered} IN ${question.value('Array(String)', exact)}`);
  return joined('or', parts);
}

function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function joined(kind: 'and' | 'or', parts: readonly string[]): string {
  const [only] = parts;
  if (only === undefined) return String(kind === 'and');
  return parts.length === 1 ? only : `(${parts.map((part) => `(${part})`).join(` ${kind.toUpperCase()} `)})`;
}
