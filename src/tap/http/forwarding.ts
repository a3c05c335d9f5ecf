/**
 * One exchange on its way: the request to the server, the response to the client, each chunk as it comes and before
 * anybody looks at it. What breaks on one side breaks on the other; nothing is ended cleanly that was not.
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Direction } from '../../wire/chunk.ts';
import type { ExchangeEnd, ExchangeFact, Failure } from '../../wire/exchange.ts';
import { nowUs } from '../relay.ts';
import { failedAnswer, failureOf } from './failure.ts';
import { pauseFor, reset } from './flow.ts';
import { announcesBody, endToEnd, plainLength, valueOf, without } from './headers.ts';

/** Told after the fact; whatever it does, the traffic is gone on its way. */
export interface HttpTapObserver {
  /** In order per exchange; exchanges are numbered from 1 in this process. */
  fact(exchange: number, fact: ExchangeFact, atUs: number): void;
  /** A chunk of a body, as it came but for its transfer coding. `tookUs`: between having it and having handed it on. */
  body(exchange: number, direction: Direction, bytes: Buffer, atUs: number, tookUs: number): void;
  /** So many clients' connections are open. */
  readonly connections?: (open: number) => void;
  /** As of the relay: what lossless capture waits for. */
  readonly admit?: () => Promise<void> | undefined;
}

/**
 * Given a JSON request that is whole, and its headers as they are to go on: what goes on instead, and the fact to tell of
 * it. Undefined: nothing is changed.
 */
export type RequestEditor = (
  body: Buffer,
  headers: readonly string[],
) =>
  { readonly body: Uint8Array; readonly headers: readonly string[]; readonly fact: ExchangeFact } | undefined;

export interface Way {
  readonly observer: HttpTapObserver;
  readonly server: string;
  readonly responseTimeoutMs: number | undefined;
  /** For the few requests that may have to be changed; absent: none are. */
  readonly editor: RequestEditor | undefined;
  /** Opens the request to the server. */
  open(request: IncomingMessage, headers: readonly string[]): ClientRequest;
  /** Headers of a response as the client is to get them. */
  answered(request: IncomingMessage, headers: string[]): string[];
  /** What stands between the server's body and the client's, for the few responses that need something. */
  rewriter(request: IncomingMessage, response: IncomingMessage): BodyRewriter | undefined;
  /** It is over, both ways. */
  done(forwarding: Forwarding): void;
}

/** Takes a body's chunks and gives what is to be sent instead, as early as it can. */
export interface BodyRewriter {
  readonly headers: (headers: string[]) => string[];
  push(chunk: Buffer): Buffer | undefined;
  end(): Buffer | undefined;
}

/** Of a JSON request: enough to find its id, should we have to answer it ourselves. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Of a request that may be changed: a longer one passes as it comes. */
const MAX_EDITED_BYTES = 1024 * 1024;
const RESET = /^(?:ECONNRESET|EPIPE)$/;

export class Forwarding {
  readonly id: number;
  readonly connection: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #way: Way;
  readonly #isJson: boolean;
  #upstream: ClientRequest | undefined;
  #answer: IncomingMessage | undefined;
  #rewriter: BodyRewriter | undefined;
  #head: Buffer[] | undefined;
  #headBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #requestOver = false;
  #halfClosed = false;
  /** Set once: how the response ended. */
  #end: ExchangeEnd | undefined;
  #trailers: readonly string[] = [];

  constructor(id: number, connection: number, request: IncomingMessage, response: ServerResponse, way: Way) {
    this.id = id;
    this.connection = connection;
    this.request = request;
    this.response = response;
    this.#way = way;
    this.#isJson =
      request.method === 'POST' &&
      /^application\/(?:[\w.]+\+)?json\b/i.test(request.headers['content-type'] ?? '');
    // Node would add a date, and say that the connection stays open: the server's headers are all there are.
    response.sendDate = false;
    response.removeHeader('connection');
    response.on('close', this.#clientClosed);
    // A broken connection is told by 'close'.
    response.on('error', ignore);
    request.on('error', ignore);
  }

  /** An event stream that waits for what may never come. */
  get isListening(): boolean {
    return this.request.method === 'GET' && this.#answer !== undefined;
  }

  start(headers: readonly string[]): void {
    const { request } = this;
    const length = this.#editedLength();
    if (length === undefined) {
      this.#open(headers);
      request.on('data', this.#sent);
    } else this.#collect(headers, length);
    request.on('end', this.#sentAll);
  }

  #open(headers: readonly string[]): ClientRequest {
    const { request } = this;
    const upstream = this.#way.open(request, headers);
    this.#upstream = upstream;
    upstream.on('response', this.#responded);
    upstream.on('information', this.#informed);
    upstream.on('error', this.#failed);
    const { responseTimeoutMs } = this.#way;
    if (responseTimeoutMs !== undefined) this.#timer = setTimeout(this.#timedOut, responseTimeoutMs);
    if (announcesBody(request.rawHeaders)) setImmediate(this.#flushRequest);
    return upstream;
  }

  /** Length of the body, where it is one that may have to be changed. */
  #editedLength(): number | undefined {
    if (this.#way.editor === undefined || !this.#isJson) return undefined;
    const length = plainLength(this.request.rawHeaders);
    return length !== undefined && length > 0 && length <= MAX_EDITED_BYTES ? length : undefined;
  }

  /** Its head says how long it is, so that nothing of it can go on before it is whole. */
  #collect(headers: readonly string[], length: number): void {
    const { request } = this;
    const { observer, editor } = this.#way;
    const chunks: Buffer[] = [];
    let missing = length;
    request.on('data', (chunk: Buffer) => {
      const from = nowUs();
      chunks.push(chunk);
      missing -= chunk.length;
      this.#keepHead(chunk);
      if (missing === 0) {
        const body = Buffer.concat(chunks);
        const edited = editor?.(body, headers);
        this.#open(edited?.headers ?? headers).write(edited?.body ?? body);
        if (edited !== undefined) observer.fact(this.id, edited.fact, nowUs());
      }
      const atUs = nowUs();
      observer.body(this.id, 'client_to_server', chunk, atUs, atUs - from);
      const wait = observer.admit?.();
      if (wait !== undefined) pauseFor(request, this.response, true, wait);
    });
  }

  /** Answers in the server's place. */
  refuse(failure: Failure, detail: string): void {
    this.#answerOurselves({ failure, detail });
    this.request.resume();
    this.request.on('end', () => {
      this.#requestEnds(false, nowUs());
    });
  }

  /**
   * The client has ended its side: it is gone, or waits for the answer. The server is told just that, and does what it
   * would do without us. Of an event stream nobody waits for the end: it is cancelled.
   */
  halfClose(): void {
    if (this.#answer !== undefined && isEventStream(this.#answer.rawHeaders)) {
      this.response.destroy();
      return;
    }
    this.#halfClosed = true;
    this.response.shouldKeepAlive = false;
    const upstream = this.#upstream;
    if (upstream?.writableFinished === true) upstream.socket?.end();
    else upstream?.once('finish', () => upstream.socket?.end());
  }

  /** The client's connection is closed. Of a request that is answered, Node tells nothing more. */
  clientClosed(): void {
    if (this.#requestOver) return;
    this.#upstream?.destroy();
    this.#requestEnds(true, nowUs());
  }

  /** Ends a stream that would never end by itself: cleanly, for its client may come back elsewhere. */
  stopListening(): void {
    this.response.end();
    this.#ended('stopped');
    this.#upstream?.destroy();
  }

  destroy(): void {
    this.#ended('stopped');
    this.#upstream?.destroy();
    this.response.destroy();
  }

  readonly #flushRequest = (): void => {
    if (this.#headBytes === 0 && !this.#requestOver && this.#upstream?.destroyed === false) {
      this.#upstream.flushHeaders();
    }
  };

  readonly #sent = (chunk: Buffer): void => {
    const from = nowUs();
    const upstream = this.#upstream as ClientRequest;
    // Of a server that has answered and gone, the rest of the request is nobody's.
    const open = upstream.destroyed || upstream.write(chunk);
    const atUs = nowUs();
    this.#keepHead(chunk);
    this.#way.observer.body(this.id, 'client_to_server', chunk, atUs, atUs - from);
    const wait = this.#way.observer.admit?.();
    // Once it has its answer, Node's request tells no 'drain' any more.
    if (!open || wait !== undefined) pauseFor(this.request, upstream.socket ?? upstream, open, wait);
  };

  readonly #sentAll = (): void => {
    const upstream = this.#upstream as ClientRequest;
    const { rawTrailers } = this.request;
    if (rawTrailers.length > 0) upstream.addTrailers(pairs(rawTrailers));
    upstream.end();
    this.#requestEnds(false, nowUs());
  };

  readonly #informed = (information: {
    statusCode: number;
    statusMessage: string;
    rawHeaders: string[];
  }): void => {
    const { statusCode: status, statusMessage: reason, rawHeaders } = information;
    const headers = endToEnd(rawHeaders);
    writeRaw(this.response, `HTTP/1.1 ${status} ${reason}\r\n${lines(headers)}\r\n`);
    this.#way.observer.fact(this.id, { fact: 'response', status, reason, headers }, nowUs());
  };

  readonly #responded = (answer: IncomingMessage): void => {
    clearTimeout(this.#timer);
    if (this.#end !== undefined) {
      answer.destroy();
      return;
    }
    this.#answer = answer;
    this.#head = undefined;
    const { response } = this;
    const { statusCode: status = 502, statusMessage: reason = '', rawHeaders } = answer;
    this.#rewriter = this.#way.rewriter(this.request, answer);
    const kept = endToEnd(rawHeaders);
    // A coding of no body: Node would close the connection after it.
    const own = status === 204 || status === 304 ? without(kept, 'transfer-encoding') : kept;
    const passed = this.#way.answered(this.request, own);
    const headers = this.#rewriter?.headers(passed) ?? passed;
    // A body that ends with its connection (RFC 9112, 6.3) ends so here, too, and not with a coding of our own.
    response.useChunkedEncodingByDefault = false;
    try {
      response.writeHead(status, reason, headers);
    } catch {
      // What Node's own writer refuses, its parser should not have let through.
      answer.destroy();
      this.#answerOurselves({
        failure: 'garbage',
        detail: `${this.#way.server} sent a header that HTTP forbids`,
      });
      return;
    }
    if (isEventStream(rawHeaders)) response.flushHeaders();
    else setImmediate(this.#flushResponse);
    this.#way.observer.fact(this.id, { fact: 'response', status, reason, headers: rawHeaders }, nowUs());
    answer.on('data', this.#received);
    answer.on('end', this.#receivedAll);
    answer.on('error', this.#broken);
    answer.on('close', this.#broken);
  };

  readonly #flushResponse = (): void => {
    if (!this.response.destroyed && !this.response.writableEnded) this.response.flushHeaders();
  };

  readonly #received = (chunk: Buffer): void => {
    const from = nowUs();
    const { response } = this;
    const passed = this.#rewriter === undefined ? chunk : this.#rewriter.push(chunk);
    const open = passed === undefined || response.write(passed);
    const atUs = nowUs();
    this.#way.observer.body(this.id, 'server_to_client', chunk, atUs, atUs - from);
    const wait = this.#way.observer.admit?.();
    if (!open || wait !== undefined) pauseFor(this.#answer as IncomingMessage, response, open, wait);
  };

  readonly #receivedAll = (): void => {
    const answer = this.#answer as IncomingMessage;
    if (!answer.complete) {
      this.#broken();
      return;
    }
    const { response } = this;
    const rest = this.#rewriter?.end();
    if (rest !== undefined) response.write(rest);
    this.#trailers = answer.rawTrailers;
    if (answer.rawTrailers.length > 0) response.addTrailers(pairs(answer.rawTrailers));
    response.end();
    this.#ended('complete');
  };

  /** The server's connection broke within its response: the client's breaks, too. */
  readonly #broken = (): void => {
    if (this.#end !== undefined) return;
    this.#ended(this.#halfClosed ? 'client_gone' : 'server_gone');
    reset(this.request);
  };

  readonly #timedOut = (): void => {
    if (this.#answer !== undefined || this.#end !== undefined) return;
    this.#answerOurselves({ failure: 'timeout', detail: `${this.#way.server} did not answer in time` });
    this.#upstream?.destroy();
  };

  readonly #failed = (error: NodeJS.ErrnoException): void => {
    clearTimeout(this.#timer);
    if (this.#end !== undefined) return;
    if (this.#answer !== undefined) {
      this.#broken();
      return;
    }
    // The server closed the connection as the client, through us, sent on it or ended it: the client would have met
    // just that.
    if ((this.#halfClosed || this.#upstream?.reusedSocket === true) && RESET.test(error.code ?? '')) {
      this.#broken();
      return;
    }
    this.#answerOurselves(failureOf(error, this.#way.server));
  };

  readonly #clientClosed = (): void => {
    clearTimeout(this.#timer);
    // It may have been answered early: what it still sends passes.
    if (this.#end !== undefined) return;
    this.#requestEnds(!this.request.complete, nowUs());
    this.#ended('client_gone');
    this.#upstream?.destroy();
  };

  #answerOurselves(problem: { readonly failure: Failure; readonly detail: string }): void {
    const head = this.#head === undefined ? undefined : Buffer.concat(this.#head);
    const answer = failedAnswer(problem, { isJson: this.#isJson, head });
    const { failure, detail, status, contentType, body } = answer;
    const headers = ['Content-Type', contentType, 'Content-Length', String(body.length)];
    const { response } = this;
    if (!response.headersSent)
      response.writeHead(status, headers).end(this.request.method === 'HEAD' ? '' : body);
    const atUs = nowUs();
    const { observer } = this.#way;
    observer.fact(
      this.id,
      { fact: 'response', status, reason: response.statusMessage, headers, failure, detail },
      atUs,
    );
    observer.body(this.id, 'server_to_client', body, atUs, 0);
    this.#ended('complete');
  }

  #requestEnds(aborted: boolean, atUs: number): void {
    if (this.#requestOver) return;
    this.#requestOver = true;
    const trailers = aborted ? [] : this.request.rawTrailers;
    this.#way.observer.fact(this.id, { fact: 'request_ended', aborted, trailers }, atUs);
    if (this.#end !== undefined) this.#done();
  }

  #ended(end: ExchangeEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (this.#requestOver) this.#done();
    // An early answer: what the client still sends goes on to the server, or nowhere when that is gone.
    else if (end !== 'complete') this.#requestEnds(true, nowUs());
  }

  #done(): void {
    const end = this.#end ?? 'stopped';
    this.#way.observer.fact(this.id, { fact: 'response_ended', end, trailers: this.#trailers }, nowUs());
    this.#way.done(this);
  }

  #keepHead(chunk: Buffer): void {
    if (!this.#isJson || this.#answer !== undefined || this.#headBytes > MAX_HEAD_BYTES) {
      this.#headBytes += chunk.length;
      return;
    }
    this.#headBytes += chunk.length;
    (this.#head ??= []).push(chunk);
  }
}

function ignore(): void {
  // Told otherwise.
}

function isEventStream(headers: readonly string[]): boolean {
  return valueOf(headers, 'content-type')?.toLowerCase().startsWith('text/event-stream') === true;
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return list;
}

function lines(headers: readonly string[]): string {
  return pairs(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Node writes 1xx responses of some kinds, with headers of its own choice; all of them go out by this. */
function writeRaw(response: ServerResponse, text: string): void {
  (response as ServerResponse & { _writeRaw(data: string, encoding: 'latin1'): void })._writeRaw(
    text,
    'latin1',
  );
}
