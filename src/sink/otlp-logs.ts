/**
 * The lines of the log as log records to an OTLP/HTTP receiver, with or without a file of the same lines. One request is
 * under way at a time; a receiver that is down costs counted drops and nothing else.
 */
import type { LogLevel } from '../config/config.ts';
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { LOGGED_TYPES, type LogLine, lineOf } from './log-line.ts';
import { operationLevel, OperationLines } from './log-operation.ts';
import { type Item, OtlpExport, type OtlpExportOptions } from './otlp-export.ts';
import { isLogged, recordText } from './otlp-record.ts';
import type { RecordingUrl } from './recording-url.ts';
import type { QueueLimits, Sink } from './sink.ts';

export interface OtlpLogSinkOptions extends OtlpExportOptions {
  readonly level: LogLevel;
  readonly recordingUrl?: RecordingUrl | undefined;
}

/** As of the log's file, and like the spans it waits for a receiver that restarts. */
const MAX_QUEUED_EVENTS = 65_536;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
/** The standard's own defaults: how many wait at most, and for how long, until they are sent. */
const BATCH_EVENTS = 512;
const MAX_DELAY_MS = 1000;

export class OtlpLogSink implements Sink {
  readonly name = 'otlp_logs';
  readonly wants: ReadonlySet<EventType> = new Set([...LOGGED_TYPES, 'operation_finished']);
  readonly queue: QueueLimits = {
    maxEvents: MAX_QUEUED_EVENTS,
    maxBytes: MAX_QUEUED_BYTES,
    maxDelayMs: MAX_DELAY_MS,
    batchEvents: BATCH_EVENTS,
  };

  readonly #level: LogLevel;
  readonly #recordingUrl: RecordingUrl | undefined;
  readonly #operations: OperationLines;
  readonly #export: OtlpExport;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: OtlpLogSinkOptions, stats: Stats, trouble: Trouble) {
    this.#level = options.level;
    this.#recordingUrl = options.recordingUrl;
    this.#operations = new OperationLines(options.recordingUrl);
    this.#export = new OtlpExport('logs', options, stats, trouble);
  }

  /** Never rejects. Settles when the receiver has answered, or the batch was dropped and counted. */
  write(batch: readonly McpEvent[]): Promise<void> {
    this.#sending = this.#sending.then(() => {
      for (const event of batch) this.#export.see(event);
      return this.#export.send(batch.flatMap((event) => this.#record(event) ?? []));
    });
    return this.#sending;
  }

  isAnswering(): boolean {
    return this.#export.isAnswering();
  }

  /** Ends any pause at once, and what is under way at the deadline; from now on the first failure is the last. */
  ending(deadlineMs: number): void {
    this.#export.ending(deadlineMs);
  }

  async close(deadlineMs: number): Promise<void> {
    this.ending(deadlineMs);
    await this.#sending;
    this.#export.close();
  }

  #record(event: McpEvent): Item | undefined {
    const line = this.#line(event);
    return line && isLogged(line.level, this.#level)
      ? { json: recordText(line, event), count: 1 }
      : undefined;
  }

  #line(event: McpEvent): LogLine | undefined {
    if (event.type !== 'operation_finished') return lineOf(event, this.#recordingUrl);
    return isLogged(operationLevel(event), this.#level) ? this.#operations.line(event) : undefined;
  }
}
