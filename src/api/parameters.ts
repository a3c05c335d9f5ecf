/** The parameters of requests: what each may be, and how a query is read. What cannot be meant is an ApiError that names it. */
import * as z from 'zod/mini';
import { CATEGORIES, FAIL_ON_WORDS } from '../check/gate.ts';
import { quote } from '../config/error.ts';
import { didYouMean, nearest } from '../config/suggest.ts';
import type { Filter } from '../filter/ast.ts';
import { MAX_FILTER_CHARS, parseFilter } from '../filter/parse.ts';
import { EXPORT_FORMATS } from '../formats/exportFormats.ts';
import { IMPORT_FORMATS } from '../formats/importFormats.ts';
import { LEVELS } from '../replay/compare.ts';
import { isCursor, MAX_PAGE } from '../store/page.ts';
import { isLiveCursor } from './liveCursor.ts';
import { ApiError } from './problem.ts';
import { MAX_REPEAT } from './replayContract.ts';

export interface Parameter<T> {
  /** From what was written. */
  readonly schema: z.ZodMiniType<T, string>;
  readonly description: string;
  /** Completes "expected ...". */
  readonly expected: string;
  readonly fallback?: T;
  readonly required?: true;
  /** It may be given more than once. */
  readonly many?: true;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

type ValueOf<P> =
  P extends Parameter<infer T>
    ? P extends { readonly many: true }
      ? readonly T[]
      : P extends { readonly required: true } | { readonly fallback: unknown }
        ? T
        : T | undefined
    : never;

export type QueryOf<Q extends Parameters> = { readonly [K in keyof Q]: ValueOf<Q[K]> };

/** The most values of one parameter: each is a rule that everything is compared by. */
const MAX_VALUES = 100;
const MAX_SEQ = 2 ** 40;

function whole(min: number, max: number): z.ZodMiniType<number, string> {
  return z.pipe(
    z.pipe(z.string().check(z.regex(/^\d{1,16}$/)), z.transform(Number)),
    z.int().check(z.gte(min), z.lte(max)),
  );
}

function line(max: number): z.ZodMiniType<string, string> {
  return z.string().check(z.minLength(1), z.maxLength(max), z.regex(/^\P{Cc}*$/u));
}

function words<const T extends readonly string[]>(
  known: T,
): Pick<Parameter<T[number]>, 'schema' | 'expected'> {
  return {
    schema: z.enum(known),
    expected: `one of ${known.join(', ')}`,
  };
}

const ID = { schema: line(36), expected: 'an id, a start or an end of one, or last' } as const;

/** In paths. */
export const PLACES = {
  session: {
    ...ID,
    description: 'The session: an id, a start or an end of one that no other has, or `last`.',
  },
  seq: {
    schema: whole(0, MAX_SEQ),
    expected: 'the number of a frame',
    description: 'The number of the frame, from 0.',
  },
  operation: {
    schema: whole(0, MAX_SEQ),
    expected: 'the number of an operation',
    description: 'The number of the operation within its session.',
  },
  replay: {
    schema: line(36),
    expected: 'the id of a replay',
    description: 'The id of the replay.',
  },
  mock: {
    schema: line(36),
    expected: 'the id of a mock',
    description: 'The id of the mock.',
  },
  step: {
    schema: whole(0, MAX_SEQ),
    expected: 'the number of a step',
    description: 'The number of the step, from 0.',
  },
} as const satisfies Parameters;

export const FILTER = {
  schema: z.string().check(z.maxLength(MAX_FILTER_CHARS)),
  expected: `a filter of at most ${MAX_FILTER_CHARS} characters`,
  description: 'What is meant, in the language of docs/filter.md; without it everything.',
  fallback: '',
} as const satisfies Parameter<string>;

export const AFTER = {
  schema: z.string().check(z.refine(isCursor)),
  expected: 'the next of a page, such as 1750000000000000.42',
  description: 'Where the page before ended: its `next`.',
} as const satisfies Parameter<string>;

export const LIMIT = {
  schema: whole(1, MAX_PAGE),
  expected: `a whole number from 1 to ${MAX_PAGE}`,
  description: 'So many at most.',
  fallback: 100,
} as const satisfies Parameter<number>;

export const AFTER_OPERATION = {
  schema: whole(0, MAX_SEQ),
  expected: 'the next of a page',
  description: 'Only operations with a larger number.',
} as const satisfies Parameter<number>;

export const AFTER_STEP = {
  ...AFTER_OPERATION,
  description: 'Only steps with a larger number.',
} as const satisfies Parameter<number>;

export const RUN = {
  schema: whole(1, MAX_REPEAT),
  expected: 'the number of a run, from 1',
  description: 'The run that is shown; without it the first that differs, else the first.',
} as const satisfies Parameter<number>;

export const MAX_SLOWDOWN = {
  schema: z.pipe(
    z.pipe(z.string().check(z.regex(/^\d{1,6}(?:\.\d{1,6})?$/)), z.transform(Number)),
    z.number().check(z.gt(0)),
  ),
  expected: 'a number above 0, such as 2',
  description: 'A step that takes so many times as long is told as slower.',
} as const satisfies Parameter<number>;

export const FROM = {
  schema: whole(0, MAX_SEQ),
  expected: 'the number of a frame',
  description: 'The first frame.',
  fallback: 0,
} as const satisfies Parameter<number>;

export const TO = {
  schema: whole(0, MAX_SEQ),
  expected: 'the number of a frame',
  description: 'The last frame; without it the last of the session.',
} as const satisfies Parameter<number>;

export const OF_OPERATION = {
  schema: whole(0, MAX_SEQ),
  expected: 'the number of an operation',
  description: 'Only frames of this operation.',
} as const satisfies Parameter<number>;

export const PAYLOAD = {
  ...words(['none', 'preview', 'full']),
  description: 'How much of the payloads: nothing, the first 200 characters, or all.',
  fallback: 'preview',
} as const satisfies Parameter<string>;

export const EXPORT_FORMAT = {
  ...words(EXPORT_FORMATS),
  description: 'The format of the file.',
  fallback: 'jsonl',
} as const satisfies Parameter<string>;

export const IMPORT_FORMAT = {
  ...words(IMPORT_FORMATS),
  description: 'The format of the body; without it, told by how it begins.',
} as const satisfies Parameter<string>;

export const BEFORE = {
  ...ID,
  description: 'The session that is compared with.',
  required: true,
} as const satisfies Parameter<string>;

export const AFTERWARDS = {
  ...ID,
  description: 'The session that is compared.',
  required: true,
} as const satisfies Parameter<string>;

export const LEVEL = {
  ...words(LEVELS),
  description: 'How closely answers are compared.',
  fallback: 'semantic',
} as const satisfies Parameter<string>;

export const PATHS = {
  schema: line(1000),
  expected: 'a path such as $.content[*].text, or the name of a member',
  many: true,
} as const;

export const FAIL_ON = {
  ...words([...FAIL_ON_WORDS, 'none']),
  expected: `a finding, none, or one of ${CATEGORIES.join(', ')}`,
  description: 'Categories and findings; without it error, tool_error, invalid, hung and incomplete.',
  many: true,
} as const satisfies Parameter<string>;

export const MAX_DURATION = {
  schema: whole(1, 24 * 60 * 60_000),
  expected: 'a whole number of milliseconds from 1, at most a day',
  description: 'Milliseconds: the longest that an operation may take.',
} as const satisfies Parameter<number>;

export const TOOLS = { schema: line(1000), expected: 'the name of a tool', many: true } as const;

export const LIVE_CURSOR = {
  schema: z.string().check(z.refine(isLiveCursor)),
  expected: 'the cursor of a message of /live, such as 12.345',
  description: 'Goes on after this message; without it, with what comes from now on.',
} as const satisfies Parameter<string>;

/** Throws an ApiError for anything that is not as the parameters say. */
export function readQuery<Q extends Parameters>(known: Q, written: URLSearchParams): QueryOf<Q> {
  for (const name of written.keys()) {
    if (Object.hasOwn(known, name)) continue;
    const near = didYouMean(nearest(name, Object.keys(known)));
    throw new ApiError(400, `${quote(name)} is no parameter of this${near}`, { parameter: name });
  }
  const values = Object.entries(known).map(([name, parameter]) => {
    const all = written.getAll(name);
    return [name, parameter.many === true ? readMany(name, parameter, all) : readOne(name, parameter, all)];
  });
  return Object.fromEntries(values) as QueryOf<Q>;
}

function readMany(name: string, parameter: Parameter<unknown>, all: readonly string[]): readonly unknown[] {
  if (all.length <= MAX_VALUES) return all.map((one) => readValue(name, parameter, one));
  throw new ApiError(400, `${name}: at most ${MAX_VALUES} are taken`, { parameter: name });
}

function readOne(name: string, parameter: Parameter<unknown>, [one, another]: readonly string[]): unknown {
  if (another !== undefined) throw new ApiError(400, `${name}: it was given twice`, { parameter: name });
  if (one !== undefined) return readValue(name, parameter, one);
  if (parameter.required !== true) return parameter.fallback;
  throw new ApiError(400, `${name}: it is missing; expected ${parameter.expected}`, { parameter: name });
}

export function readValue<T>(name: string, { schema, expected }: Parameter<T>, written: string): T {
  const read = schema.safeParse(written);
  if (read.success) return read.data;
  throw new ApiError(400, `${name}: ${quote(written)} is not what is expected: ${expected}`, {
    parameter: name,
  });
}

/** A filter as it was written, or an ApiError that says where the slip is. */
export function readFilter(text: string): Filter {
  const parsed = parseFilter(text);
  if (parsed.ok) return parsed.filter;
  const { at, end, message, word, candidates = [] } = parsed.error;
  const near = word === undefined ? '' : didYouMean(nearest(word, candidates));
  throw new ApiError(400, `filter: ${message}${near}`, { parameter: 'filter', at, end });
}
