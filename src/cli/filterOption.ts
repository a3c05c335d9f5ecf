/** A filter and a place as they were written on the command line, or a ConfigError that shows where the slip is. */
import { ConfigError, plain, quote } from '../config/error.ts';
import { didYouMean, nearest } from '../config/suggest.ts';
import type { Filter } from '../filter/ast.ts';
import { parseFilter } from '../filter/parse.ts';
import { isCursor } from '../store/page.ts';
import { safe, width } from './terminal.ts';

/** A long filter is shown around the slip. */
const BEFORE_CHARS = 60;
const AFTER_CHARS = 40;

/** The words as they were written one after the other. */
export function filterOf(words: readonly string[]): Filter {
  const text = words.join(' ');
  const parsed = parseFilter(text);
  if (parsed.ok) return parsed.filter;
  const { at, end, message, word, candidates = [] } = parsed.error;
  const near = word === undefined ? '' : didYouMean(nearest(word, candidates));
  const from = Math.max(0, at - BEFORE_CHARS);
  const before = (from > 0 ? '...' : '') + safe(text.slice(from, at));
  const after = safe(text.slice(at, at + AFTER_CHARS)) + (text.length > at + AFTER_CHARS ? '...' : '');
  const carets = '^'.repeat(Math.max(1, width(safe(text.slice(at, Math.min(end, at + AFTER_CHARS))))));
  throw new ConfigError(
    [
      `filter: ${plain(message)}${near}`,
      `  ${before}${after}`,
      `  ${' '.repeat(width(before))}${carets}`,
    ].join('\n'),
  );
}

/** What `--after` says: where a page ended. */
export function cursorOf(written: string | undefined): string | undefined {
  if (written === undefined || isCursor(written)) return written;
  const example = 'what the list before ended with, such as 1750000000000000.42';
  throw new ConfigError(`--after: ${quote(written)} is not where a list ended; expected ${example}`);
}
