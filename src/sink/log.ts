/**
 * Logs: one JSON line per finished operation and per other fact worth a line, to a file or to stderr. Never to stdout,
 * which is the protocol; a log that cannot be written is said once, counted, and tried again with the next lines.
 */
import { type Logger, pino } from 'pino';
import type { LogLevel } from '../config/config.ts';
import type { EventType, McpEvent } from '../event/event.ts';
import type { Stats } from '../self/stats.ts';
import type { Trouble } from '../self/trouble.ts';
import { LogFile } from './log-file.ts';
import { LOGGED_TYPES, lineOf } from './log-line.ts';
import { operationLevel, OperationLines } from './log-operation.ts';
import type { RecordingUrl } from './recording-url.ts';
import type { QueueLimits, Sink } from './sink.ts';
import { TextBuffer } from './text-buffer.ts';

export interface LogSinkOptions {
  readonly level: LogLevel;
  /** A path; or where each line goes (without its newline), for a log that shares stderr with the server. */
  readonly to: string | ((line: string) => void);
  readonly recordingUrl?: RecordingUrl | undefined;
}

/** A burst of 32 MB of small calls has 56,000 lines; they are events here, which other queues hold as well. */
const MAX_QUEUED_EVENTS = 65_536;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
/** A log that somebody follows is read by eye. */
const MAX_DELAY_MS = 100;
const BATCH_EVENTS = 256;

export class LogSink implements Sink {
  readonly name = 'logs';
  readonly wants: ReadonlySet<EventType> = new Set([...LOGGED_TYPES, 'operation_finished']);
  readonly queue: QueueLimits = {
    maxEvents: MAX_QUEUED_EVENTS,
    maxBytes: MAX_QUEUED_BYTES,
    maxDelayMs: MAX_DELAY_MS,
    batchEvents: BATCH_EVENTS,
  };

  readonly #stats: Stats;
  readonly #trouble: Trouble;
  readonly #logger: Logger;
  readonly #operations: OperationLines;
  readonly #recordingUrl: RecordingUrl | undefined;
  readonly #write: (line: string) => void;
  readonly #file: LogFile | undefined;
  /** Lines for the file; the other buffer is the one that is being written. */
  #waiting = new TextBuffer();
  #underWay = new TextBuffer();
  #waitingLines = 0;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;

  constructor({ level, to, recordingUrl }: LogSinkOptions, stats: Stats, trouble: Trouble) {
    this.#stats = stats;
    this.#trouble = trouble;
    this.#operations = new OperationLines(recordingUrl);
    this.#recordingUrl = recordingUrl;
    this.#file = typeof to === 'string' ? new LogFile(to) : undefined;
    this.#write =
      typeof to === 'string'
        ? (line) => {
            this.#waiting.append(line);
            this.#waitingLines += 1;
          }
        : oneLine(to);
    this.#logger = pino(
      { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
      { write: this.#write },
    );
  }

  write(batch: readonly McpEvent[]): void | Promise<void> {
    for (const event of batch) this.#log(event);
    return this.#file === undefined ? undefined : this.#flush(this.#file);
  }

  /** Lets go of the file, so that the next line goes to a new one of the same name: for log rotation. */
  reopen(): void {
    this.#writing = this.#writing.then(() => this.#file?.close());
  }

  async close(deadlineMs: number): Promise<void> {
    this.reopen();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([this.#writing, deadline]);
    clearTimeout(timer);
  }

  #log(event: McpEvent): void {
    // The server's own stderr is relayed to the same place, untouched.
    if (this.#file === undefined && event.type === 'server_logged' && event.origin === 'stderr') return;
    if (event.type === 'operation_finished') {
      if (this.#logger.isLevelEnabled(operationLevel(event))) this.#write(this.#operations.of(event));
      return;
    }
    const line = lineOf(event, this.#recordingUrl);
    if (line === undefined) return;
    const time = new Date(event.atUs / 1000).toISOString();
    this.#logger[line.level]({ time, session: event.sessionId, ...line.fields }, line.message);
  }

  #flush(file: LogFile): Promise<void> {
    if (this.#waitingLines > 0) this.#writing = this.#writing.then(() => this.#append(file));
    return this.#writing;
  }

  async #append(file: LogFile): Promise<void> {
    if (this.#waitingLines === 0) return;
    const lines = this.#waitingLines;
    const text = this.#waiting;
    this.#waitingLines = 0;
    this.#waiting = this.#underWay;
    this.#underWay = text;
    try {
      await file.append(text.take());
    } catch (cause) {
      const { code = 'EUNKNOWN' } = cause as NodeJS.ErrnoException;
      this.#failing = true;
      this.#stats.fail('logs', code);
      this.#stats.drop('logs', 'write_failed', lines);
      this.#stats.condition('logs', `${file.path}: ${code}`);
      this.#trouble.say('logs', `the log is not written: ${file.path}: ${code}`);
      return;
    }
    if (!this.#failing) return;
    this.#failing = false;
    this.#stats.condition('logs', undefined);
    this.#trouble.over('logs');
  }
}

function oneLine(to: (line: string) => void): (line: string) => void {
  return (line) => {
    to(line.slice(0, -1));
  };
}
