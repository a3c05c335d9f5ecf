/**
 * A config file as values with their places in its text, whatever its format is. Offsets count UTF-16 units of the whole text, a
 * byte order mark included. It says what is written and never what it should be.
 */

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Text extends Span {
  readonly kind: 'text';
  readonly text: string;
  /** Length of the opening quote, which is that of the closing one. */
  readonly quote: number;
}

export interface List extends Span {
  readonly kind: 'list';
  readonly items: readonly Value[];
}

export interface Table extends Span {
  readonly kind: 'table';
  readonly members: readonly Member[];
}

/** Numbers, dates, true, false, null. */
export interface Other extends Span {
  readonly kind: 'other';
}

export type Value = Text | List | Table | Other;

export interface Member {
  readonly key: string;
  /** Of the key as it is written, in TOML with the keys in front of its dots. */
  readonly written: Span;
  readonly value: Value;
  /** What a new member right behind this one has before and after its bare key, in the manner of this one. */
  readonly sibling: readonly [before: string, after: string];
}

/** A text without any value, such as an empty file, has an empty table. A problem is one line, without quoted content. */
export type Parsed = { readonly root: Table } | { readonly problem: string };

/** All members of that key: more than one is a mistake that readers of the file judge differently. */
export function membersOf(table: Table, key: string): readonly Member[] {
  return table.members.filter((member) => member.key === key);
}

/** A replacement of a part of the text; an empty part is an insertion. */
export interface Edit extends Span {
  readonly text: string;
}

/** Edits do not overlap. */
export function edited(text: string, edits: readonly Edit[]): string {
  let out = '';
  let at = 0;
  for (const edit of inOrder(edits)) {
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return out + text.slice(at);
}

export function inOrder(edits: readonly Edit[]): readonly Edit[] {
  return [...edits].sort((a, b) => a.start - b.start);
}

/** A string literal of both JSON and TOML. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(/\u007f/g, '\\u007f');
}

/** `line:column`, from 1. */
export function positionOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split(/\r\n|\n|\r/);
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}
