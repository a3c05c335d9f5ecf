/**
 * Reads a regular expression that somebody wrote for redaction, and says no to one that could search for very long or
 * tear JSON apart: a part of the language in which every choice is made by the next character.
 */

/** Repetitions without an end get this one, so that no search goes on from one place for long. */
const MAX_REPEAT = 256;
const MAX_LENGTH = 500;
/** Ways through the alternatives of a pattern. */
const MAX_WAYS = 64;
/** Any character beyond ASCII. */
const BEYOND = 128;

export type Read = { readonly source: string } | { readonly problem: string };

type Chars = ReadonlySet<number>;
interface Atom {
  readonly source: string;
  readonly chars: Chars;
  readonly min: number;
  readonly max: number;
}
/** Parts that follow each other; a part is a repeated character, or alternatives of which one follows. */
type Sequence = readonly (
  Atom | { readonly open: string; readonly ways: readonly Sequence[]; readonly times: number }
)[];

class Unusable extends Error {}

/** The source that is searched with: what `.` and `[^x]` match is no quote and no backslash. */
export function safePattern(written: string): Read {
  try {
    if (written.length > MAX_LENGTH) throw new Unusable(`is longer than ${MAX_LENGTH} characters`);
    const reader = new Reader(written);
    const parsed = reader.alternatives();
    if (reader.rest !== '') throw new Unusable('has a ) without a (');
    const ways = parsed.flatMap((way) => flat(way, []));
    for (const way of ways) checkWay(way);
    const source = parsed.map(sourceOf).join('|');
    if (new RegExp(`^(?:${source})$`).test('')) throw new Unusable('matches the empty text');
    return { source };
  } catch (error) {
    return { problem: error instanceof Unusable ? error.message : 'is no regular expression' };
  }
}

class Reader {
  rest: string;

  constructor(written: string) {
    this.rest = written;
  }

  alternatives(): Sequence[] {
    const ways = [this.#sequence()];
    while (this.#take(/^\|/) !== undefined) ways.push(this.#sequence());
    return ways;
  }

  #sequence(): Sequence {
    const parts: Sequence[number][] = [];
    while (this.rest !== '' && !/^[|)]/.test(this.rest)) {
      const open = this.#take(/^\((?:\?:)?/);
      parts.push(open === undefined ? this.#atom() : this.#group(open));
    }
    return parts;
  }

  #group(open: string): Sequence[number] {
    if (this.rest.startsWith('?'))
      throw new Unusable('looks around or names a group; write (?:...), or (...) around the secret');
    const ways = this.alternatives();
    if (this.#take(/^\)/) === undefined) throw new Unusable('has a ( without a )');
    const [min, max] = this.#times();
    if (min !== max || (max > 1 && ways.some((way) => way.some((part) => !isFixed(part))))) {
      throw new Unusable('repeats a group that has no fixed length; write out what it holds');
    }
    if (max > MAX_WAYS) throw new Unusable(`repeats a group more than ${MAX_WAYS} times`);
    if (max > 1 && ways.length > 1) throw new Unusable('repeats a group with alternatives; write it out');
    return { open, ways, times: max };
  }

  #atom(): Atom {
    const written = this.#take(/^(?:\[\^?\]?(?:\\.|[^\]\\])*\]|\\b|\\[^]|[^\\[\](){}*+?|])/);
    if (written === undefined) throw new Unusable(`cannot have ${this.rest.charAt(0)} there`);
    if (/^\\[1-9k]/.test(written)) throw new Unusable('refers back to a group');
    if (/^[\^$]$|^\\b$/.test(written)) return { source: written, chars: new Set(), min: 0, max: 0 };
    const source = withoutQuotes(written);
    const chars = charsOf(source);
    if (chars.has(0x22) || chars.has(0x5c))
      throw new Unusable('matches a quote or a backslash, which JSON needs');
    const [min, max] = this.#times();
    return { source, chars, min, max: Math.max(min, Math.min(max, MAX_REPEAT)) };
  }

  #times(): readonly [number, number] {
    const written = this.#take(/^(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})/) ?? '{1}';
    if (/^[?+]/.test(this.rest)) throw new Unusable('has a lazy or possessive repetition');
    if (written === '*') return [0, Infinity];
    if (written === '+') return [1, Infinity];
    if (written === '?') return [0, 1];
    const [min = '', max = min] = written.slice(1, -1).split(',');
    return [Number(min), max === '' ? Infinity : Number(max)];
  }

  #take(what: RegExp): string | undefined {
    const [taken] = what.exec(this.rest) ?? [];
    if (taken !== undefined) this.rest = this.rest.slice(taken.length);
    return taken;
  }
}

function withoutQuotes(written: string): string {
  if (written === '.') return '[^"\\\\\\r\\n]';
  if (/^\\[WSD]$/.test(written)) return `[^${written.toLowerCase()}"\\\\]`;
  return written.startsWith('[^') ? `${written.slice(0, -1)}"\\\\]` : written;
}

function charsOf(source: string): Chars {
  const one = new RegExp(`^${source}$`);
  const chars = new Set<number>();
  for (let code = 0; code < BEYOND; code += 1) if (one.test(String.fromCharCode(code))) chars.add(code);
  if (one.test('\u00e9') || one.test('\u4e2d')) chars.add(BEYOND);
  return chars;
}

function isFixed(part: Sequence[number]): boolean {
  return 'ways' in part ? part.ways.every((way) => way.every(isFixed)) : part.min === part.max;
}

/** Every way through the alternatives. */
function flat(parts: Sequence, before: readonly Atom[]): readonly (readonly Atom[])[] {
  let ways: readonly (readonly Atom[])[] = [before];
  for (const part of parts) {
    if (!('ways' in part)) ways = ways.map((way) => [...way, part]);
    else
      for (let time = 0; time < part.times; time += 1)
        ways = ways.flatMap((way) => part.ways.flatMap((one) => flat(one, way)));
    if (ways.length > MAX_WAYS) throw new Unusable(`has more than ${MAX_WAYS} ways through its alternatives`);
  }
  return ways;
}

/** What may repeat more or fewer times must end where the next part begins, or nobody knows where it ends. */
function checkWay(way: readonly Atom[]): void {
  for (const [index, atom] of way.entries()) {
    if (atom.min === atom.max) continue;
    for (const next of way.slice(index + 1)) {
      if (next.max === 0) continue;
      if ([...next.chars].some((char) => atom.chars.has(char))) {
        throw new Unusable(
          `does not say where ${atom.source} ends, since ${next.source} may follow and matches the same`,
        );
      }
      if (next.min > 0) break;
    }
  }
}

function sourceOf(parts: Sequence): string {
  return parts
    .map((part) => {
      if ('ways' in part)
        return `${part.open}${part.ways.map(sourceOf).join('|')})${times(part.times, part.times)}`;
      return `${part.source}${part.max === 0 ? '' : times(part.min, part.max)}`;
    })
    .join('');
}

function times(min: number, max: number): string {
  if (min === max) return min === 1 ? '' : `{${min}}`;
  return `{${min},${max}}`;
}
