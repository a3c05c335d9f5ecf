/**
 * Where a relay reads from. A socket's bytes come in memory that is used again, since a buffer made for each read costs
 * more time than relaying it, and tens of megabytes until they are collected. It never gives out memory that is in use.
 */
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { Readable } from 'node:stream';

export interface Source {
  /** Its end, its errors, pausing and resuming. Chunks do not come from it. */
  readonly stream: Readable;
  /** To be called once, before anything can have come. `receive` says whether nobody needs the chunk any longer. */
  readonly onChunk: (receive: (chunk: Buffer) => boolean) => void;
}

/** `onread` is documented for a new socket, too; of a handle, only Node's own modules are meant to know. */
type SocketOptions = SocketConstructorOpts & ConnectOpts & { readonly handle?: unknown };

/** What Node reads at most at once, too. */
const CHUNK_BYTES = 64 * 1024;

/** A socket on a descriptor, or on a handle of Node's own. */
export function socketSource(on: { readonly fd: number } | { readonly handle: unknown }): Source {
  let receive: (chunk: Buffer) => boolean = () => false;
  let memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let free = true;
  const options: SocketOptions = {
    ...on,
    writable: false,
    onread: {
      buffer: () => {
        if (!free) memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
        return memory;
      },
      callback: (length) => {
        free = receive(memory.subarray(0, length));
        // Whether to read on is said by pausing.
        return true;
      },
    },
  };
  const socket = new Socket(options);
  return {
    stream: socket,
    onChunk: (to) => {
      receive = to;
      socket.resume();
    },
  };
}

/** Any other stream, such as a file or a terminal: its chunks are its own. */
export function streamSource(stream: Readable): Source {
  return { stream, onChunk: (receive) => stream.on('data', receive) };
}

/**
 * A stream of a child process. Node makes it itself, without a way to say where to read to, so that its handle is given
 * to a socket of ours; where it has none, it is taken as it is. To be called in the turn in which the child is started.
 */
export function childSource(stream: Readable): Source {
  const { _handle: handle } = stream as Readable & { readonly _handle?: unknown };
  return handle === undefined || handle === null ? streamSource(stream) : socketSource({ handle });
}
