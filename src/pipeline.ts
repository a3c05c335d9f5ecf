/**
 * Chunk to events: frames the copied bytes, decodes them, lets the tracker say what they mean, and records each frame,
 * redacted. It knows no sink and no clock: every time comes in with the bytes.
 */
import type { EndCause, FrameKind, McpEvent } from './event/event.ts';
import type { Redacted, Redactor } from './event/redact.ts';
import { decode, OversizeDecoder } from './mcp/decode.ts';
import type { Batch, Message } from './mcp/message.ts';
import type { Gap, RingRecord } from './tap/ring.ts';
import type { LifecycleFact } from './thread.ts';
import type { Tracked, Tracker } from './track/tracker.ts';
import type { Channel, Direction } from './wire/chunk.ts';
import { LineFramer, type LineSink, type OversizeSink } from './wire/lines.ts';

/** Streaming SHA-256; `end` gives hex. */
export interface Digest {
  update(bytes: Uint8Array): void;
  end(): string;
}

export interface PipelineOptions {
  readonly sessionId: string;
  readonly tracker: Tracker;
  /** Undefined: recorded as it came (`--no-redact`). */
  readonly redactor: Redactor | undefined;
  readonly maxMessageBytes: number;
  readonly maxBodyBytes: number;
  readonly newDigest: () => Digest;
  readonly emit: (event: McpEvent) => void;
}

/** A cut may fall into a secret, which no pattern would know any more: so much is looked at beyond the cut. */
const REDACTION_MARGIN_BYTES = 8 * 1024;
/** A line of stderr longer than this is recorded in part, with its size and hash. */
const MAX_STDERR_LINE_BYTES = 64 * 1024;
const STOP_SIGNALS: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);
/** What a finding shows of output that is no message. */
const STRAY_PREVIEW_BYTES = 1024;

/** A frame that is complete but for what decoding says about it. */
interface Frame {
  readonly channel: Channel;
  readonly bytes: Uint8Array;
  readonly ending: '\n' | '\r\n' | '';
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
  readonly atUs: number;
}

const UNTRACKED: Tracked = { method: undefined, operationId: undefined };

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #framers: Readonly<Record<Channel, LineFramer>>;
  #seq = 0;
  #ended: { readonly cause: EndCause; readonly atUs: number } | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { maxMessageBytes } = options;
    this.#framers = {
      client_to_server: new LineFramer(
        { maxFrameBytes: maxMessageBytes },
        this.#mcpLines('client_to_server'),
      ),
      server_to_client: new LineFramer(
        { maxFrameBytes: maxMessageBytes },
        this.#mcpLines('server_to_client'),
      ),
      stderr: new LineFramer({ maxFrameBytes: MAX_STDERR_LINE_BYTES }, this.#stderrLines()),
    };
  }

  /** Takes what the ring holds, in order. Gap and lifecycle records carry JSON of the shape their writer gave them. */
  record(record: RingRecord): void {
    if (record.kind === 'gap') this.gap(JSON.parse(text(record.bytes)) as Gap, record.atUs);
    else if (record.kind === 'lifecycle') this.#lifecycle(record);
    else this.#framers[record.kind].push(record.bytes, record.atUs);
  }

  /** Why the session ends, as far as the facts told so far go. */
  get endCause(): EndCause {
    return this.#ended?.cause ?? 'sidelight_stopped';
  }

  /** Bytes passed over so far while looking for the next message after a gap. */
  get skippedBytes(): number {
    return Object.values(this.#framers).reduce((sum, framer) => sum + framer.skippedBytes, 0);
  }

  /** The streams are over: what no newline completed is recorded as such. */
  end(atUs: number): void {
    for (const framer of Object.values(this.#framers)) framer.end(atUs);
  }

  #mcpLines(channel: Direction): LineSink {
    return {
      line: (bytes, ending, atUs) => {
        if (isBlank(bytes)) {
          this.#frame(
            'blank',
            { channel, bytes, ending, sizeBytes: bytes.length, sha256: undefined, atUs },
            UNTRACKED,
          );
          return;
        }
        this.#message(decode(bytes), this.#whole(channel, bytes, ending, atUs));
      },
      oversize: () => {
        const decoder = new OversizeDecoder();
        return this.#oversize(channel, {
          push: (bytes) => {
            decoder.push(bytes);
          },
          done: (frame) => {
            this.#message(decoder.end(frame.sizeBytes), frame);
          },
        });
      },
      unterminated: (bytes, atUs) => {
        this.#frame('unterminated', this.#whole(channel, bytes, '', atUs), UNTRACKED);
      },
    };
  }

  #stderrLines(): LineSink {
    const line = (frame: Frame): void => {
      const recorded = this.#frame('stderr', frame, UNTRACKED);
      this.#options.tracker.stderrLine(text(recorded), frame.atUs);
    };
    return {
      line: (bytes, ending, atUs) => {
        line(this.#whole('stderr', bytes, ending, atUs));
      },
      oversize: () => this.#oversize('stderr', { push: () => undefined, done: line }),
      unterminated: (bytes, atUs) => {
        line(this.#whole('stderr', bytes, '', atUs));
      },
    };
  }

  /** Collects the head, the size and the hash of a frame that is too large to be held. */
  #oversize(
    channel: Channel,
    to: { push: (bytes: Uint8Array) => void; done: (frame: Frame) => void },
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
          const part = bytes.slice(0, room - headBytes);
          head.push(part);
          headBytes += part.length;
        }
        sizeBytes += bytes.length;
        digest.update(bytes);
        to.push(bytes);
      },
      end: (ending, atUs) => {
        to.done({ channel, bytes: Buffer.concat(head), ending, sizeBytes, sha256: digest.end(), atUs });
      },
    };
  }

  #whole(channel: Channel, bytes: Uint8Array, ending: Frame['ending'], atUs: number): Frame {
    let sha256: string | undefined;
    if (bytes.length > this.#options.maxBodyBytes) {
      const digest = this.#options.newDigest();
      digest.update(bytes);
      sha256 = digest.end();
    }
    return { channel, bytes, ending, sizeBytes: bytes.length, sha256, atUs };
  }

  #message(decoded: Message | Batch, frame: Frame): void {
    const at = { channel: frame.channel as Direction, seq: this.#seq, atUs: frame.atUs };
    const { tracker } = this.#options;
    if (decoded.kind === 'batch') {
      this.#frame('batch', frame, UNTRACKED);
      for (const message of decoded.messages) tracker.message(message, at);
      return;
    }
    if (
      decoded.kind === 'malformed' &&
      frame.channel === 'server_to_client' &&
      decoded.reason.startsWith('not_')
    ) {
      this.#frame('malformed', frame, UNTRACKED);
      tracker.strayOutput({
        ...at,
        detail: text(frame.bytes.subarray(0, STRAY_PREVIEW_BYTES)),
        sizeBytes: frame.sizeBytes,
      });
      return;
    }
    this.#frame(decoded.kind, frame, tracker.message(decoded, at));
  }

  /** Copies were lost: the recording has a gap here, and decoding begins again at the next message. */
  gap(gap: Gap, atUs: number): void {
    this.#framers[gap.channel].gap(atUs);
    this.#note('gap', gap.channel, { ...gap, stage: 'capture' }, atUs);
    this.#options.tracker.gap({ channel: gap.channel, atUs, chunks: gap.chunks, bytes: gap.bytes });
  }

  #lifecycle(record: RingRecord): void {
    const fact = JSON.parse(text(record.bytes)) as LifecycleFact;
    const { tracker } = this.#options;
    if (fact.fact === 'server_exited') this.end(record.atUs);
    this.#note('lifecycle', 'server_to_client', fact, record.atUs);
    if (fact.fact === 'server_started') tracker.serverStarted(fact.pid, record.atUs);
    else if (fact.fact === 'start_failed') this.#ends('start_failed', record.atUs);
    else if (fact.fact === 'client_closed') {
      this.#ends('client_closed', record.atUs);
      tracker.clientClosed(record.atUs);
    } else if (fact.fact === 'signal') {
      if (STOP_SIGNALS.has(fact.signal)) this.#ends('sidelight_stopped', record.atUs);
    } else {
      const stopped = this.#ended?.cause === 'sidelight_stopped';
      this.#ends(fact.code === 0 ? 'server_exited' : 'server_crashed', record.atUs);
      tracker.serverExited(fact.code, fact.signal, record.atUs, stopped);
    }
  }

  /**
   * Of the client's end, a signal to stop and the server's exit, what happened first ended the session. The exit is told
   * after the last output, so its time counts and not its place.
   */
  #ends(cause: EndCause, atUs: number): void {
    if (this.#ended === undefined || atUs < this.#ended.atUs) this.#ended = { cause, atUs };
  }

  /** A frame of our own: a fact about the session that stands in the recording where it happened. */
  #note(kind: FrameKind, channel: Channel, fact: unknown, atUs: number): void {
    const bytes = new TextEncoder().encode(JSON.stringify(fact));
    this.#frame(
      kind,
      { channel, bytes, ending: '', sizeBytes: bytes.length, sha256: undefined, atUs },
      UNTRACKED,
    );
  }

  /** Redacts, cuts and emits a frame; gives back the bytes as recorded. */
  #frame(kind: FrameKind, frame: Frame, tracked: Tracked): Uint8Array {
    const { maxBodyBytes, sessionId, emit } = this.#options;
    const looked = frame.bytes.subarray(0, maxBodyBytes + REDACTION_MARGIN_BYTES);
    // Latin-1 maps bytes to characters one to one, so that bytes that are no UTF-8 come back as they were.
    const redacted = this.#redact(latin1(looked));
    const whole = redacted.count === 0 ? looked : Buffer.from(redacted.text, 'latin1');
    const truncated = frame.sizeBytes > maxBodyBytes;
    const bytes = truncated ? whole.subarray(0, maxBodyBytes) : whole;
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
      sha256: truncated ? frame.sha256 : undefined,
      truncated,
      redactions: redacted.count,
      method: tracked.method,
      operationId: tracked.operationId,
    });
    this.#seq += 1;
    return bytes;
  }

  #redact(plain: string): Redacted {
    return this.#options.redactor?.redact(plain) ?? { text: plain, count: 0 };
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
