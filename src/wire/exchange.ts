/**
 * What an HTTP tap tells the observer of an exchange: one request and its response. Bodies follow as chunks; these are
 * the facts around them, in the order in which they happened.
 */

import type { PropagatedFact } from './propagated.ts';

/** Header fields as received: name, value, name, value. Case, order and duplicates are kept. */
export type RawHeaders = readonly string[];

export interface Endpoint {
  readonly address: string;
  /** Undefined on a Unix socket. */
  readonly port: number | undefined;
}

/** The request line and headers, before any byte of the body. */
export interface RequestFact {
  readonly fact: 'request';
  /** Numbers the client's connections of this process from 1. */
  readonly connection: number;
  readonly client: Endpoint;
  readonly method: string;
  /** The request target as received: path and query. */
  readonly target: string;
  readonly httpVersion: string;
  readonly headers: RawHeaders;
}

/** The request's body is over. `aborted`: the client went away before it was whole. */
export interface RequestEndedFact {
  readonly fact: 'request_ended';
  readonly aborted: boolean;
  readonly trailers: RawHeaders;
}

/** Why an answer is ours and not the server's. */
export type Failure =
  | 'refused'
  | 'unresolved'
  | 'unreachable'
  | 'tls'
  | 'timeout'
  /** The server closed the connection before it answered. */
  | 'closed'
  /** What it answered is not HTTP. */
  | 'garbage'
  /** The listener's own rules: Host, Origin. */
  | 'forbidden';

/** The status line and headers, as the client gets them. Informational responses (1xx) have facts of their own. */
export interface ResponseFact {
  readonly fact: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders;
  /** Set when the answer is Sidelight's. */
  readonly failure?: Failure;
  /** One line, for the recording. */
  readonly detail?: string;
  /** The client asked for another protocol and got it: what follows is passed on and not read. */
  readonly upgraded?: true;
}

/** How the exchange ended. */
export type ExchangeEnd =
  | 'complete'
  /** The client went away before the response was whole. */
  | 'client_gone'
  /** The server's connection broke in the middle of its response. */
  | 'server_gone'
  /** Sidelight was told to stop. */
  | 'stopped';

/** The last fact of an exchange. */
export interface ResponseEndedFact {
  readonly fact: 'response_ended';
  readonly end: ExchangeEnd;
  readonly trailers: RawHeaders;
}

export type ExchangeFact = RequestFact | PropagatedFact | RequestEndedFact | ResponseFact | ResponseEndedFact;
