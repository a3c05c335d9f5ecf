/** A walk over the text of a filter, from left to right: words, quotes and patterns, and errors with their place. */
import type { FilterError, Pattern } from './ast.ts';

const WORD_END = /[\s"()]/;
const VALUE_END = /[\s"(),*]/;

export class Scanner {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Empty at the end. */
  char(): string {
    return this.text.charAt(this.at);
  }

  isAtEnd(): boolean {
    return this.at === this.text.length;
  }

  /** The word that begins here: up to a blank, a quote or a parenthesis. */
  word(): string {
    return this.#until(WORD_END);
  }

  /** Whether the next word is this one, and goes past it. */
  takes(word: 'AND' | 'OR' | 'NOT'): boolean {
    if (this.word() !== word) return false;
    this.at += word.length;
    this.skip();
    return true;
  }

  skip(): void {
    while (/\s/.test(this.char())) this.at += 1;
  }

  past(word: string): number {
    return this.at + Math.max(1, word.length);
  }

  error(message: string, end: number, at = this.at): FilterError {
    return { at, end: Math.max(at, Math.min(end, this.text.length)), message };
  }

  /** A value with its wildcards, past its end. */
  pattern(): Pattern | FilterError {
    const parts = [''];
    const add = (text: string): void => {
      parts.push((parts.pop() ?? '') + text);
    };
    for (;;) {
      const char = this.text[this.at];
      if (char === '"') {
        const quoted = this.quoted();
        if (typeof quoted !== 'string') return quoted;
        add(quoted);
      } else if (char === '*') {
        // Two of them mean what one does.
        if (parts.length === 1 || parts.at(-1) !== '') parts.push('');
        this.at += 1;
      } else {
        const bare = this.#until(VALUE_END);
        if (bare === '') return parts;
        add(bare);
        this.at += bare.length;
      }
    }
  }

  /** What is between the quotes that begin here, past them. */
  quoted(): string | FilterError {
    const start = this.at;
    let text = '';
    for (let at = start + 1; at < this.text.length; at += 1) {
      const char = this.text.charAt(at);
      const next = this.text[at + 1];
      if (char === '"') {
        this.at = at + 1;
        return text;
      }
      if (char === '\\' && (next === '"' || next === '\\')) at += 1;
      text += this.text.charAt(at);
    }
    return this.error('this quote is never closed; write its second "', start + 1, start);
  }

  #until(end: RegExp): string {
    const rest = this.text.slice(this.at);
    const length = rest.search(end);
    return length === -1 ? rest : rest.slice(0, length);
  }
}
