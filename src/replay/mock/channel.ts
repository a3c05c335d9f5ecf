/** Where a mock's messages go: to the client of one request, or to that of a session. It knows nothing of what they say. */

export interface AnswerForm {
  /** Of HTTP. */
  readonly status: number;
  /** Over HTTP, as an event even where nothing came before it. */
  readonly stream: boolean;
  /** Half of it, and then nothing more. */
  readonly cut: boolean;
}

export interface Channel {
  /** Aborts when nobody listens any more. */
  readonly gone: AbortSignal;
  /** A message that is no answer. */
  readonly say: (text: string) => void;
  /** The answer; nothing comes after it. */
  readonly answer: (text: string, form: AnswerForm) => void;
  /** The connection breaks. */
  readonly hangUp: () => void;
  /** An answer that is no JSON-RPC; undefined: this is not HTTP. */
  readonly http: ((status: number, type: string, body: string) => void) | undefined;
}
