/**
 * A body of an HTTP exchange, as its copy comes in: undoes its coding and finds the texts in it that may be messages.
 * What framing it has is told by its headers alone.
 */
import { openDecoder, type Undecodable } from './decompress.ts';
import { headerOf, isEventStream, isJson } from './mcp/headers.ts';
import { BodyFramer } from './wire/body.ts';
import type { RawHeaders } from './wire/exchange.ts';
import type { OversizeSink } from './wire/capped.ts';
import { type SseEvent, SseFramer } from './wire/sse.ts';

/** Bytes are valid during the call only. */
export interface TextSink {
  /** A whole body, or an event: its data is what may be a message. */
  text(bytes: Uint8Array, event: SseEvent | undefined, atUs: number): void;
  /** An event without data: where to resume, or how long to wait. */
  bare(event: SseEvent, atUs: number): void;
  oversize(): OversizeSink;
  /** What was seen of a body or event that is not whole. */
  rest(bytes: Uint8Array, atUs: number): void;
  /** The copy cannot be decoded any further. */
  unreadable(reason: Undecodable): void;
}

export interface BodyReader {
  readonly isStream: boolean;
  push(bytes: Uint8Array, atUs: number): void;
  /** Copies are missing here. */
  gap(atUs: number): void;
  /** `whole`: the body ended where its framing says, and not by a broken connection. */
  end(whole: boolean, atUs: number): void;
  readonly skippedBytes: number;
}

export interface BodyOptions {
  /** The longest text that is handed over whole. */
  readonly maxMessageBytes: number;
  /** The same for a body of another type than MCP's: such a body is recorded, not read. */
  readonly maxBodyBytes: number;
}

/** A reader for the body that these headers announce. */
export function openBody(headers: RawHeaders, options: BodyOptions, sink: TextSink): BodyReader {
  const isStream = isEventStream(headers);
  const framer = isStream
    ? eventsOf(options, sink)
    : bodyOf({ maxFrameBytes: isJson(headers) ? options.maxMessageBytes : options.maxBodyBytes }, sink);
  const decoder = openDecoder(headerOf(headers, 'content-encoding'));
  let unreadable = false;
  const stop = (reason: Undecodable | undefined, atUs: number): void => {
    if (reason === undefined) return;
    unreadable = true;
    framer.gap(atUs);
    sink.unreadable(reason);
  };
  return {
    isStream,
    push: (bytes, atUs) => {
      if (unreadable) return;
      const reason = decoder.write(bytes, (decoded) => {
        framer.push(decoded, atUs);
      });
      stop(reason, atUs);
    },
    gap: (atUs) => {
      // What is left of a coded body makes no sense without what is missing.
      if (headerOf(headers, 'content-encoding') !== undefined) unreadable = true;
      framer.gap(atUs);
    },
    end: (whole, atUs) => {
      const reason = decoder.end();
      if (!unreadable && whole) stop(reason, atUs);
      if (whole) framer.end(atUs);
      else framer.gap(atUs);
    },
    get skippedBytes() {
      return framer.skippedBytes;
    },
  };
}

function eventsOf({ maxMessageBytes }: BodyOptions, sink: TextSink): SseFramer {
  return new SseFramer(
    { maxFrameBytes: maxMessageBytes },
    {
      event: (event, _sizeBytes, atUs) => {
        if (event.data === undefined || event.data.length === 0) sink.bare(event, atUs);
        else sink.text(event.data, event, atUs);
      },
      // A keep-alive says nothing.
      comment: () => undefined,
      oversize: () => sink.oversize(),
      unterminated: (data, atUs) => {
        if (data.length > 0) sink.rest(data, atUs);
      },
    },
  );
}

function bodyOf(options: { readonly maxFrameBytes: number }, sink: TextSink): BodyFramer {
  return new BodyFramer(options, {
    whole: (bytes, atUs) => {
      sink.text(bytes, undefined, atUs);
    },
    oversize: () => sink.oversize(),
    unterminated: (bytes, atUs) => {
      sink.rest(bytes, atUs);
    },
  });
}
