/**
 * Recorded text, shown as text: what is invisible or turns the line around is made visible. It never makes HTML of anything.
 */
import type { VNode } from 'preact';

/** Control characters, bidi controls, zero-width characters, line separators, lone surrogates, tags. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;
/** `^[` for escape, as terminals write it: every font has it. */
const CARET = 0x40;

/** More of one text in one place helps nobody, and costs a browser dearly. */
const MAX_TEXT_CHARS = 20_000;

export interface TextProps {
  readonly children: string;
  /** Characters; the rest is counted. */
  readonly max?: number;
  /** Line breaks and tabs stay what they are. */
  readonly lines?: boolean;
}

export function Text({ children, max = MAX_TEXT_CHARS, lines = false }: TextProps): VNode {
  const shown = children.length > max ? children.slice(0, max) : children;
  const text = lines ? shown : shown.replace(/[\t\n]/g, ' ');
  const parts: (string | VNode)[] = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    parts.push(<Hidden char={match[0]} />);
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return (
    <bdi class="recorded">
      {parts}
      {shown.length < children.length && (
        <span class="faint"> … {(children.length - shown.length).toLocaleString('en')} more</span>
      )}
    </bdi>
  );
}

function Hidden({ char }: { readonly char: string }): VNode {
  const code = char.codePointAt(0) ?? 0;
  const name = nameOf(code);
  return (
    <span class="hidden-char" title={name}>
      {code < 0x20 ? `^${String.fromCharCode(CARET + code)}` : name}
    </span>
  );
}

function nameOf(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The same for where only a string can stand, such as a title or a name for screen readers. */
export function plain(text: string, max = 300): string {
  const shown = text.length > max ? `${text.slice(0, max)}…` : text;
  return shown.replace(/[\t\n]/g, ' ').replace(HIDDEN, (char) => `[${nameOf(char.codePointAt(0) ?? 0)}]`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\\': '\\\\',
};

/** As a string of JSON writes it, and what is invisible as an escape, too; without the quotes. */
export function escaped(text: string, max: number): string {
  const shown = text.length > max ? text.slice(0, max) : text;
  const written = shown
    .replace(/[\n\r\t"\\]/g, (char) => ESCAPES[char] ?? char)
    .replace(HIDDEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
  return shown.length < text.length ? `${written}…` : written;
}
