/**
 * Conversations as tests: what each side says, line by line, and what the tracker makes of it. Every message goes through
 * the real decoder; time is a clock that moves a millisecond a line.
 */
import type { EventType, McpEvent, OperationFinished } from '../../src/event/event.ts';
import type { FindingRule } from '../../src/event/findings.ts';
import { decode } from '../../src/mcp/decode.ts';
import type { Message } from '../../src/mcp/message.ts';
import { NOT_LINKED } from '../../src/track/answers.ts';
import type { DefinitionsOptions } from '../../src/event/toolDefinition.ts';
import type { ExchangeFacts } from '../../src/track/exchanges.ts';
import { schemaValidators } from '../../src/schema.ts';
import type { TrackerLimits } from '../../src/track/limits.ts';
import type { Shared } from '../../src/track/shared.ts';
import { type Tracked, Tracker } from '../../src/track/tracker.ts';
import type { ExchangeEnding } from '../../src/track/unanswered.ts';
import type { Direction } from '../../src/wire/chunk.ts';

export const START_US = 1_780_000_000_000_000;
export const STEP_US = 1000;
export const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'modern-client', version: '2' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
};

type Id = string | number | null;
type Params = Readonly<Record<string, unknown>>;
interface On {
  readonly exchange?: number;
  readonly eventId?: string;
}

/** What one side can say. */
export interface Side {
  asks(id: Id, method: string, params?: Params): Tracked;
  calls(id: Id, name: string, meta?: Params): Tracked;
  answers(id: Id, result?: Params): Tracked;
  fails(id: Id | undefined, code: number, message?: string): Tracked;
  notifies(method: string, params?: Params): Tracked;
  cancels(requestId: Id, reason?: string): Tracked;
}

export interface Exchange {
  readonly id: number;
  readonly client: Side;
  readonly server: Side;
  /** The server, in an SSE event with an id. */
  event(eventId: string): Side;
  says(channel: Direction, message: unknown): Tracked;
  responds(status: number): void;
  ends(ending?: Partial<ExchangeEnding>): void;
}

export interface ConversationOptions {
  readonly configuredName?: string;
  readonly limits?: Partial<TrackerLimits>;
  readonly redact?: (text: string) => string;
  readonly captureContent?: boolean;
  readonly definitions?: DefinitionsOptions;
  readonly transport?: 'stdio' | 'http';
  /** With other conversations. */
  readonly shared?: Shared;
}

const FACTS: ExchangeFacts = {
  method: 'POST',
  path: '/mcp',
  httpVersion: '1.1',
  clientAddress: '192.0.2.7',
  clientPort: 50_000,
  serverAddress: 'localhost',
  serverPort: 3000,
};

const VALIDATORS = schemaValidators();

/** Room between the spans' ids for those of their legs, which are made from them. */
const SPAN_STEP = 0x1_0000;

/** A message that was said, and what its frame's record would say of it. */
export interface Said {
  readonly channel: Direction;
  readonly message: Message;
  readonly tracked: Tracked;
}

export class Conversation {
  readonly events: McpEvent[] = [];
  readonly said: Said[] = [];
  readonly tracker: Tracker;
  readonly client = this.#side('client_to_server');
  readonly server = this.#side('server_to_client');
  #seq = 0;
  #exchanges = 0;
  #ids = 0;
  #atUs = START_US;

  constructor(options: ConversationOptions = {}) {
    const { configuredName, limits = {}, redact = (text: string) => text, captureContent = false } = options;
    const { transport = 'stdio', definitions, shared } = options;
    this.tracker = new Tracker({
      sessionId: 'session',
      transport,
      configuredName,
      fallbackName: 'server.js',
      startedAtUs: START_US,
      newTraceId: () => (this.#ids += 1).toString(16).padStart(32, '0'),
      newSpanId: () => (this.#ids += SPAN_STEP).toString(16).padStart(16, '0'),
      redact,
      captureContent,
      ...(definitions !== undefined && { definitions }),
      ...(shared !== undefined && { shared }),
      limits,
      validatorOf: VALIDATORS,
      emit: (event) => this.events.push(event),
    });
  }

  now(): number {
    this.#atUs += STEP_US;
    return this.#atUs;
  }

  passes(us: number): void {
    this.#atUs += us;
  }

  /** One frame, as bytes on the wire: a message or a batch. Returns what the frame's record would say. */
  say(channel: Direction, message: unknown, on: On = {}): Tracked {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    const decoded = decode(new TextEncoder().encode(text));
    const at = { channel, seq: this.#seq, atUs: this.now(), ...on };
    this.#seq += 1;
    const messages = decoded.kind === 'batch' ? decoded.messages : [decoded];
    const tracked = messages.map((member) => {
      const told = this.tracker.message(member, at);
      this.said.push({ channel, message: member, tracked: told });
      return told;
    });
    const [only] = tracked;
    return only !== undefined && decoded.kind !== 'batch' ? only : NOT_LINKED;
  }

  /** An HTTP exchange: what the client says in its request, and the server in its response. */
  exchange(facts: Partial<ExchangeFacts> = {}): Exchange {
    const id = (this.#exchanges += 1);
    this.tracker.exchangeOpened(id, { ...FACTS, ...facts }, this.now());
    const on = { exchange: id };
    return {
      id,
      client: this.#side('client_to_server', on),
      server: this.#side('server_to_client', on),
      event: (eventId) => this.#side('server_to_client', { exchange: id, eventId }),
      says: (channel, message) => this.say(channel, message, on),
      responds: (status) => {
        this.tracker.responded(id, status);
      },
      ends: (ending = {}) => {
        const where = { atUs: this.now(), seq: Math.max(0, this.#seq - 1) };
        this.tracker.exchangeEnded(id, { end: 'complete', lost: false, ...ending }, where);
      },
    };
  }

  /** A GET with which a client asks for what the server wants to say by itself, or for the rest of a stream. */
  get(resumes = false): Exchange {
    return this.exchange({ method: 'GET', resumes });
  }

  /** A finding of the tracker's owner, about the latest frame. */
  raises(rule: FindingRule, channel: Direction, detail: string, operationId?: number): void {
    const where = { channel, seq: Math.max(0, this.#seq - 1), atUs: this.now() };
    this.tracker.raise(rule, where, detail, operationId);
  }

  /** A line of a server's stdout that is no message. */
  strays(text: string): void {
    const where = { seq: this.#seq, atUs: this.now() };
    this.#seq += 1;
    this.tracker.strayOutput({ ...where, detail: text, sizeBytes: text.length });
  }

  /** The handshake of the revisions up to 2025-11-25. */
  initialized(version = '2025-11-25'): this {
    const clientInfo = { name: 'client', version: '1' };
    this.client.asks('init', 'initialize', {
      protocolVersion: version,
      clientInfo,
      capabilities: { sampling: {} },
    });
    this.server.answers('init', {
      protocolVersion: version,
      serverInfo: { name: 'files', version: '3' },
      capabilities: { tools: {}, logging: {} },
    });
    this.client.notifies('notifications/initialized');
    return this;
  }

  of<T extends EventType>(type: T): Extract<McpEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<McpEvent, { type: T }> => event.type === type);
  }

  /** Finished operations but for the handshake, in a line each: method and target, outcome, error type. */
  outcomes(): string[] {
    return this.finished().map(({ method, target, outcome, error }) =>
      [method, target?.name, outcome, error?.type].filter((part) => part !== undefined).join(' '),
    );
  }

  finished(): OperationFinished[] {
    return this.of('operation_finished').filter(({ method }) => method !== 'initialize');
  }

  findings(): string[] {
    return this.of('finding_raised').map(({ rule }) => rule);
  }

  ends(cause: Parameters<Tracker['end']>[0] = 'client_closed'): this {
    this.tracker.end(cause, this.now());
    return this;
  }

  #side(channel: Direction, on: On = {}): Side {
    return {
      asks: (id: Id, method: string, params?: Params): Tracked =>
        this.say(channel, { jsonrpc: '2.0', id, method, params }, on),
      calls: (id: Id, name: string, meta?: Params): Tracked =>
        this.say(
          channel,
          { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {}, _meta: meta } },
          on,
        ),
      answers: (id: Id, result: Params = {}): Tracked =>
        this.say(channel, { jsonrpc: '2.0', id, result }, on),
      fails: (id: Id | undefined, code: number, message = 'no'): Tracked =>
        this.say(channel, { jsonrpc: '2.0', id, error: { code, message } }, on),
      notifies: (method: string, params?: Params): Tracked =>
        this.say(channel, { jsonrpc: '2.0', method, params }, on),
      cancels: (requestId: Id, reason?: string): Tracked =>
        this.say(
          channel,
          { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } },
          on,
        ),
    };
  }
}
