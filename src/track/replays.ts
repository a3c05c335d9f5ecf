/**
 * Messages that were said before: a GET with `Last-Event-ID` may say again what the client has not got. It knows an event
 * by its id, and by what it said, since servers exist that number each stream from the start.
 */
import type { Message } from '../mcp/message.ts';
import type { Part, Shared } from './shared.ts';
import { idText } from './text.ts';

/** A longer id is not remembered, so that its message is never taken for a replay. */
const MAX_EVENT_ID_CHARS = 256;

/** `T`: what was made of a message when it came first. */
export class Replays<T> {
  readonly #said: Part<{ readonly what: string; readonly made: T }>;

  constructor(shared: Shared) {
    this.#said = shared.said();
  }

  /** Undefined when the message was not said before. */
  find(eventId: string, message: Message): T | undefined {
    const said = this.#said.get(eventId);
    return said?.what === whatOf(message) ? said.made : undefined;
  }

  remember(eventId: string, message: Message, made: T): void {
    if (eventId.length > MAX_EVENT_ID_CHARS) return;
    this.#said.set(eventId, { what: whatOf(message), made });
  }
}

function whatOf(message: Message): string {
  const { kind, sizeBytes } = message;
  const id = kind === 'request' || kind === 'result' || kind === 'error' ? idText(message.id) : '';
  return `${kind} ${sizeBytes} ${id.slice(0, MAX_EVENT_ID_CHARS)}`;
}
