/** Pieces of SQL with the values of their parameters, and how they are put together. Pure. */

export interface Sql {
  readonly sql: string;
  readonly values: readonly unknown[];
}

export function plain(sql: string): Sql {
  return { sql, values: [] };
}

export function around(
  before: string,
  { sql, values }: Sql,
  after: string,
  first: readonly unknown[] = [],
): Sql {
  return { sql: before + sql + after, values: [...first, ...values] };
}

/** What is neither so nor not so, since it is not known, is not so. */
export function not(condition: Sql): Sql {
  return around('(', condition, ') IS NOT TRUE');
}

export function joined(kind: 'and' | 'or', all: readonly Sql[]): Sql {
  const parts = kind === 'and' ? all.filter(({ sql }) => sql !== 'true') : all;
  const [only] = parts;
  if (only === undefined) return plain(kind === 'and' ? 'true' : 'false');
  if (parts.length === 1) return only;
  return {
    sql: `(${parts.map(({ sql }) => (kind === 'or' ? `(${sql})` : sql)).join(kind === 'and' ? ' AND ' : ' OR ')})`,
    values: parts.flatMap(({ values }) => values),
  };
}
