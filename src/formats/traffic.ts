/**
 * What the readers of other programs' files hand over: traffic as it passed, in the order in which it did, for the same
 * pipelines that take live traffic. Times are microseconds since the Unix epoch.
 */
import type { Direction } from '../wire/chunk.ts';
import type { Channel } from '../wire/chunk.ts';
import type { RequestEndedFact, RequestFact, ResponseEndedFact, ResponseFact } from '../wire/exchange.ts';

/** A session over stdio: told before its lines. `key` names it within the file. */
export interface StdioBegun {
  readonly kind: 'stdio_begun';
  readonly key: string;
  readonly atUs: number;
  /** What the file calls the server. */
  readonly label: string | undefined;
  readonly command: readonly string[];
  readonly cwd: string;
}

/** A line without its newline. */
export interface StdioLine {
  readonly kind: 'stdio_line';
  readonly key: string;
  readonly atUs: number;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

/** A fact of an HTTP exchange with the server at `origin`. Exchanges are numbered from 1 within the file. */
export interface HttpFact {
  readonly kind: 'http_fact';
  readonly origin: string;
  readonly exchange: number;
  readonly atUs: number;
  readonly fact: RequestFact | RequestEndedFact | ResponseFact | ResponseEndedFact;
}

export interface HttpBody {
  readonly kind: 'http_body';
  readonly origin: string;
  readonly exchange: number;
  readonly atUs: number;
  readonly channel: Direction;
  readonly bytes: Uint8Array;
}

export type Traffic = StdioBegun | StdioLine | HttpFact | HttpBody;

export interface TrafficSink {
  traffic(item: Traffic): void;
  /** What could not be read, and where: `line` is undefined for what concerns the whole file. Holds nothing of the input. */
  leftOut(what: string, line: number | undefined): void;
}

/** Takes a file as it is read, in pieces of any size. Never throws for what is in it. */
export interface FormatReader {
  push(bytes: Uint8Array): void;
  end(): void;
}
