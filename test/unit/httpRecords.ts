/** Records of HTTP exchanges as the ring hands them over, and the pipeline that takes them. */
import { createHash } from 'node:crypto';
import type { FrameRecorded, McpEvent } from '../../src/event/event.ts';
import { Redactor } from '../../src/event/redact.ts';
import { HttpFacts } from '../../src/httpFacts.ts';
import { HttpPipeline, type HttpPipelineOptions } from '../../src/httpPipeline.ts';
import type { Direction } from '../../src/wire/chunk.ts';
import type {
  ExchangeFact,
  RawHeaders,
  RequestFact,
  ResponseEndedFact,
  ResponseFact,
} from '../../src/wire/exchange.ts';

export const JSON_TYPE = ['Content-Type', 'application/json'];
export const SSE_TYPE = ['Content-Type', 'text/event-stream'];

/** One exchange: what is done to it goes to the pipeline, numbered, unless it is lost. */
export class Told {
  readonly #id: number;
  readonly #to: Records;
  #index = 0;
  #offset = 0;
  #losing = false;

  constructor(id: number, to: Records) {
    this.#id = id;
    this.#to = to;
  }

  /** Copies of what is told from now on are lost. */
  loses(): this {
    this.#losing = true;
    return this;
  }

  /** Copies come through again. */
  recovers(): this {
    this.#losing = false;
    return this;
  }

  request(differs: Partial<RequestFact> = {}): this {
    const headers = [
      'Accept',
      'application/json, text/event-stream',
      ...JSON_TYPE,
      ...(differs.headers ?? []),
    ];
    return this.#fact({
      fact: 'request',
      connection: 1,
      client: { address: '192.0.2.7', port: 50_123 },
      method: 'POST',
      target: '/mcp',
      httpVersion: '1.1',
      ...differs,
      headers,
    });
  }

  /** A whole POST of a message. */
  posts(message: unknown, headers: RawHeaders = []): this {
    return this.request({ headers }).body('client_to_server', message).requestEnds();
  }

  requestEnds(aborted = false): this {
    return this.#fact({ fact: 'request_ended', aborted, trailers: [] });
  }

  responds(headers: RawHeaders = JSON_TYPE, differs: Partial<ResponseFact> = {}): this {
    return this.#fact({ fact: 'response', status: 200, reason: 'OK', headers, ...differs });
  }

  /** A text as it is, anything else as JSON. */
  body(direction: Direction, content: unknown): this {
    const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
    return this.#put(direction, bytes);
  }

  event(message: unknown, id?: string): this {
    const idLine = id === undefined ? '' : `id: ${id}\n`;
    return this.body('server_to_client', `${idLine}data: ${JSON.stringify(message)}\n\n`);
  }

  ends(end: ResponseEndedFact['end'] = 'complete'): this {
    return this.#fact({ fact: 'response_ended', end, trailers: [] });
  }

  /** A whole response of one message. */
  answers(message: unknown): this {
    return this.responds().body('server_to_client', message).ends();
  }

  #fact(fact: ExchangeFact): this {
    const isRequest = fact.fact === 'request' || fact.fact === 'request_ended';
    return this.#put(isRequest ? 'request' : 'response', Buffer.from(JSON.stringify(fact)));
  }

  #put(kind: Direction | 'request' | 'response', bytes: Uint8Array): this {
    const [index, offset] = [this.#index, this.#offset];
    this.#index += 1;
    this.#offset += bytes.length;
    if (this.#losing) return this;
    this.#to.pipeline.record({ kind, bytes, atUs: this.#to.tick(), exchange: this.#id, index, offset });
    return this;
  }
}

export class Records {
  readonly events: McpEvent[] = [];
  /** What was counted as not observed, by word. */
  readonly dropped: string[] = [];
  readonly pipeline: HttpPipeline;
  #exchanges = 0;
  #atUs = 1_780_000_000_000_000;
  #ids = 0;

  constructor(options: Partial<HttpPipelineOptions> = {}) {
    const redactor = new Redactor(() => 'mark');
    this.pipeline = new HttpPipeline({
      redactor,
      tracker: {
        configuredName: undefined,
        fallbackName: 'server',
        newTraceId: () => this.#hex(16),
        newSpanId: () => this.#hex(8),
        redact: (text) => text,
      },
      started: {
        configuredName: undefined,
        transport: 'http',
        command: [],
        cwd: '',
        envNames: [],
        pid: 1,
        hostname: 'host',
        sidelightVersion: '0.0.0',
        target: 'http://127.0.0.1:3001/mcp',
      },
      maxMessageBytes: 10_000,
      maxBodyBytes: 1000,
      keepMedia: false,
      sessionIdleUs: 60_000_000,
      facts: new HttpFacts({
        target: new URL('http://127.0.0.1:3001/mcp'),
        redactor,
        hash: (text) => createHash('sha256').update(text).digest('hex').slice(0, 16),
      }),
      newSessionId: () => `session ${(this.#ids += 1)}`,
      newDigest: () => {
        const hash = createHash('sha256');
        return { update: (bytes) => void hash.update(bytes), end: () => hash.digest('hex') };
      },
      dropped: (reason) => void this.dropped.push(reason),
      emit: (event) => void this.events.push(event),
      ...options,
    });
  }

  exchange(): Told {
    return new Told((this.#exchanges += 1), this);
  }

  /** A fact about the process. */
  lifecycle(fact: unknown): void {
    const bytes = Buffer.from(JSON.stringify(fact));
    this.pipeline.record({ kind: 'lifecycle', bytes, atUs: this.tick(), exchange: 0, index: 0, offset: 0 });
  }

  close(): void {
    this.pipeline.close(this.tick());
  }

  of<T extends McpEvent['type']>(type: T): readonly Extract<McpEvent, { readonly type: T }>[] {
    return this.events.filter(
      (event): event is Extract<McpEvent, { readonly type: T }> => event.type === type,
    );
  }

  outcomes(): readonly string[] {
    return this.of('operation_finished').map(({ method, outcome }) => `${method} ${outcome}`);
  }

  /** Kind and text of each frame. */
  frames(): readonly (readonly [kind: FrameRecorded['kind'], text: string])[] {
    return this.of('frame_recorded').map(({ kind, bytes }) => [kind, Buffer.from(bytes).toString()] as const);
  }

  tick(): number {
    return (this.#atUs += 1000);
  }

  #hex(bytes: number): string {
    return (this.#ids += 1).toString(16).padStart(bytes * 2, '0');
  }
}
