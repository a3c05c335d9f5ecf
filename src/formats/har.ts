/**
 * Writes a session as HAR 1.2: over HTTP each exchange as an entry, on stdio each operation as one that stands for it. What HAR
 * has no member for begins with an underscore, as the format asks.
 */
import type { StoredFrame } from '../store/block.ts';
import type { SessionRecord } from '../store/record.ts';
import { ByBeginning, type Call, callsOf } from './calls.ts';
import { type Creator, exactText, isoTime, type Source } from './source.ts';

interface Field {
  readonly name: string;
  readonly value: string;
}

/** An exchange while its frames come. */
interface Exchange {
  readonly frames: StoredFrame[];
  readonly lastSeq: number;
}

const HEADERS_UNKNOWN = -1;
const NO_HTTP = 'none';
/** Of the URL of an entry that was no HTTP. */
const STDIO = 'stdio://';

export function* harText(source: Source, creator: Creator): Generator<string> {
  const { session } = source;
  const { id, server, transport, completeness } = session;
  const about = {
    version: '1.2',
    creator,
    _session: { id, server, transport },
    _completeness: completeness,
    ...(!completeness.complete && { comment: 'The recording is not complete: see _completeness.' }),
  };
  yield `{"log":${JSON.stringify(about).slice(0, -1)},"entries":[`;
  let before = '\n';
  for (const entry of transport === 'http' ? httpEntries(source) : stdioEntries(source)) {
    yield before + entry;
    before = ',\n';
  }
  yield '\n]}}\n';
}

function* httpEntries(source: Source): Generator<string> {
  const lastOf = new Map<number, number>();
  for (const { exchange, seq } of source.frames()) if (exchange !== undefined) lastOf.set(exchange, seq);
  const open = new Map<number, Exchange>();
  const sorted = new ByBeginning();
  for (const frame of source.frames()) {
    if (frame.exchange === undefined) continue;
    const exchange = open.get(frame.exchange) ?? { frames: [], lastSeq: lastOf.get(frame.exchange) ?? 0 };
    open.set(frame.exchange, exchange);
    exchange.frames.push({ ...frame, bytes: Uint8Array.from(frame.bytes) });
    if (frame.seq < exchange.lastSeq) continue;
    open.delete(frame.exchange);
    const atUs = exchange.frames[0]?.atUs ?? 0;
    yield* sorted.add(atUs, httpEntry(exchange.frames, frame.exchange, source.session), earliest(open));
  }
  yield* sorted.rest();
}

/** In the order in which they were opened, which is that of their beginnings but for microseconds. */
function earliest(open: ReadonlyMap<number, Exchange>): number {
  for (const { frames } of open.values()) return frames[0]?.atUs ?? 0;
  return Infinity;
}

function httpEntry(frames: readonly StoredFrame[], exchange: number, session: SessionRecord): string {
  const facts = frames.filter(({ kind }) => kind === 'http').map((frame) => ({ frame, fact: factOf(frame) }));
  const request = facts.find(({ fact }) => fact.fact === 'request')?.fact ?? {};
  const answer = facts.findLast(({ fact }) => fact.fact === 'response' && statusOf(fact.status) >= 200);
  const ended = facts.findLast(({ fact }) => fact.fact === 'response_ended')?.fact.end;
  const bodies = frames.filter(({ kind }) => kind !== 'http' && kind !== 'gap');
  const asked = bodies.filter(({ channel }) => channel === 'client_to_server');
  const said = bodies.filter(({ channel }) => channel === 'server_to_client');
  const startedUs = frames[0]?.atUs ?? 0;
  const endedUs = Math.max(startedUs, frames.at(-1)?.atUs ?? 0);
  const answeredUs = Math.min(Math.max(startedUs, answer?.frame.atUs ?? endedUs), endedUs);
  const response = answer?.fact ?? {};
  const requestFields = fieldsOf(request.headers);
  const responseFields = fieldsOf(response.headers);
  const url = urlOf(session, wordOf(request.target, '/'));
  const type = valueOf(requestFields, 'content-type') ?? 'application/json';
  const isStream = valueOf(responseFields, 'content-type')?.startsWith('text/event-stream') === true;
  return JSON.stringify({
    startedDateTime: isoTime(startedUs),
    ...timed(answeredUs - startedUs, endedUs - answeredUs),
    request: {
      method: wordOf(request.method, 'GET'),
      url,
      httpVersion: `HTTP/${wordOf(request.httpVersion, '1.1')}`,
      cookies: [],
      headers: requestFields,
      queryString: queryOf(url),
      ...(asked.length > 0 && { postData: { mimeType: type, ...postOf(asked) } }),
      headersSize: HEADERS_UNKNOWN,
      bodySize: sizeOf(asked),
    },
    response: {
      status: statusOf(response.status),
      statusText: wordOf(response.reason, ''),
      httpVersion: `HTTP/${wordOf(request.httpVersion, '1.1')}`,
      cookies: [],
      headers: responseFields,
      content: isStream ? streamOf(said) : contentOf(said, valueOf(responseFields, 'content-type')),
      redirectURL: valueOf(responseFields, 'location') ?? '',
      headersSize: HEADERS_UNKNOWN,
      bodySize: sizeOf(said),
      ...(response.failure !== undefined && { _failure: response.failure, _detail: response.detail }),
    },
    cache: {},
    _exchange: exchange,
    ...(ended !== undefined && { _end: ended }),
    ...marks(bodies),
  });
}

function* stdioEntries(source: Source): Generator<string> {
  const sorted = new ByBeginning();
  // They end out of order; how far back one may have begun nobody knows before the end.
  for (const call of callsOf(source))
    yield* sorted.add(call.operation.startedAtUs, stdioEntry(call, source.session), 0);
  yield* sorted.rest();
}

function stdioEntry({ operation, request, answer }: Call, { server }: SessionRecord): string {
  const { method, target, startedAtUs, endedAtUs, outcome, error, initiator, operationId } = operation;
  const path = [method, ...(target === undefined ? [] : [target.name])].map(encodeURIComponent).join('/');
  const asked = request === undefined ? [] : [request];
  const said = answer === undefined ? [] : [answer];
  return JSON.stringify({
    startedDateTime: isoTime(startedAtUs),
    ...timed(endedAtUs - startedAtUs, 0),
    request: {
      method: 'POST',
      url: `${STDIO}${encodeURIComponent(server || 'server')}/${path}`,
      httpVersion: NO_HTTP,
      cookies: [],
      headers: [],
      queryString: [],
      ...(request !== undefined && { postData: { mimeType: 'application/json', ...postOf(asked) } }),
      headersSize: HEADERS_UNKNOWN,
      bodySize: sizeOf(asked),
    },
    response: {
      // A status that HAR viewers show as what it is: there was none.
      status: answer === undefined ? 0 : outcome === 'ok' ? 200 : 500,
      statusText: outcome,
      httpVersion: NO_HTTP,
      cookies: [],
      headers: [],
      content: contentOf(said, 'application/json'),
      redirectURL: '',
      headersSize: HEADERS_UNKNOWN,
      bodySize: sizeOf(said),
    },
    cache: {},
    _operation: operationId,
    _initiator: initiator,
    _outcome: outcome,
    ...(error !== undefined && { _error: error }),
    ...marks([...asked, ...said]),
  });
}

/** Milliseconds: the time of an entry is the sum of its parts. */
function timed(waitUs: number, receiveUs: number): object {
  const wait = Math.max(0, waitUs) / 1000;
  const receive = Math.max(0, receiveUs) / 1000;
  return { time: wait + receive, timings: { send: 0, wait, receive } };
}

/** Requests have no member for bytes that are no text. */
function postOf(frames: readonly StoredFrame[]): object {
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
  const text = exactText(bytes);
  return text === undefined ? { text: bytes.toString('base64'), _encoding: 'base64' } : { text };
}

function contentOf(frames: readonly StoredFrame[], mimeType: string | undefined): object {
  const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
  const text = exactText(bytes);
  return {
    size: sizeOf(frames),
    mimeType: mimeType ?? 'x-unknown',
    ...(text === undefined ? { text: bytes.toString('base64'), encoding: 'base64' } : { text }),
  };
}

/** What was recorded are the events: the stream is made of them anew, each with the time at which it came. */
function streamOf(frames: readonly StoredFrame[]): object {
  const events = frames.map(({ bytes, eventId }) => {
    const id = eventId === undefined ? '' : `id: ${eventId}\n`;
    const data = Buffer.from(bytes)
      .toString('utf8')
      .split(/\r\n|\r|\n/);
    return `${id}${data.map((line) => `data: ${line}\n`).join('')}\n`;
  });
  return {
    size: sizeOf(frames),
    mimeType: 'text/event-stream',
    text: events.join(''),
    comment: 'Made of the events as they were recorded.',
    _events: frames.map(({ atUs }) => isoTime(atUs)),
  };
}

function marks(frames: readonly StoredFrame[]): object {
  const truncated = frames.filter((frame) => frame.truncated).length;
  const redactions = frames.reduce((sum, frame) => sum + frame.redactions, 0);
  return {
    _frames: frames.map(({ seq }) => seq),
    ...(truncated > 0 && { _truncatedFrames: truncated }),
    ...(redactions > 0 && { _redactions: redactions }),
  };
}

function sizeOf(frames: readonly StoredFrame[]): number {
  return frames.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function factOf({ bytes }: StoredFrame): Readonly<Record<string, unknown>> {
  try {
    const fact: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof fact === 'object' && fact !== null ? (fact as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function statusOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 0;
}

function wordOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function fieldsOf(headers: unknown): readonly Field[] {
  if (!Array.isArray(headers)) return [];
  return headers.flatMap((field: unknown) =>
    Array.isArray(field) ? [{ name: wordOf(field[0], ''), value: wordOf(field[1], '') }] : [],
  );
}

function valueOf(fields: readonly Field[], wanted: string): string | undefined {
  return fields.find(({ name }) => name.toLowerCase() === wanted)?.value;
}

function urlOf({ target = 'http://unknown.invalid' }: SessionRecord, path: string): string {
  return URL.canParse(path, target) ? new URL(path, target).href : target;
}

function queryOf(url: string): readonly Field[] {
  if (!URL.canParse(url)) return [];
  return [...new URL(url).searchParams].map(([name, value]) => ({ name, value }));
}
