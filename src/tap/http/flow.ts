/** How the streams of an exchange wait for each other, and how they end. They hold nothing back. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** Stops reading until the destination has room, or is closed, and until `wait` is over. `open`: it has room already. */
export function pauseFor(
  source: Readable,
  destination: Writable,
  open: boolean,
  wait: Promise<void> | undefined,
): void {
  source.pause();
  void Promise.all([open ? undefined : drained(destination), wait]).then(() => {
    source.resume();
  });
}

function drained(destination: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      destination.off('drain', done);
      destination.off('close', done);
      resolve();
    };
    destination.on('drain', done);
    destination.on('close', done);
  });
}

/** Ends a connection that nobody reads any more, after what is still to be written: its client need not end it, too. */
export function finish(client: Duplex, last?: string | Buffer): void {
  if (last !== undefined) client.write(last);
  // Of an HTTP server, every connection is a socket.
  (client as Duplex & Pick<Socket, 'destroySoon'>).destroySoon();
}

/** The client is to see a reset and not an end, which for some bodies would be the regular one. */
export function reset({ socket }: IncomingMessage): void {
  if ((socket as Partial<TLSSocket>).encrypted === true) socket.destroy();
  else socket.resetAndDestroy();
}
