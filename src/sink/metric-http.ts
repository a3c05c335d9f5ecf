/**
 * Counts what passed over HTTP, whatever it carried: exchanges by how they ended, and how long streams were open. Methods
 * and status codes come from the wire: they become labels as far as the caps allow.
 */
import type { ExchangeFinished } from '../event/event.ts';
import { Buckets } from '../self/buckets.ts';
import { STREAM_BUCKETS } from './catalog.ts';
import type { LabelValues } from './metric-labels.ts';

export interface ExchangeCell {
  readonly labels: Readonly<
    Record<'server' | 'http_request_method' | 'http_response_status_code' | 'end' | 'failure', string>
  >;
  count: number;
}

export interface StreamCell {
  readonly labels: Readonly<Record<'server' | 'stream', string>>;
  readonly buckets: Buckets;
}

export class HttpCells {
  readonly #labels: LabelValues;
  readonly #exchanges = new Map<string, ExchangeCell>();
  readonly #streams = new Map<string, StreamCell>();

  constructor(labels: LabelValues) {
    this.#labels = labels;
  }

  /** `server` is a label already, here and below. */
  finished(exchange: ExchangeFinished, server: string): void {
    const { method, status, end } = exchange;
    const failure: string = exchange.failure ?? '';
    const admittedMethod = this.#labels.admit('http_request_method', method);
    const code = status === undefined ? '' : this.#labels.admit('http_response_status_code', String(status));
    const key = `${server}\0${admittedMethod}\0${code}\0${end}\0${failure}`;
    let cell = this.#exchanges.get(key);
    if (cell === undefined) {
      const labels = {
        server,
        http_request_method: admittedMethod,
        http_response_status_code: code,
        end,
        failure,
      };
      this.#exchanges.set(key, (cell = { labels, count: 0 }));
    }
    cell.count += 1;
  }

  /** `stream`: a method of MCP or of HTTP. Times in microseconds. */
  streamClosed(server: string, stream: string, startedAtUs: number, endedAtUs: number): void {
    const key = `${server}\0${stream}`;
    let cell = this.#streams.get(key);
    if (cell === undefined) {
      this.#streams.set(key, (cell = { labels: { server, stream }, buckets: new Buckets(STREAM_BUCKETS) }));
    }
    cell.buckets.observe(Math.max(0, endedAtUs - startedAtUs) / 1e6);
  }

  exchanges(): Iterable<ExchangeCell> {
    return this.#exchanges.values();
  }

  streams(): Iterable<StreamCell> {
    return this.#streams.values();
  }
}
