/**
 * A Streamable HTTP server, spoken to as a client does: a POST for each message, answers as JSON or as events, and for sessions
 * of up to 2025-11-25 a stream for what the server says by itself. It connects to nothing but the URL that it was given.
 */
import type { Era } from '../mcp/era.ts';
import { paramHeaders, requestHeaders } from '../mcp/headers.ts';
import { isObject } from '../mcp/canonical.ts';
import { SseFramer } from '../wire/sse.ts';
import type { Connection, ConnectionEvents } from './connection.ts';
import type { Json } from './scenario.ts';
import { messagesIn } from './stdioConnection.ts';

export interface HttpConnectionOptions {
  readonly url: URL;
  readonly era: Era;
  readonly protocolVersion: string;
  /** Sent with every request, such as Authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Definitions of tools, for the headers that their schemas declare. */
  readonly tools: ReadonlyMap<string, Json>;
}

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** The code of an answer that is none of JSON-RPC: the range that JSON-RPC leaves to implementations. */
const NO_JSON_RPC = -32000;

export class HttpConnection implements Connection {
  readonly cancelsByClosing: boolean;
  readonly #options: HttpConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #all = new AbortController();
  readonly #byId = new Map<unknown, AbortController>();
  /** As they were recorded, then as this server lists them. */
  readonly #tools: Map<string, Json>;
  #sessionId: string | undefined;
  #version: string | undefined;

  constructor(options: HttpConnectionOptions, events: ConnectionEvents) {
    this.cancelsByClosing = options.era === 'modern';
    this.#options = options;
    this.#events = events;
    this.#tools = new Map(options.tools);
  }

  async send(message: Json): Promise<void> {
    const { id, method } = message;
    const own = new AbortController();
    if (id !== undefined && method !== undefined) this.#byId.set(id, own);
    const signal = AbortSignal.any([own.signal, this.#all.signal]);
    try {
      const response = await fetch(this.#options.url, {
        method: 'POST',
        headers: this.#headers(message),
        body: JSON.stringify(message),
        redirect: 'manual',
        signal,
      });
      this.#sessionId ??= response.headers.get('mcp-session-id') ?? undefined;
      // Answers may take their time; the next message need not wait for them.
      void this.#answer(response, message).finally(() => this.#byId.delete(id));
    } catch (error) {
      this.#byId.delete(id);
      if (!signal.aborted)
        this.#failed(message, `the server cannot be reached: ${causeOf(error)}`, undefined);
    }
  }

  opened(protocolVersion: string): void {
    this.#version = protocolVersion;
    if (this.#options.era === 'legacy') void this.#listen();
  }

  drop(id: number): void {
    if (this.cancelsByClosing) this.#byId.get(id)?.abort();
  }

  async close(): Promise<void> {
    this.#all.abort();
    if (this.#sessionId === undefined) return;
    const headers = { ...this.#options.headers, 'Mcp-Session-Id': this.#sessionId };
    // A server may not offer it; nothing depends on it.
    await fetch(this.#options.url, { method: 'DELETE', headers, signal: AbortSignal.timeout(2000) }).catch(
      () => undefined,
    );
  }

  #headers(message: Json): Record<string, string> {
    const { era, protocolVersion, headers } = this.#options;
    const params = isObject(message.params) ? message.params : {};
    const tool = message.method === 'tools/call' ? this.#tools.get(String(params.name)) : undefined;
    const version = era === 'modern' ? protocolVersion : this.#version;
    return {
      ...headers,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(version !== undefined && { 'MCP-Protocol-Version': version }),
      ...(this.#sessionId !== undefined && { 'Mcp-Session-Id': this.#sessionId }),
      ...(era === 'modern' &&
        typeof message.method === 'string' &&
        requestHeaders(message.method, params, tool === undefined ? [] : paramHeaders(tool.inputSchema))),
    };
  }

  async #answer(response: Response, message: Json): Promise<void> {
    const answered = await this.#read(response, message);
    if (message.id === undefined || message.method === undefined || answered) return;
    const { status } = response;
    if (!this.#all.signal.aborted && this.#byId.get(message.id)?.signal.aborted === false)
      this.#failed(message, `HTTP ${status} without an answer`, status);
  }

  /** Whether the answer to the request was among what the response held. */
  async #read(response: Response, request: Json | undefined): Promise<boolean> {
    let answered = false;
    const take = (text: string): void => {
      for (const message of messagesIn(text)) {
        const isAnswer = request !== undefined && message.id === request.id && message.method === undefined;
        answered ||= isAnswer;
        if (isAnswer && request.method === 'tools/list') this.#listed(message.result);
        this.#events.message(message);
      }
    };
    try {
      if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
        take(await response.text());
        return answered;
      }
      const framer = eventsOf(take);
      for await (const chunk of response.body ?? []) framer.push(chunk, 0);
    } catch {
      // Broken off: whether something is missing, the caller sees.
    }
    return answered;
  }

  #listed(result: unknown): void {
    const tools = isObject(result) && Array.isArray(result.tools) ? (result.tools as unknown[]) : [];
    for (const tool of tools)
      if (isObject(tool) && typeof tool.name === 'string') this.#tools.set(tool.name, tool);
  }

  /** What the server says by itself; a server without such a stream answers 405. */
  async #listen(): Promise<void> {
    try {
      const response = await fetch(this.#options.url, {
        headers: {
          ...this.#options.headers,
          Accept: 'text/event-stream',
          ...(this.#version !== undefined && { 'MCP-Protocol-Version': this.#version }),
          ...(this.#sessionId !== undefined && { 'Mcp-Session-Id': this.#sessionId }),
        },
        signal: this.#all.signal,
      });
      if (response.ok) await this.#read(response, undefined);
      else await response.body?.cancel();
    } catch {
      // Closed by us, or broken: requests tell of a server that is gone.
    }
  }

  #failed({ id }: Json, reason: string, status: number | undefined): void {
    if (id === undefined) return;
    this.#events.message({
      jsonrpc: '2.0',
      id,
      error: { code: NO_JSON_RPC, message: reason, data: { status } },
    });
  }
}

function eventsOf(take: (text: string) => void): SseFramer {
  return new SseFramer(
    { maxFrameBytes: MAX_MESSAGE_BYTES },
    {
      event: ({ data }) => {
        if (data !== undefined && data.length > 0) take(Buffer.from(data).toString('utf8'));
      },
      comment: () => undefined,
      oversize: () => ({ push: () => undefined, end: () => undefined }),
      unterminated: () => undefined,
    },
  );
}

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const of = cause instanceof Error ? cause : error;
  return of instanceof Error ? of.message || of.name : String(of);
}
