/**
 * What HTTP header fields say of MCP messages, and where they disagree with the body (2026-07-28, Streamable HTTP,
 * "Request Metadata"). It compares and never judges who is right; values it gives back are as secret as the traffic.
 */
import type { RawHeaders } from '../wire/exchange.ts';
import { eraOf } from './era.ts';
import type { Notification, Request } from './message.ts';

export interface HeaderMismatch {
  /** `malformed`: characters that a field value may not have, or a Base64 form that is none. */
  readonly kind: 'missing' | 'differs' | 'malformed';
  /** As the specification writes it. */
  readonly header: string;
  /** What the body says; undefined when the header says something of which the body has nothing. */
  readonly expected: string | undefined;
  /** What the header says, decoded where it can be. */
  readonly got: string | undefined;
}

/** The values of a field in any case, joined as RFC 9110, 5.3 allows. `name` is in lower case. */
export function headerOf(headers: RawHeaders, name: string): string | undefined {
  let value: string | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const field = headers[at] as string;
    if (field.length !== name.length || field.toLowerCase() !== name) continue;
    const next = headers[at + 1] as string;
    value = value === undefined ? next : `${value}, ${next}`;
  }
  return value;
}

/** The media type in lower case, without its parameters. */
export function contentTypeOf(headers: RawHeaders): string | undefined {
  return headerOf(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
}

/** `application/json`, or a type built on it (RFC 6839). */
export function isJson(headers: RawHeaders): boolean {
  const type = contentTypeOf(headers);
  return type === 'application/json' || type?.endsWith('+json') === true;
}

export function isEventStream(headers: RawHeaders): boolean {
  return contentTypeOf(headers) === 'text/event-stream';
}

/** The token of `Authorization: Bearer`, to be hashed at once: it is never kept, shown or sent on. */
export function bearerTokenOf(headers: RawHeaders): string | undefined {
  return /^bearer +(\S+)[ \t]*$/i.exec(headerOf(headers, 'authorization') ?? '')?.[1];
}

const PROTOCOL_VERSION = 'MCP-Protocol-Version';
const BASE64_FORM = /^=\?base64\?(.*)\?=$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** RFC 9110, 5.5, less the bytes above ASCII, which MCP does not allow. */
const PLAIN = /^[\t\x20-\x7e]*$/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value of `Mcp-Name` or `Mcp-Param-*`; undefined when it is malformed. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!PLAIN.test(value)) return undefined;
  const base64 = BASE64_FORM.exec(value)?.[1];
  if (base64 === undefined) return value;
  if (!BASE64.test(base64)) return undefined;
  try {
    return UTF8.decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** A value as `Mcp-Name` and `Mcp-Param-*` may hold it: what is no plain ASCII, or could be taken for the form, in Base64. */
export function encodeHeaderValue(value: string): string {
  if (PLAIN.test(value) && value.trim() === value && !BASE64_FORM.test(value)) return value;
  const bytes = new TextEncoder().encode(value);
  return `=?base64?${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}?=`;
}

/** What a POST of 2026-07-28 says of a request besides its version. `declared`: of the tool that is called. */
export function requestHeaders(
  method: string,
  params: Readonly<Record<string, unknown>>,
  declared: readonly ParamHeader[],
): Readonly<Record<string, string>> {
  const named = NAMED_BY.get(method);
  const name = named === undefined ? undefined : params[named];
  const headers: Record<string, string> = { 'Mcp-Method': method };
  if (typeof name === 'string') headers['Mcp-Name'] = encodeHeaderValue(name);
  for (const { header, path } of declared) {
    const value = path.reduce(memberOf, params.arguments);
    if (typeof value === 'string') headers[header] = encodeHeaderValue(value);
    else if (typeof value === 'number' || typeof value === 'boolean') headers[header] = String(value);
  }
  return headers;
}

/** Which member of `params` a method's `Mcp-Name` repeats; the tasks are of SEP-2663. */
const NAMED_BY: ReadonlyMap<string, 'name' | 'uri' | 'taskId'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/**
 * Where the standard headers of a POST disagree with its message. One that is missing counts for requests of the modern
 * era alone: nothing else has to have it.
 */
export function headerMismatches(
  headers: RawHeaders,
  message: Request | Notification,
): readonly HeaderMismatch[] {
  const { method, params } = message;
  const isModern = params.modern === true;
  const isRequired = message.kind === 'request' && isModern;
  const namedBy = NAMED_BY.get(method);
  const name = namedBy && params[namedBy];
  return [
    ...(isModern
      ? compared(headers, PROTOCOL_VERSION, params.protocolVersion, isRequired)
      : unclaimedVersion(headers, message)),
    ...compared(headers, 'Mcp-Method', method, isRequired),
    ...compared(headers, 'Mcp-Name', name, isRequired, decodeHeaderValue),
  ];
}

/** Before 2026-07-28 the header repeats what initialize settled, of which a message says nothing. */
function unclaimedVersion(headers: RawHeaders, message: Request | Notification): readonly HeaderMismatch[] {
  const got = headerOf(headers, PROTOCOL_VERSION.toLowerCase());
  return message.kind === 'request' && got !== undefined && eraOf(got) === 'modern'
    ? [{ kind: 'differs', header: PROTOCOL_VERSION, expected: undefined, got }]
    : [];
}

/** A tool's argument that its calls repeat in a header. */
export interface ParamHeader {
  /** `Mcp-Param-` and the name that the schema gives. */
  readonly header: string;
  /** Keys from `params.arguments` to the value. */
  readonly path: readonly string[];
}

/** RFC 9110, 5.6.2: token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** The specification leaves `number` out; servers and its own conformance suite have it. */
const REPEATED_TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean', 'number']);
/** Schemas come from the server: these bound what one may cost. Annotations beyond them are not compared. */
const MAX_SCHEMA_DEPTH = 16;
const MAX_PARAM_HEADERS = 64;

/**
 * The `x-mcp-header` annotations of a tool's `inputSchema`, reached by `properties` alone. Those that break a rule are
 * left out, and of several of one name all but the first: there is nothing to compare by them.
 */
export function paramHeaders(inputSchema: unknown): readonly ParamHeader[] {
  const found = new Map<string, ParamHeader>();
  const visit = (schema: unknown, path: readonly string[]): void => {
    if (path.length > MAX_SCHEMA_DEPTH || found.size === MAX_PARAM_HEADERS) return;
    const name = memberOf(schema, 'x-mcp-header');
    const isValid = typeof name === 'string' && TOKEN.test(name) && path.length > 0;
    if (isValid && REPEATED_TYPES.has(memberOf(schema, 'type')) && !found.has(name.toLowerCase())) {
      found.set(name.toLowerCase(), { header: `Mcp-Param-${name}`, path });
    }
    const properties = memberOf(schema, 'properties');
    if (typeof properties !== 'object' || properties === null) return;
    for (const [key, property] of Object.entries(properties)) visit(property, [...path, key]);
  };
  visit(inputSchema, []);
  return [...found.values()];
}

/**
 * Where the headers of a `tools/call` disagree with its `params.arguments`. A value that is null, not there or no
 * primitive has no header to be compared with.
 */
export function paramMismatches(
  headers: RawHeaders,
  declared: readonly ParamHeader[],
  args: unknown,
): readonly HeaderMismatch[] {
  return declared.flatMap(({ header, path }) => {
    const value = path.reduce(memberOf, args);
    if (typeof value === 'number') {
      const equals = (got: string): boolean => DECIMAL.test(got) && Number(got) === value;
      return compared(headers, header, String(value), true, decodeHeaderValue, equals);
    }
    const isText = typeof value === 'string' || typeof value === 'boolean';
    return isText ? compared(headers, header, String(value), true, decodeHeaderValue) : [];
  });
}

/** `42.0` is 42; what else JavaScript reads as a number is not meant. */
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function compared(
  headers: RawHeaders,
  header: string,
  expected: string | undefined,
  isRequired: boolean,
  decode = plain,
  equals = (got: string): boolean => got === expected,
): readonly HeaderMismatch[] {
  if (expected === undefined) return [];
  const value = headerOf(headers, header.toLowerCase())?.replace(/^[ \t]+|[ \t]+$/g, '');
  if (value === undefined) return isRequired ? [{ kind: 'missing', header, expected, got: undefined }] : [];
  const got = decode(value);
  if (got === undefined) return [{ kind: 'malformed', header, expected, got: value }];
  return equals(got) ? [] : [{ kind: 'differs', header, expected, got }];
}

function plain(value: string): string | undefined {
  return PLAIN.test(value) ? value : undefined;
}
