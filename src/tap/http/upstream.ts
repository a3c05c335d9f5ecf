/**
 * Connections to the server: one for each connection of a client, as if the two were one. A server that keys on its
 * connection sees the client's; what either side closes closes the other, so that nobody sends into a connection that
 * only we still believe in.
 */
import {
  Agent as HttpAgent,
  type AgentOptions,
  request as httpRequest,
  type RequestOptions,
} from 'node:http';
import type { ClientRequest, ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { announcesBody, ENCODING_OF_HEADS } from './headers.ts';

export interface UpstreamOptions {
  readonly target: URL;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly maxHeaderBytes: number;
  /** Undefined: as long as the system tries. */
  readonly connectTimeoutMs: number | undefined;
  /** A connection to the server, made for this connection of a client, is closed. */
  readonly closed: (connection: number) => void;
}

/** Methods of which Node assumes no body. */
const UNFRAMED: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** What every message of Node's is inside. */
interface StoresHeaders {
  _storeHeader(firstLine: string, headers: readonly string[]): void;
}

interface Named extends ClientRequestArgs {
  /** Of a client. */
  readonly connection?: number;
}

export class Upstream {
  readonly #agent: HttpAgent;
  readonly #open: typeof httpRequest;
  readonly #where: RequestOptions;

  constructor({ target, tls, maxHeaderBytes, connectTimeoutMs, closed }: UpstreamOptions) {
    const isTls = target.protocol === 'https:';
    this.#open = isTls ? httpsRequest : httpRequest;
    // A pipelined request waits for the answer to the one before it, as it would at the server.
    const options: AgentOptions = { keepAlive: true, maxSockets: 1, noDelay: true };
    this.#agent = perConnection(isTls ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options), {
      connectTimeoutMs,
      closed,
    });
    this.#where = {
      protocol: target.protocol,
      hostname: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port || (isTls ? 443 : 80),
      agent: this.#agent,
      setHost: false,
      maxHeaderSize: maxHeaderBytes,
    };
  }

  /** `path` and `headers` go out as they are. */
  request(connection: number, method: string, path: string, headers: readonly string[]): ClientRequest {
    const options: RequestOptions & Named = {
      ...this.#where,
      method,
      path,
      // Node takes a flat list of names and values, and keeps it as it is.
      headers: headers,
      connection,
    };
    return announcesBody(headers) || UNFRAMED.has(method)
      ? this.#open(options)
      : this.#bodyless(options, headers);
  }

  /**
   * Of a method that usually has a body, Node would announce a chunked one where there is none (RFC 9112, 6.3: no field,
   * no body), as soon as it is given the headers. So they are stored by the function that would store them, once Node has
   * been told that there is no coding by default.
   */
  #bodyless(options: RequestOptions & Named, headers: readonly string[]): ClientRequest {
    const request = this.#open({ ...options, headers: {} }) as ClientRequest & StoresHeaders;
    request.useChunkedEncodingByDefault = false;
    request._storeHeader(`${options.method ?? ''} ${options.path ?? ''} HTTP/1.1\r\n`, headers);
    return request;
  }

  /** The client's connection is gone: so is what waits for its next request. */
  release(connection: number): void {
    for (const socket of this.#agent.freeSockets[String(connection)] ?? []) socket.destroy();
  }

  close(): void {
    this.#agent.destroy();
  }
}

function perConnection(
  agent: HttpAgent,
  { connectTimeoutMs, closed }: Pick<UpstreamOptions, 'connectTimeoutMs' | 'closed'>,
): HttpAgent {
  const inner = agent as unknown as {
    createConnection: (options: Named, done?: (error: Error | null, socket: Socket) => void) => Socket;
  };
  const { createConnection } = inner;
  agent.getName = (options?: object) => String((options as Named | undefined)?.connection);
  inner.createConnection = (options, done) => {
    const socket = createConnection.call(agent, options, done);
    socket.setDefaultEncoding(ENCODING_OF_HEADS);
    const timer =
      connectTimeoutMs === undefined
        ? undefined
        : setTimeout(() => socket.destroy(timedOut()), connectTimeoutMs);
    const isOpen = (): void => {
      clearTimeout(timer);
    };
    socket.once(options.protocol === 'https:' ? 'secureConnect' : 'connect', isOpen);
    socket.once('close', () => {
      isOpen();
      closed(options.connection ?? 0);
    });
    return socket;
  };
  return agent;
}

function timedOut(): Error {
  return Object.assign(new Error('the connection was not there in time'), { code: 'ETIMEDOUT' });
}
