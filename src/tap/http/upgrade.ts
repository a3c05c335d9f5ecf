/**
 * An upgrade (RFC 9110, 7.8) on its way: asked of the server as the client asked, and once it is granted, bytes both
 * ways that nobody reads. What ends on one side ends on the other.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawHeaders } from '../../wire/exchange.ts';
import { finish, pauseFor } from './flow.ts';

export interface UpgradeEvents {
  answered(status: number, reason: string, headers: RawHeaders, upgraded: boolean): void;
  failed(error: NodeJS.ErrnoException): Buffer;
  ended(): void;
}

/** `upstream` was opened with the client's headers and is to be sent; `head`: what came right after the request. */
export function passUpgrade(
  upstream: ClientRequest,
  client: Duplex,
  head: Buffer,
  events: UpgradeEvents,
): void {
  let over = false;
  let granted: Duplex | undefined;
  const end = (): void => {
    if (over) return;
    over = true;
    client.destroy();
    upstream.destroy();
    granted?.destroy();
    events.ended();
  };
  client.on('error', end);
  client.on('close', end);
  upstream.on('upgrade', (answer: IncomingMessage, server: Duplex, first: Buffer) => {
    client.write(headOf(answer), 'latin1');
    if (first.length > 0) client.write(first);
    if (head.length > 0) server.write(head);
    events.answered(answer.statusCode ?? 101, answer.statusMessage ?? '', answer.rawHeaders, true);
    granted = server;
    server.on('error', end);
    server.on('close', () => {
      finish(client);
    });
    client.pipe(server);
    server.pipe(client);
  });
  upstream.on('response', (answer) => {
    // Not granted: an ordinary response, after which nobody knows where the next request would begin.
    events.answered(answer.statusCode ?? 502, answer.statusMessage ?? '', answer.rawHeaders, false);
    client.write(headOf(answer, 'Connection: close\r\n'), 'latin1');
    answer.on('error', end);
    const isChunked = answer.rawHeaders.some((value, at) => at % 2 === 1 && /^chunked$/i.test(value));
    answer.on('data', (chunk: Buffer) => {
      const open = client.write(isChunked ? Buffer.concat([sizeOf(chunk), chunk, CRLF]) : chunk);
      if (!open) pauseFor(answer, client, open, undefined);
    });
    answer.on('end', () => {
      finish(client, isChunked ? '0\r\n\r\n' : undefined);
    });
  });
  upstream.on('error', (error) => {
    if (over) return;
    finish(client, events.failed(error));
  });
  upstream.end();
}

const CRLF = Buffer.from('\r\n');

function sizeOf(chunk: Buffer): Buffer {
  return Buffer.from(`${chunk.length.toString(16)}\r\n`);
}

function headOf(answer: IncomingMessage, connection?: string): string {
  const { statusCode = 502, statusMessage = '', rawHeaders } = answer;
  let text = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const isConnection = rawHeaders[at]?.toLowerCase() === 'connection';
    if (!isConnection || connection === undefined)
      text += `${rawHeaders[at] ?? ''}: ${rawHeaders[at + 1] ?? ''}\r\n`;
  }
  return `${text}${connection ?? ''}\r\n`;
}
