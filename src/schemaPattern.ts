/**
 * Regular expressions of schemas, which come from a server: matched only where that is certain to end soon. It gives no
 * verdict where it is not, and never runs a pattern to find out.
 */

/** A longer pattern is no check of an argument but a program. */
const MAX_PATTERN_CHARS = 2048;
/** Steps of a backtracking match that are fine: some milliseconds. */
const MAX_STEPS = 1_000_000;

/** Thrown by a test that is not made. */
export const UNCHECKED = new Error('a pattern that may take too long for a text of this length');

export interface Pattern {
  /** Throws UNCHECKED. */
  test(text: string): boolean;
  /** Different for different patterns. */
  toString(): string;
}

/** Throws SyntaxError for what is no regular expression in either of its modes. */
export function patternOf(source: string): Pattern {
  const maxChars = source.length > MAX_PATTERN_CHARS ? -1 : maxCharsOf(source);
  const expression = maxChars < 0 ? undefined : compiled(source);
  return {
    test: (text) => {
      if (expression === undefined || text.length > maxChars) throw UNCHECKED;
      return expression.test(text);
    },
    toString: () => source,
  };
}

/** JSON Schema asks for Unicode mode; patterns that are written without it in mind are read as they were meant. */
function compiled(source: string): RegExp {
  try {
    return new RegExp(source, 'u');
  } catch {
    return new RegExp(source);
  }
}

/** An escape, a class, or one character. */
const ATOM = /\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|[\s\S]/y;
const BACK_REFERENCE = /^\\[1-9k]/;
/** What follows `(` and tells the kind of the group. */
const GROUP_KIND = /\?(?:[:=!]|<[=!]|<[^>]*>)/y;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y;

interface Group {
  /** It can match one text in more than one way. */
  varies: boolean;
  alternatives: number;
}

/**
 * The longest text that a pattern is matched with: a backtracking match tries all ways to share the text out, so that its
 * steps are at most the product of the choices of all quantifiers and groups. Negative where a repeated group has choices
 * in itself or there is a back reference: the steps may then grow as a power of two.
 */
function maxCharsOf(source: string): number {
  const outer: Group[] = [];
  let group: Group = { varies: false, alternatives: 1 };
  let ways = 1;
  /** How many factors are as large as the text is long; it may begin anywhere unless it is tied to the start. */
  let open = source.startsWith('^') ? 0 : 1;
  for (let at = 0; at < source.length;) {
    const [atom = ''] = sticky(ATOM, source, at) ?? [];
    at += atom.length;
    if (BACK_REFERENCE.test(atom)) return -1;
    if (atom === '(') {
      at += sticky(GROUP_KIND, source, at)?.[0].length ?? 0;
      outer.push(group);
      group = { varies: false, alternatives: 1 };
      continue;
    }
    if (atom === '|') group.alternatives += 1;
    const quantifier = sticky(QUANTIFIER, source, at);
    at += quantifier?.[0].length ?? 0;
    const choices = quantifier === undefined ? 1 : choicesOf(quantifier);
    const isOptional = quantifier?.[1] === '?';
    if (atom === ')') {
      const inner = group;
      ways *= inner.alternatives;
      const varies = inner.varies || inner.alternatives > 1;
      if (varies && quantifier !== undefined && !isOptional) return -1;
      group = outer.pop() ?? { varies: false, alternatives: 1 };
      group.varies ||= varies;
    }
    if (choices === Infinity) open += 1;
    else ways *= choices;
    group.varies ||= choices > 1;
  }
  const steps = MAX_STEPS / (ways * group.alternatives);
  return steps < 1 ? -1 : open === 0 ? MAX_STEPS : Math.floor(steps ** (1 / open));
}

function choicesOf([, sign, least, comma, most]: RegExpExecArray): number {
  if (sign !== undefined) return sign === '?' ? 2 : Infinity;
  if (comma !== ',') return 1;
  return most === undefined || most === '' ? Infinity : Number(most) - Number(least) + 1;
}

function sticky(expression: RegExp, text: string, at: number): RegExpExecArray | undefined {
  expression.lastIndex = at;
  return expression.exec(text) ?? undefined;
}
