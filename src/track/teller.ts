/** Where the tracker's events leave: everything a peer wrote is redacted and cut here, findings are counted, and nothing leaves after the end. */
import type { FindingRule, McpEvent } from '../event/event.ts';
import type { Direction } from '../wire/chunk.ts';

/** Where a message stands: its channel, the number of its frame, and when it passed. */
export interface At {
  readonly channel: Direction;
  readonly seq: number;
  readonly atUs: number;
}

export interface TellerOptions {
  readonly sessionId: string;
  readonly redact: (text: string) => string;
  readonly emit: (event: McpEvent) => void;
  readonly maxTextChars: number;
}

export class Teller {
  readonly sessionId: string;
  /** Redaction alone, for text that is kept longer or compared. */
  readonly redact: (text: string) => string;
  readonly #emit: (event: McpEvent) => void;
  readonly #maxTextChars: number;
  #findings = 0;
  #ended = false;

  constructor({ sessionId, redact, emit, maxTextChars }: TellerOptions) {
    this.sessionId = sessionId;
    this.redact = redact;
    this.#emit = emit;
    this.#maxTextChars = maxTextChars;
  }

  get findings(): number {
    return this.#findings;
  }

  get ended(): boolean {
    return this.#ended;
  }

  tell(event: McpEvent): void {
    if (!this.#ended) this.#emit(event);
  }

  /** The last event of the session. */
  tellEnd(event: McpEvent): void {
    this.tell(event);
    this.#ended = true;
  }

  finding(rule: FindingRule, { channel, seq, atUs }: At, detail: string, operationId?: number): void {
    this.#findings += 1;
    const { sessionId } = this;
    const clean = this.clean(detail);
    this.tell({ type: 'finding_raised', sessionId, atUs, rule, channel, seq, operationId, detail: clean });
  }

  /** Redacted before it is cut: half a secret is no secret that a pattern would know. */
  clean(text: string): string {
    return this.cut(this.redact(text));
  }

  cleanOptional(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.clean(text);
  }

  cut(text: string, maxChars = this.#maxTextChars): string {
    // Never in the middle of a character.
    return text.length > maxChars ? `${text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, '')}…` : text;
  }
}
