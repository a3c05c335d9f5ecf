/** Says what is wrong with Sidelight itself: one line each, once per kind, so that failing open is never silent. */

export class Trouble {
  readonly #said = new Set<string>();
  readonly #write: (line: string) => void;

  /** `write` puts one line, without its newline, on the process's stderr. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** `kind` is a fixed word; a second call with the same kind says nothing. */
  say(kind: string, line: string): void {
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    this.#write(`sidelight: ${line}`);
  }

  /** Makes a kind sayable again: the trouble is over and may come back. */
  over(kind: string): void {
    this.#said.delete(kind);
  }
}
