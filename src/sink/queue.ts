/**
 * What waits for one sink: bounded by events and by the payload bytes they hold. It keeps the oldest and refuses the
 * newest, and is emptied as a whole, so that no event is ever moved.
 */
import type { McpEvent } from '../event/event.ts';

export class EventQueue {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  #events: McpEvent[] = [];
  #bytes = 0;

  constructor(limits: { readonly maxEvents: number; readonly maxBytes: number }) {
    this.#maxEvents = limits.maxEvents;
    this.#maxBytes = limits.maxBytes;
  }

  get length(): number {
    return this.#events.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * False when there is no room. An event larger than all the room there is gets in where it would be alone: refusing
   * it always would lose every large frame, and one frame is bounded by the body cap.
   */
  push(event: McpEvent, bytes: number): boolean {
    if (this.#events.length >= this.#maxEvents) return false;
    if (this.#bytes + bytes > this.#maxBytes && this.#events.length > 0) return false;
    this.#events.push(event);
    this.#bytes += bytes;
    return true;
  }

  /** Everything that waits, in order; the queue is empty afterwards. */
  takeAll(): readonly McpEvent[] {
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    return events;
  }
}

/** Bytes that an event holds beyond its own small fields, whose number `maxEvents` bounds. */
export function payloadBytes(event: McpEvent): number {
  switch (event.type) {
    case 'frame_recorded':
      return event.bytes.length;
    case 'server_logged':
      return event.text.length;
    case 'finding_raised':
      return event.detail.length;
    case 'tool_seen':
      return event.definition.length;
    case 'catalog_listed':
      return event.sizeBytes;
    case 'operation_finished':
      return (event.content?.arguments?.length ?? 0) + (event.content?.result?.length ?? 0);
    default:
      return 0;
  }
}
