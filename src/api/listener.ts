/**
 * The API, the MCP server and the page as what a server of HTTP calls, wherever that listens: everything that guards them is in it.
 * It listens nowhere itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { secretFile } from '../self/secretFile.ts';
import { Access } from './access.ts';
import { apiApp } from './app.ts';
import { LiveSockets } from './liveSocket.ts';
import { LazyMcp } from './mcp/lazy.ts';
import { type OpenOptions, openApi } from './opened.ts';
import { pageOf } from './page.ts';

export interface ListenerOptions extends OpenOptions {
  /** It listens elsewhere than on loopback. */
  readonly remote: boolean;
  readonly allowedHosts: readonly string[];
  /** The folder of the page; it need not be there. */
  readonly page: string;
}

export interface ApiListener {
  readonly token: string;
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Ends what goes on; connections are the server's. */
  readonly close: () => Promise<void>;
}

export const TOKEN_FILE = 'api.token';

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

/** Rejects with a StoreError, or with what is wrong with the token's file. */
export async function apiListener(options: ListenerOptions): Promise<ApiListener> {
  const { remote, allowedHosts, report } = options;
  const { context, close } = await openApi(options);
  const token = Buffer.from(secretFile(context.loaded.config.dataDir, TOKEN_FILE)).toString('hex');
  const access = new Access({ token, remote, allowedHosts, now: () => performance.now() });
  const mcp = new LazyMcp({ context, report });
  const app = apiApp({ context, access, page: pageOf(options.page), mcp, report });
  const answer = getRequestListener(async (request, env) => hardened(await app.fetch(request, env)), {
    overrideGlobalObjects: false,
  });
  const sockets = new LiveSockets(access, context.live);
  return {
    token,
    request: (request, response) => {
      void answer(request, response);
    },
    upgrade: (request, socket, head) => {
      sockets.upgrade(request, socket, head);
    },
    close: async () => {
      sockets.close();
      await mcp.close();
      await close();
    },
  };
}

function hardened(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS))
    if (!response.headers.has(name)) response.headers.set(name, value);
  return response;
}
