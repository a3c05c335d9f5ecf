/**
 * Takes secrets out of text before it leaves the observer. Works on any text: JSON, JSON inside JSON strings, free
 * text, command lines. Everything that is not a secret stays as it is, to the character; JSON stays JSON.
 */
import { isStandIn } from './redact-checks.ts';
import { Keys } from './redact-keys.ts';
import { fitting, type Place, placesIn } from './redact-json.ts';
import { Marks, MARKED, type PlacesOf } from './redact-marks.ts';
import { EMAIL, type Pattern, PATTERNS } from './redact-patterns.ts';
import { disjoint, isPlaceholder, outsidePlaceholders, replaced, type Span } from './redact-span.ts';
import { viewOf } from './redact-view.ts';
import { KEY } from './secret-hint-lines.ts';
import { kindsIn, kindsInText } from './secret-hint.ts';

export interface Redacted {
  readonly text: string;
  /** How many values were replaced. */
  readonly count: number;
}

interface Explained {
  readonly redacted: string;
  /** What was replaced, in order, none over another. */
  readonly spans: readonly Span[];
}

/** Makes the short stable mark of a secret: equal secrets get equal marks. Hex; keyed, so that it cannot be guessed back. */
export type Fingerprint = (secret: string) => string;

/** What is redacted beyond the rules that are always there, and what is not. */
export interface RedactionRules {
  /** Further names of keys, and of headers, in any case. */
  readonly keys: readonly string[];
  readonly headers: readonly string[];
  /** Sources that match no quote or backslash and cannot backtrack far. */
  readonly patterns: Readonly<Record<string, string>>;
  readonly email: boolean;
  /** Names of keys, and patterns of whole values, that are never redacted. */
  readonly allowKeys: readonly string[];
  readonly allowValues: readonly RegExp[];
  /** Undefined: none are asked for. */
  readonly places: PlacesOf | undefined;
}

export const NO_RULES: RedactionRules = {
  keys: [],
  headers: [],
  patterns: {},
  email: false,
  allowKeys: [],
  allowValues: [],
  places: undefined,
};

/** What marks secrets of a frame by where they stand; `unread`: it is too large for that to be known. */
export type Marked = readonly Place[] | 'unread' | undefined;

/** A larger frame is not searched for marked values, and so not told at all. Parsing it takes 10 ms. */
export const MAX_MARKED_BYTES = 1024 * 1024;
const TOO_LARGE = 'too_large';
const AT_SIGN = 0x40;
const UNCHANGED: Redacted = { text: '', count: 0 };

interface Rule {
  readonly kind: string;
  readonly pattern: RegExp;
  readonly check: Pattern['check'];
  /** Asked whatever a text looks like. */
  readonly always: boolean;
}

export class Redactor {
  readonly #fingerprint: Fingerprint;
  readonly #keys: Keys;
  readonly #headers: ReadonlySet<string>;
  readonly #rules: readonly Rule[];
  readonly #allowValues: readonly RegExp[];
  readonly #email: boolean;
  /** What the hints do not know may be in any frame. */
  readonly #looksAtAll: boolean;
  readonly #asksKeysAlways: boolean;
  readonly #marks: Marks;
  #unread = false;

  constructor(fingerprint: Fingerprint, rules: RedactionRules = NO_RULES) {
    const own = Object.entries(rules.patterns);
    this.#fingerprint = fingerprint;
    this.#keys = new Keys(rules.keys, rules.allowKeys);
    this.#headers = new Set(rules.headers.map((name) => name.toLowerCase()));
    this.#rules = [
      ...own.map(([kind, source]) => ruleOf({ kind, source, hints: [] }, true)),
      ...PATTERNS.map((pattern) => ruleOf(pattern, false)),
      ...(rules.email ? [ruleOf(EMAIL, true)] : []),
    ];
    this.#allowValues = rules.allowValues;
    this.#email = rules.email;
    this.#looksAtAll = own.length > 0 || rules.keys.length > 0;
    this.#asksKeysAlways = rules.keys.length > 0;
    this.#marks = new Marks(rules.places, (name) => this.#keys.has(name));
  }

  /** Learns from the answer to tools/list which arguments and results are secret by their schema. */
  learn(bytes: Uint8Array): void {
    this.#marks.learn(bytes);
  }

  /**
   * Looks at a message before anything is told of it: what is marked in it is taken out of every text from now on.
   * `sizeBytes`: of all of it, where the bytes are but the head.
   */
  mark(bytes: Uint8Array, sizeBytes = bytes.length): Marked {
    this.#unread = false;
    if (!this.#marks.any || !/[[{]/.test(String.fromCharCode(bytes[0] ?? 0))) return undefined;
    if (sizeBytes <= MAX_MARKED_BYTES) return this.#marks.look(bytes);
    this.#unread = true;
    return 'unread';
  }

  /** A frame, or the head of one. `read` gives a text with a character for each byte; it is seldom asked. */
  frame(bytes: Uint8Array, read: (bytes: Uint8Array) => string, marked: Marked): Redacted {
    const kinds = kindsIn(bytes);
    if (marked === undefined && kinds?.size === 0 && !this.#alwaysLooks) {
      if (!this.#email || !bytes.includes(AT_SIGN)) return UNCHANGED;
    }
    const { redacted, spans } = this.#explained(read(bytes), kinds, marked);
    return spans.length === 0 ? UNCHANGED : { text: redacted, count: spans.length };
  }

  /** A frame's text with what was replaced. */
  explained(text: string, marked: Marked): Explained {
    return this.#explained(text, kindsInText(text), marked);
  }

  /** `text` is the same where the count is 0. */
  redact(text: string): Redacted {
    // What is marked in a message that was not searched may be in any part of it that is JSON.
    const marked = this.#unread && /^\s*[[{]/.test(text) ? 'unread' : undefined;
    const { redacted, spans } = this.explained(text, marked);
    return { text: redacted, count: spans.length };
  }

  /** Redacts a command line: also the argument after `--token` and the like. */
  command(args: readonly string[]): readonly string[] {
    let secretNext = false;
    return args.map((arg) => {
      const secret = secretNext && !arg.startsWith('-');
      secretNext = arg.startsWith('-') && this.#keys.has(arg);
      return secret ? this.#value('key', arg) : this.redact(arg).text;
    });
  }

  /** A header's value: of a credential only its mark is left. */
  header(name: string, value: string): string {
    const isSecret =
      this.#headers.has(name.toLowerCase()) || this.#marks.hasHeader(name) || this.#keys.has(name);
    return isSecret ? this.#value('header', value) : this.redact(value).text;
  }

  get #alwaysLooks(): boolean {
    return this.#looksAtAll || this.#marks.remembersAny;
  }

  #explained(text: string, kinds: ReadonlySet<string> | undefined, marked: Marked): Explained {
    const spans =
      marked === 'unread'
        ? [{ from: 0, to: text.length, kind: TOO_LARGE }]
        : disjoint([...this.#find(text, kinds), ...placesIn(text, marked ?? [], MARKED)]);
    const redacted =
      spans.length === 0 ? text : replaced(text, spans, (kind, secret) => this.#placeholder(kind, secret));
    return { redacted, spans };
  }

  #find(text: string, kinds: ReadonlySet<string> | undefined): readonly Span[] {
    if (kinds?.size === 0 && !this.#alwaysLooks && !(this.#email && text.includes('@'))) return [];
    const spans = this.#findIn(text, kinds);
    const view = viewOf(text);
    if (view !== undefined) {
      const { origin } = view;
      for (const span of this.#findIn(view.text, kinds && kindsInText(view.text)))
        spans.push({ ...span, from: origin(span.from), to: origin(span.to) });
    }
    return outsidePlaceholders(text, spans);
  }

  #findIn(text: string, kinds: ReadonlySet<string> | undefined): Span[] {
    const spans = kinds === undefined || kinds.has(KEY) || this.#asksKeysAlways ? this.#keys.find(text) : [];
    const fit = fitting(text);
    for (const { kind, pattern, check, always } of this.#rules) {
      if (!always && kinds !== undefined && !kinds.has(kind)) continue;
      pattern.lastIndex = 0;
      for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
        const [from, to] = match.indices?.[1] ?? match.indices?.[0] ?? [0, 0];
        const secret = text.slice(from, to);
        if (match[0] === '') pattern.lastIndex += 1;
        if (secret === '' || isPlaceholder(secret) || isStandIn(secret) || check?.(secret) === false)
          continue;
        const span = always || /\d$/.test(secret) ? fit({ from, to, kind }) : { from, to, kind };
        if (span !== undefined) spans.push(span);
      }
    }
    for (const span of this.#marks.remembered(text)) spans.push(span);
    return this.#allowValues.length === 0
      ? spans
      : spans.filter(({ from, to }) => !this.#allowValues.some((allow) => allow.test(text.slice(from, to))));
  }

  #value(kind: string, value: string): string {
    return isPlaceholder(value) || value === '' ? value : this.#placeholder(kind, value);
  }

  /** Of what the secret is, not of how it is escaped or encoded here. */
  #placeholder(kind: string, secret: string): string {
    const read = viewOf(secret)?.text ?? secret;
    return `[redacted:${kind}:${this.#fingerprint(characters(read.replaceAll('\\', '')))}]`;
  }
}

/** Frames come with a character for each byte, other texts do not: both give the same. */
function characters(text: string): string {
  if (!/[\u0080-\u00ff]/.test(text) || /[^\u0000-\u00ff]/.test(text)) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(
      Uint8Array.from(text, (char) => char.charCodeAt(0)),
    );
  } catch {
    return text;
  }
}

function ruleOf({ kind, source, check }: Pattern, always: boolean): Rule {
  return { kind, pattern: new RegExp(source, 'dg'), check, always };
}
