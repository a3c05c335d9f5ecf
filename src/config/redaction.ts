/** Kinds of values that say what else is redacted, and what is not. */
import * as z from 'zod/mini';
import { ConfigError, plain, quote } from './error.ts';
import { ATTRIBUTES } from './pairs.ts';
import { safePattern } from './safePattern.ts';
import { type Kind, read } from './schema.ts';

const MAX_MEMBERS = 100;
const NAME = /^[\w.$-]{1,64}$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const KIND_NAME = /^[a-z][a-z0-9_]{0,31}$/;
const NOT_A_LIST = `at most ${MAX_MEMBERS}, separated by commas`;

/** Names of JSON members, parameters and variables. */
export const KEY_NAMES = list('names', `names such as pin,employee_id, ${NOT_A_LIST}`, (name) =>
  NAME.test(name),
);
export const HEADER_NAMES = list('names', `names of headers, ${NOT_A_LIST}`, (name) => FIELD_NAME.test(name));
/** A name, or `/pattern/` of a whole value. */
export const ALLOWED = list(
  'list',
  `names, or /patterns/ of whole values, ${NOT_A_LIST}`,
  (member) => isPattern(member) || NAME.test(member),
);
/** RFC 9535. Whether they can be used is for `checkRedaction`. */
export const JSON_PATHS: Kind<readonly string[]> = {
  ...list('paths', 'JSONPaths such as $.params.arguments.pin', (path) => path.startsWith('$')),
  schema: () => members(/,\s*(?=\$)/, (path) => path.startsWith('$')),
};

/** By the name that their placeholders have. */
export const PATTERN_PAIRS: Kind<Readonly<Record<string, string>>> = {
  ...ATTRIBUTES,
  schema: () => z.pipe(ATTRIBUTES.schema(), z.record(z.string().check(z.regex(KIND_NAME)), z.string())),
  expected: 'name=pattern with names like employee_id',
};

export function isPattern(allowed: string): boolean {
  return allowed.length > 2 && allowed.startsWith('/') && allowed.endsWith('/');
}

interface Rules {
  readonly patterns: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  readonly allow: readonly string[];
}

/** Throws ConfigError for a pattern or a path that cannot be used; the parser of paths is loaded only for one. */
export async function checkRedaction(
  { patterns, paths, allow }: Rules,
  where: (key: 'redact.patterns' | 'redact.paths' | 'redact.allow') => string,
): Promise<void> {
  const allowed = allow.filter(isPattern).map((one) => [one, one.slice(1, -1)] as const);
  for (const [key, list] of [
    ['redact.patterns', Object.entries(patterns)],
    ['redact.allow', allowed],
  ] as const) {
    for (const [name, written] of list) {
      const read = safePattern(written);
      if ('problem' in read)
        throw new ConfigError(`${where(key)}: the pattern ${quote(name)} ${read.problem}`);
    }
  }
  if (paths.length === 0) return;
  const { jsonpath } = await import('json-p3');
  for (const path of paths) {
    let why = 'match() and search() are not evaluated';
    try {
      jsonpath.compile(path);
      if (!/\b(?:match|search)\s*\(/.test(path)) continue;
    } catch (cause) {
      why = cause instanceof Error ? plain(cause.message) : '';
    }
    throw new ConfigError(
      `${where('redact.paths')}: ${quote(path)} is not a JSONPath that can be used: ${why}`,
    );
  }
}

function list(
  metavar: string,
  expected: string,
  isMember: (member: string) => boolean,
): Kind<readonly string[]> {
  return {
    schema: () => members(/,/, isMember),
    metavar,
    expected,
    show: (list) => list.join(','),
  };
}

function members(separator: RegExp, isMember: (member: string) => boolean): z.ZodMiniType<readonly string[]> {
  return read(
    z.union([z.string(), z.array(z.string())]),
    (written) =>
      (typeof written === 'string' ? written.split(separator) : written)
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    z.readonly(z.array(z.string().check(z.refine(isMember))).check(z.maxLength(MAX_MEMBERS))),
  );
}
