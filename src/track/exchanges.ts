/**
 * The HTTP exchanges of a session that are under way: what is known of each, and what its messages can be about.
 * It knows no bytes and no headers but what it is told.
 */
import type { OperationHttp } from '../event/event.ts';

/** What is known of an exchange before any of its messages. `path` may be told: it is redacted. */
export interface ExchangeFacts {
  readonly method: string;
  readonly path: string;
  readonly httpVersion: string;
  readonly clientAddress: string;
  /** Undefined on a Unix socket. */
  readonly clientPort: number | undefined;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  /** W3C trace context of the request's headers, unparsed. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** The request has `Last-Event-ID`: what comes may have come before. */
  readonly resumes?: boolean;
  /** The request has `Mcp-Session-Id`. */
  readonly hasSessionId?: boolean;
  /** A POST of the HTTP+SSE transport (2024-11-05): its answers come on the session's GET stream. */
  readonly legacySse?: boolean;
}

export interface OpenExchange {
  readonly facts: ExchangeFacts;
  status: number | undefined;
  /** Its response stream has event ids: what it does not say may be said to a GET with `Last-Event-ID`. */
  resumable: boolean;
  /** Requests that came on it. */
  carried: number;
}

export class Exchanges {
  /** Only while there is one: of thousands of sessions most are idle. */
  #open: Map<number, OpenExchange> | undefined;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** False when there is no room for one more: nothing is known of it then. */
  add(exchange: number, facts: ExchangeFacts): boolean {
    this.#open ??= new Map();
    if (this.#open.size >= this.#max) return false;
    this.#open.set(exchange, { facts, status: undefined, resumable: false, carried: 0 });
    return true;
  }

  get(exchange: number | undefined): OpenExchange | undefined {
    return exchange === undefined ? undefined : this.#open?.get(exchange);
  }

  delete(exchange: number): void {
    this.#open?.delete(exchange);
    if (this.#open?.size === 0) this.#open = undefined;
  }
}

export function httpOf({ facts, status }: OpenExchange): OperationHttp {
  const { method, path, httpVersion, clientAddress, clientPort, serverAddress, serverPort } = facts;
  return {
    method,
    path,
    status,
    protocolVersion: httpVersion,
    clientAddress,
    clientPort,
    serverAddress,
    serverPort,
  };
}
