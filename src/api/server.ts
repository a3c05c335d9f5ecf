/** Listens for the API and the page, on loopback unless told otherwise. It runs nothing and opens nothing that a request names. */
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';
import type { Loaded } from '../config/load.ts';
import { secretFile } from '../self/secretFile.ts';
import { openForWriting } from '../store/open.ts';
import { Access } from './access.ts';
import { apiApp } from './app.ts';
import { Live } from './live.ts';
import { LiveSockets } from './liveSocket.ts';
import { pageOf } from './page.ts';
import { Stored } from './stored.ts';

export interface ApiOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly remote: boolean;
  readonly allowedHosts: readonly string[];
  readonly loaded: Loaded;
  readonly version: string;
  /** The folder of the page; it need not be there. */
  readonly page: string;
  /** Takes one line about a failure that nobody foresaw. */
  readonly report: (line: string) => void;
}

export interface Api {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** Ends the listener and every connection at once. */
  readonly close: () => Promise<void>;
}

export const TOKEN_FILE = 'api.token';
/** A browser opens six for each page, and a few clients one for /live. */
const MAX_CONNECTIONS = 128;
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5000;
/** An import of some gigabytes over a slow line. */
const REQUEST_TIMEOUT_MS = 10 * 60_000;

/** What every answer says; one that says otherwise itself is left as it is. */
const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Rejects with a StoreError, with what is wrong with the token's file, or with what listening failed with. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { host, port, remote, allowedHosts, loaded, version, report } = options;
  const { dataDir } = loaded.config;
  // Where nothing is recorded yet, what will be is shown.
  (await openForWriting(dataDir)).close();
  const token = Buffer.from(secretFile(dataDir, TOKEN_FILE)).toString('hex');
  const now = (): number => Date.now();
  const stored = new Stored(dataDir);
  const live = new Live(stored, now, report);
  const access = new Access({ token, remote, allowedHosts, now: () => performance.now() });
  const context = { loaded, version, stored, live, now, startedAt: now() };
  const app = apiApp({ context, access, page: pageOf(options.page), report });
  const server = createAdaptorServer({
    fetch: async (request, env) => hardened(await app.fetch(request, env)),
    overrideGlobalObjects: false,
    serverOptions: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  const sockets = new LiveSockets(access, live);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.upgrade(request, socket, head);
  });
  await listening(server, host, port);
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    host: address,
    port: bound,
    token,
    close: async () => {
      live.close();
      sockets.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      stored.close();
    },
  };
}

function hardened(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS))
    if (!response.headers.has(name)) response.headers.set(name, value);
  return response;
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
