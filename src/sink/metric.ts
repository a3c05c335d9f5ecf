/**
 * The metrics output: counts events in plain numbers and tells them, at a scrape, as the catalogue has it. Labels come
 * from capped sets only: never a session id, request id, URI, argument or message.
 */
import type { EventType, McpEvent } from '../event/event.ts';
import type { BucketCounts } from '../self/buckets.ts';
import type { Stats } from '../self/stats.ts';
import { formatFor } from './metric-accept.ts';
import { Exposition, type Readers } from './metric-exposition.ts';
import { HttpCells } from './metric-http.ts';
import { LabelValues } from './metric-labels.ts';
import { OperationCells } from './metric-operations.ts';
import { readersOf } from './metric-readers.ts';
import { countFinding, countMessage, Sessions } from './metric-sessions.ts';
import { type ProcessUsage, processUsage } from './process-usage.ts';
import type { Sink } from './sink.ts';

export interface MetricSinkOptions {
  readonly stats: Stats;
  readonly version: string;
  /** The time now, in microseconds since the Unix epoch, of the clock that events have. */
  readonly nowUs: () => number;
  /** Whether a method stands in the specification; others become no labels. */
  readonly isKnownMethod: (method: string) => boolean;
  /** Whether an operation of this method is a long-lived stream. */
  readonly isStream: (method: string) => boolean;
  /** What the relay adds: counts by the bounds of `sidelight_relay_delay_seconds`, their sum in seconds. */
  readonly relayDelay?: () => BucketCounts;
  /** Open connections of HTTP clients. */
  readonly connections?: () => number;
  /** Size of the recording now; undefined: there is none. */
  readonly storeBytes?: () => number | undefined;
}

const WANTS: readonly EventType[] = [
  'session_started',
  'session_described',
  'message_seen',
  'operation_started',
  'input_asked',
  'input_given',
  'operation_finished',
  'finding_raised',
  'catalog_listed',
  'server_started',
  'server_exited',
  'stream_opened',
  'exchange_finished',
  'session_ended',
];

export class MetricSink implements Sink {
  readonly name = 'metrics';
  readonly wants: ReadonlySet<EventType> = new Set(WANTS);
  /** It takes every batch at once, so that nothing ever waits; the limits are those of one batch. */
  readonly queue = { maxEvents: 4096, maxBytes: 64 * 1024 * 1024, maxDelayMs: 0, batchEvents: 1024 };
  readonly #isKnownMethod: (method: string) => boolean;
  readonly #isStream: (method: string) => boolean;
  readonly #labels = new LabelValues();
  readonly #operations: OperationCells;
  readonly #sessions: Sessions;
  readonly #http: HttpCells;
  readonly #readers: Readers;
  readonly #exposition: Exposition;
  #usage: ReadonlyMap<number, ProcessUsage> = new Map();

  constructor({
    stats,
    version,
    nowUs,
    isKnownMethod,
    isStream,
    relayDelay,
    connections,
    storeBytes,
  }: MetricSinkOptions) {
    this.#isKnownMethod = isKnownMethod;
    this.#isStream = isStream;
    this.#operations = new OperationCells(this.#labels);
    this.#sessions = new Sessions(this.#labels, stats);
    this.#http = new HttpCells(this.#labels);
    this.#readers = readersOf({
      operations: this.#operations,
      sessions: this.#sessions,
      http: this.#http,
      labels: this.#labels,
      stats,
      nowUs,
      usage: () => this.#usage,
      relayDelay,
      connections,
      storeBytes,
      version,
    });
    this.#exposition = new Exposition(this.#readers);
  }

  write(batch: readonly McpEvent[]): void {
    for (const event of batch) this.#count(event);
  }

  /** The page for a scraper that sent this Accept header. Scrapes may overlap. */
  async scrape(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string }> {
    await this.read();
    return this.#exposition.render(formatFor(accept));
  }

  /** What each metric is, until something is counted again. */
  async read(): Promise<Readers> {
    const pids = this.#sessions.active().flatMap(({ pid }) => pid ?? []);
    const usages = await Promise.all(pids.map(async (pid) => [pid, await processUsage(pid)] as const));
    this.#usage = new Map(usages.flatMap(([pid, usage]) => (usage === undefined ? [] : [[pid, usage]])));
    return this.#readers;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #count(event: McpEvent): void {
    const sessions = this.#sessions;
    switch (event.type) {
      case 'message_seen':
        countMessage(sessions.of(event.sessionId), event);
        break;
      case 'operation_started': {
        const session = sessions.of(event.sessionId);
        if (this.#isStream(event.method)) session.streams.add(event.operationId);
        else sessions.operationStarted(session, event.initiator, event.operationId, event.atUs);
        break;
      }
      case 'input_asked': {
        const session = sessions.of(event.sessionId);
        session.inFlight[event.initiator].delete(event.operationId);
        session.waiting.add(event.operationId);
        break;
      }
      case 'input_given': {
        const session = sessions.of(event.sessionId);
        if (session.waiting.delete(event.operationId))
          sessions.operationStarted(session, event.initiator, event.operationId, event.atUs);
        break;
      }
      case 'operation_finished': {
        const session = sessions.of(event.sessionId);
        session.inFlight[event.initiator].delete(event.operationId);
        session.waiting.delete(event.operationId);
        const method = this.#methodLabel(event.method);
        this.#operations.count(event, method, session.transport);
        if (!session.streams.delete(event.operationId)) break;
        this.#http.streamClosed(session.server, method, event.startedAtUs, event.endedAtUs);
        break;
      }
      case 'finding_raised':
        countFinding(sessions.of(event.sessionId), event.rule);
        break;
      case 'catalog_listed':
        if (event.kind === 'tools') sessions.of(event.sessionId).totals.toolsListBytes = event.sizeBytes;
        break;
      case 'session_started':
        sessions.started(event);
        break;
      case 'session_described':
        sessions.described(event);
        break;
      case 'server_started':
        sessions.serverStarted(event);
        break;
      case 'server_exited':
        sessions.serverExited(event);
        break;
      case 'stream_opened':
        sessions.of(event.sessionId).streams.add(-event.exchange);
        break;
      case 'exchange_finished': {
        const { server, streams } = sessions.of(event.sessionId);
        this.#http.finished(event, server);
        if (streams.delete(-event.exchange))
          this.#http.streamClosed(server, event.method, event.startedAtUs, event.atUs);
        break;
      }
      case 'session_ended':
        sessions.ended(event);
        break;
      default:
        break;
    }
  }

  #methodLabel(method: string): string {
    return this.#isKnownMethod(method)
      ? this.#labels.admit('mcp_method_name', method)
      : this.#labels.refuse('mcp_method_name');
  }
}
