/** What a term means, as a condition of SQL on a session or on an operation with its session. Pure. */
import { isFailure, OUTCOMES } from '../event/outcome.ts';
import type { CompareKey, Filter, MatchKey, Pattern } from '../filter/ast.ts';
import { type IsWord, meantWords } from '../filter/keys.ts';
import { whenUs } from '../filter/quantity.ts';
import { LARGE_BYTES, SLOW_US } from './indexes.ts';
import { around, joined, plain, type Sql } from './sql.ts';

export interface FilterContext {
  readonly nowUs: number;
  /** Numbers of the sessions that are being recorded. */
  readonly live: readonly number[];
  /** `assumed`: a text may be anywhere, so that too much is found and never too little. */
  readonly text: 'assumed' | 'looked_up';
  /** Numbers of the sessions that may have a text, as JSON; undefined: any may. */
  readonly mayHave: (text: string) => string | undefined;
  /** Whether the operations that meet a condition are few enough to start from them. */
  readonly isFew: (operations: Sql) => boolean;
}

export type Leaf = Exclude<Filter, { readonly of: unknown }>;

/** What differs between a list of sessions and one of operations. */
export interface Listed {
  readonly startedAt: string;
  readonly failed: Sql;
  readonly finding: (rules: Sql) => Sql;
  readonly text: Sql;
  /** The session's number. */
  readonly number: string;
}

/** The index of texts spares most of the reading; a block that it does not know is read, unless it was the last that was. */
const says = (where: string): string =>
  'CASE WHEN may_say(block.number, ?) OR NOT EXISTS (SELECT 1 FROM block_text_docsize WHERE id = block.number) ' +
  `THEN coalesce(said(block.number, ${where}, ?), ` +
  `says(block.number, block.coding, block.entries, block.data, ${where}, ?)) END`;

export const SESSION: Listed = {
  startedAt: 'session.started_at',
  failed: plain("(session.failed > 0 OR session.end_cause IN ('server_crashed', 'start_failed'))"),
  finding: (rules) =>
    around(
      'EXISTS (SELECT 1 FROM finding WHERE finding.session_id = session.id AND finding.rule IN ',
      rules,
      ')',
    ),
  text: plain(
    `EXISTS (SELECT 1 FROM block WHERE block.session_id = session.id AND ${says('NULL, NULL, NULL')})`,
  ),
  number: 'session.number',
};

export const OPERATION: Listed = {
  startedAt: 'operation.started_at',
  failed: outcomeIn(OUTCOMES.filter(isFailure)),
  finding: (rules) =>
    around(
      '(operation.session, operation.operation_id) IN (SELECT s.number, finding.operation_id FROM finding ' +
        'CROSS JOIN session AS s ON s.id = finding.session_id WHERE finding.rule IN ',
      rules,
      ')',
    ),
  text: plain(
    'EXISTS (SELECT 1 FROM block WHERE block.session_id = session.id AND block.first_seq <= operation.last_seq ' +
      `AND block.last_seq >= operation.first_seq AND ${says('operation.operation_id, operation.first_seq, operation.last_seq')})`,
  ),
  // Not to be begun with: where that pays, the operations of few sessions are looked at anyway. Else they would be sorted.
  number: '+session.number',
};

export function leafCondition(leaf: Leaf, context: FilterContext, positive: boolean, listed: Listed): Sql {
  switch (leaf.kind) {
    case 'text':
      if (context.text === 'assumed') return positive ? mayHave(leaf.text, context, listed) : plain('false');
      return { sql: listed.text.sql, values: [leaf.text, leaf.text, leaf.text] };
    case 'time':
      return {
        sql: `${listed.startedAt} ${leaf.key === 'since' ? '>=' : '<'} ?`,
        values: [whenUs(leaf.when, context.nowUs)],
      };
    case 'compare': {
      const { value, from } = MEASURES[leaf.key];
      // The index of the few above a bound serves only what is above it for sure.
      const bound = isAboveBound(leaf) ? `${value} >= ${from} AND ` : '';
      return { sql: `${bound}${value} ${leaf.is} ?`, values: [leaf.than] };
    }
    case 'match':
      return matchCondition(leaf.key, leaf.any, context, listed);
  }
}

function mayHave(text: string, context: FilterContext, { number }: Listed): Sql {
  const sessions = context.mayHave(text);
  if (sessions === undefined) return plain('true');
  return { sql: `${number} IN (SELECT value FROM json_each(?))`, values: [sessions] };
}

const MEASURES: Readonly<Record<CompareKey, { readonly value: string; readonly from: number }>> = {
  dur: { value: 'operation.ended_at - operation.started_at', from: SLOW_US },
  bytes: { value: 'operation.request_bytes + operation.result_bytes', from: LARGE_BYTES },
};

/** Served by the index of the few that are slow, or large. */
export function isAboveBound({ key, is, than }: Leaf & { readonly kind: 'compare' }): boolean {
  return is.startsWith('>') && than >= MEASURES[key].from;
}

const COLUMNS: Partial<Readonly<Record<MatchKey, string>>> = {
  server: 'session.server',
  client: 'session.client_name',
  version: 'session.protocol_version',
  method: 'operation.method',
};

function matchCondition(key: MatchKey, any: readonly Pattern[], context: FilterContext, listed: Listed): Sql {
  switch (key) {
    case 'tool':
      return around("(operation.target_kind = 'tool' AND ", isLike('operation.target', any), ')');
    case 'status':
      return outcomeIn(meantWords(key, any));
    case 'finding':
      return listed.finding(list(meantWords(key, any)));
    case 'era':
      return around('session.era IN ', list(meantWords(key, any)), '');
    case 'is':
      return joined(
        'or',
        meantWords(key, any).map((word) => isCondition(word as IsWord, context, listed)),
      );
    case 'session':
      return around('session.number IN (SELECT s.number FROM session AS s WHERE ', idLike(any), ')');
    case 'trace':
      return joined('or', any.map(traceLike));
    default:
      return isLike(COLUMNS[key] ?? 'NULL', any);
  }
}

const MISSING_COUNTS =
  'session.dropped_chunks + session.dropped_bytes + session.missed_exchanges + session.dropped_events + ' +
  'session.truncated_frames + session.elided_media > 0';

function isCondition(word: IsWord, context: FilterContext, listed: Listed): Sql {
  const isLive: Sql = {
    sql: 'session.ended_at IS NULL AND session.number IN (SELECT value FROM json_each(?))',
    values: [JSON.stringify(context.live)],
  };
  const conditions: Readonly<Record<IsWord, Sql>> = {
    failed: listed.failed,
    pinned: plain('session.pinned = 1'),
    live: isLive,
    // As `completenessOf` has it.
    incomplete: around(
      `(session.bodies NOT IN ('all', 'undecided') OR ${MISSING_COUNTS} OR session.ended_at IS NULL AND NOT (`,
      isLive,
      '))',
    ),
    probe: plain('session.probe = 1'),
    inferred: plain('session.inferred IS NOT NULL'),
  };
  return conditions[word];
}

/** What is not `ok` has an index of its own. */
function outcomeIn(outcomes: readonly string[]): Sql {
  const unusual = outcomes.includes('ok') ? '' : "operation.outcome <> 'ok' AND ";
  return around(`${unusual}operation.outcome IN `, list(outcomes), '');
}

/** A start or an end of an id, as everywhere on the command line, or a pattern. */
function idLike(any: readonly Pattern[]): Sql {
  const patterns = any.flatMap((pattern) =>
    pattern.length > 1
      ? [pattern]
      : [
          [...pattern, ''],
          ['', ...pattern],
        ],
  );
  return isLike('s.id', patterns);
}

function traceLike(pattern: Pattern): Sql {
  const [start = ''] = pattern;
  return around(
    'operation.number IN (SELECT o.number FROM operation AS o WHERE substr(o.trace_id, 1, 1) = ? AND ',
    isLike('o.trace_id', [pattern]),
    ')',
    [start.slice(0, 1).toLowerCase()],
  );
}

function isLike(column: string, any: readonly Pattern[]): Sql {
  const exact = any.filter(({ length }) => length === 1).map(([text = '']) => text);
  const parts = any
    .filter(({ length }) => length > 1)
    .map((pattern) => ({
      sql: `${column} LIKE ? ESCAPE '\\'`,
      values: [pattern.map((text) => text.replace(/[\\%_]/g, '\\$&')).join('%')],
    }));
  const equal = around(`${column} COLLATE NOCASE IN `, list(exact), '');
  return joined('or', exact.length === 0 ? parts : [equal, ...parts]);
}

function list(values: readonly string[]): Sql {
  return { sql: `(${values.map(() => '?').join(', ')})`, values };
}
