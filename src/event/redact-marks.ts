/**
 * Secrets by what they are said to be: paths that the configuration names, and members that a tool's schema marks as
 * secret. What was found so is also taken out where it is said again, in texts, logs and headers.
 */
import { isObject } from '../mcp/canonical.ts';
import type { Place } from './redact-json.ts';
import { matching, secretsOf, type SchemaPlace } from './redact-schema.ts';
import type { Span } from './redact-span.ts';

/** Where in a message the secrets are that somebody asked to take out. */
export type PlacesOf = (message: unknown) => readonly Place[];

/** Tools that are kept with their marks: more than any server lists. Of one beyond, names and patterns alone count. */
const MAX_TOOLS = 2000;
/** Values that are known again where they are repeated: the newest. Each is looked for in every text. */
const MAX_REMEMBERED = 64;
/** A shorter value is in too much else; a longer one is nothing that is repeated. */
const MIN_REMEMBERED_CHARS = 4;
const MAX_REMEMBERED_CHARS = 1024;
export const MARKED = 'marked';

interface Tool {
  readonly input: readonly SchemaPlace[];
  readonly output: readonly SchemaPlace[];
}

export class Marks {
  readonly #places: PlacesOf | undefined;
  readonly #isSecretName: (name: string) => boolean;
  readonly #tools = new Map<string, Tool>();
  readonly #headers = new Set<string>();
  readonly #remembered = new Map<string, readonly string[]>();

  constructor(places: PlacesOf | undefined, isSecretName: (name: string) => boolean) {
    this.#places = places;
    this.#isSecretName = isSecretName;
  }

  /** Whether messages need to be looked at. */
  get any(): boolean {
    return this.#places !== undefined || this.#tools.size > 0;
  }

  get remembersAny(): boolean {
    return this.#remembered.size > 0;
  }

  /** Of a parameter that is sent as a header, too (`x-mcp-header`). */
  hasHeader(name: string): boolean {
    return this.#headers.size > 0 && this.#headers.has(name.toLowerCase());
  }

  /** `bytes`: the answer to tools/list. */
  learn(bytes: Uint8Array): void {
    const tools = member(member(parsed(bytes), 'result'), 'tools');
    if (!Array.isArray(tools)) return;
    for (const tool of tools as readonly unknown[]) {
      const name = member(tool, 'name');
      if (typeof name !== 'string') continue;
      const { places: input, headers } = secretsOf(member(tool, 'inputSchema'), this.#isSecretName);
      const output = secretsOf(member(tool, 'outputSchema'), this.#isSecretName).places;
      this.#tools.delete(name);
      if (input.length + output.length > 0 && this.#tools.size < MAX_TOOLS) {
        this.#tools.set(name, { input, output });
        for (const header of headers) this.#headers.add(`mcp-param-${header.toLowerCase()}`);
      }
    }
  }

  /** The places of a message's secrets, whose values are remembered; undefined when it has none. */
  look(bytes: Uint8Array): readonly Place[] | undefined {
    const message = parsed(bytes);
    if (message === undefined) return undefined;
    const places = [...(this.#places?.(message) ?? [])];
    const messages = Array.isArray(message) ? (message as readonly unknown[]) : [message];
    for (const [index, one] of messages.entries()) {
      const before = Array.isArray(message) ? [index] : [];
      for (const place of this.#bySchema(one)) places.push([...before, ...place]);
    }
    for (const place of places) this.#remember(at(message, place));
    // As the text names them that has a character for each byte.
    return places.length === 0 ? undefined : places.map((place) => place.map(inBytes));
  }

  /** Where remembered values stand in a text. */
  remembered(text: string): readonly Span[] {
    const spans: Span[] = [];
    for (const forms of this.#remembered.values()) {
      for (const form of forms) {
        for (let from = text.indexOf(form); from >= 0; from = text.indexOf(form, from + form.length)) {
          const to = from + form.length;
          if (!isInWord(text, from, to)) spans.push({ from, to, kind: MARKED });
        }
      }
    }
    return spans;
  }

  *#bySchema(message: unknown): Iterable<Place> {
    if (this.#tools.size === 0) return;
    const params = member(message, 'params');
    const name = member(params, 'name');
    const called = typeof name === 'string' && member(message, 'method') === 'tools/call';
    const input = called ? (this.#tools.get(name)?.input ?? []) : [];
    for (const steps of input) yield* matching(member(params, 'arguments'), steps, ['params', 'arguments']);
    const result = member(member(message, 'result'), 'structuredContent');
    if (result === undefined) return;
    // An answer does not say of which tool it is: what one of them marks is secret.
    for (const { output } of this.#tools.values()) {
      for (const steps of output) yield* matching(result, steps, ['result', 'structuredContent']);
    }
  }

  #remember(value: unknown): void {
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string') return;
    if (text.length < MIN_REMEMBERED_CHARS || text.length > MAX_REMEMBERED_CHARS) return;
    this.#remembered.delete(text);
    const escaped = JSON.stringify(text).slice(1, -1);
    this.#remembered.set(text, [...new Set([text, escaped, inBytes(text), inBytes(escaped)])] as string[]);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function at(message: unknown, place: Place): unknown {
  let value = message;
  for (const step of place) {
    if (Array.isArray(value)) value = (value as readonly unknown[])[Number(step)];
    else value = member(value, String(step));
  }
  return value;
}

function member(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** A text with a character for each of its bytes, as frames are searched. */
function inBytes<T extends string | number>(text: T): T | string {
  // What has no other characters is the same.
  if (typeof text === 'number' || /^[\u0020-\u007e]*$/.test(text)) return text;
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** A short value is taken only where it stands alone: `1234`, not the middle of an id. */
function isInWord(text: string, from: number, to: number): boolean {
  return to - from < 8 && (/\w/.test(text.charAt(from - 1)) || /\w/.test(text.charAt(to)));
}
