/**
 * What is a secret by the name it stands under: in JSON at any depth of JSON in strings, in queries, environments,
 * headers, and what programs log. Objects are never taken: a schema that declares a property `token` is no secret, and
 * keys inside of an object are looked at for themselves.
 */
import { isRandom, isStandIn } from './redact-checks.ts';
import { isPlaceholder, type Span } from './redact-span.ts';

/** At the end of a key: `x-api-key`, `githubToken`, `DB_PASSWORD`. */
const WORDS =
  '(?:pass(?:word|wd|phrase|code)|secret|token|(?:api|access|private|signing|secret|account|encryption|master|subscription|auth)[-_]?key|authorization|credential|cookie)s?';

/** Keys that end like a secret and are part of the protocol, a position, a count, or a part of a vocabulary. */
const HARMLESS =
  /(?:progress|(?:next|prev|previous)?[-_]?page|continuation|sync|cancel(?:lation)?|max|min|total|prompt|completion|input|output|cached|reasoning|used|remaining|new|num|stop|eos|bos|pad|unk|sep|cls|mask|special|added)[-_]?(?:max|output|prompt|new)?[-_]?tokens?$/i;
const LONGEST_KEY = 64;

/**
 * What may stand between a name and its value, one group each: in JSON, also as `"name":"token","value":"..."`; in
 * quotes of other languages; an assignment; and what prose has, too, where the value must look like a secret.
 */
const BETWEEN = [
  '(\\\\*)"\\s{0,16}(?::|,\\s{0,16}\\\\*"value\\\\*"\\s{0,16}:)\\s{0,64}',
  "(')\\s?(?::|=>)\\s?",
  '(=)',
  '([ \\t]{0,4}(?::|=>?)[ \\t]{0,4})',
].join('|');

/** A number that is a secret: `"password": 123456`. Tokens as numbers are counts. */
const NUMERIC = /pass(?:word|wd|phrase|code)s?$/i;
/** Header lines of which all is the secret, not one word. */
const WHOLE_LINE = /(?:authorization|cookie)s?$/i;
/** Where names of properties stand under names of properties (JSON Schema). */
const OF_NAMES = /"(?:dependentRequired|dependencies)\\*"\s*:\s*\{[^{}]*$/;
const LOOK_BACK = 1024;
/** Of a bare value: what is longer is no secret that anybody types or sends. */
const LONGEST_BARE = 8192;
const LOOKED_AT = 512;
const SCHEME = /^(?:bearer|basic|token|digest|negotiate|apikey) +(?=\S)/i;

export class Keys {
  readonly #pattern: RegExp;
  readonly #ends: RegExp;
  readonly #allowed: ReadonlySet<string>;

  /** `more`: whole names, in any case, with or without `-` and `_`. `allowed`: names that are never taken. */
  constructor(more: readonly string[] = [], allowed: readonly string[] = []) {
    const names = more.map((name) => name.replace(/[^\w-]/g, '\\$&').replace(/[-_]/g, '[-_]?'));
    const words = [WORDS, ...names.map((name) => `(?<![A-Za-z0-9])${name}`)].join('|');
    this.#pattern = new RegExp(`(?:${words})(?:${BETWEEN})`, 'gi');
    this.#ends = new RegExp(`(?:${words})$`, 'i');
    this.#allowed = new Set(allowed.map(plainName));
  }

  /** Whether what stands under a name is a secret. */
  has(name: string): boolean {
    return this.#ends.test(name) && !this.#isHarmless(name);
  }

  /** Where the secrets of a text stand, by their names. */
  find(text: string): Span[] {
    const spans: Span[] = [];
    const pattern = this.#pattern;
    pattern.lastIndex = 0;
    let done = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const [all, escape, , assign, loose] = match;
      const at = match.index + all.length;
      const name = nameAt(text, match.index, at);
      if (at < done || this.#isHarmless(name)) continue;
      const found =
        escape !== undefined
          ? inJson(text, at, escape, name)
          : loose !== undefined
            ? inProse(text, at, name, loose.includes('='))
            : assign !== undefined
              ? assigned(text, at)
              : quoted(text, at, "'");
      for (const span of found) {
        spans.push(span);
        done = span.to;
      }
      // What was not taken may begin another name: `"token": password=x`.
      pattern.lastIndex = Math.max(at, done);
    }
    return spans;
  }

  #isHarmless(name: string): boolean {
    return HARMLESS.test(name) || (this.#allowed.size > 0 && this.#allowed.has(plainName(name)));
  }
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** The whole name of which a match is the end. */
function nameAt(text: string, matchAt: number, end: number): string {
  let from = matchAt;
  while (from > 0 && matchAt - from < LONGEST_KEY && /[\w-]/.test(text[from - 1] ?? '')) from -= 1;
  return /^[\w-]+/.exec(text.slice(from, end))?.[0] ?? '';
}

/** The content of a string, of each string of an array, or a number where it can be one. */
function inJson(text: string, at: number, escape: string, name: string): Span[] {
  const quote = `${escape}"`;
  const spans: Span[] = [];
  const array = text[at] === '[';
  if (array && OF_NAMES.test(text.slice(Math.max(0, at - LOOK_BACK), at - name.length - 2))) return spans;
  let from = array ? at + 1 : at;
  for (;;) {
    while (/[\s,]/.test(text[from] ?? '')) from += 1;
    if (!text.startsWith(quote, from)) {
      const number = NUMERIC.test(name) ? /^-?\d{1,32}(?=\s*[,}\]])/.exec(text.slice(from, from + 64)) : null;
      return number === null ? spans : [...spans, { from, to: from + number[0].length, kind: 'key', quote }];
    }
    const start = from + quote.length;
    const end = closingQuote(text, start, escape.length);
    spans.push(...secretIn(text, start, end));
    if (!array || end >= text.length) return spans;
    from = end + quote.length;
  }
}

/** After `=`: what stands in quotes, escaped or not, or a bare word. */
function assigned(text: string, at: number): Span[] {
  const [quote] = /^\\*["']/.exec(text.slice(at, at + 16)) ?? [];
  return quote === undefined ? bare(text, at) : quoted(text, at + quote.length, quote);
}

/** `Password: hunter2` and `token = abc`: words of prose stay. Of some headers the rest of the line is taken. */
function inProse(text: string, at: number, name: string, isAssigned: boolean): Span[] {
  if (isAssigned && /^\\*["']/.test(text.slice(at, at + 16))) return assigned(text, at);
  if (WHOLE_LINE.test(name)) {
    // What a line is shows at its beginning.
    if (!isRandom(/^[^\r\n"\\]*/.exec(text.slice(at, at + LOOKED_AT))?.[0] ?? '')) return [];
    const [line] = /^[^\r\n"\\]+/.exec(text.slice(at, at + LONGEST_BARE)) ?? [''];
    return secretIn(text, at, at + line.trimEnd().length);
  }
  return bare(text, at).filter(({ from, to }) => looksRandom(text.slice(from, to)));
}

function looksRandom(value: string): boolean {
  return value.length >= 6 && /\d/.test(value) && /[A-Za-z]/.test(value) && !/[/(]/.test(value);
}

function bare(text: string, at: number): Span[] {
  const [word] = /^[^\s"'&,;)\\]+/.exec(text.slice(at, at + LONGEST_BARE)) ?? [''];
  return secretIn(text, at, at + word.length);
}

/** Up to the same quote again; to the end of a text that was cut. */
function quoted(text: string, at: number, quote: string): Span[] {
  const end = text
    .slice(at, at + LONGEST_BARE)
    .search(quote.endsWith("'") ? /(?<!\\)\\*["\n]|'/ : /(?<!\\)\\*["\n]/);
  return secretIn(text, at, end < 0 ? Math.min(text.length, at + LONGEST_BARE) : at + end);
}

/** Without the scheme of an Authorization header; nothing where nothing is told. */
function secretIn(text: string, from: number, to: number): Span[] {
  const value = text.slice(from, to);
  const scheme = SCHEME.exec(value)?.[0].length ?? 0;
  const secret = value.slice(scheme);
  if (secret === '' || isPlaceholder(secret) || isStandIn(secret)) return [];
  return [{ from: from + scheme, to, kind: 'key' }];
}

/**
 * The closing quote of a string whose own quotes are preceded by `escapes` backslashes (0 in JSON, 1 in JSON inside a
 * JSON string, 3 one deeper). Stops at the quote of an enclosing string too, and at the end of a text that was cut.
 */
function closingQuote(text: string, from: number, escapes: number): number {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (quote - slashes > from && text[quote - slashes - 1] === '\\') slashes += 1;
    if (slashes < escapes) return quote - slashes;
    if (closes(slashes, escapes)) return quote - escapes;
  }
  return text.length;
}

/** Undoes one level of JSON escaping at a time; at the innermost level an even run of backslashes leaves the quote bare. */
function closes(slashes: number, escapes: number): boolean {
  if (escapes === 0) return slashes % 2 === 0;
  return slashes % 2 === 1 && closes((slashes - 1) / 2, (escapes - 1) / 2);
}
