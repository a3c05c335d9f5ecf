/** A server on stdio, started for one replay and ended with it. */
import type { ServerProcess } from '../tap/child.ts';
import type { Connection, ConnectionEvents } from './connection.ts';
import type { Json } from './scenario.ts';

/** After its stdin is closed a server gets so long, and as long again after SIGTERM: as SDK clients do. */
const PATIENCE_MS = 2000;
/** A server that never writes a newline is not read for ever. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

export class StdioConnection implements Connection {
  readonly cancelsByClosing = false;
  readonly #child: ServerProcess;
  readonly #events: ConnectionEvents;
  readonly #exited: Promise<void>;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #closing = false;

  constructor(child: ServerProcess, events: ConnectionEvents) {
    this.#child = child;
    this.#events = events;
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    child.stderr.resume();
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        if (!this.#closing) {
          const how = signal === null ? `with exit code ${code ?? 'unknown'}` : `by ${signal}`;
          events.end({ reason: `the server ended ${how}`, crashed: signal !== null || code !== 0 });
        }
        resolve();
      });
    });
  }

  send(message: Json): Promise<void> {
    return new Promise((resolve) => {
      this.#child.stdin.write(`${JSON.stringify(message)}\n`, () => {
        resolve();
      });
    });
  }

  opened(): void {
    // Nothing is said of it on stdio.
  }

  drop(): void {
    // A cancel is a notification here.
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#child.stdin.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const timer = setTimeout(() => this.#child.kill(signal), PATIENCE_MS);
      const ended = await Promise.race([
        this.#exited.then(() => true),
        new Promise<false>((resolve) => {
          setTimeout(() => {
            resolve(false);
          }, PATIENCE_MS + 50).unref();
        }),
      ]);
      clearTimeout(timer);
      if (ended) return;
    }
    await this.#exited;
  }

  #read(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      this.#line(Buffer.concat([...this.#rest, chunk.subarray(from, at)]));
      this.#rest = [];
      this.#restBytes = 0;
      from = at + 1;
    }
    if (from < chunk.length && this.#restBytes < MAX_LINE_BYTES) {
      this.#rest.push(chunk.subarray(from));
      this.#restBytes += chunk.length - from;
    }
  }

  #line(line: Buffer): void {
    for (const message of messagesIn(line.toString('utf8'))) this.#events.message(message);
  }
}

/** The messages of a text, of a batch several; none for what is no JSON-RPC. */
export function messagesIn(text: string): readonly Json[] {
  try {
    const value = JSON.parse(text) as unknown;
    return (Array.isArray(value) ? (value as unknown[]) : [value]).filter(
      (one): one is Json => typeof one === 'object' && one !== null && !Array.isArray(one),
    );
  } catch {
    return [];
  }
}
