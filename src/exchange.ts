/**
 * One HTTP exchange as the observer sees it: its facts and its two bodies come in, frames and messages of the session
 * that it belongs to go out. It knows no sink and no clock, and decides nothing about sessions itself.
 */
import { type BodyOptions, type BodyReader, openBody } from './bodies.ts';
import { decode, OversizeDecoder } from './mcp/decode.ts';
import {
  contentTypeOf,
  headerMismatches,
  headerOf,
  type HeaderMismatch,
  paramMismatches,
} from './mcp/headers.ts';
import type { ExchangeFinished, StreamOpened } from './event/event.ts';
import type { Batch, Message, Notification, Request } from './mcp/message.ts';
import type { EndedNote } from './httpFacts.ts';
import { type Frame, type FrameRecorder, UNTRACKED } from './recorder.ts';
import type { ExchangeFacts } from './track/exchanges.ts';
import type { Gap, RingRecord } from './tap/ring.ts';
import type { At } from './track/links.ts';
import { at } from './track/identity.ts';
import type { Tracker } from './track/tracker.ts';
import type { Direction } from './wire/chunk.ts';
import type { RawHeaders, RequestFact, ResponseEndedFact, ResponseFact } from './wire/exchange.ts';
import type { OversizeSink } from './wire/capped.ts';
import type { SseEvent } from './wire/sse.ts';

/** A session as an exchange needs it. */
export interface ExchangeSession {
  readonly id: string;
  readonly tracker: Tracker;
  readonly recorder: FrameRecorder;
}

/** What an exchange cannot know by itself. */
export interface ExchangeHost extends BodyOptions {
  /** Which session the exchange belongs to. Asked once: with its first message, or when it has none. */
  assign(exchange: Exchange, first: Message | undefined): ExchangeSession;
  /** Status and headers are known: a session may begin to be known by its id, or have ended. */
  responded(exchange: Exchange, response: ResponseFact, atUs: number): 'deleted' | 'expired' | undefined;
  /** The legacy transport tells its client where to post to, and thereby which session this is. */
  endpoint(exchange: Exchange, url: string, atUs: number): ExchangeSession | undefined;
  /** The request's facts as they may be told. */
  facts(request: RequestFact): ExchangeFacts;
  /** A URL or its path, as it may be recorded. */
  told(url: string): string;
  /** A fact as it is recorded. */
  note(fact: RequestFact | ResponseFact | EndedNote): unknown;
  /** A copy of a body could not be decoded to its end. */
  unreadable(reason: string): void;
  /** Records of the exchange are missing. */
  lost(session: ExchangeSession, gap: Gap, atUs: number): void;
  emit(event: StreamOpened | ExchangeFinished): void;
}

/** The codes, tokens and secrets of OAuth are sent as forms: of those the size is recorded and nothing else. */
const FORM = 'application/x-www-form-urlencoded';

export class Exchange {
  readonly id: number;
  readonly request: RequestFact;
  readonly openedAtUs: number;
  readonly #host: ExchangeHost;
  readonly #bodies: Partial<Record<Direction, BodyReader>> = {};
  #session: ExchangeSession | undefined;
  #response: ResponseFact | undefined;
  /** Number and offset that the next record has if none is missing. */
  #nextIndex = 1;
  #nextOffset: number;
  #lost = false;
  /** The request asked something by JSON-RPC, so that the response should be JSON-RPC. */
  #asked = false;
  #skippedBytes = 0;
  readonly #bytes = { client_to_server: 0, server_to_client: 0 };

  /** `recordBytes`: of the record that held the request. */
  constructor(id: number, request: RequestFact, recordBytes: number, atUs: number, host: ExchangeHost) {
    this.id = id;
    this.request = request;
    this.openedAtUs = atUs;
    this.#nextOffset = recordBytes;
    this.#host = host;
    this.#bodies.client_to_server = this.#open('client_to_server', request.headers);
  }

  /** The response is a stream of events that has not ended. */
  get isStreaming(): boolean {
    return this.#bodies.server_to_client?.isStream === true;
  }

  /** Bytes passed over while looking for the next message after a gap, since this was asked last. */
  takeSkippedBytes(): number {
    let skipped = 0;
    for (const body of Object.values(this.#bodies)) skipped += body.skippedBytes;
    const taken = skipped - this.#skippedBytes;
    this.#skippedBytes = skipped;
    return Math.max(0, taken);
  }

  /** To be called with each record before what it holds: a step in their numbers means that copies are missing. */
  arrived({ index, offset, bytes, atUs }: RingRecord): void {
    const records = index - this.#nextIndex;
    const lostBytes = (offset - this.#nextOffset + 2 ** 32) % 2 ** 32;
    this.#nextIndex = index + 1;
    this.#nextOffset = (offset + bytes.length) % 2 ** 32;
    if (records === 0) return;
    this.#lost = true;
    for (const body of Object.values(this.#bodies)) body.gap(atUs);
    const session = this.#sessionFor();
    const channel = this.#response === undefined ? 'client_to_server' : 'server_to_client';
    session.recorder.note(
      'gap',
      channel,
      { channel, chunks: records, bytes: lostBytes, stage: 'capture' },
      atUs,
      this.id,
    );
    this.#host.lost(session, { channel, chunks: records, bytes: lostBytes }, atUs);
  }

  body(direction: Direction, bytes: Uint8Array, atUs: number): void {
    this.#bytes[direction] += bytes.length;
    this.#bodies[direction]?.push(bytes, atUs);
  }

  requestEnded(aborted: boolean, atUs: number): void {
    this.#bodies.client_to_server?.end(!aborted, atUs);
    delete this.#bodies.client_to_server;
    this.#sessionFor();
  }

  responded(response: ResponseFact, atUs: number): void {
    const { id: sessionId, tracker, recorder } = this.#sessionFor();
    // 1xx: the response itself is still to come.
    if (response.status >= 200 || response.upgraded === true) {
      this.#response = response;
      tracker.responded(this.id, response.status);
      const over = this.#host.responded(this, response, atUs);
      const where = { channel: 'server_to_client', seq: recorder.seq, atUs } as const;
      if (over === 'expired') tracker.raise('session_expired', where, 'status 404');
      this.#bodies.server_to_client = this.#open('server_to_client', response.headers);
      if (this.#isListening) this.#host.emit({ type: 'stream_opened', sessionId, atUs, exchange: this.id });
    }
    recorder.note('http', 'server_to_client', this.#host.note(response), atUs, this.id);
  }

  /** `known`: false when the end was not seen, only that there was one. */
  ended(fact: ResponseEndedFact, atUs: number, known = true): void {
    if (!known) this.#lost = true;
    const whole = known && fact.end === 'complete';
    const stream = this.#isListening;
    this.#bodies.client_to_server?.end(false, atUs);
    this.#bodies.server_to_client?.end(whole, atUs);
    const session = this.#sessionFor();
    const { tracker, recorder } = session;
    const { failure, detail } = this.#response ?? {};
    if (!whole || fact.trailers.length > 0)
      recorder.note(
        'http',
        'server_to_client',
        this.#host.note(known ? fact : { ...fact, end: 'unknown' }),
        atUs,
        this.id,
      );
    const end = known ? fact.end : 'complete';
    const last = { atUs, seq: Math.max(0, recorder.seq - 1) };
    tracker.exchangeEnded(this.id, { end, failure, detail, lost: this.#lost }, last);
    this.#host.emit({
      type: 'exchange_finished',
      sessionId: session.id,
      atUs,
      exchange: this.id,
      startedAtUs: this.openedAtUs,
      method: this.request.method,
      path: this.#host.facts(this.request).path,
      status: this.#response?.status,
      failure,
      end: known ? fact.end : 'unknown',
      stream,
      asked: this.#asked,
      requestBytes: this.#bytes.client_to_server,
      responseBytes: this.#bytes.server_to_client,
    });
  }

  /** What only listens: other streams are answers that come as events. */
  get #isListening(): boolean {
    return this.request.method === 'GET' && this.isStreaming;
  }

  #sessionFor(first?: Message): ExchangeSession {
    if (this.#session !== undefined) return this.#session;
    const session = this.#host.assign(this, first);
    this.#session = session;
    const { request } = this;
    session.tracker.exchangeOpened(this.id, this.#host.facts(request), this.openedAtUs);
    session.recorder.note('http', 'client_to_server', this.#host.note(request), this.openedAtUs, this.id);
    return session;
  }

  #open(channel: Direction, headers: RawHeaders): BodyReader {
    return openBody(headers, this.#host, {
      text: (bytes, event, atUs) => {
        this.#text(channel, bytes, event, atUs);
      },
      bare: (event, atUs) => {
        this.#event(event, atUs);
      },
      oversize: () => this.#oversize(channel),
      rest: (bytes, atUs) => {
        const { recorder } = this.#sessionFor();
        if (this.#isForm(channel)) this.#form(channel, bytes.length, atUs);
        else recorder.frame('unterminated', recorder.whole(channel, bytes, '', atUs, this.id), UNTRACKED);
      },
      unreadable: (reason) => {
        this.#lost = true;
        this.#host.unreadable(reason);
      },
    });
  }

  /** A whole body, or the data of an event. */
  #text(channel: Direction, bytes: Uint8Array, event: SseEvent | undefined, atUs: number): void {
    if (event?.type === 'endpoint') {
      this.#session = this.#host.endpoint(this, new TextDecoder().decode(bytes), atUs) ?? this.#session;
      this.#event(event, atUs);
      return;
    }
    if (this.#isForm(channel)) {
      this.#form(channel, bytes.length, atUs);
      return;
    }
    const decoded = decode(bytes);
    const { recorder } = this.#sessionFor(firstOf(decoded));
    this.#message(channel, decoded, recorder.whole(channel, bytes, '', atUs, this.id, event?.id));
  }

  #oversize(channel: Direction): OversizeSink {
    if (this.#isForm(channel)) return this.#oversizeForm(channel);
    const decoder = new OversizeDecoder();
    // Its session is known when its first message is: not before the end of a request's body.
    const { recorder } = this.#sessionFor();
    return recorder.oversize(
      channel,
      {
        push: (bytes) => {
          decoder.push(bytes);
        },
        done: (frame) => {
          this.#message(channel, decoder.end(frame.sizeBytes), frame);
        },
      },
      this.id,
    );
  }

  #message(channel: Direction, decoded: Message | Batch, frame: Frame): void {
    const { tracker, recorder } = this.#sessionFor();
    const { eventId } = frame;
    const at: At = { channel, seq: recorder.seq, atUs: frame.atUs, exchange: this.id, eventId };
    const isOurs = channel === 'server_to_client' && this.#response?.failure !== undefined;
    const isNone = decoded.kind === 'malformed' && decoded.reason.startsWith('not_');
    // What Sidelight said in the server's place is no answer of the server's.
    if (isOurs || (isNone && !this.#shouldBeMcp(channel))) {
      recorder.frame('body', frame, UNTRACKED);
      return;
    }
    const messages = decoded.kind === 'batch' ? decoded.messages : [decoded];
    let tracked = UNTRACKED;
    for (const message of messages) {
      tracked = tracker.message(message, at);
      this.#look(channel, message, at, tracked.operationId);
    }
    recorder.frame(decoded.kind, frame, decoded.kind === 'batch' ? UNTRACKED : tracked);
  }

  #look(channel: Direction, message: Message, at: At, operationId: number | undefined): void {
    if (channel === 'server_to_client') return;
    if (message.kind === 'request') this.#asked = true;
    if (message.kind !== 'request' && message.kind !== 'notification') return;
    const { tracker } = this.#sessionFor(message);
    for (const { header, expected, got } of this.#mismatches(message, tracker))
      tracker.raise(
        'header_mismatch',
        at,
        `${header}: ${got ?? 'missing'}, the body says ${expected ?? 'nothing'}`,
        operationId,
      );
  }

  #mismatches(message: Request | Notification, tracker: Tracker): readonly HeaderMismatch[] {
    const { headers } = this.request;
    const { method, params } = message;
    const standard = headerMismatches(headers, message);
    if (method !== 'tools/call' || params.modern !== true || params.name === undefined) return standard;
    const declared = tracker.paramHeaders(params.name);
    if (declared.length === 0) return standard;
    return [...standard, ...paramMismatches(headers, declared, at(message, 'params', 'arguments'))];
  }

  /** Not everything that passes is MCP: metadata of authorization servers, pages of errors, probes of health. */
  #shouldBeMcp(channel: Direction): boolean {
    if (channel === 'server_to_client') return this.#asked && this.isStreaming;
    const { method, headers } = this.request;
    const accepts = headerOf(headers, 'accept')?.includes('text/event-stream') === true;
    return method === 'POST' && (accepts || headerOf(headers, 'mcp-protocol-version') !== undefined);
  }

  #isForm(channel: Direction): boolean {
    const { headers } = channel === 'client_to_server' ? this.request : (this.#response ?? this.request);
    return contentTypeOf(headers) === FORM;
  }

  #form(channel: Direction, sizeBytes: number, atUs: number): void {
    const { recorder } = this.#sessionFor();
    recorder.note('http', channel, { fact: 'form', sizeBytes }, atUs, this.id);
  }

  #oversizeForm(channel: Direction): OversizeSink {
    let sizeBytes = 0;
    return {
      push: (bytes) => {
        sizeBytes += bytes.length;
      },
      end: (_ending, atUs) => {
        this.#form(channel, sizeBytes, atUs);
      },
    };
  }

  #event({ type, id, retry, data }: SseEvent, atUs: number): void {
    const { recorder, tracker } = this.#sessionFor();
    // Also without a message: the answer may come to a GET with `Last-Event-ID`.
    if (id !== undefined) tracker.resumable(this.id);
    const said = data === undefined ? undefined : new TextDecoder().decode(data);
    // Where the legacy transport posts to names its session.
    const text = said === undefined ? undefined : this.#host.told(said);
    recorder.note('http', 'server_to_client', { fact: 'event', type, id, retry, data: text }, atUs, this.id);
  }
}

function firstOf(decoded: Message | Batch): Message | undefined {
  return decoded.kind === 'batch' ? decoded.messages[0] : decoded;
}
