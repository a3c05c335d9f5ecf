/** The two ways in which a mock answers over HTTP: to the POST that asked, and on the stream of a session. */
import type { ServerResponse } from 'node:http';
import type { AnswerForm, Channel } from './channel.ts';

/** Messages that wait until the client opens its stream; further ones are lost, and counted. */
const MAX_QUEUED = 1000;
const EVENT_STREAM = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' };

/** One POST. It becomes a stream with the first message that is not its only answer. */
export class PostChannel implements Channel {
  readonly gone: AbortSignal;
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  /** Answers that are still to come. */
  #pending: number;

  constructor(response: ServerResponse, requests: number, headers: Readonly<Record<string, string>>) {
    this.#response = response;
    this.#headers = headers;
    this.#pending = requests;
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    this.gone = gone.signal;
  }

  readonly say = (text: string): void => {
    if (this.#response.writableEnded) return;
    this.#stream();
    this.#response.write(eventOf(text));
  };

  readonly answer = (text: string, { status, stream, cut }: AnswerForm): void => {
    const response = this.#response;
    if (response.writableEnded) return;
    this.#pending -= 1;
    const isStream = stream || response.headersSent || this.#pending > 0;
    if (isStream) this.#stream();
    else
      response.writeHead(status, {
        ...this.#headers,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
      });
    const body = isStream ? eventOf(text) : text;
    if (cut) response.write(body.slice(0, Math.floor(body.length / 2)), () => response.destroy());
    else if (this.#pending > 0) response.write(body);
    else response.end(body);
  };

  readonly hangUp = (): void => {
    this.#response.destroy();
  };

  readonly http = (status: number, type: string, body: string): void => {
    const response = this.#response;
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(status, { ...this.#headers, ...(type !== '' && { 'Content-Type': type }) })
        .end(body);
  };

  #stream(): void {
    if (!this.#response.headersSent) this.#response.writeHead(200, { ...this.#headers, ...EVENT_STREAM });
  }
}

/** What the server says by itself, to whoever has opened the stream last. */
export class SessionChannel implements Channel {
  readonly gone: AbortSignal;
  readonly #gone = new AbortController();
  readonly #lost: () => void;
  #stream: ServerResponse | undefined;
  #queued: string[] = [];

  /** `lost` counts messages that nobody could be told. */
  constructor(lost: () => void) {
    this.gone = this.#gone.signal;
    this.#lost = lost;
  }

  readonly say = (text: string): void => {
    if (this.#stream !== undefined) this.#stream.write(eventOf(text));
    else if (this.#queued.length < MAX_QUEUED) this.#queued.push(text);
    else this.#lost();
  };

  /** Answers have a request, and belong to its POST. */
  readonly answer = (): void => {
    this.#lost();
  };

  readonly hangUp = (): void => {
    this.#stream?.destroy();
  };

  readonly http = (): void => undefined;

  /** A client has opened its stream: an older one is over. */
  listen(response: ServerResponse): void {
    this.#stream?.end();
    this.#stream = response;
    response.writeHead(200, EVENT_STREAM).flushHeaders();
    response.once('close', () => {
      if (this.#stream === response) this.#stream = undefined;
    });
    for (const text of this.#queued.splice(0)) response.write(eventOf(text));
  }

  end(): void {
    this.#gone.abort();
    this.#queued.splice(0).forEach(this.#lost);
    this.#stream?.end();
  }
}

/** JSON holds no line end. */
function eventOf(text: string): string {
  return `event: message\ndata: ${text}\n\n`;
}
