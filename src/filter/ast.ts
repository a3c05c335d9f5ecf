/** What a filter says, as a value. It names no table and no clock: whoever looks something up gives it both. */

/** Compared as text, whatever the capitals of a to z; `*` stands for anything. */
export type MatchKey =
  | 'server'
  | 'client'
  | 'era'
  | 'version'
  | 'session'
  | 'is'
  | 'finding'
  | 'method'
  | 'tool'
  | 'status'
  | 'trace';
/** `dur` in microseconds, `bytes` in bytes. */
export type CompareKey = 'dur' | 'bytes';
export type TimeKey = 'since' | 'until';
export type Key = MatchKey | CompareKey | TimeKey;

/** The literal parts between wildcards, in order: one part is the text itself, `['a', '']` is `a*`. */
export type Pattern = readonly string[];

export type Comparison = '>=' | '<=' | '>' | '<';

/** So long ago, or a date as ISO 8601 has it, of the local zone when it names none. */
export type When = { readonly agoUs: number } | { readonly date: string };

export type Filter =
  /** Without members: everything. */
  | { readonly kind: 'and'; readonly of: readonly Filter[] }
  | { readonly kind: 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  | { readonly kind: 'match'; readonly key: MatchKey; readonly any: readonly Pattern[] }
  | {
      readonly kind: 'compare';
      readonly key: CompareKey;
      readonly is: Comparison;
      readonly than: number;
    }
  | { readonly kind: 'time'; readonly key: TimeKey; readonly when: When }
  /** Somewhere in a payload, whatever the capitals. */
  | { readonly kind: 'text'; readonly text: string };

export const EVERYTHING: Filter = { kind: 'and', of: [] };

/** What is wrong in a filter, and where: from `at` to before `end`, counted as JavaScript counts characters. */
export interface FilterError {
  readonly at: number;
  readonly end: number;
  /** One line, which may quote the filter. */
  readonly message: string;
  /** What was written, and what may have been meant. */
  readonly word?: string;
  readonly candidates?: readonly string[];
}

export type Parsed =
  { readonly ok: true; readonly filter: Filter } | { readonly ok: false; readonly error: FilterError };
