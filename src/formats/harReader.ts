/**
 * Reads HAR 1.2: those of its exchanges that may be MCP over HTTP, bodies that are event streams included. What is a page, an
 * image or a script is passed over: a browser's file is full of them.
 */
import { documentReader } from './documents.ts';
import { piecesOf, type WholeExchange, withoutCoding } from './httpExchange.ts';
import { isObject, type Json, Malformed, needed, object, objectIn, text } from './members.ts';
import { timeUs } from './mcpsnoop.ts';
import { Timeline } from './timeline.ts';
import type { FormatReader, TrafficSink } from './traffic.ts';

/** More fields than a server takes, and longer ones. */
const MAX_HEADERS = 1000;
/** A HAR names no client: everything in it was sent by one. */
const CLIENT = 'har';
const ENTRIES = 'log.entries[]';
/** A day: longer than what is waited for. */
const MAX_WAIT_MS = 24 * 60 * 60 * 1000;
const MCP_HEADER = /^(?:mcp-|last-event-id$)/i;
const METHODS: ReadonlySet<string> = new Set(['POST', 'GET', 'DELETE']);

export function harReader(sink: TrafficSink): FormatReader {
  const timeline = new Timeline((item) => {
    sink.traffic(item);
  });
  let exchange = 0;
  let found = 0;
  return documentReader([ENTRIES], {
    value: (_path, value) => {
      const entry = objectIn(value, 'the entry');
      found += 1;
      const request = needed(object(entry, 'request'), 'request');
      if (!mayBeMcp(request, object(entry, 'response') ?? {})) return;
      exchange += 1;
      timeline.add(piecesOf(exchangeOf(entry, request, exchange)));
    },
    end: () => {
      timeline.end();
      if (found > 0 && exchange === 0) sink.leftOut('no exchange in it is MCP over HTTP', undefined);
    },
    leftOut: sink.leftOut.bind(sink),
  });
}

function exchangeOf(entry: Json, request: Json, exchange: number): WholeExchange {
  const startedUs = timeUs(needed(text(entry, 'startedDateTime'), 'startedDateTime'), 'startedDateTime');
  const timings = object(entry, 'timings') ?? {};
  const totalMs = milliseconds(entry.time);
  const receiveMs = Math.min(milliseconds(timings.receive), totalMs);
  const endedUs = startedUs + Math.round(totalMs * 1000);
  const url = urlOf(needed(text(request, 'url'), 'request.url'));
  const response = object(entry, 'response') ?? {};
  const status = response.status;
  const answered = typeof status === 'number' && Number.isInteger(status) && status >= 100 && status <= 999;
  const content = object(response, 'content') ?? {};
  const responseHeaders = headersOf(response);
  const post = object(request, 'postData');
  return {
    origin: url.origin,
    exchange,
    client: CLIENT,
    method: needed(text(request, 'method'), 'request.method').toUpperCase(),
    target: `${url.pathname}${url.search}`,
    httpVersion: /^HTTP\/([\d.]+)$/i.exec(text(request, 'httpVersion') ?? '')?.[1] ?? '1.1',
    headers: typed(
      withoutCoding(headersOf(request)),
      post === undefined ? undefined : text(post, 'mimeType'),
    ),
    body: Buffer.from((post === undefined ? undefined : text(post, 'text')) ?? ''),
    startedUs,
    response: answered
      ? {
          atUs: endedUs - Math.round(receiveMs * 1000),
          endedUs,
          status,
          reason: text(response, 'statusText') ?? '',
          headers: typed(withoutCoding(responseHeaders), text(content, 'mimeType')),
          body: Buffer.from(text(content, 'text') ?? '', content.encoding === 'base64' ? 'base64' : 'utf8'),
        }
      : undefined,
  };
}

/** By its headers, or by what it says; a proxy's HAR has no headers of a client that sent none. */
function mayBeMcp(request: Json, response: Json): boolean {
  if (!METHODS.has((text(request, 'method') ?? '').toUpperCase())) return false;
  const headers = [...headersOf(request), ...headersOf(response)];
  if (headers.some(([name]) => MCP_HEADER.test(name))) return true;
  const post = object(request, 'postData');
  const said = post === undefined ? '' : (text(post, 'text') ?? '');
  const content = object(response, 'content') ?? {};
  return /"jsonrpc"\s*:/.test(said) || /"jsonrpc\\?"\s*:/.test(text(content, 'text') ?? '');
}

function headersOf(from: Json): readonly (readonly [string, string])[] {
  const { headers } = from;
  if (!Array.isArray(headers)) return [];
  if (headers.length > MAX_HEADERS) throw new Malformed(`headers are more than ${MAX_HEADERS}`);
  return headers.flatMap((field: unknown): (readonly [string, string])[] =>
    isObject(field) && typeof field.name === 'string' && typeof field.value === 'string'
      ? [[field.name, field.value]]
      : [],
  );
}

/** Of a file that keeps no headers, the type of the body is all that tells what it is. */
function typed(headers: string[], mimeType: string | undefined): readonly string[] {
  const has = headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type');
  return has || mimeType === undefined || mimeType === '' || mimeType === 'x-unknown'
    ? headers
    : [...headers, 'Content-Type', mimeType];
}

function urlOf(written: string): URL {
  if (!URL.canParse(written)) throw new Malformed('request.url is no URL');
  const url = new URL(written);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Malformed('request.url is not of HTTP');
  return url;
}

/** -1 stands for what does not apply. */
function milliseconds(value: unknown): number {
  return typeof value === 'number' && value > 0 && value < MAX_WAIT_MS ? value : 0;
}
