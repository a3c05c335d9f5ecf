/** The one writer of the process's stderr: the server's bytes as they come, and our own lines between its lines. */
import type { Writable } from 'node:stream';

const NEWLINE = 10;

export class StderrLines {
  readonly stream: Writable;
  #atLineStart = true;
  #held: { readonly text: string; readonly done: () => void }[] = [];

  constructor(stream: Writable) {
    this.stream = stream;
    // Nobody reads our stderr any more: there is nobody left to tell.
    stream.on('error', () => undefined);
  }

  /** The server's bytes went out. */
  passed(chunk: Uint8Array): void {
    this.#atLineStart = chunk[chunk.length - 1] === NEWLINE;
    if (this.#atLineStart) this.#writeHeld();
  }

  /** Writes a line of our own, after the server's current line. `done` is called when it is written. */
  line(line: string, done: () => void = () => undefined): void {
    this.#held.push({ text: `${line}\n`, done });
    if (this.#atLineStart) this.#writeHeld();
  }

  /** The server will write no more: what waited for the end of its last line is written now. */
  serverEnded(): void {
    if (!this.#atLineStart && this.#held.length > 0) this.stream.write('\n');
    this.#atLineStart = true;
    this.#writeHeld();
  }

  #writeHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const { text, done } of held) this.stream.write(text, done);
  }
}
