/**
 * Makes recorded frames of one session: numbers them, keeps the head, size and hash of what is too large, and redacts.
 * It knows no framing, no sink and no clock.
 */
import type { FrameKind, McpEvent } from './event/event.ts';
import type { Marked, Redacted, Redactor } from './event/redact.ts';
import { elideMedia } from './media.ts';
import type { Tracked } from './track/tracker.ts';
import type { Channel } from './wire/chunk.ts';
import type { OversizeSink } from './wire/capped.ts';

/** Streaming SHA-256; `end` gives hex. */
export interface Digest {
  update(bytes: Uint8Array): void;
  end(): string;
}

export interface RecorderOptions {
  readonly sessionId: string;
  /** Undefined: recorded as it came (`--no-redact`). */
  readonly redactor: Redactor | undefined;
  readonly maxBodyBytes: number;
  /** Media are recorded as they are, and not only what they are. */
  readonly keepMedia: boolean;
  readonly newDigest: () => Digest;
  readonly emit: (event: McpEvent) => void;
}

/** A cut may fall into a secret, which no pattern would know any more: so much is looked at beyond the cut. */
const REDACTION_MARGIN_BYTES = 8 * 1024;

/** A frame that is complete but for what decoding says about it. Its bytes are valid during the call only. */
export interface Frame {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
  readonly ending: '\n' | '\r\n' | '';
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
  readonly atUs: number;
  /** HTTP: the exchange that it is of, and the id of the event that it came in. */
  readonly exchange: number | undefined;
  readonly eventId: string | undefined;
  /** Where paths and schemas say that secrets stand. */
  readonly marked: Marked;
}

export const UNTRACKED: Tracked = { method: undefined, operationId: undefined };

export class FrameRecorder {
  readonly #options: RecorderOptions;
  #seq = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** The number that the next frame will have. */
  get seq(): number {
    return this.#seq;
  }

  /** A frame that was held whole. */
  whole(
    channel: Channel,
    bytes: Uint8Array,
    ending: Frame['ending'],
    atUs: number,
    exchange?: number,
    eventId?: string,
  ): Frame {
    const sha256 = bytes.length > this.#options.maxBodyBytes ? this.#sha256(bytes) : undefined;
    const marked = this.#options.redactor?.mark(bytes);
    return { channel, bytes, ending, sizeBytes: bytes.length, sha256, atUs, exchange, eventId, marked };
  }

  /** Collects the head, the size and the hash of a frame that is too large to be held. */
  oversize(
    channel: Channel,
    to: { push: (bytes: Uint8Array) => void; done: (frame: Frame) => void },
    exchange?: number,
  ): OversizeSink {
    const digest = this.#options.newDigest();
    const room = this.#options.maxBodyBytes + REDACTION_MARGIN_BYTES;
    const head: Uint8Array[] = [];
    let headBytes = 0;
    let sizeBytes = 0;
    return {
      push: (bytes) => {
        if (headBytes < room) {
          // Copied: a view would keep the whole chunk alive for as long as the line goes on.
          const part = Uint8Array.from(bytes.subarray(0, room - headBytes));
          head.push(part);
          headBytes += part.length;
        }
        sizeBytes += bytes.length;
        digest.update(bytes);
        to.push(bytes);
      },
      end: (ending, atUs) => {
        const bytes = Buffer.concat(head);
        const marked = this.#options.redactor?.mark(bytes, sizeBytes);
        const whole = { bytes, sizeBytes, sha256: digest.end(), marked };
        to.done({ channel, ending, atUs, exchange, eventId: undefined, ...whole });
      },
    };
  }

  /** A frame of our own: a fact about the session that stands in the recording where it happened. */
  note(kind: FrameKind, channel: Channel, fact: unknown, atUs: number, exchange?: number): void {
    const bytes = new TextEncoder().encode(JSON.stringify(fact));
    this.frame(kind, this.whole(channel, bytes, '', atUs, exchange), UNTRACKED);
  }

  /** Elides media, redacts, cuts, copies and emits a frame; gives back the bytes as recorded. */
  frame(kind: FrameKind, frame: Frame, tracked: Tracked): Uint8Array {
    const { maxBodyBytes, sessionId, emit, keepMedia } = this.#options;
    const elided = keepMedia
      ? { bytes: frame.bytes, count: 0 }
      : elideMedia(frame.bytes, (bytes) => this.#sha256(bytes));
    const looked = elided.bytes.subarray(0, maxBodyBytes + REDACTION_MARGIN_BYTES);
    const redacted = this.#redact(looked, frame.marked);
    if (kind === 'result' && tracked.method === 'tools/list') this.#options.redactor?.learn(frame.bytes);
    const whole = redacted.count === 0 ? looked : Buffer.from(redacted.text, 'latin1');
    const isWhole = frame.sizeBytes === frame.bytes.length;
    const truncated = !isWhole || elided.bytes.length > maxBodyBytes;
    const cut = truncated ? whole.subarray(0, maxBodyBytes) : whole;
    // The event outlives the chunk that the frame is a view of.
    const bytes = redacted.count === 0 ? Buffer.from(cut) : cut;
    emit({
      type: 'frame_recorded',
      sessionId,
      atUs: frame.atUs,
      seq: this.#seq,
      channel: frame.channel,
      kind,
      bytes,
      ending: frame.ending,
      sizeBytes: frame.sizeBytes,
      sha256: truncated || elided.count > 0 ? frame.sha256 : undefined,
      truncated,
      redactions: redacted.count,
      elided: elided.count,
      method: tracked.method,
      operationId: tracked.operationId,
      exchange: frame.exchange,
      eventId: frame.eventId,
    });
    this.#seq += 1;
    return bytes;
  }

  #sha256(bytes: Uint8Array): string {
    const digest = this.#options.newDigest();
    digest.update(bytes);
    return digest.end();
  }

  /** As text in Latin-1, which maps bytes to characters one to one: bytes that are no UTF-8 come back as they were. */
  #redact(bytes: Uint8Array, marked: Marked): Redacted {
    return this.#options.redactor?.frame(bytes, latin1, marked) ?? UNCHANGED;
  }
}

const UNCHANGED: Redacted = { text: '', count: 0 };

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
