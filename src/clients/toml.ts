/**
 * TOML into values with their places, which no library tells. smol-toml judges the text first, so that what is read here is known to
 * be TOML; numbers and dates are only passed over.
 */
import { parse, TomlError } from 'smol-toml';
import type { Member, Parsed, Span, Table, Value } from './tree.ts';

const BOM = '\ufeff';

export function parseToml(text: string): Parsed {
  try {
    parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    if (error instanceof TomlError) return { problem: `not valid TOML at ${error.line}:${error.column}` };
    // Nested too deeply.
    if (error instanceof RangeError) return { problem: 'nested too deeply' };
    throw error;
  }
  return { root: new Reader(text).document() };
}

/** As it is filled; a reader of it sees a Table. */
interface Filling extends Span {
  readonly kind: 'table';
  readonly members: Member[];
}

interface Key extends Span {
  readonly parts: readonly string[];
  /** As written, with its last dot: what a sibling has, too. */
  readonly prefix: string;
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\u001b',
  '"': '"',
  '\\': '\\',
};

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    if (text.startsWith(BOM)) this.#at = 1;
  }

  document(): Table {
    const root: Filling = { kind: 'table', start: 0, end: this.#text.length, members: [] };
    let current = root;
    this.#blank();
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] !== '[') this.#pair(current, this.#lineBefore());
      else current = this.#header(root);
      this.#blank();
    }
    return root;
  }

  /** `[a.b]`, or `[[a.b]]`, each of which is a table of its own. */
  #header(root: Filling): Filling {
    const start = this.#at;
    const isElement = this.#text[this.#at + 1] === '[';
    this.#at += isElement ? 2 : 1;
    this.#blank();
    const key = this.#key();
    this.#blank();
    this.#at += isElement ? 2 : 1;
    const path = isElement ? key.parts.slice(0, -1) : key.parts;
    const parent = path.reduce((table, part) => within(table, part, key), root);
    if (!isElement) return parent;
    const element: Filling = { kind: 'table', start, end: this.#at, members: [] };
    parent.members.push({
      key: key.parts.at(-1) ?? '',
      written: key,
      value: { kind: 'list', start, end: this.#at, items: [element] },
      sibling: ['', ''],
    });
    return element;
  }

  /** `before`: what a new pair behind this one begins with. */
  #pair(table: Filling, before: string): void {
    const key = this.#key();
    const end = this.#at;
    this.#blank();
    this.#at += 1;
    this.#blank();
    const assign = this.#text.slice(end, this.#at);
    const value = this.#value();
    const parent = key.parts.slice(0, -1).reduce((inner, part) => within(inner, part, key), table);
    parent.members.push({
      key: key.parts.at(-1) ?? '',
      written: { start: key.start, end },
      value,
      sibling: [`${before}${key.prefix}`, assign],
    });
  }

  #key(): Key {
    const start = this.#at;
    const parts: string[] = [];
    let last = start;
    for (;;) {
      last = this.#at;
      parts.push(this.#keyPart());
      const end = this.#at;
      this.#spaces();
      if (this.#text[this.#at] !== '.') {
        this.#at = end;
        return { start, end, parts, prefix: this.#text.slice(start, last) };
      }
      this.#at += 1;
      this.#spaces();
    }
  }

  #keyPart(): string {
    if (this.#text[this.#at] === '"' || this.#text[this.#at] === "'") return this.#string().text;
    return this.#match(/[A-Za-z0-9_-]+/y);
  }

  #value(): Value {
    const start = this.#at;
    switch (this.#text[start]) {
      case '"':
      case "'": {
        const { text, quote } = this.#string();
        return { kind: 'text', start, end: this.#at, text, quote };
      }
      case '[': {
        const items: Value[] = [];
        this.#members(']', () => items.push(this.#value()));
        return { kind: 'list', start, end: this.#at, items };
      }
      case '{': {
        const table: Filling = { kind: 'table', start, end: start, members: [] };
        this.#members('}', (before) => {
          this.#pair(table, `,${before}`);
        });
        return { ...table, end: this.#at };
      }
      default:
        this.#match(/[^\s,\]}#]+(?: \d{2}:[^\s,\]}#]+)?/y);
        return { kind: 'other', start, end: this.#at };
    }
  }

  /** What is between brackets; each member is told the blanks before it. */
  #members(close: string, member: (before: string) => unknown): void {
    this.#at += 1;
    for (;;) {
      this.#blank();
      if (this.#at >= this.#text.length) return;
      if (this.#text[this.#at] === close) break;
      if (this.#text[this.#at] === ',') this.#at += 1;
      else member(/\s*$/.exec(this.#text.slice(Math.max(0, this.#at - 200), this.#at))?.[0] ?? '');
    }
    this.#at += 1;
  }

  #string(): { readonly text: string; readonly quote: number } {
    const mark = this.#text[this.#at] ?? '';
    const quote = this.#text.startsWith(mark.repeat(3), this.#at) ? 3 : 1;
    const start = (this.#at += quote);
    const close = mark.repeat(quote);
    while (this.#at < this.#text.length && !this.#text.startsWith(close, this.#at)) {
      this.#at += mark === '"' && this.#text[this.#at] === '\\' ? 2 : 1;
    }
    // One or two more quotes belong to the text.
    if (quote === 3) while (this.#text[this.#at + 3] === mark) this.#at += 1;
    const raw = this.#text.slice(start, this.#at);
    this.#at += quote;
    const text = quote === 3 ? raw.replace(/^\r?\n/, '') : raw;
    return { text: mark === '"' ? unescaped(text) : text, quote };
  }

  /** Blanks, line ends and comments. */
  #blank(): void {
    this.#match(/(?:\s|#[^\n]*)*/y);
  }

  #spaces(): void {
    this.#match(/[ \t]*/y);
  }

  /** The line end and the indentation of the line that begins here, as a new line after it has them. */
  #lineBefore(): string {
    const [indentation = ''] = /[ \t]*$/.exec(this.#text.slice(0, this.#at)) ?? [];
    return `${this.#text.includes('\r\n') ? '\r\n' : '\n'}${indentation}`;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#text) ?? [];
    // Nothing of TOML begins so: passed over, to come to an end in any case.
    this.#at += found === '' && pattern.source.endsWith('+') ? 1 : found.length;
    return found;
  }
}

/** The table of that key, made where there is none: of several headers, or dotted keys, one is made. */
function within(table: Filling, key: string, written: Span): Filling {
  const member = table.members.findLast((one) => one.key === key);
  if (member?.value.kind === 'table') return member.value as Filling;
  // Of an array of tables, its last.
  const element = member?.value.kind === 'list' ? member.value.items.at(-1) : undefined;
  if (element?.kind === 'table') return element as Filling;
  const value: Filling = { kind: 'table', start: written.start, end: written.end, members: [] };
  table.members.push({ key, written, value, sibling: ['', ''] });
  return value;
}

function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[ \t]*\r?\n\s*|(.))/g,
    (_, x?: string, u?: string, long?: string, one?: string) => {
      const code = x ?? u ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return one === undefined ? '' : (ESCAPES[one] ?? one);
    },
  );
}
