/**
 * Reads the cassettes of mcp-recorder (devhelmhq/mcp-recorder, version "1.0" of the format, as 0.4.0 and 0.5.0 write it):
 * requests with their answers and how long those took. It keeps no headers and no times of day: exchanges are read as if each had
 * begun when the one before it was over.
 */
import { documentReader } from './documents.ts';
import { piecesOf } from './httpExchange.ts';
import { count, flag, type Json, Malformed, needed, object, objectIn, oneOf, text } from './members.ts';
import { timeUs } from './mcpsnoop.ts';
import type { FormatReader, TrafficSink } from './traffic.ts';

const VERSION = '1.0';
const TYPES = ['jsonrpc_request', 'notification', 'lifecycle'] as const;
const INTERACTIONS = 'interactions[]';
/** A cassette names no client. */
const CLIENT = 'mcp-recorder';
/** Of a cassette that does not tell what it recorded, such as one of stdio. */
const NOWHERE = 'http://mcp-recorder.invalid';
/** A day. */
const MAX_LATENCY_MS = 24 * 60 * 60 * 1000;

export function cassetteReader(sink: TrafficSink): FormatReader {
  let exchange = 0;
  let origin = NOWHERE;
  let path = '/mcp';
  let atUs = 0;
  let refused = false;
  return documentReader(['version', 'metadata', INTERACTIONS], {
    value: (where, value) => {
      if (where === 'version') {
        refused = value !== VERSION;
        if (refused) throw new Malformed(`is not "${VERSION}", the only one that is read`);
      } else if (where === 'metadata') {
        const metadata = objectIn(value, 'metadata');
        const recordedAt = text(metadata, 'recorded_at');
        if (recordedAt !== undefined) atUs = timeUs(recordedAt, 'recorded_at');
        const url = text(metadata, 'server_url') ?? '';
        if (!/^https?:/.test(url) || !URL.canParse(url)) return;
        origin = new URL(url).origin;
        path = new URL(url).pathname === '/' ? path : new URL(url).pathname;
      } else if (!refused) {
        exchange += 1;
        const interaction = objectIn(value, 'the interaction');
        const pieces = piecesOf(exchangeOf(interaction, { origin, path, exchange, atUs }));
        for (const piece of pieces) sink.traffic(piece);
        atUs = pieces.at(-1)?.atUs ?? atUs;
      }
    },
    end: () => undefined,
    leftOut: sink.leftOut.bind(sink),
  });
}

interface Place {
  readonly origin: string;
  readonly path: string;
  readonly exchange: number;
  readonly atUs: number;
}

function exchangeOf(interaction: Json, { origin, path, exchange, atUs }: Place) {
  const type = needed(oneOf(interaction, 'type', TYPES), 'type');
  const request = object(interaction, 'request');
  if (type !== 'lifecycle' && request === undefined) throw new Malformed('request is missing');
  const answer = object(interaction, 'response');
  const isStream = flag(interaction, 'response_is_sse');
  const status = count(interaction, 'response_status') ?? 200;
  if (status < 100 || status > 999) throw new Malformed('response_status is no status of HTTP');
  const latencyMs = Math.min(count(interaction, 'latency_ms') ?? 0, MAX_LATENCY_MS);
  const endedUs = atUs + Math.max(1, latencyMs * 1000);
  const said = answer === undefined ? '' : JSON.stringify(answer);
  const contentType = isStream ? 'text/event-stream' : 'application/json';
  return {
    origin,
    exchange,
    client: CLIENT,
    method: type === 'lifecycle' ? (text(interaction, 'http_method') ?? 'GET') : 'POST',
    target: text(interaction, 'http_path') ?? path,
    httpVersion: '1.1',
    // What the type of the body says, the file says by its own shape.
    headers: request === undefined ? [] : ['Content-Type', 'application/json'],
    body: Buffer.from(request === undefined ? '' : JSON.stringify(request)),
    startedUs: atUs,
    response: {
      atUs: endedUs,
      endedUs,
      status,
      reason: '',
      headers: said === '' && !isStream ? [] : ['Content-Type', contentType],
      body: Buffer.from(isStream && said !== '' ? `data: ${said}\n\n` : said),
    },
  };
}
