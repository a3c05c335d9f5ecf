/** What crosses from a tap to the observer: a copy of bytes that were already forwarded. */

export type Direction = 'client_to_server' | 'server_to_client';

/** `stderr` is the server's own text stream: relayed and recorded, never decoded as MCP. */
export type Channel = Direction | 'stderr';

export interface Chunk {
  readonly channel: Channel;
  /** Valid until the receiver returns: what it keeps, it copies. */
  readonly bytes: Uint8Array;
  /** When the tap forwarded it: microseconds since the Unix epoch, from a monotonic clock anchored at start-up. */
  readonly atUs: number;
}
