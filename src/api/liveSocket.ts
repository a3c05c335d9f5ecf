/** The WebSocket form of /live. Whoever is not let in is told so before the upgrade, and what a client says is only a subscription. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Access } from './access.ts';
import { Subscribe } from './contract.ts';
import { rechecked } from './guarded.ts';
import type { Follower, Live, Subscription } from './live.ts';
import { LIVE_CURSOR, readFilter, readQuery, readValue } from './parameters.ts';
import type { Opened } from './opened.ts';
import { ApiError, apiError, detailsOf } from './problem.ts';
import { auditSearch } from './reading.ts';
import { BASE, ROUTES } from './routes.ts';

/** What waits for a client; then it is told later. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** A subscription is a filter and a cursor. */
const MAX_SAID_BYTES = 16 * 1024;
/** Who does not answer a ping until the next one is gone. */
const PING_MS = 30_000;
/** Named by a client beside its token, which is never said back. */
const PROTOCOL = 'sidelight';
/** RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

export class LiveSockets {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_SAID_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });
  readonly #access: Access;
  readonly #orgOf: Opened['orgOf'];

  constructor(access: Access, orgOf: Opened['orgOf']) {
    this.#access = access;
    this.#orgOf = orgOf;
  }

  /** For the event `upgrade` of a server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.#upgraded(request, socket, head).catch((cause: unknown) => {
      refuse(socket, apiError(cause));
    });
  }

  close(): void {
    for (const client of this.#server.clients) client.close(GOING_AWAY);
    this.#server.close();
  }

  async #upgraded(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { rawHeaders, url = '/' } = request;
    this.#access.names(rawHeaders);
    const principal = await this.#access.principal(rawHeaders);
    const [path, query = ''] = url.split('?', 2);
    if (path !== `${BASE}${ROUTES.live.path}`)
      throw new ApiError(404, `there is no WebSocket but ${BASE}/live`);
    const { filter, cursor } = readQuery(ROUTES.live.query, new URLSearchParams(query));
    const { context } = this.#orgOf(principal);
    const followed = (subscription: Subscription): Subscription => {
      auditSearch(context, { principal, client: request.socket.remoteAddress }, 'live', subscription.filter);
      return subscription;
    };
    const subscription = followed({ filter: readFilter(filter), cursor });
    this.#server.handleUpgrade(request, socket, head, (client) => {
      this.#serve(client, context.live, (data) => followed(subscriptionOf(data)), subscription);
      const stop = rechecked(
        () => this.#access.principal(rawHeaders),
        () => {
          client.close(POLICY_VIOLATION);
        },
      );
      client.on('close', stop);
    });
  }

  #serve(
    client: WebSocket,
    live: Live,
    read: (data: RawData) => Subscription,
    subscription: Subscription,
  ): void {
    const say = (message: object): void => {
      client.send(JSON.stringify(message));
    };
    const problem = (cause: unknown): void => {
      say({ type: 'problem', problem: detailsOf(apiError(cause)) });
    };
    client.on('error', () => {
      client.terminate();
    });
    let follower: Follower;
    try {
      follower = live.follow(
        { ready: () => client.bufferedAmount < MAX_BUFFERED_BYTES, send: say },
        subscription,
      );
    } catch (cause) {
      problem(cause);
      client.close();
      return;
    }
    client.on('message', (data) => {
      try {
        follower.subscribe(read(data));
      } catch (cause) {
        problem(cause);
      }
    });
    const stopPinging = pinged(client);
    client.on('close', () => {
      stopPinging();
      follower.stop();
    });
  }
}

/** Ends a connection whose other side is gone without a word. */
function pinged(client: WebSocket): () => void {
  let answered = true;
  client.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) client.terminate();
    answered = false;
    client.ping();
  }, PING_MS);
  return () => clearInterval(timer);
}

function subscriptionOf(data: RawData): Subscription {
  const expected = 'expected {"type": "subscribe", "filter": "...", "cursor": "..."}';
  let said: unknown;
  try {
    said = JSON.parse((data as Buffer).toString('utf8'));
  } catch {
    throw new ApiError(400, `a message is no JSON; ${expected}`);
  }
  const read = Subscribe.safeParse(said);
  if (!read.success) throw new ApiError(400, `a message cannot be understood; ${expected}`);
  const { filter = '', cursor } = read.data;
  return {
    filter: readFilter(filter),
    cursor: cursor === undefined ? undefined : readValue('cursor', LIVE_CURSOR, cursor),
  };
}

function refuse(socket: Duplex, error: ApiError): void {
  const body = JSON.stringify(detailsOf(error));
  const headers = {
    ...error.headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${error.status} ${detailsOf(error).title}`, ...lines, '', body].join('\r\n'));
}
