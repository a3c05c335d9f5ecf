/**
 * The admin listener: /metrics, /healthz and /readyz over HTTP, and what else it is handed. It only reads, it never keeps the
 * process alive, and when it cannot listen the process goes on without it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Stats } from './stats.ts';
import type { Trouble } from './trouble.ts';

export interface AdminOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The page of metrics for an Accept header. */
  readonly scrape: (accept: string | undefined) => Promise<{
    readonly contentType: string;
    readonly body: string;
  }>;
  /** Its conditions are what /readyz tells. */
  readonly stats: Stats;
  readonly trouble: Trouble;
  /** Takes every other path, and judges itself who is let in; undefined: there is none. */
  readonly others?: Others | undefined;
}

export interface Others {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export interface Admin {
  /** Undefined when it does not listen. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Ends the listener and every connection at once; never rejects. */
  readonly close: () => Promise<void>;
}

/** A few scrapers and a person with a browser; each may hold one page of metrics in memory. */
const MAX_CONNECTIONS = 32;
/** Requests here are a line and a few headers. */
const MAX_HEADER_BYTES = 8 * 1024;
const HEADERS_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
/** A reader that takes nothing for so long is gone. */
const IDLE_TIMEOUT_MS = 30_000;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Resolves when it listens or has found out that it cannot, which is one warning and a condition; never rejects. */
export function startAdmin(options: AdminOptions): Promise<Admin> {
  const { host, port, stats, trouble, others } = options;
  const timeouts = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, ...timeouts }, (request, response) => {
    if (others !== undefined && !ROUTES.has(pathOf(request))) {
      others.request(request, response);
      return;
    }
    void answer(options, request).then(({ status, body, headers }) => {
      // After a refusal there is nothing to say on this connection; a body that came with it is not read.
      if (status >= 400) response.setHeader('connection', 'close');
      response.writeHead(status, {
        'content-type': 'text/plain; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'cache-control': 'no-store',
        ...headers,
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  });
  if (others !== undefined) server.on('upgrade', others.upgrade);
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_TIMEOUT_MS);
  server.on('connection', (socket) => socket.unref());
  return new Promise((resolve) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      const problem = `admin listener on ${host}:${port} is off: ${causeOf(error)}`;
      trouble.say('admin', `${problem}; traffic goes on`);
      stats.condition('admin', problem);
      resolve({ address: undefined, close: () => Promise.resolve() });
    });
    server.listen({ host, port }, () => {
      const { address, port: bound } = server.address() as AddressInfo;
      resolve({ address: { host: address, port: bound }, close: () => close(server) });
    });
    server.unref();
  });
}

async function answer(options: AdminOptions, request: IncomingMessage): Promise<Answer> {
  if (!isForUs(options.host, request.headers.host)) {
    return { status: 403, body: 'this host name is not ours: use localhost or 127.0.0.1\n' };
  }
  const route = ROUTES.get(pathOf(request));
  if (route === undefined)
    return { status: 404, body: `not here; there are ${[...ROUTES.keys()].join(' ')}\n` };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, body: 'read only: GET or HEAD\n', headers: { allow: 'GET, HEAD' } };
  }
  try {
    return await route(options, request);
  } catch (cause) {
    options.stats.fail('admin', 'internal_error');
    options.trouble.say('admin', `a request of the admin listener failed: ${String(cause)}`);
    return { status: 500, body: 'internal error\n' };
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.replace(/\?.*$/s, '');
}

type Route = (options: AdminOptions, request: IncomingMessage) => Answer | Promise<Answer>;

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  [
    '/metrics',
    async ({ scrape }, request) => {
      const { contentType, body } = await scrape(request.headers.accept);
      return { status: 200, body, headers: { 'content-type': contentType, vary: 'accept' } };
    },
  ],
  ['/healthz', () => ({ status: 200, body: 'ok\n' })],
  [
    '/readyz',
    ({ stats }) => {
      const problems = [...stats.problems()].map(([part, problem]) => `${part}: ${problem}\n`);
      return problems.length === 0
        ? { status: 200, body: 'ready\n' }
        : { status: 503, body: problems.join('') };
    },
  ],
]);

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;

/**
 * A page in a browser can have its own name resolved to 127.0.0.1 (DNS rebinding) and then read what listens there;
 * the Host header still has that name. Who listens elsewhere is meant to be reached by names that we cannot know.
 */
function isForUs(boundHost: string, header: string | undefined): boolean {
  if (!LOOPBACK.test(boundHost)) return true;
  const name = (header ?? '').replace(/:\d*$/, '');
  return LOOPBACK.test(name) || name === boundHost;
}

function causeOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'the port is in use';
  if (code === 'EACCES') return 'the port is not allowed';
  if (code === 'EADDRNOTAVAIL') return 'this machine does not have the address';
  return message;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
