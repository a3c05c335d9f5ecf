/** The real SDK clients over HTTP, and every exchange of theirs as HTTP sees it. */
import {
  SSEClientTransport as ModernSse,
  StreamableHTTPClientTransport as ModernHttp,
} from '@modelcontextprotocol/client';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectV1, connectV2, type Peer, type Sdk } from './peers.ts';

export interface HttpPeer extends Peer {
  /** One line for each exchange whose answer has begun: what was asked, the status, and the headers of the answer. */
  readonly exchanges: readonly string[];
  /** Ends the session with a DELETE (2025-03-26 and later, until 2026-07-28). */
  readonly terminate: () => Promise<void>;
}

/** Of the request: what tells one exchange from another. */
const ASKED = ['mcp-protocol-version', 'mcp-method', 'mcp-name', 'accept', 'content-type'];

/** Of the answer: for one connection only (RFC 9110, section 7.6.1), or another in every answer. */
const PASSING = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date', 'mcp-session-id']);

/** Connects over Streamable HTTP, or over HTTP+SSE when the URL is `/sse`. */
export async function connectHttp(sdk: Sdk, address: string): Promise<HttpPeer> {
  const url = new URL(address);
  const exchanges: string[] = [];
  const options = { fetch: noting(exchanges) };
  if (url.pathname === '/sse') {
    /* eslint-disable @typescript-eslint/no-deprecated -- it is what 2024-11-05 has */
    const peer = await (sdk === 'v1'
      ? connectV1(new SSEClientTransport(url, options))
      : connectV2(new ModernSse(url, options), sdk));
    /* eslint-enable @typescript-eslint/no-deprecated */
    return { ...peer, exchanges, terminate: () => Promise.reject(new Error('not of this transport')) };
  }
  if (sdk === 'v1') {
    const transport = new StreamableHTTPClientTransport(url, options);
    const peer = await connectV1(transport);
    return { ...peer, exchanges, terminate: () => transport.terminateSession() };
  }
  const transport = new ModernHttp(url, options);
  return { ...(await connectV2(transport, sdk)), exchanges, terminate: () => transport.terminateSession() };
}

/** Session ids differ from run to run, as do event ids made of them; that there is one does not. */
function noting(exchanges: string[]): typeof fetch {
  return async (input, init) => {
    const answer = await fetch(input, init);
    const { method, url, headers } = new Request(
      input,
      init?.method === 'POST' ? { ...init, body: 'x' } : init,
    );
    const { pathname, searchParams } = new URL(url);
    const asked = ASKED.map((name) => headers.get(name) ?? '-').join(' ');
    const session = headers.has('mcp-session-id') || searchParams.has('sessionId') ? ' in its session' : '';
    const resumed = headers.has('last-event-id') ? ' resumed' : '';
    const answered = [...answer.headers]
      .filter(([name]) => !PASSING.has(name))
      .map((header) => header.join(': '))
      .join(', ');
    const started = answer.headers.has('mcp-session-id') ? ' a session' : '';
    exchanges.push(
      `${method} ${pathname}${session}${resumed} ${asked} -> ${String(answer.status)} ${answer.statusText}${started} ${answered}`,
    );
    return answer;
  };
}
