/** Makes text of the wire fit to stand in an event: redacted, bounded, where asked for on one line. */
import type { Id } from '../mcp/message.ts';

/** Looked at for secrets beyond what is kept: a cut may fall into one, which no pattern would know any more. */
const REDACTION_MARGIN_CHARS = 8 * 1024;

/** Gives at most so many characters, and an ellipsis where there were more. */
export type Clean = (text: string, maxChars?: number) => string;

export function cleaner(redact: (text: string) => string, maxTextChars: number): Clean {
  return (text, maxChars = maxTextChars) => {
    const room = maxChars + REDACTION_MARGIN_CHARS;
    return cut(redact(text.length > room ? text.slice(0, room) : text), maxChars);
  };
}

/** Never between the two halves of a character. */
export function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, '')}…`;
}

export function oneLine(text: string): string {
  return text.replace(/[\r\n\u0085\u2028\u2029]+/g, ' ');
}

export function idText(id: Id | undefined): string {
  return `id ${id === undefined ? 'missing' : JSON.stringify(id)}`;
}

/** An id as it may be told. */
export function tellableId(id: Id, clean: Clean): Id {
  return typeof id === 'string' ? clean(id) : id;
}

/** A URI without userinfo, query and fragment, which may hold credentials or content. */
export function withoutSecretParts(uri: string): string {
  return uri.replace(/[?#][\s\S]*$/, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
}

/** Undefined where there is nothing, or what is there is nested too deeply to be written. */
export function jsonText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** The first text of a tool's result, which is where failed tools say what went wrong. */
export function toolText(result: unknown): string | undefined {
  const content = member(result, 'content');
  const text = Array.isArray(content) ? member(content[0], 'text') : undefined;
  return typeof text === 'string' ? text : undefined;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
