/** The keys of the filter language, a row each: parser, completion and documentation read this table and no other. */
import { FINDINGS } from '../event/findings.ts';
import { OUTCOMES } from '../event/outcome.ts';
import type { Key, MatchKey, Pattern } from './ast.ts';

interface KeyInfo {
  readonly key: Key;
  /**
   * `session`: of a session, or of the session of an operation. `operation`: of an operation, or of any of a session.
   * `listed`: of what is listed.
   */
  readonly scope: 'session' | 'operation' | 'listed';
  /** What it compares, in a few words. */
  readonly meaning: string;
  readonly example: string;
  /** The only values there are. */
  readonly words?: readonly string[];
}

/** What `is:` knows. `failed` is said of what is listed, the others of a session. */
export const IS_WORDS = ['failed', 'pinned', 'live', 'incomplete', 'probe', 'inferred'] as const;
export type IsWord = (typeof IS_WORDS)[number];

const RULES: readonly string[] = FINDINGS.map(({ rule }) => rule);

export const KEYS: readonly KeyInfo[] = [
  { key: 'server', scope: 'session', meaning: 'name of the server', example: 'server:files' },
  { key: 'client', scope: 'session', meaning: 'name of the client', example: 'client:claude*' },
  {
    key: 'method',
    scope: 'operation',
    meaning: 'method of an operation',
    example: 'method:resources/read',
  },
  { key: 'tool', scope: 'operation', meaning: 'name of the tool that was called', example: 'tool:search' },
  {
    key: 'status',
    scope: 'operation',
    meaning: 'how an operation ended',
    example: 'status:tool_error,timeout',
    words: OUTCOMES,
  },
  {
    key: 'is',
    scope: 'listed',
    meaning: 'what became of a session or an operation',
    example: 'is:failed',
    words: IS_WORDS,
  },
  {
    key: 'finding',
    scope: 'listed',
    meaning: 'rule of a finding',
    example: 'finding:late_result',
    words: RULES,
  },
  { key: 'dur', scope: 'operation', meaning: 'duration of an operation', example: 'dur:>500ms' },
  {
    key: 'bytes',
    scope: 'operation',
    meaning: 'size of request and answer together',
    example: 'bytes:>1MB',
  },
  { key: 'since', scope: 'listed', meaning: 'started then or later', example: 'since:2h' },
  { key: 'until', scope: 'listed', meaning: 'started before', example: 'until:2026-09-01' },
  { key: 'trace', scope: 'operation', meaning: 'trace id', example: 'trace:4bf92f35*' },
  {
    key: 'session',
    scope: 'session',
    meaning: 'start or end of the session’s id',
    example: 'session:7f3a12c4',
  },
  {
    key: 'era',
    scope: 'session',
    meaning: 'era of the protocol',
    example: 'era:modern',
    words: ['legacy', 'modern'],
  },
  { key: 'version', scope: 'session', meaning: 'version of the protocol', example: 'version:2025-*' },
];

const BY_KEY: ReadonlyMap<string, KeyInfo> = new Map(KEYS.map((info) => [info.key, info]));

export function keyInfo(key: string): KeyInfo | undefined {
  return BY_KEY.get(key);
}

/** The words of a key that are meant by its values; empty for a key whose values are free. */
export function meantWords(key: MatchKey, any: readonly Pattern[]): readonly string[] {
  const words = keyInfo(key)?.words ?? [];
  return words.filter((word) => any.some((pattern) => matches(pattern, word)));
}

/** Whether a text is what a pattern says; capitals of a to z do not count. */
export function matches(pattern: Pattern, text: string): boolean {
  const [first = '', ...rest] = pattern.map(lower);
  const wanted = lower(text);
  if (rest.length === 0) return wanted === first;
  if (!wanted.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = wanted.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return wanted.length - last.length >= at && wanted.endsWith(last);
}

function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
