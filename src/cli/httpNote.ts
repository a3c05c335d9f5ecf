/**
 * Frames of kind `http` in words: a request line, a status line, an event without a message, an end. They are shown as
 * recorded: what was redacted stays so, and nothing in them reaches the terminal as a control character.
 */
import { safe } from './terminal.ts';

export interface HttpNote {
  /** As one line. */
  readonly line: string;
  /** Headers, and what else there is, each on a line. */
  readonly details: readonly string[];
  /** An error status, or a response that the server broke off. A client that leaves is how streams usually end. */
  readonly failed: boolean;
}

/** What the text of such a frame may hold: members are looked at before they are believed. */
type Fact = Readonly<Record<string, unknown>>;
type Header = readonly [name: string, value: string];

const READERS: ReadonlyMap<string, (fact: Fact) => HttpNote> = new Map([
  ['request', requestOf],
  ['response', responseOf],
  ['response_ended', endOf],
  ['event', eventOf],
  ['form', ({ sizeBytes }) => note(`form of ${word(sizeBytes)} B, not recorded`)],
]);

/** Fields that say what the body of a response is. */
const BODY = ['content-type', 'content-encoding'] as const;
/** Fields of a response that change what one thinks of it, in a line that is short. */
const TELLING = ['location', 'retry-after', 'www-authenticate'] as const;

const ENDS: Readonly<Record<string, string>> = {
  complete: 'complete',
  client_gone: 'client gone',
  server_gone: 'server gone',
  stopped: 'sidelight stopped',
  unknown: 'its end was not seen',
};

/** Undefined when it is nothing that is known here, such as a text that was cut. */
export function httpNoteOf(text: string): HttpNote | undefined {
  let fact: unknown;
  try {
    fact = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof fact !== 'object' || fact === null) return undefined;
  return READERS.get(word((fact as Fact).fact))?.(fact as Fact);
}

/** `POST /mcp HTTP/1.1`. */
function requestOf({ method, target, httpVersion, client, connection, headers }: Fact): HttpNote {
  const fields = pairsOf(headers);
  const resumed = valueOf(fields, 'last-event-id');
  const { address, port } = (client ?? {}) as Fact;
  const from = [word(address), word(port)].filter(Boolean).join(':');
  return note(
    `${word(method)} ${word(target)} HTTP/${word(httpVersion)}${told(', resumes after event ', resumed)}`,
    [`(client${told(' ', from)}, connection ${word(connection)})`, ...linesOf(fields)],
  );
}

/** `200 OK text/event-stream`. */
function responseOf({ status, reason, failure, detail, upgraded, headers }: Fact): HttpNote {
  const fields = pairsOf(headers);
  const ours = `, by sidelight (${word(failure)}${told(': ', word(detail))})`;
  const telling = TELLING.map((name) => told(`, ${name}: `, valueOf(fields, name))).join('');
  const body = BODY.map((name) => told(' ', valueOf(fields, name))).join('');
  const line = [word(status), word(reason)].filter(Boolean).join(' ');
  return note(
    `${line}${failure === undefined ? body : ours}${upgraded === true ? ', upgraded' : ''}${telling}`,
    linesOf(fields),
    Number(status) >= 400,
  );
}

/** `response ended: client gone`. */
function endOf({ end, trailers }: Fact): HttpNote {
  const how = word(end);
  const fields = pairsOf(trailers);
  const also = fields.length === 0 ? '' : `, trailers: ${fields.map(([name]) => name).join(', ')}`;
  return note(`response ended: ${ENDS[how] ?? how}${also}`, linesOf(fields), how === 'server_gone');
}

/** `event id=7, retry=3000`. */
function eventOf({ type, id, retry, data }: Fact): HttpNote {
  const parts = [
    word(type),
    told('id=', word(id)),
    told('retry=', word(retry)),
    told('data: ', word(data)),
  ].filter((part) => part !== '');
  return note(`event ${parts.join(', ')}`);
}

function note(line: string, details: readonly string[] = [], failed = false): HttpNote {
  return { line: safe(line).trimEnd(), details: details.map(safe), failed };
}

function told(before: string, value: string): string {
  return value === '' ? '' : before + value;
}

function word(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function pairsOf(headers: unknown): readonly Header[] {
  if (!Array.isArray(headers)) return [];
  return headers.map((field: unknown): Header =>
    Array.isArray(field) ? [word(field[0]), word(field[1])] : [word(field), ''],
  );
}

function valueOf(fields: readonly Header[], wanted: string): string {
  return fields.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? '';
}

function linesOf(fields: readonly Header[]): string[] {
  return fields.map(([name, value]) => `${name}: ${value}`);
}
