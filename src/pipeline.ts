/**
 * Chunk to events: frames the copied bytes, decodes them, lets the tracker say what they mean, and records each frame,
 * redacted. It knows no sink and no clock: every time comes in with the bytes.
 */
import type { EndCause } from './event/event.ts';
import { decode, OversizeDecoder } from './mcp/decode.ts';
import type { Batch, Message } from './mcp/message.ts';
import { type Frame, FrameRecorder, type RecorderOptions, UNTRACKED } from './recorder.ts';
import type { Gap, RingRecord } from './tap/ring.ts';
import type { LifecycleFact } from './thread.ts';
import type { PropagatedIds } from './track/propagatedIds.ts';
import type { Tracker } from './track/tracker.ts';
import type { Channel, Direction } from './wire/chunk.ts';
import { LineFramer, type LineSink } from './wire/lines.ts';
import type { PropagatedFact } from './wire/propagated.ts';

export interface PipelineOptions extends RecorderOptions {
  readonly tracker: Tracker;
  /** Where the server is told of our spans. */
  readonly propagated?: PropagatedIds | undefined;
  readonly maxMessageBytes: number;
}

/** A line of stderr longer than this is recorded in part, with its size and hash. */
const MAX_STDERR_LINE_BYTES = 64 * 1024;
const STOP_SIGNALS: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);
/** What a finding shows of output that is no message. */
const STRAY_PREVIEW_BYTES = 1024;

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #recorder: FrameRecorder;
  readonly #framers: Readonly<Record<Channel, LineFramer>>;
  #ended: { readonly cause: EndCause; readonly atUs: number } | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#recorder = new FrameRecorder(options);
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
    if (record.kind === 'lifecycle') this.#lifecycle(record);
    else if (record.kind === 'request') {
      const { spans } = JSON.parse(text(record.bytes)) as PropagatedFact;
      this.#options.propagated?.told(spans, 0);
    } else if (record.kind !== 'gap' && record.kind !== 'response')
      this.#framers[record.kind].push(record.bytes, record.atUs);
  }

  /** Bytes passed over so far while looking for the next message after a gap. */
  get skippedBytes(): number {
    return Object.values(this.#framers).reduce((sum, framer) => sum + framer.skippedBytes, 0);
  }

  /** Ends what nobody comes back to. To be called now and then. */
  sweep(atUs: number): void {
    this.#options.tracker.sweep(atUs);
  }

  close(atUs: number): void {
    this.#end(atUs);
    this.#options.tracker.end(this.#ended?.cause ?? 'sidelight_stopped', atUs);
  }

  /** The streams are over: what no newline completed is recorded as such. */
  #end(atUs: number): void {
    for (const framer of Object.values(this.#framers)) framer.end(atUs);
  }

  #mcpLines(channel: Direction): LineSink {
    return {
      line: (bytes, ending, atUs) => {
        if (isBlank(bytes)) {
          this.#recorder.frame('blank', this.#recorder.whole(channel, bytes, ending, atUs), UNTRACKED);
          return;
        }
        this.#message(decode(bytes), this.#recorder.whole(channel, bytes, ending, atUs));
      },
      oversize: () => {
        const decoder = new OversizeDecoder();
        return this.#recorder.oversize(channel, {
          push: (bytes) => {
            decoder.push(bytes);
          },
          done: (frame) => {
            this.#message(decoder.end(frame.sizeBytes), frame);
          },
        });
      },
      unterminated: (bytes, atUs) => {
        this.#recorder.frame('unterminated', this.#recorder.whole(channel, bytes, '', atUs), UNTRACKED);
      },
      skipped: (bytes, atUs) => {
        this.#lost('decode', { channel, chunks: 0, bytes }, atUs);
      },
    };
  }

  #stderrLines(): LineSink {
    const line = (frame: Frame): void => {
      const recorded = this.#recorder.frame('stderr', frame, UNTRACKED);
      this.#options.tracker.stderrLine(text(recorded), frame.atUs);
    };
    return {
      line: (bytes, ending, atUs) => {
        line(this.#recorder.whole('stderr', bytes, ending, atUs));
      },
      oversize: () => this.#recorder.oversize('stderr', { push: () => undefined, done: line }),
      unterminated: (bytes, atUs) => {
        line(this.#recorder.whole('stderr', bytes, '', atUs));
      },
      skipped: (bytes, atUs) => {
        this.#lost('decode', { channel: 'stderr', chunks: 0, bytes }, atUs);
      },
    };
  }

  #message(decoded: Message | Batch, frame: Frame): void {
    const at = { channel: frame.channel as Direction, seq: this.#recorder.seq, atUs: frame.atUs };
    const { tracker } = this.#options;
    if (decoded.kind === 'batch') {
      this.#recorder.frame('batch', frame, UNTRACKED);
      for (const message of decoded.messages) tracker.message(message, at);
      return;
    }
    if (
      decoded.kind === 'malformed' &&
      frame.channel === 'server_to_client' &&
      decoded.reason.startsWith('not_')
    ) {
      this.#recorder.frame('malformed', frame, UNTRACKED);
      tracker.strayOutput({
        ...at,
        detail: text(frame.bytes.subarray(0, STRAY_PREVIEW_BYTES)),
        sizeBytes: frame.sizeBytes,
      });
      return;
    }
    this.#recorder.frame(decoded.kind, frame, tracker.message(decoded, at));
  }

  /** Copies were lost: the recording has a gap here, and decoding begins again at the next message. */
  gap(gap: Gap, atUs: number): void {
    this.#framers[gap.channel].gap(atUs);
    this.#lost('capture', gap, atUs);
  }

  /** `decode`: what came after a gap and is the rest of a line belongs to what is missing. */
  #lost(stage: 'capture' | 'decode', gap: Gap, atUs: number): void {
    this.#recorder.note('gap', gap.channel, { ...gap, stage }, atUs);
    this.#options.tracker.gap({ ...gap, atUs });
  }

  #lifecycle(record: RingRecord): void {
    const fact = JSON.parse(text(record.bytes)) as LifecycleFact;
    const { tracker } = this.#options;
    if (fact.fact === 'server_exited') this.#end(record.atUs);
    this.#recorder.note('lifecycle', 'server_to_client', fact, record.atUs);
    if (fact.fact === 'server_started') tracker.serverStarted(fact.pid, record.atUs);
    else if (fact.fact === 'start_failed') this.#ends('start_failed', record.atUs);
    else if (fact.fact === 'client_closed') {
      this.#ends('client_closed', record.atUs);
      tracker.clientClosed(record.atUs);
    } else if (fact.fact === 'signal') {
      if (STOP_SIGNALS.has(fact.signal)) this.#ends('sidelight_stopped', record.atUs);
    } else if (fact.fact === 'server_exited') {
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
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
