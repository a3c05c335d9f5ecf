/**
 * A connection of our own to a server that is tried: messages out, messages in. It knows neither steps nor what is right, and
 * never starts or calls anything but what it was given.
 */
import type { Json } from './scenario.ts';

/** Nothing could be tried: the server does not start, cannot be reached or refuses the handshake. One line. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun';
}

/** How a connection ended that we did not close. */
export interface ConnectionEnd {
  /** One line. */
  readonly reason: string;
  readonly crashed: boolean;
}

export interface Connection {
  /** A cancel is no message, but the end of the request's response (HTTP of 2026-07-28). */
  readonly cancelsByClosing: boolean;
  /** Resolves when the message is on its way; rejects never: what is wrong shows as `onEnd`, or as an answer. */
  send(message: Json): Promise<void>;
  /** Of a revision with a handshake, when it is over: what HTTP says with each request from now on. */
  opened(protocolVersion: string): void;
  /** The client goes on without the answer: over HTTP of 2026-07-28 that is a cancel. */
  drop(id: number): void;
  close(): Promise<void>;
}

export interface ConnectionEvents {
  /** A JSON-RPC message; an HTTP status without one comes as an error with `data.status` under the request's id. */
  readonly message: (message: Json) => void;
  readonly end: (end: ConnectionEnd) => void;
}
