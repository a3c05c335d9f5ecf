/**
 * Recorded frames to events: feeds the frames of one session to a tracker as the pipelines feed what they frame, so that its
 * operations and findings come out as they did when it was recorded. It knows no store and no clock.
 */
import type { EndCause, FrameRecorded } from '../event/event.ts';
import type { FrameLine, RecordedSession } from '../formats/recording.ts';
import type { HttpFacts } from '../httpFacts.ts';
import { closedJson } from '../mcp/closed.ts';
import { decode } from '../mcp/decode.ts';
import { headerMismatches, headerOf } from '../mcp/headers.ts';
import type { Batch, Message } from '../mcp/message.ts';

import type { Gap } from '../tap/ring.ts';
import type { LifecycleFact } from '../thread.ts';
import type { At } from '../track/links.ts';
import type { Tracked, Tracker } from '../track/tracker.ts';
import type { Direction } from '../wire/chunk.ts';
import type { ExchangeEnd, RequestFact, ResponseFact } from '../wire/exchange.ts';

/** As often as a live observer does it, in the recording's own time. */
const SWEEP_EVERY_US = 30_000_000;
/** What a finding shows of output that is no message. */
const STRAY_PREVIEW_BYTES = 1024;
const UNTRACKED: Tracked = { method: undefined, operationId: undefined };
/** Of exchanges that are under way: as many as the tracker takes. */
const MAX_EXCHANGES = 100_000;
/** A value that was replaced is no longer what the other one says. */
const REPLACED = /\[(?:redacted|hashed):|\[not recorded\]/;

interface Exchange {
  readonly request: RequestFact;
  response: ResponseFact | undefined;
  end: ExchangeEnd;
  lost: boolean;
}

export class Retracker {
  readonly #session: RecordedSession;
  readonly #tracker: Tracker;
  readonly #facts: HttpFacts;
  readonly #exchanges = new Map<number, Exchange>();
  #sweptUs: number;

  constructor(session: RecordedSession, tracker: Tracker, facts: HttpFacts) {
    this.#session = session;
    this.#tracker = tracker;
    this.#facts = facts;
    this.#sweptUs = session.startedAtUs;
  }

  /** The frame as an event, with what the tracker says of it. */
  frame(frame: FrameLine): FrameRecorded {
    if (frame.atUs - this.#sweptUs >= SWEEP_EVERY_US) {
      this.#sweptUs = frame.atUs;
      this.#tracker.sweep(frame.atUs);
    }
    const tracked = this.#take(frame);
    const { last, ...stored } = frame;
    if (last && frame.exchange !== undefined) this.#ended(frame.exchange, frame);
    return {
      type: 'frame_recorded',
      sessionId: this.#session.id,
      ...stored,
      method: tracked.method ?? frame.method,
      operationId: tracked.operationId,
    };
  }

  /** Nothing more comes. A session without an end stays without one, as do the operations that were under way. */
  end(cause: EndCause | undefined, endedAtUs: number | undefined, lastSeq: number): void {
    if (endedAtUs === undefined) return;
    for (const exchange of this.#exchanges.keys()) this.#ended(exchange, { atUs: endedAtUs, seq: lastSeq });
    this.#tracker.end(cause ?? 'sidelight_stopped', endedAtUs);
  }

  #take(frame: FrameLine): Tracked {
    switch (frame.kind) {
      case 'stderr':
        this.#tracker.stderrLine(textOf(frame.bytes), frame.atUs);
        return UNTRACKED;
      case 'gap':
        this.#gap(frame);
        return UNTRACKED;
      case 'lifecycle':
        this.#lifecycle(frame);
        return UNTRACKED;
      case 'http':
        this.#http(frame);
        return UNTRACKED;
      case 'blank':
      case 'unterminated':
      case 'body':
        return UNTRACKED;
      default:
        return frame.channel === 'stderr' || frame.bytes.length === 0
          ? UNTRACKED
          : this.#message(frame, frame.channel);
    }
  }

  #message(frame: FrameLine, channel: Direction): Tracked {
    const { seq, atUs, exchange, eventId, sizeBytes } = frame;
    const at: At = { channel, seq, atUs, exchange, eventId };
    const decoded = decode(frame.truncated ? closedJson(frame.bytes) : frame.bytes);
    // A frame that was cut is what it was recorded as, or nothing is known of it.
    if (decoded.kind !== frame.kind) return UNTRACKED;
    const isStdio = this.#session.transport === 'stdio';
    if (decoded.kind === 'malformed' && isStdio && channel === 'server_to_client' && isNone(decoded)) {
      const detail = textOf(frame.bytes.subarray(0, STRAY_PREVIEW_BYTES));
      this.#tracker.strayOutput({ seq, atUs, detail, sizeBytes });
      return UNTRACKED;
    }
    const isBatch = decoded.kind === 'batch';
    let tracked = UNTRACKED;
    for (const message of isBatch ? decoded.messages : [{ ...decoded, sizeBytes }]) {
      tracked = this.#tracker.message(message, at);
      this.#look(message, at, tracked.operationId);
    }
    return isBatch ? UNTRACKED : tracked;
  }

  #look(message: Message, at: At, operationId: number | undefined): void {
    const exchange = this.#exchanges.get(at.exchange ?? 0);
    if (exchange === undefined) return;
    if (at.channel === 'server_to_client') return;
    if (message.kind !== 'request' && message.kind !== 'notification') return;
    for (const { header, expected, got } of headerMismatches(exchange.request.headers, message)) {
      if (REPLACED.test(`${got ?? ''} ${expected ?? ''}`)) continue;
      const detail = `${header}: ${got ?? 'missing'}, the body says ${expected ?? 'nothing'}`;
      this.#tracker.raise('header_mismatch', at, detail, operationId);
    }
  }

  #gap({ bytes, atUs, exchange }: FrameLine): void {
    const gap = jsonOf(bytes) as Partial<Gap> | undefined;
    const { channel, chunks = 0, bytes: lost = 0 } = gap ?? {};
    const open = this.#exchanges.get(exchange ?? 0);
    if (open !== undefined) open.lost = true;
    // Over HTTP the exchange tells it; on stdio the stream.
    if (channel !== undefined && this.#session.transport === 'stdio')
      this.#tracker.gap({ channel, chunks, bytes: lost, atUs });
  }

  #lifecycle({ bytes, atUs }: FrameLine): void {
    const fact = jsonOf(bytes) as LifecycleFact | undefined;
    if (fact?.fact === 'server_started') this.#tracker.serverStarted(fact.pid, atUs);
    else if (fact?.fact === 'client_closed') this.#tracker.clientClosed(atUs);
    else if (fact?.fact === 'server_exited')
      this.#tracker.serverExited(
        fact.code,
        fact.signal,
        atUs,
        this.#session.endCause === 'sidelight_stopped',
      );
  }

  #http({ bytes, atUs, seq, exchange: id }: FrameLine): void {
    if (id === undefined) return;
    const fact = jsonOf(bytes) as { readonly fact?: string; readonly id?: unknown } | undefined;
    if (fact?.fact === 'event' && fact.id !== undefined) this.#tracker.resumable(id);
    if (fact?.fact === 'request') this.#opened(id, requestOf(fact), atUs);
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined || fact === undefined) return;
    if (fact.fact === 'response') {
      const response = responseOf(fact);
      if (response.status < 200 && response.upgraded !== true) return;
      exchange.response = response;
      this.#tracker.responded(id, response.status);
      const named = headerOf(exchange.request.headers, 'mcp-session-id') !== undefined;
      if (response.status === 404 && named && this.#session.endCause === 'expired')
        this.#tracker.raise('session_expired', { channel: 'server_to_client', seq, atUs }, 'status 404');
    } else if (fact.fact === 'response_ended') {
      const { end } = fact as { readonly end?: ExchangeEnd | 'unknown' };
      if (end === 'unknown') exchange.lost = true;
      else exchange.end = end ?? 'complete';
    }
  }

  #opened(id: number, request: RequestFact, atUs: number): void {
    if (this.#exchanges.size >= MAX_EXCHANGES || this.#exchanges.has(id)) return;
    this.#exchanges.set(id, { request, end: 'complete', response: undefined, lost: false });
    this.#tracker.exchangeOpened(id, this.#facts.exchange(request), atUs);
  }

  #ended(id: number, { atUs, seq }: { readonly atUs: number; readonly seq: number }): void {
    const exchange = this.#exchanges.get(id);
    if (exchange === undefined) return;
    this.#exchanges.delete(id);
    const { response, end, lost } = exchange;
    const { failure, detail } = response ?? {};
    this.#tracker.exchangeEnded(id, { end, failure, detail, lost }, { atUs, seq });
  }
}

function isNone(message: Message | Batch): boolean {
  return message.kind === 'malformed' && message.reason.startsWith('not_');
}

/** As recorded: fields in pairs. What is not there, or something else, is taken as empty. */
function requestOf(fact: object): RequestFact {
  const told = fact as Partial<Record<keyof RequestFact, unknown>>;
  const client = (told.client ?? {}) as { readonly address?: unknown; readonly port?: unknown };
  return {
    fact: 'request',
    connection: Number(told.connection ?? 0),
    client: {
      address: wordOf(client.address),
      port: typeof client.port === 'number' ? client.port : undefined,
    },
    method: wordOf(told.method),
    target: wordOf(told.target),
    httpVersion: wordOf(told.httpVersion),
    headers: fieldsOf(told.headers),
  };
}

function responseOf(fact: object): ResponseFact {
  const told = fact as Partial<Record<keyof ResponseFact, unknown>>;
  return {
    fact: 'response',
    status: Number(told.status ?? 0),
    reason: wordOf(told.reason),
    headers: fieldsOf(told.headers),
    ...(typeof told.failure === 'string' && {
      failure: told.failure as NonNullable<ResponseFact['failure']>,
    }),
    ...(typeof told.detail === 'string' && { detail: told.detail }),
    ...(told.upgraded === true && { upgraded: true as const }),
  };
}

function fieldsOf(headers: unknown): readonly string[] {
  if (!Array.isArray(headers)) return [];
  return headers.flatMap((field: unknown) =>
    Array.isArray(field) ? [wordOf(field[0]), wordOf(field[1])] : [],
  );
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function jsonOf(bytes: Uint8Array): object | undefined {
  try {
    const value: unknown = JSON.parse(textOf(bytes));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
