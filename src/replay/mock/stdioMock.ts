/** A mock on stdin and stdout: one client, a message in each line. */
import type { Readable, Writable } from 'node:stream';
import { isObject } from '../../mcp/canonical.ts';
import { LineFramer } from '../../wire/lines.ts';
import type { Json } from '../scenario.ts';
import type { Channel } from './channel.ts';
import type { Player } from './player.ts';
import type { ProcessPart } from './scene.ts';

/** A client that never writes a newline is not read for ever. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const PARSE_ERROR = { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } };

export interface StdioMockOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** Undefined: recorded lines on stderr are left out. */
  readonly stderr: Writable | undefined;
  /** Whether it ends as the recorded server did. */
  readonly crash: boolean;
  readonly player: (session: Channel, process: ProcessPart) => Player;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** How a mock ended. */
export interface MockEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

const BY_ITSELF: MockEnd = { code: 0, signal: null };
/** As after a fault `disconnect`. */
const HUNG_UP: MockEnd = { code: 1, signal: null };

/** Resolves when the client is gone and was told everything, when it was told to stop, or when the recorded server ended. */
export function runStdioMock(options: StdioMockOptions): Promise<MockEnd> {
  const { input, output, stderr, crash, signal } = options;
  const gone = new AbortController();
  return new Promise((resolve) => {
    const end = (how: MockEnd): void => {
      if (gone.signal.aborted) return;
      gone.abort();
      input.destroy();
      // What was written before is told before.
      output.write('', () => {
        resolve(how);
      });
    };
    const line = (text: string): void => {
      if (!gone.signal.aborted) output.write(`${text}\n`);
    };
    const channel: Channel = {
      gone: gone.signal,
      say: line,
      answer: (text, { cut }) => {
        line(cut ? text.slice(0, Math.floor(text.length / 2)) : text);
      },
      hangUp: () => {
        end(HUNG_UP);
      },
      http: undefined,
    };
    const player = options.player(channel, {
      stderr: stderr && ((text) => stderr.write(`${text}\n`)),
      stray: line,
      exit: crash
        ? (code, died) => {
            end({ code, signal: died });
          }
        : undefined,
    });
    const framer = new LineFramer(
      { maxFrameBytes: MAX_LINE_BYTES },
      {
        line: (bytes) => {
          if (bytes.length === 0) return;
          const messages = messagesOf(bytes);
          if (messages === undefined) line(JSON.stringify(PARSE_ERROR));
          for (const message of messages ?? []) player.heard(message, channel);
        },
        oversize: () => ({
          push: () => undefined,
          end: () => {
            line(JSON.stringify(PARSE_ERROR));
          },
        }),
        unterminated: () => undefined,
        skipped: () => undefined,
      },
    );
    output.on('error', () => {
      end(BY_ITSELF);
    });
    input.on('data', (chunk: Buffer) => {
      if (!gone.signal.aborted) framer.push(chunk, 0);
    });
    input.on('error', () => {
      end(BY_ITSELF);
    });
    input.once('end', () => {
      void player.finish().then(() => {
        end(BY_ITSELF);
      });
    });
    const stop = (): void => {
      end(BY_ITSELF);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Of a batch several; undefined: it is no JSON, or nothing that a message can be. */
export function messagesOf(bytes: Uint8Array): readonly Json[] | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    const all = Array.isArray(value) ? (value as unknown[]) : [value];
    return all.length > 0 && all.every(isObject) ? all : undefined;
  } catch {
    return undefined;
  }
}
