/**
 * The log's line for a finished operation, by hand: there is one for each, and a logger's way through an object of fields
 * costs four times as much. The members are those of pino's lines; never a payload.
 */
import type { OperationFinished, OperationHttp } from '../event/event.ts';
import { inputWaitUs } from '../event/legs.ts';
import { isFailure } from '../event/outcome.ts';
import type { LogLine } from './log-line.ts';
import type { RecordingUrl } from './recording-url.ts';

export function operationLevel({ outcome }: OperationFinished): 'info' | 'warn' {
  return isFailure(outcome) ? 'warn' : 'info';
}

/** What an event says of itself, wherever its line goes. */
const SHARED_MEMBERS: ReadonlySet<string> = new Set([
  'level',
  'time',
  'session',
  'trace_id',
  'span_id',
  'msg',
]);

/** Encodes one after the other; what an operation has in common with the one before is not encoded again. */
export class OperationLines {
  readonly #time = new TimeText();
  readonly #session = new Quoted();
  readonly #method = new Quoted();
  readonly #target = new Quoted();
  readonly #server = new Quoted();
  readonly #message = new Quoted();
  readonly #httpMethod = new Quoted();
  readonly #path = new Quoted();

  readonly #recordingUrl: RecordingUrl | undefined;

  constructor(recordingUrl?: RecordingUrl) {
    this.#recordingUrl = recordingUrl;
  }

  /** Of its level, with its newline. */
  of(operation: OperationFinished): string {
    const { span, method, target, outcome, error } = operation;
    const name = target?.name;
    const title = name === undefined ? method : `${method} ${name}`;
    const targetText = name === undefined ? '' : `,"target":${this.#target.of(name)}`;
    const httpText = operation.http === undefined ? '' : this.#httpFields(operation.http);
    const courseText = courseFields(operation);
    const errorText = error === undefined ? '' : errorFields(error);
    const url = this.#recordingUrl?.(operation.sessionId, operation.operationId);
    const urlText = url === undefined ? '' : `,"recording_url":${JSON.stringify(url)}`;
    return `{"level":"${operationLevel(operation)}","time":"${this.#time.of(operation.atUs)}","session":${this.#session.of(operation.sessionId)},"trace_id":"${span.traceId}","span_id":"${span.spanId}","operation":${operation.operationId},"initiator":"${operation.initiator}","method":${this.#method.of(method)}${targetText},"outcome":"${outcome}","duration_ms":${(operation.endedAtUs - operation.startedAtUs) / 1000},"server":${this.#server.of(operation.server)}${httpText}${courseText}${errorText}${urlText},"msg":${this.#message.of(`${title}: ${outcome}`)}}\n`;
  }

  /** The same line as lines of other events are: without what the event itself says. */
  line(operation: OperationFinished): LogLine {
    const members = JSON.parse(this.of(operation)) as Readonly<Record<string, unknown>>;
    const fields = Object.entries(members).filter(([name]) => !SHARED_MEMBERS.has(name));
    return {
      level: operationLevel(operation),
      message: String(members.msg),
      fields: Object.fromEntries(fields),
    };
  }

  #httpFields({ method, path, status, clientAddress }: OperationHttp): string {
    const statusText = status === undefined ? '' : `,"http_status":${status}`;
    return `,"http_method":${this.#httpMethod.of(method)},"http_path":${this.#path.of(path)}${statusText},"client_address":${JSON.stringify(clientAddress)}`;
  }
}

/** What only operations have that were more than a request and its answer. */
function courseFields({ legs, task, subscription }: OperationFinished): string {
  let text = '';
  if (legs.length > 1) text += `,"round_trips":${legs.length},"input_wait_ms":${inputWaitUs(legs) / 1000}`;
  if (task !== undefined) text += `,"task_polls":${task.polls}`;
  if (subscription !== undefined) {
    text += `,"notifications":${subscription.notifications}`;
    if (subscription.closedBy !== undefined) text += `,"closed_by":"${subscription.closedBy}"`;
  }
  return text;
}

function errorFields({ code, type, message }: NonNullable<OperationFinished['error']>): string {
  const codeText = code === undefined ? '' : `,"error_code":${code}`;
  const messageText = message === undefined ? '' : `,"error_message":${JSON.stringify(message)}`;
  return `${codeText},"error_type":${JSON.stringify(type)}${messageText}`;
}

/** A text as JSON. */
class Quoted {
  #text = '';
  #json = '""';

  of(text: string): string {
    if (text !== this.#text) {
      this.#json = JSON.stringify(text);
      this.#text = text;
    }
    return this.#json;
  }
}

/** Microseconds since the epoch in ISO 8601, to the millisecond. */
class TimeText {
  #second = NaN;
  /** Up to the point. */
  #text = '';

  of(us: number): string {
    const ms = Math.floor(us / 1000);
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#text = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
      this.#second = second;
    }
    const rest = ms - second * 1000;
    return `${this.#text}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
  }
}
