/**
 * The HTTP tap: listens, and forwards each exchange to the server behind it as it came. It knows nothing of MCP but the
 * one address that a legacy client must be given on our own origin; who observes is told after the fact.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { Endpoint, RawHeaders } from '../../wire/exchange.ts';
import { nowUs } from '../relay.ts';
import { failedAnswer, failureOf } from './failure.ts';
import {
  type BodyRewriter,
  Forwarding,
  type HttpTapObserver,
  type RequestEditor,
  type Way,
} from './forwarding.ts';
import { finish } from './flow.ts';
import { refusal } from './guard.ts';
import { ENCODING_OF_HEADS, endToEnd, forUpgrade, valueOf, withForwarded, withValue } from './headers.ts';
import { listen, type Listen } from './listen.ts';
import { EndpointRewriter, MetadataRewriter, type Places, rewriteChallenges } from './rewrite.ts';
import { passUpgrade } from './upgrade.ts';
import { Upstream } from './upstream.ts';

export interface HttpTapOptions {
  readonly target: URL;
  readonly listen: Listen;
  /** Empty, or `/prefix`: taken off before a request goes on. */
  readonly mount: string;
  /** `auto`: preserve in front of a target on loopback, else rewrite. */
  readonly host: 'preserve' | 'rewrite' | 'auto';
  readonly forwarded: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly targetTls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly connectTimeoutMs: number | undefined;
  readonly responseTimeoutMs: number | undefined;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  readonly rewriteOauth: boolean;
  readonly editor?: RequestEditor | undefined;
  /** Default: a minute. */
  readonly headersTimeoutMs?: number;
}

/** Who sends headers for longer than this holds a connection and wants nothing (slow loris). Bodies take what they take. */
const HEADERS_TIMEOUT_MS = 60_000;
/** How often in that time Node looks for them. */
const HEADERS_LOOKS = 6;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/;

interface Client {
  readonly number: number;
  readonly socket: Socket;
  readonly endpoint: Endpoint;
  /** Exchanges under way. */
  busy: number;
  /** The one of them that began last. */
  last: Forwarding | undefined;
}

/** Of Node's server, and not in its types: whether a client that has ended its side may still get its answer. */
interface AllowsHalfOpen {
  httpAllowHalfOpen: boolean;
}

export class HttpTap {
  readonly #options: HttpTapOptions;
  readonly #observer: HttpTapObserver;
  readonly #refused: (reason: string) => void;
  readonly #server: Server;
  readonly #upstream: Upstream;
  readonly #way: Way;
  readonly #rewritesHost: boolean;
  readonly #clients = new Map<Duplex, Client>();
  readonly #byNumber = new Map<number, Client>();
  readonly #underWay = new Set<Forwarding>();
  readonly #tunnels = new Set<Duplex>();
  #connections = 0;
  #exchanges = 0;
  #closing = false;

  /** `refused`: told, by a fixed word, of what did not become an exchange. */
  constructor(options: HttpTapOptions, observer: HttpTapObserver, refused: (reason: string) => void) {
    this.#options = options;
    this.#observer = observer;
    this.#refused = refused;
    const { target, tls, maxHeaderBytes, host } = options;
    this.#rewritesHost = host === 'rewrite' || (host === 'auto' && !LOOPBACK.test(target.hostname));
    this.#upstream = new Upstream({
      target,
      tls: options.targetTls,
      maxHeaderBytes,
      connectTimeoutMs: options.connectTimeoutMs,
      closed: (connection) => {
        this.#upstreamClosed(connection);
      },
    });
    const headersTimeout = options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
    const settings = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout,
      connectionsCheckingInterval: headersTimeout / HEADERS_LOOKS,
      requestTimeout: 0,
      // The server says when an idle connection ends.
      keepAliveTimeout: 0,
      noDelay: true,
      requireHostHeader: false,
    };
    this.#server = tls === undefined ? createServer(settings) : createTlsServer({ ...settings, ...tls });
    this.#server.maxConnections = options.maxConnections;
    (this.#server as Server & AllowsHalfOpen).httpAllowHalfOpen = true;
    this.#way = this.#wayOf();
    this.#attach();
  }

  /** Resolves to the URL, or the `unix:` path, that clients use; rejects with ListenError. */
  async listen(): Promise<string> {
    const where = this.#options.listen;
    const port = await listen(this.#server, where);
    if ('socketPath' in where) return `unix:${where.socketPath}`;
    const host = where.host.includes(':') ? `[${where.host}]` : where.host;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${host}:${port ?? where.port}${this.#options.mount}`;
  }

  /** Stops accepting and ends event streams at once; lets other exchanges finish, at most until the deadline. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const forwarding of this.#underWay) if (forwarding.isListening) forwarding.stopListening();
    for (const tunnel of this.#tunnels) tunnel.destroy();
    this.#server.closeIdleConnections();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([closed, late]);
    clearTimeout(timer);
    for (const forwarding of this.#underWay) forwarding.destroy();
    this.#server.closeAllConnections();
    this.#upstream.close();
    await closed;
  }

  #attach(): void {
    const server = this.#server;
    const exchange = (request: IncomingMessage, response: ServerResponse): void => {
      this.#exchange(request, response);
    };
    server.on('connection', (socket: Socket) => {
      if (this.#options.tls === undefined) this.#connected(socket);
    });
    server.on('secureConnection', (socket: Socket) => {
      this.#connected(socket);
    });
    server.on('drop', () => {
      this.#refused('connections');
    });
    server.on('request', exchange);
    // The server says whether to go on (RFC 9110, 10.1.1), and whether it knows what else is expected.
    server.on('checkContinue', exchange);
    server.on('checkExpectation', exchange);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    server.on('connect', (_request, socket: Duplex) => {
      this.#refused('connect');
      finish(socket, 'HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      this.#clientError(error, socket);
    });
  }

  #connected(socket: Socket): void {
    const number = (this.#connections += 1);
    const endpoint = {
      address: socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'unix',
      port: socket.remotePort,
    };
    const client: Client = { number, socket, endpoint, busy: 0, last: undefined };
    socket.setDefaultEncoding(ENCODING_OF_HEADS);
    this.#clients.set(socket, client);
    this.#byNumber.set(number, client);
    this.#observer.connections?.(this.#clients.size);
    socket.once('end', () => {
      client.last?.halfClose();
    });
    socket.once('close', () => {
      client.last?.clientClosed();
      this.#clients.delete(socket);
      this.#observer.connections?.(this.#clients.size);
      this.#byNumber.delete(number);
      this.#upstream.release(number);
    });
  }

  /** Of an idle client the server has closed the connection: so do we. */
  #upstreamClosed(connection: number): void {
    const client = this.#byNumber.get(connection);
    if (client?.busy === 0) client.socket.destroySoon();
  }

  #exchange(request: IncomingMessage, response: ServerResponse): void {
    const client = this.#clients.get(request.socket);
    // What still comes on a connection that we have ended is not answered, as a server would not: it is sent anew.
    if (client === undefined || request.socket.writableEnded) {
      response.destroy();
      return;
    }
    const id = this.#began(request, client);
    const forwarding = new Forwarding(id, client.number, request, response, this.#way);
    client.busy += 1;
    client.last = forwarding;
    this.#underWay.add(forwarding);
    if (this.#closing) response.shouldKeepAlive = false;
    const refused = this.#refusalOf(request);
    if (refused !== undefined) forwarding.refuse('forbidden', refused);
    else forwarding.start(this.#onward(request, client, endToEnd(request.rawHeaders)));
  }

  #began(request: IncomingMessage, client: Client): number {
    const id = (this.#exchanges += 1);
    const { method = 'GET', url: target = '/', httpVersion, rawHeaders: headers } = request;
    this.#observer.fact(
      id,
      {
        fact: 'request',
        connection: client.number,
        client: client.endpoint,
        method,
        target,
        httpVersion,
        headers,
      },
      nowUs(),
    );
    return id;
  }

  #refusalOf({ rawHeaders }: IncomingMessage): string | undefined {
    const { allowedHosts, allowedOrigins, listen: where } = this.#options;
    const onLoopback = 'host' in where && LOOPBACK.test(where.host);
    return refusal(rawHeaders, { allowedHosts, allowedOrigins, hidesHost: this.#rewritesHost && onLoopback });
  }

  #onward(request: IncomingMessage, client: Client, headers: string[]): string[] {
    const { target, forwarded, tls } = this.#options;
    const host = valueOf(request.rawHeaders, 'host');
    const hosted = this.#rewritesHost ? withValue(headers, 'Host', target.host) : headers;
    if (!forwarded) return hosted;
    const protocol = tls === undefined ? 'http' : 'https';
    return withForwarded(hosted, { address: client.endpoint.address, host, protocol });
  }

  /** The target's own path is where a request for `/` goes; every other path is the server's as it is. */
  #path(target: string): string {
    const { mount, target: server } = this.#options;
    const isBelow =
      mount !== '' && target.startsWith(mount) && /^(?:$|[/?])/.test(target.slice(mount.length));
    const path = isBelow ? target.slice(mount.length) : target;
    if (path === '' || path.startsWith('?')) return `${server.pathname}${path}`;
    return path === '/' ? server.pathname : path;
  }

  #wayOf(): Way {
    const { target, responseTimeoutMs, rewriteOauth, mount, editor } = this.#options;
    const places = (request: IncomingMessage): Places => {
      const protocol = this.#options.tls === undefined ? 'http' : 'https';
      return {
        server: target.origin,
        client: `${protocol}://${valueOf(request.rawHeaders, 'host') ?? target.host}`,
        mount,
      };
    };
    return {
      observer: this.#observer,
      server: target.host,
      responseTimeoutMs,
      editor,
      open: (request, headers) => {
        const { number = 0 } = this.#clients.get(request.socket) ?? {};
        return this.#upstream.request(
          number,
          request.method ?? 'GET',
          this.#path(request.url ?? '/'),
          headers,
        );
      },
      answered: (request, headers) => (rewriteOauth ? rewriteChallenges(headers, places(request)) : headers),
      rewriter: (request, { rawHeaders, statusCode }) => {
        if (request.method !== 'GET' || statusCode !== 200) return undefined;
        if (valueOf(rawHeaders, 'content-encoding') !== undefined) return undefined;
        return rewriterFor(request, rawHeaders, rewriteOauth, () => places(request));
      },
      done: (forwarding) => {
        this.#underWay.delete(forwarding);
        const client = this.#byNumber.get(forwarding.connection);
        if (client === undefined) return;
        client.busy -= 1;
        if (client.last === forwarding) client.last = undefined;
        if (this.#closing && client.busy === 0) client.socket.destroySoon();
      },
    };
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const client = this.#clients.get(request.socket);
    if (client === undefined || socket.writableEnded || this.#closing) {
      socket.destroy();
      return;
    }
    const id = this.#began(request, client);
    const observer = this.#observer;
    observer.fact(id, { fact: 'request_ended', aborted: false, trailers: [] }, nowUs());
    const headers = this.#onward(request, client, forUpgrade(request.rawHeaders));
    const refused = this.#refusalOf(request);
    const failed = (problem: Parameters<typeof failedAnswer>[0]): Buffer => {
      const { failure, detail, status, contentType, body } = failedAnswer(problem, {
        isJson: false,
        head: undefined,
      });
      const fields = ['Content-Type', contentType, 'Content-Length', String(body.length)];
      observer.fact(id, { fact: 'response', status, reason: '', headers: fields, failure, detail }, nowUs());
      const top = `HTTP/1.1 ${status} \r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
      return Buffer.concat([Buffer.from(top), body]);
    };
    this.#tunnels.add(socket);
    client.busy += 1;
    const ended = (): void => {
      this.#tunnels.delete(socket);
      client.busy -= 1;
      observer.fact(id, { fact: 'response_ended', end: 'complete', trailers: [] }, nowUs());
    };
    if (refused !== undefined) {
      socket.once('close', ended);
      finish(socket, failed({ failure: 'forbidden', detail: refused }));
      return;
    }
    const upstream = this.#upstream.request(
      client.number,
      request.method ?? 'GET',
      this.#path(request.url ?? '/'),
      headers,
    );
    passUpgrade(upstream, socket, head, {
      answered: (status, reason, fields, upgraded) => {
        observer.fact(
          id,
          { fact: 'response', status, reason, headers: fields, ...(upgraded && { upgraded }) },
          nowUs(),
        );
      },
      failed: (error) => failed(failureOf(error, this.#way.server)),
      ended,
    });
  }

  /** What came is not HTTP, or too much of it, or breaks off. */
  #clientError({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
    const [status, word] = CLIENT_ERRORS.get(code) ?? ['400 Bad Request', 'bad_request'];
    const { busy = 0, last } = this.#clients.get(socket) ?? {};
    if (code !== 'ECONNRESET' && busy === 0) this.#refused(word);
    // Within an answer, ours would be taken for a part of it.
    const isAnswering = busy > 1 || last?.response.headersSent === true;
    if (!socket.writable || code === 'ECONNRESET' || isAnswering) socket.destroy();
    else finish(socket, `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }
}

const CLIENT_ERRORS: ReadonlyMap<string, readonly [status: string, word: string]> = new Map([
  ['HPE_HEADER_OVERFLOW', ['431 Request Header Fields Too Large', 'header_size']],
  ['ERR_HTTP_REQUEST_TIMEOUT', ['408 Request Timeout', 'headers_timeout']],
]);

function rewriterFor(
  { url = '' }: IncomingMessage,
  headers: RawHeaders,
  rewriteOauth: boolean,
  places: () => Places,
): BodyRewriter | undefined {
  const type = valueOf(headers, 'content-type')?.toLowerCase() ?? '';
  if (type.startsWith('text/event-stream')) return new EndpointRewriter(places());
  const isMetadata =
    url.includes('/.well-known/oauth-protected-resource') && type.startsWith('application/json');
  return rewriteOauth && isMetadata ? new MetadataRewriter(places()) : undefined;
}
