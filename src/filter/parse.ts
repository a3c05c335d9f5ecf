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

/** Longer than anybody writes, short enough for any check in a moment. */
export const MAX_FILTER_CHARS = 4096;
/** Terms and values of lists: each is a condition that the store has to check. */
export const MAX_TERMS = 100;
/** Parentheses and NOTs around one another. SQLite takes a thousand levels of an expression. */
export const MAX_DEPTH = 40;

const WORD_END = /[\s"()]/;
const VALUE_END = /[\s"(),*]/;
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

/** One walk over one text, from left to right. */
class Parser {
  readonly #text: string;
  #at = 0;
  #terms = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Or<Filter> {
    this.#skip();
    if (this.#at === this.#text.length) return { kind: 'and', of: [] };
    const filter = this.#or();
    if (isError(filter) || this.#at === this.#text.length) return filter;
    return this.#error('a ) without its (; take it away, or quote it to look for the text', this.#at + 1);
  }

  #or(): Or<Filter> {
    const any: Filter[] = [];
    do {
      const one = this.#and();
      if (isError(one)) return one;
      any.push(...(one.kind === 'or' ? one.of : [one]));
    } while (this.#takes('OR'));
    return joined('or', any);
  }

  #and(): Or<Filter> {
    const all: Filter[] = [];
    do {
      const one = this.#not();
      if (isError(one)) return one;
      all.push(...(one.kind === 'and' ? one.of : [one]));
    } while (this.#takes('AND') || this.#goesOn());
    return joined('and', all);
  }

  #goesOn(): boolean {
    return this.#at < this.#text.length && this.#text[this.#at] !== ')' && this.#word() !== 'OR';
  }

  #not(): Or<Filter> {
    const start = this.#at;
    const minus = this.#text[start] === '-';
    if (!minus && !this.#takes('NOT')) return this.#primary();
    if (minus) this.#at += 1;
    if (minus && /^\s?$/.test(this.#text.charAt(this.#at)))
      return this.#error('expected a term right after -, such as -status:ok', start + 1, start);
    return this.#nested(start, () => {
      const of = this.#not();
      return isError(of) ? of : { kind: 'not', of };
    });
  }

  #primary(): Or<Filter> {
    const start = this.#at;
    if (this.#text[start] !== '(') return this.#term();
    return this.#nested(start, () => {
      this.#at += 1;
      this.#skip();
      const inner = this.#or();
      if (isError(inner)) return inner;
      if (this.#text[this.#at] !== ')')
        return this.#error(
          'this ( is never closed; write its ), or quote it to look for the text',
          start + 1,
          start,
        );
      this.#at += 1;
      this.#skip();
      return inner;
    });
  }

  #nested(start: number, read: () => Or<Filter>): Or<Filter> {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      return this.#error(`more than ${MAX_DEPTH} levels of ( and NOT`, start + 1, start);
    const filter = read();
    this.#depth -= 1;
    return filter;
  }

  #term(): Or<Filter> {
    const start = this.#at;
    const word = this.#word();
    if (start === this.#text.length || word === 'OR' || word === 'AND' || this.#text[start] === ')') {
      const what = 'expected a term, such as tool:search, or a text to look for';
      const hint = JOINERS.includes(word) ? `; quote it to look for the text ${word}` : '';
      return this.#error(what + hint, start + Math.max(1, word.length));
    }
    const [, key] = /^([a-z][a-z0-9_-]*):/i.exec(word) ?? [];
    const term = key === undefined ? this.#textTerm(word) : this.#keyTerm(key);
    if (isError(term)) return term;
    this.#terms += term.kind === 'match' ? term.any.length : 1;
    if (this.#terms > MAX_TERMS)
      return this.#error(`more than ${MAX_TERMS} terms and values`, this.#at, start);
    this.#skip();
    return term;
  }

  #textTerm(word: string): Or<Filter> {
    const start = this.#at;
    if (this.#text[start] !== '"') {
      this.#at += word.length;
      return { kind: 'text', text: word };
    }
    const quoted = this.#quoted();
    if (typeof quoted !== 'string') return quoted;
    if (quoted === '') return this.#error('expected a text to look for between the quotes', this.#at, start);
    return { kind: 'text', text: quoted };
  }

  #keyTerm(written: string): Or<Filter> {
    const start = this.#at;
    const info = keyInfo(written.toLowerCase());
    if (info === undefined)
      return {
        ...this.#error(
          `no such key ${JSON.stringify(cut(written))}; to look for the text, quote it`,
          start + written.length,
        ),
        word: written,
        candidates: KEYS.map(({ key }) => key),
      };
    this.#at += written.length + 1;
    const { key, example } = info;
    if (key === 'dur' || key === 'bytes') return this.#compare(key, example);
    if (key === 'since' || key === 'until') return this.#time(key);
    return this.#match(key, example);
  }

  #compare(key: CompareKey, example: string): Or<Filter> {
    const start = this.#at;
    const word = this.#word();
    const is = OPERATORS.find((operator) => word.startsWith(operator));
    if (is === undefined)
      return this.#error(
        `expected one of > >= < <= right after ${key}:, such as ${example}`,
        this.#past(word),
      );
    const than = quantity(key, word.slice(is.length));
    this.#at += is.length;
    if (than === undefined) {
      const what =
        key === 'dur'
          ? 'a duration with its unit (us ms s m h d)'
          : 'a size with its unit (B kB KiB MB MiB GB GiB)';
      return this.#error(
        `expected ${what} after ${is}, such as ${example}`,
        this.#past(word.slice(is.length)),
      );
    }
    this.#at = start + word.length;
    return { kind: 'compare', key, is, than };
  }

  #time(key: TimeKey): Or<Filter> {
    const word = this.#word();
    const at = when(word);
    if (at === undefined)
      return this.#error(
        `expected how long ago or a date after ${key}:, such as ${key}:2h, ${key}:2026-09-01 or ${key}:2026-09-01T14:30`,
        this.#past(word),
      );
    this.#at += word.length;
    return { kind: 'time', key, when: at };
  }

  #match(key: MatchKey, example: string): Or<Filter> {
    const any: Pattern[] = [];
    do {
      if (any.length > 0) this.#at += 1;
      const start = this.#at;
      const pattern = this.#pattern();
      if (isError(pattern)) return pattern;
      if (this.#at === start)
        return this.#error(
          `expected a value right after ${this.#text.charAt(start - 1)}, such as ${example}`,
          start + 1,
        );
      const wrong = this.#judge(key, pattern, start);
      if (wrong !== undefined) return wrong;
      any.push(pattern);
    } while (this.#text[this.#at] === ',');
    return { kind: 'match', key, any };
  }

  /** What no recording can hold is a slip, and is told instead of found nowhere. */
  #judge(key: MatchKey, pattern: Pattern, start: number): FilterError | undefined {
    const words = keyInfo(key)?.words;
    const written = this.#text.slice(start, this.#at);
    if (key === 'trace' && !TRACE_ID.test(pattern.join('')))
      return this.#error('expected a trace id: up to 32 hexadecimal digits', this.#at, start);
    if (key === 'trace' && pattern[0] === '')
      return this.#error('expected at least the first digit of the trace id before *', this.#at, start);
    if (words === undefined || words.some((word) => matches(pattern, word))) return undefined;
    const some =
      words.length <= 12 ? `one of ${words.join(', ')}` : 'the rule of a finding: docs/findings.md';
    const error = this.#error(`${key}: ${JSON.stringify(cut(written))} is not ${some}`, this.#at, start);
    return { ...error, word: written, candidates: words };
  }

  #pattern(): Or<Pattern> {
    const parts = [''];
    const add = (text: string): void => {
      parts.push((parts.pop() ?? '') + text);
    };
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '"') {
        const quoted = this.#quoted();
        if (typeof quoted !== 'string') return quoted;
        add(quoted);
      } else if (char === '*') {
        // Two of them mean what one does.
        if (parts.length === 1 || parts.at(-1) !== '') parts.push('');
        this.#at += 1;
      } else {
        const bare = this.#until(VALUE_END);
        if (bare === '') return parts;
        add(bare);
        this.#at += bare.length;
      }
    }
  }

  #quoted(): string | FilterError {
    const start = this.#at;
    let text = '';
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const char = this.#text.charAt(at);
      const next = this.#text[at + 1];
      if (char === '"') {
        this.#at = at + 1;
        return text;
      }
      if (char === '\\' && (next === '"' || next === '\\')) at += 1;
      text += this.#text.charAt(at);
    }
    return this.#error('this quote is never closed; write its second "', start + 1, start);
  }

  /** The word that begins here: up to a blank, a quote or a parenthesis. */
  #word(): string {
    return this.#until(WORD_END);
  }

  #until(end: RegExp): string {
    const rest = this.#text.slice(this.#at);
    const length = rest.search(end);
    return length === -1 ? rest : rest.slice(0, length);
  }

  /** Whether the next word is this one, and goes past it. */
  #takes(word: 'AND' | 'OR' | 'NOT'): boolean {
    if (this.#word() !== word) return false;
    this.#at += word.length;
    this.#skip();
    return true;
  }

  #skip(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }

  #past(word: string): number {
    return this.#at + Math.max(1, word.length);
  }

  #error(message: string, end: number, at = this.#at): FilterError {
    return { at, end: Math.max(at, Math.min(end, this.#text.length)), message };
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
