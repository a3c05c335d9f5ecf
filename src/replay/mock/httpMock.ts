/**
 * A mock over Streamable HTTP, on any path or on one. Up to 2025-11-25 each client gets a session, and with it the recording from its
 * beginning; in 2026-07-28 nothing tells clients apart, so all of them are one.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { refusal } from '../../tap/http/guard.ts';
import { listen } from '../../tap/http/listen.ts';
import type { Json } from '../scenario.ts';
import { PostChannel, SessionChannel } from './httpChannels.ts';
import type { Player } from './player.ts';
import type { ProcessPart } from './scene.ts';
import type { Script } from './script.ts';
import { messagesOf } from './stdioMock.ts';

/** Whoever sends more is answered with 413. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Each holds a place in the recording; the oldest ends when there are more. */
const MAX_SESSIONS = 1000;
const SESSION_ID = 'mcp-session-id';
const CROSS_ORIGIN = { allowedHosts: [], allowedOrigins: [] } as const;

export interface HttpMockOptions {
  readonly host: string;
  readonly port: number;
  /** Other machines may ask by any name. */
  readonly remote: boolean;
  /** Whoever asks for another one is not answered; undefined: any will do. */
  readonly path?: string;
  readonly script: Script;
  readonly player: (session: SessionChannel, process: ProcessPart) => Player;
  /** Counts messages that no client listened for. */
  readonly lost: () => void;
  /** What is recorded on stderr; undefined: it is left out. */
  readonly stderr: ((text: string) => void) | undefined;
}

export interface HttpMock {
  readonly port: number;
  readonly close: () => Promise<void>;
}

interface Session {
  readonly channel: SessionChannel;
  readonly player: Player;
}

/** Rejects with a ListenError. */
export async function startHttpMock(options: HttpMockOptions): Promise<HttpMock> {
  const mock = new Sessions(options);
  const server = createServer((request, response) => {
    void mock.serve(request, response);
  });
  const port = await listen(server, { host: options.host, port: options.port });
  return {
    port: port ?? options.port,
    close: async () => {
      mock.end();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

class Sessions {
  readonly #options: HttpMockOptions;
  readonly #byId = new Map<string, Session>();
  /** Of whoever sends no session id. */
  #common: Session;

  constructor(options: HttpMockOptions) {
    this.#options = options;
    this.#common = this.#session();
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const refused = refusal(request.rawHeaders, { ...CROSS_ORIGIN, hidesHost: !this.#options.remote });
    const { path } = this.#options;
    if (refused !== undefined) fail(response, 403, refused);
    else if (path !== undefined && request.url !== path) fail(response, 404, 'there is nothing here');
    else if (request.method === 'POST') await this.#post(request, response);
    else if (this.#options.script.era === 'modern') notAllowed(response, 'POST');
    else if (request.method === 'GET') this.#listen(request, response);
    else if (request.method === 'DELETE') this.#delete(request, response);
    else notAllowed(response, 'GET, POST, DELETE');
  }

  end(): void {
    for (const { channel } of [...this.#byId.values(), this.#common]) channel.end();
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      fail(response, 415, 'Content-Type is not application/json');
      return;
    }
    const body = await bodyOf(request).catch(() => undefined);
    if (body === undefined) {
      fail(response, 413, `the body is longer than ${MAX_BODY_BYTES} bytes, or was not whole`);
      return;
    }
    const messages = messagesOf(body);
    if (messages === undefined) {
      fail(response, 400, 'Parse error', -32700);
      return;
    }
    const opens = messages.some(({ method }) => method === 'initialize');
    const [session, headers] = opens ? this.#open() : [this.#sessionOf(request), {}];
    if (session === undefined) {
      fail(response, 404, 'there is no such session');
      return;
    }
    const requests = messages.filter(({ id, method }) => id !== undefined && method !== undefined);
    const channel = new PostChannel(response, requests.length, headers);
    for (const message of messages) session.player.heard(message, channel);
    if (requests.length === 0) response.writeHead(202, headers).end();
  }

  /** A client begins: it gets the recording from its beginning. */
  #open(): [Session, Readonly<Record<string, string>>] {
    if (this.#options.script.era === 'modern') return [this.#common, {}];
    const session = this.#session();
    if (!this.#options.script.usesSessions) {
      this.#common = session;
      return [session, {}];
    }
    const id = randomUUID();
    this.#byId.set(id, session);
    const [oldest] = this.#byId.keys();
    if (this.#byId.size > MAX_SESSIONS && oldest !== undefined) this.#end(oldest);
    return [session, { 'Mcp-Session-Id': id }];
  }

  #sessionOf({ headers }: IncomingMessage): Session | undefined {
    const id = headers[SESSION_ID];
    return typeof id === 'string' ? this.#byId.get(id) : this.#common;
  }

  #listen(request: IncomingMessage, response: ServerResponse): void {
    const session = this.#sessionOf(request);
    if (session === undefined) fail(response, 404, 'there is no such session');
    else session.channel.listen(response);
  }

  #delete({ headers }: IncomingMessage, response: ServerResponse): void {
    const id = headers[SESSION_ID];
    if (typeof id !== 'string' || !this.#end(id)) fail(response, 404, 'there is no such session');
    else response.writeHead(200).end();
  }

  #end(id: string): boolean {
    this.#byId.get(id)?.channel.end();
    return this.#byId.delete(id);
  }

  #session(): Session {
    const { player, lost, stderr } = this.#options;
    const channel = new SessionChannel(lost);
    // Nothing but HTTP is said here, and a process that serves others does not end for one.
    return { channel, player: player(channel, { stderr, stray: undefined, exit: undefined }) };
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function notAllowed(response: ServerResponse, allow: string): void {
  response.setHeader('Allow', allow);
  fail(response, 405, 'Method not allowed');
}

function fail(response: ServerResponse, status: number, message: string, code = -32000): void {
  const body: Json = { jsonrpc: '2.0', id: null, error: { code, message } };
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
