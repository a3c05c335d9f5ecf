/** What is known of the server's process: what it said last, how it ended, and whether that was a crash. */

export class ServerProcess {
  readonly #maxLines: number;
  readonly #lastStderr: string[] = [];
  #clientClosedAtUs = Infinity;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #crashed = false;

  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  get exitCode(): number | null {
    return this.#exit?.code ?? null;
  }

  get exitSignal(): string | null {
    return this.#exit?.signal ?? null;
  }

  /** It ended neither with 0 nor because its client had gone or because it was told to stop. */
  get crashed(): boolean {
    return this.#crashed;
  }

  /** Copied, since an event never changes. */
  get lastStderr(): readonly string[] {
    return [...this.#lastStderr];
  }

  said(line: string): void {
    this.#lastStderr.push(line);
    if (this.#lastStderr.length > this.#maxLines) this.#lastStderr.shift();
  }

  clientClosed(atUs: number): void {
    this.#clientClosedAtUs = Math.min(this.#clientClosedAtUs, atUs);
  }

  /**
   * `stopped`: somebody told it, through us, to stop. An exit is told after the last output, so that the client may have
   * seen it and gone before it is known here: what counts is when each happened, not when it was told.
   */
  exited(code: number | null, signal: string | null, atUs: number, stopped: boolean): void {
    this.#exit = { code, signal };
    this.#crashed = code !== 0 && atUs < this.#clientClosedAtUs && !stopped;
  }

  /** How it died, and its last words. */
  get obituary(): string {
    const how = this.#exit?.signal ?? `exit code ${String(this.#exit?.code)}`;
    const last = this.#lastStderr.at(-1);
    return last === undefined ? `the server died (${how})` : `the server died (${how}): ${last}`;
  }
}
