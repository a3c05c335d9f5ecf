/** Listens for the API and the page, on loopback unless told otherwise. It runs nothing and opens nothing that a request names. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { apiListener, type ListenerOptions } from './listener.ts';

export interface ApiOptions extends ListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface Api {
  readonly host: string;
  readonly port: number;
  /** Ends the listener and every connection at once. */
  readonly close: () => Promise<void>;
}

/** A browser opens six for each page, and a few clients one for /live. */
const MAX_CONNECTIONS = 128;
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5000;
/** An import of some gigabytes over a slow line. */
const REQUEST_TIMEOUT_MS = 10 * 60_000;

/** Rejects with a StoreError, or with what listening failed with. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const listener = await apiListener(options);
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
  };
  const server = createServer(limits, listener.request);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('upgrade', listener.upgrade);
  await listening(server, options.host, options.port);
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      const ended = listener.close();
      server.closeAllConnections();
      await closed;
      await ended;
    },
  };
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
