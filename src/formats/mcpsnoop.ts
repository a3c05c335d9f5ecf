/**
 * Reads the session logs of mcpsnoop (kerlenton/mcpsnoop, `Envelope` of internal/proxy/frame.go as of v0.16.0): one JSON
 * object a line. They hold messages and lines of stderr but no HTTP, so that every session is read as one over stdio.
 */
import { Elements } from './elements.ts';
import {
  flag,
  isObject,
  type Json,
  Malformed,
  needed,
  object,
  oneOf,
  parsed,
  text,
  texts,
} from './members.ts';
import { exactText } from './source.ts';
import { MAX_LINE_BYTES, TextLines } from './textLines.ts';
import type { FormatReader, TrafficSink } from './traffic.ts';
import type { Channel } from '../wire/chunk.ts';

/** A log is of one session; of one with more than this, something else is wrong. */
const MAX_SESSIONS = 1000;
const DIRECTIONS = ['c2s', 's2c', 'stderr', 'meta'] as const;
const CHANNELS: Readonly<Record<'c2s' | 's2c' | 'stderr', Channel>> = {
  c2s: 'client_to_server',
  s2c: 'server_to_client',
  stderr: 'stderr',
};

export class McpsnoopReader implements FormatReader {
  readonly #sink: TrafficSink;
  readonly #lines: TextLines;
  /** Of each session, the time of its last line. */
  readonly #sessions = new Map<string, number>();

  constructor(sink: TrafficSink, maxLineBytes = MAX_LINE_BYTES) {
    this.#sink = sink;
    this.#lines = new TextLines(
      {
        line: (bytes, number) => {
          try {
            this.#envelope(bytes, number);
          } catch (error) {
            if (!(error instanceof Malformed)) throw error;
            sink.leftOut(error.message, number);
          }
        },
        tooLong: (number) => {
          sink.leftOut(`a line longer than ${maxLineBytes} bytes`, number);
        },
      },
      maxLineBytes,
    );
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  end(): void {
    this.#lines.end();
  }

  #envelope(bytes: Uint8Array, number: number): void {
    const source = exactText(bytes);
    if (source === undefined) throw new Malformed('is no UTF-8');
    const envelope = parsed(source);
    if (!isObject(envelope)) throw new Malformed('is no JSON object');
    const key = needed(text(envelope, 'session_id'), 'session_id');
    const direction = needed(oneOf(envelope, 'direction', DIRECTIONS), 'direction');
    const toldUs = timeUs(needed(text(envelope, 'ts'), 'ts'), 'ts');
    this.#begin(key, envelope, toldUs);
    if (direction === 'meta') return;
    if (flag(envelope, 'truncated')) this.#sink.leftOut('a frame that mcpsnoop had cut', number);
    // Written in the order in which it happened: a clock that went back does not change it.
    const atUs = Math.max(toldUs, this.#sessions.get(key) ?? 0);
    this.#sessions.set(key, atUs);
    this.#sink.traffic({
      kind: 'stdio_line',
      key,
      atUs,
      channel: CHANNELS[direction],
      bytes: payloadOf(envelope, bytes),
    });
  }

  #begin(key: string, envelope: Json, atUs: number): void {
    if (this.#sessions.has(key)) return;
    if (this.#sessions.size >= MAX_SESSIONS)
      throw new Malformed(`is of a session beyond the ${MAX_SESSIONS} that are read of one file`);
    const meta = envelope.direction === 'meta' ? (object(envelope, 'raw') ?? {}) : {};
    const command = texts(meta, 'command');
    const cwd = text(meta, 'cwd') ?? '';
    const label = text(envelope, 'server_label');
    this.#sessions.set(key, atUs);
    this.#sink.traffic({
      kind: 'stdio_begun',
      key,
      atUs,
      label: label === '' ? undefined : label,
      command,
      cwd,
    });
  }
}

/** The message as it stands in the line, to the character: numbers beyond 2^53 and doubled members survive. */
function payloadOf(envelope: Json, line: Uint8Array): Uint8Array {
  const { raw } = envelope;
  if (raw === undefined || raw === null) return Buffer.from(text(envelope, 'text') ?? '');
  let found: Uint8Array | undefined;
  const elements = new Elements(['raw'], {
    value: (_path, bytes) => (found = bytes),
    tooLarge: () => undefined,
  });
  elements.push(line);
  return found ?? Buffer.from(JSON.stringify(raw));
}

/** RFC 3339, with up to nine digits of a second, of which six are kept. */
export function timeUs(written: string, name: string): number {
  const ms = Date.parse(written);
  if (!Number.isFinite(ms) || ms < 0) throw new Malformed(`${name} is no time as 2026-01-31T12:00:00Z`);
  const digits = /[.](\d{1,9})/.exec(written)?.[1] ?? '';
  const micros = Number(digits.padEnd(6, '0').slice(3, 6));
  return Math.floor(ms) * 1000 + micros;
}
