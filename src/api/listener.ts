/**
 * The API, the MCP server and the page as what a server of HTTP calls, wherever that listens: everything that guards them is in it.
 * It listens nowhere itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { Access } from './access.ts';
import { apiApp } from './app.ts';
import { LiveSockets } from './liveSocket.ts';
import { type OpenOptions, openApi } from './opened.ts';
import { pageOf } from './page.ts';
import type { Authority } from './principal.ts';

export interface ListenerOptions extends OpenOptions {
  /** Who knows whom a token lets in. */
  readonly authorities: readonly Authority[];
  /** It listens elsewhere than on loopback. */
  readonly remote: boolean;
  readonly allowedHosts: readonly string[];
  /** The folder of the page; it need not be there. */
  readonly page: string;
}

export interface ApiListener {
  readonly request: (request: IncomingMessage, response: ServerResponse) => void;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Ends what goes on; connections are the server's. */
  readonly close: () => Promise<void>;
}

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

/** Rejects with a StoreError. */
export async function apiListener(options: ListenerOptions): Promise<ApiListener> {
  const { authorities, remote, allowedHosts, report } = options;
  const { orgOf, close } = await openApi(options);
  const access = new Access({ authorities, remote, allowedHosts, now: () => performance.now() });
  const app = apiApp({ orgOf, access, page: pageOf(options.page), report });
  const answer = getRequestListener(async (request, env) => hardened(await app.fetch(request, env)), {
    overrideGlobalObjects: false,
  });
  const sockets = new LiveSockets(access, orgOf);
  return {
    request: (request, response) => {
      void answer(request, response);
    },
    upgrade: (request, socket, head) => {
      sockets.upgrade(request, socket, head);
    },
    close: async () => {
      sockets.close();
      await close();
    },
  };
}

function hardened(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS))
    if (!response.headers.has(name)) response.headers.set(name, value);
  return response;
}
