/**
 * What is written for a person: plain text of recorded data, colours, units, columns. Nothing that a peer sent reaches
 * the terminal as a control character, and a reader who stops reading (`| head`) is no error.
 */
import type { Writable } from 'node:stream';

export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Where there is no terminal to fit into. */
const DEFAULT_COLUMNS = 120;

/** SGR codes that switch a style on and off. */
const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof STYLES;

export class Terminal {
  readonly columns: number;
  /** Where a line would break; Infinity where it goes to a file or a program, which want all of it. */
  readonly breakAt: number;
  readonly #out: Output;
  readonly #err: Output;
  readonly #colours: boolean;
  #gone = false;
  /** Goes on with a line that waits for the reader. */
  #resume: () => void = () => undefined;

  constructor(options: { readonly out: Output; readonly err: Output; readonly env: NodeJS.ProcessEnv }) {
    const { out, err, env } = options;
    this.#out = out;
    this.#err = err;
    this.columns = (out.isTTY === true ? out.columns : undefined) ?? DEFAULT_COLUMNS;
    this.breakAt = out.isTTY === true ? this.columns : Infinity;
    this.#colours = out.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
    for (const stream of [out, err]) {
      stream.on('error', () => {
        this.#gone = true;
        this.#resume();
      });
    }
    for (const event of ['drain', 'close']) out.on(event, () => this.#resume());
  }

  /** Nobody reads any more: what is still to be written can be left. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Writes a line whose recorded parts went through `safe` or `json`; settles when the reader has room for more. */
  async line(text: string): Promise<void> {
    if (this.#gone || this.#out.write(`${text}\n`)) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }

  /** A line beside the output, on stderr: what is wrong, or what is waited for. */
  problem(text: string): void {
    if (!this.#gone) this.#err.write(`sidelight: ${safe(text)}\n`);
  }

  paint(style: Style | undefined, text: string): string {
    if (!this.#colours || style === undefined || text === '') return text;
    const [on, off] = STYLES[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  }
}

/** C0, DEL, C1, the Unicode line ends, and what turns the direction of text around (Trojan Source). */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text on one line, with every control character written out as an escape. */
export function safe(text: string): string {
  return text.replace(CONTROL, (char) => SHORT[char] ?? escaped(char));
}

/** A value as one line of JSON that is just as safe. */
export function json(value: unknown): string {
  return JSON.stringify(value).replace(CONTROL, escaped);
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** JSON text with line breaks and indentation between its tokens. It is not parsed: what was said is what is shown. */
export function indented(text: string): string[] {
  if (!/^\s*[[{]/.test(text)) return text.split('\n');
  const lines: string[] = [];
  let line = '';
  let depth = 0;
  const next = (): void => {
    lines.push(line);
    line = '  '.repeat(Math.max(0, depth));
  };
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\[^][^"\\]*)*"?|[[{]\s*[\]}]|[[\]{},:]|[^\s"[\]{},:]+/g)) {
    if (token === '{' || token === '[') {
      line += token;
      depth += 1;
      next();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      next();
      line += token;
    } else if (token === ',') {
      line += token;
      next();
    } else {
      line += token === ':' ? ': ' : token;
    }
  }
  return [...lines, line];
}

/** Scripts and symbols that take two columns, and marks that take none; close enough to line up a table. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const MARK = /[\p{M}\u200b-\u200d\ufe0f]/u;

export function width(text: string): number {
  let columns = 0;
  for (const char of text) columns += charWidth(char);
  return columns;
}

/** Cut to so many columns; a cut shows as an ellipsis. */
export function fit(text: string, columns: number): string {
  // No character takes less than a column for long: looking further would only cost time.
  const head = text.slice(0, Math.max(0, columns) * 4);
  if (head.length === text.length && width(text) <= columns) return text;
  let kept = '';
  let room = columns - 1;
  for (const char of head) {
    room -= charWidth(char);
    if (room < 0) break;
    kept += char;
  }
  return columns > 0 ? `${kept}…` : '';
}

export function pad(text: string, columns: number, side: 'left' | 'right' = 'right'): string {
  const blanks = ' '.repeat(Math.max(0, columns - width(text)));
  return side === 'left' ? blanks + text : text + blanks;
}

function charWidth(char: string): number {
  const code = char.charCodeAt(0);
  if (code >= 0x20 && code < 0x300) return 1;
  return MARK.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}

const SECOND_US = 1_000_000;

/** Three digits that matter: `85 µs`, `1.24 ms`, `12.4 s`, `2 m 03 s`, `1 h 02 m`. */
export function duration(us: number): string {
  if (us < 0) return `-${duration(-us)}`;
  if (us < 999.5) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${digits(us / 1000)} ms`;
  if (us < 59.95 * SECOND_US) return `${digits(us / SECOND_US)} s`;
  const seconds = Math.round(us / SECOND_US);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 'KiB';
  for (const next of ['MiB', 'GiB', 'TiB']) {
    if (value < 1023.5) break;
    value /= 1024;
    unit = next;
  }
  return `${digits(value)} ${unit}`;
}

/** Local zone: `2026-09-01 14:03:07`. */
export function localTime(us: number): string {
  const at = new Date(us / 1000);
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

/** Local zone: `14:03:07.123`. */
export function localClock(us: number): string {
  const millis = Math.floor(us / 1000) % 1000;
  return `${localTime(us).slice(-8)}.${String(millis).padStart(3, '0')}`;
}

function digits(value: number): string {
  return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
