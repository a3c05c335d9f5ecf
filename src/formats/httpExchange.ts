/** One HTTP exchange of a file as the pieces that a proxy would have seen, with the times that the file tells. Pure. */
import type { RawHeaders } from '../wire/exchange.ts';
import type { Traffic } from './traffic.ts';

export interface WholeExchange {
  /** URL of the server without a path. */
  readonly origin: string;
  readonly exchange: number;
  readonly client: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly httpVersion: string;
  readonly headers: RawHeaders;
  readonly body: Uint8Array;
  readonly startedUs: number;
  /** Undefined: none came. */
  readonly response:
    | {
        readonly atUs: number;
        readonly endedUs: number;
        readonly status: number;
        readonly reason: string;
        readonly headers: RawHeaders;
        readonly body: Uint8Array;
      }
    | undefined;
}

export function piecesOf(whole: WholeExchange): readonly Traffic[] {
  const { origin, exchange, client, method, target, httpVersion, headers, startedUs, response } = whole;
  const at = (atUs: number) => ({ origin, exchange, atUs }) as const;
  const body = (
    channel: 'client_to_server' | 'server_to_client',
    bytes: Uint8Array,
    atUs: number,
  ): Traffic[] => (bytes.length === 0 ? [] : [{ kind: 'http_body', ...at(atUs), channel, bytes }]);
  const pieces: Traffic[] = [
    {
      kind: 'http_fact',
      ...at(startedUs),
      fact: {
        fact: 'request',
        connection: 1,
        client: { address: client, port: undefined },
        ...{ method, target, httpVersion, headers },
      },
    },
    ...body('client_to_server', whole.body, startedUs),
    { kind: 'http_fact', ...at(startedUs), fact: { fact: 'request_ended', aborted: false, trailers: [] } },
  ];
  if (response === undefined) {
    const end = { fact: 'response_ended', end: 'server_gone', trailers: [] } as const;
    return [...pieces, { kind: 'http_fact', ...at(startedUs), fact: end }];
  }
  const { atUs, endedUs, status, reason } = response;
  return [
    ...pieces,
    {
      kind: 'http_fact',
      ...at(atUs),
      fact: { fact: 'response', status, reason, headers: response.headers },
    },
    ...body('server_to_client', response.body, endedUs),
    {
      kind: 'http_fact',
      ...at(endedUs),
      fact: { fact: 'response_ended', end: 'complete', trailers: [] },
    },
  ];
}

/** The body of a file is decoded: fields that tell of its coding and its length on the wire would not be true of it. */
export function withoutCoding(headers: readonly (readonly [string, string])[]): string[] {
  return headers.filter(([name]) => !CODING.has(name.toLowerCase())).flat();
}

const CODING: ReadonlySet<string> = new Set(['content-encoding', 'transfer-encoding', 'content-length']);
