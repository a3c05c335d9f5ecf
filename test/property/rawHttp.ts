/** HTTP/1.1 messages as bytes, taken apart by hand, so that nothing is hidden by a library that the tap uses as well. */

export interface RawMessage {
  /** Request or status line. */
  readonly line: string;
  /** Fields as they came, in their order, without those of one connection alone (RFC 9110, 7.6.1). */
  readonly fields: readonly string[];
  /** `close`: delimited by the end of the connection. */
  readonly framing: 'none' | 'sized' | 'chunked' | 'close';
  /** Without its transfer coding; latin1. */
  readonly body: string;
  readonly trailers: readonly string[];
}

/** Which body a message has that its head does not tell. */
export type Bodies = (head: {
  readonly line: string;
  readonly fields: readonly string[];
}) => 'as told' | 'none';

const OF_ONE_CONNECTION = /^(?:connection|keep-alive|proxy-connection|te|transfer-encoding|upgrade):/i;

/** The messages that stand whole in these bytes, and what is left; `ended`: nothing more comes. */
export function messagesOf(
  bytes: string,
  bodies: Bodies,
  ended: boolean,
): { readonly messages: readonly RawMessage[]; readonly rest: string } {
  const messages: RawMessage[] = [];
  let rest = bytes;
  for (;;) {
    const taken = take(rest, bodies, ended);
    if (taken === undefined) return { messages, rest };
    messages.push(taken.message);
    rest = taken.rest;
  }
}

function take(
  bytes: string,
  bodies: Bodies,
  ended: boolean,
): { readonly message: RawMessage; readonly rest: string } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...fields] = bytes.slice(0, end).split('\r\n');
  const rest = bytes.slice(end + 4);
  const told = fields.filter((field) => !OF_ONE_CONNECTION.test(field)).map(plain);
  const message = (
    framing: RawMessage['framing'],
    body: string,
    trailers: readonly string[] = [],
  ): RawMessage => ({
    line,
    fields: told,
    framing,
    body,
    trailers,
  });
  if (bodies({ line, fields }) === 'none') return { message: message('none', ''), rest };
  if (fields.some((field) => /^transfer-encoding:\s*chunked/i.test(field))) {
    const chunked = unchunked(rest);
    if (chunked === undefined) return undefined;
    const { body, trailers } = chunked;
    return { message: message('chunked', body, trailers.map(plain)), rest: chunked.rest };
  }
  const length = fields.flatMap((field) => /^content-length:\s*(\d+)/i.exec(field)?.[1] ?? [])[0];
  if (length !== undefined) {
    if (rest.length < Number(length)) return undefined;
    return { message: message('sized', rest.slice(0, Number(length))), rest: rest.slice(Number(length)) };
  }
  if (line.startsWith('HTTP/')) return ended ? { message: message('close', rest), rest: '' } : undefined;
  return { message: message('none', ''), rest };
}

/** White space around a value is none of it (RFC 9110, 5.5). */
function plain(field: string): string {
  return field.replace(/:[ \t]*/, ': ').replace(/[ \t]+$/, '');
}

function unchunked(
  bytes: string,
): { readonly body: string; readonly trailers: readonly string[]; readonly rest: string } | undefined {
  let body = '';
  for (let at = 0; ;) {
    const eol = bytes.indexOf('\r\n', at);
    if (eol < 0) return undefined;
    const size = parseInt(bytes.slice(at, eol), 16);
    if (size === 0) {
      const last = bytes.indexOf('\r\n\r\n', eol);
      if (bytes.slice(eol, eol + 4) === '\r\n\r\n') return { body, trailers: [], rest: bytes.slice(eol + 4) };
      if (last < 0) return undefined;
      return { body, trailers: bytes.slice(eol + 2, last).split('\r\n'), rest: bytes.slice(last + 4) };
    }
    if (bytes.length < eol + 2 + size + 2) return undefined;
    body += bytes.slice(eol + 2, eol + 2 + size);
    at = eol + 2 + size + 2;
  }
}
