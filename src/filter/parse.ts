/**
 * Reads a filter. It never throws: what cannot be meant comes back as an error with its place. Terms that stand together
 * must all hold; OR binds weaker, NOT and - bind stronger.
 */
import type {
  CompareKey,
  Comparison,
  Filter,
  FilterError,
  MatchKey,
  Parsed,
  Pattern,
  TimeKey,
} from './ast.ts';
import { KEYS, keyInfo, matches } from './keys.ts';
import { quantity, when } from './quantity.ts';
import { Scanner } from './scan.ts';

/** Longer than anybody writes, short enough for any check in a moment. */
export const MAX_FILTER_CHARS = 4096;
/** Terms and values of lists: each is a condition that the store has to check. */
export const MAX_TERMS = 100;
/** Parentheses and NOTs around one another. SQLite takes a thousand levels of an expression. */
export const MAX_DEPTH = 40;

const OPERATORS: readonly Comparison[] = ['>=', '<=', '>', '<'];
const JOINERS: readonly string[] = ['AND', 'OR'];
const TRACE_ID = /^[0-9a-f]{1,32}$/i;

export function parseFilter(text: string): Parsed {
  if (text.length > MAX_FILTER_CHARS) {
    const message = `the filter has ${text.length} characters; ${MAX_FILTER_CHARS} are the most`;
    return { ok: false, error: { at: MAX_FILTER_CHARS, end: text.length, message } };
  }
  const parser = new Parser(text);
  const filter = parser.whole();
  return 'kind' in filter ? { ok: true, filter } : { ok: false, error: filter };
}

type Or<T> = T | FilterError;

function isError<T extends object>(value: Or<T>): value is FilterError {
  return 'message' in value;
}

/** Of one text. */
class Parser {
  readonly #in: Scanner;
  #terms = 0;
  #depth = 0;

  constructor(text: string) {
    this.#in = new Scanner(text);
  }

  whole(): Or<Filter> {
    this.#in.skip();
    if (this.#in.isAtEnd()) return { kind: 'and', of: [] };
    const filter = this.#or();
    if (isError(filter) || this.#in.isAtEnd()) return filter;
    return this.#in.error(
      'a ) without its (; take it away, or quote it to look for the text',
      this.#in.at + 1,
    );
  }

  #or(): Or<Filter> {
    const any: Filter[] = [];
    do {
      const one = this.#and();
      if (isError(one)) return one;
      any.push(...(one.kind === 'or' ? one.of : [one]));
    } while (this.#in.takes('OR'));
    return joined('or', any);
  }

  #and(): Or<Filter> {
    const all: Filter[] = [];
    do {
      const one = this.#not();
      if (isError(one)) return one;
      all.push(...(one.kind === 'and' ? one.of : [one]));
    } while (this.#in.takes('AND') || this.#goesOn());
    return joined('and', all);
  }

  #goesOn(): boolean {
    return !this.#in.isAtEnd() && this.#in.char() !== ')' && this.#in.word() !== 'OR';
  }

  #not(): Or<Filter> {
    const start = this.#in.at;
    const minus = this.#in.text[start] === '-';
    if (!minus && !this.#in.takes('NOT')) return this.#primary();
    if (minus) this.#in.at += 1;
    if (minus && /^\s?$/.test(this.#in.char()))
      return this.#in.error('expected a term right after -, such as -status:ok', start + 1, start);
    return this.#nested(start, () => {
      const of = this.#not();
      return isError(of) ? of : { kind: 'not', of };
    });
  }

  #primary(): Or<Filter> {
    const start = this.#in.at;
    if (this.#in.text[start] !== '(') return this.#term();
    return this.#nested(start, () => {
      this.#in.at += 1;
      this.#in.skip();
      const inner = this.#or();
      if (isError(inner)) return inner;
      if (this.#in.char() !== ')')
        return this.#in.error(
          'this ( is never closed; write its ), or quote it to look for the text',
          start + 1,
          start,
        );
      this.#in.at += 1;
      this.#in.skip();
      return inner;
    });
  }

  #nested(start: number, read: () => Or<Filter>): Or<Filter> {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      return this.#in.error(`more than ${MAX_DEPTH} levels of ( and NOT`, start + 1, start);
    const filter = read();
    this.#depth -= 1;
    return filter;
  }

  #term(): Or<Filter> {
    const start = this.#in.at;
    const word = this.#in.word();
    if (start === this.#in.text.length || word === 'OR' || word === 'AND' || this.#in.text[start] === ')') {
      const what = 'expected a term, such as tool:search, or a text to look for';
      const hint = JOINERS.includes(word) ? `; quote it to look for the text ${word}` : '';
      return this.#in.error(what + hint, start + Math.max(1, word.length));
    }
    const [, key] = /^([a-z][a-z0-9_-]*):/i.exec(word) ?? [];
    const term = key === undefined ? this.#textTerm(word) : this.#keyTerm(key);
    if (isError(term)) return term;
    this.#terms += term.kind === 'match' ? term.any.length : 1;
    if (this.#terms > MAX_TERMS)
      return this.#in.error(`more than ${MAX_TERMS} terms and values`, this.#in.at, start);
    this.#in.skip();
    return term;
  }

  #textTerm(word: string): Or<Filter> {
    const start = this.#in.at;
    if (this.#in.text[start] !== '"') {
      this.#in.at += word.length;
      return { kind: 'text', text: word };
    }
    const quoted = this.#in.quoted();
    if (typeof quoted !== 'string') return quoted;
    if (quoted === '')
      return this.#in.error('expected a text to look for between the quotes', this.#in.at, start);
    return { kind: 'text', text: quoted };
  }

  #keyTerm(written: string): Or<Filter> {
    const start = this.#in.at;
    const info = keyInfo(written.toLowerCase());
    if (info === undefined)
      return {
        ...this.#in.error(
          `no such key ${JSON.stringify(cut(written))}; to look for the text, quote it`,
          start + written.length,
        ),
        word: written,
        candidates: KEYS.map(({ key }) => key),
      };
    this.#in.at += written.length + 1;
    const { key, example } = info;
    if (key === 'dur' || key === 'bytes') return this.#compare(key, example);
    if (key === 'since' || key === 'until') return this.#time(key);
    return this.#match(key, example);
  }

  #compare(key: CompareKey, example: string): Or<Filter> {
    const start = this.#in.at;
    const word = this.#in.word();
    const is = OPERATORS.find((operator) => word.startsWith(operator));
    if (is === undefined)
      return this.#in.error(
        `expected one of > >= < <= right after ${key}:, such as ${example}`,
        this.#in.past(word),
      );
    const than = quantity(key, word.slice(is.length));
    this.#in.at += is.length;
    if (than === undefined) {
      const what =
        key === 'dur'
          ? 'a duration with its unit (us ms s m h d)'
          : 'a size with its unit (B kB KiB MB MiB GB GiB)';
      return this.#in.error(
        `expected ${what} after ${is}, such as ${example}`,
        this.#in.past(word.slice(is.length)),
      );
    }
    this.#in.at = start + word.length;
    return { kind: 'compare', key, is, than };
  }

  #time(key: TimeKey): Or<Filter> {
    const word = this.#in.word();
    const at = when(word);
    if (at === undefined)
      return this.#in.error(
        `expected how long ago or a date after ${key}:, such as ${key}:2h, ${key}:2026-09-01 or ${key}:2026-09-01T14:30`,
        this.#in.past(word),
      );
    this.#in.at += word.length;
    return { kind: 'time', key, when: at };
  }

  #match(key: MatchKey, example: string): Or<Filter> {
    const any: Pattern[] = [];
    do {
      if (any.length > 0) this.#in.at += 1;
      const start = this.#in.at;
      const pattern = this.#in.pattern();
      if (isError(pattern)) return pattern;
      if (this.#in.at === start)
        return this.#in.error(
          `expected a value right after ${this.#in.text.charAt(start - 1)}, such as ${example}`,
          start + 1,
        );
      const wrong = this.#judge(key, pattern, start);
      if (wrong !== undefined) return wrong;
      any.push(pattern);
    } while (this.#in.char() === ',');
    return { kind: 'match', key, any };
  }

  /** What no recording can hold is a slip, and is told instead of found nowhere. */
  #judge(key: MatchKey, pattern: Pattern, start: number): FilterError | undefined {
    const words = keyInfo(key)?.words;
    const written = this.#in.text.slice(start, this.#in.at);
    if (key === 'trace' && !TRACE_ID.test(pattern.join('')))
      return this.#in.error('expected a trace id: up to 32 hexadecimal digits', this.#in.at, start);
    if (key === 'trace' && pattern[0] === '')
      return this.#in.error('expected at least the first digit of the trace id before *', this.#in.at, start);
    if (words === undefined || words.some((word) => matches(pattern, word))) return undefined;
    const some =
      words.length <= 12 ? `one of ${words.join(', ')}` : 'the rule of a finding: docs/findings.md';
    const error = this.#in.error(
      `${key}: ${JSON.stringify(cut(written))} is not ${some}`,
      this.#in.at,
      start,
    );
    return { ...error, word: written, candidates: words };
  }
}

function joined(kind: 'and' | 'or', of: readonly Filter[]): Filter {
  const [only] = of;
  return of.length === 1 && only !== undefined ? only : { kind, of };
}

/** Enough to recognise it by. */
function cut(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
