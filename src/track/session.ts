/**
 * What all parts of a tracker share of their session: who speaks in it, its span, how text becomes fit for an event,
 * and the one way out for events. It knows no message.
 */
import type {
  EndCause,
  FindingRule,
  McpEvent,
  ServerLogged,
  SpanIdentity,
  Transport,
} from '../event/event.ts';
import type { Channel } from '../wire/chunk.ts';
import type { DefinitionsOptions } from '../event/toolDefinition.ts';
import { Identity } from './identity.ts';
import type { TrackerLimits } from './limits.ts';
import type { Shared } from './shared.ts';
import { type Clean, cleaner, oneLine } from './text.ts';
import { rootSpan, type SpanIds } from './traceContext.ts';

export interface SessionOptions extends SpanIds {
  readonly sessionId: string;
  readonly transport: Transport;
  readonly configuredName: string | undefined;
  /** What the server is called until it says its name. */
  readonly fallbackName: string;
  readonly startedAtUs: number;
  readonly redact: (text: string) => string;
  readonly emit: (event: McpEvent) => void;
  /** What is trusted of servers' tools; undefined where nobody asks. */
  readonly definitions?: DefinitionsOptions;
  /** Over HTTP, what tells servers of one name apart. */
  readonly host?: string;
  /** Whether arguments and results of tool calls go into their events. */
  readonly captureContent?: boolean;
}

/** Where a frame stands: its channel, its number, and when it passed. */
export interface FramePlace {
  readonly channel: Channel;
  readonly seq: number;
  readonly atUs: number;
}

/** What the whole session came to. */
export interface SessionSummary {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  readonly probe: boolean;
  readonly operations: number;
  readonly failedOperations: number;
}

export class Session {
  readonly id: string;
  readonly transport: Transport;
  readonly limits: TrackerLimits;
  readonly shared: Shared;
  readonly identity: Identity;
  readonly span: SpanIdentity;
  readonly clean: Clean;
  readonly captureContent: boolean;
  readonly definitions: DefinitionsOptions | undefined;
  readonly host: string | undefined;
  readonly #emit: (event: McpEvent) => void;
  readonly #startedAtUs: number;
  #findings = 0;
  #ended = false;

  constructor(options: SessionOptions, limits: TrackerLimits, shared: Shared) {
    this.id = options.sessionId;
    this.transport = options.transport;
    this.definitions = options.definitions;
    this.host = options.host;
    this.limits = limits;
    this.shared = shared;
    this.clean = cleaner(options.redact, limits.maxTextChars);
    this.identity = new Identity(options.configuredName, options.fallbackName, this.clean);
    this.captureContent = options.captureContent ?? false;
    this.span = rootSpan(options);
    this.#emit = options.emit;
    this.#startedAtUs = options.startedAtUs;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** After the end nothing is told any more. */
  emit(event: McpEvent): void {
    if (!this.#ended) this.#emit(event);
  }

  cleanOptional(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.clean(text);
  }

  /** `detail` is cleaned here. */
  raise(rule: FindingRule, where: FramePlace, detail: string, operationId?: number): void {
    this.#findings += 1;
    this.emit({
      type: 'finding_raised',
      sessionId: this.id,
      atUs: where.atUs,
      rule,
      channel: where.channel,
      seq: where.seq,
      operationId,
      detail: oneLine(this.clean(detail, this.limits.maxDetailChars)),
    });
  }

  /** `text` and `logger` are clean already. */
  log(
    origin: ServerLogged['origin'],
    level: string,
    logger: string | undefined,
    text: string,
    atUs: number,
  ): void {
    this.emit({ type: 'server_logged', sessionId: this.id, atUs, origin, level, logger, text });
  }

  /** Tells who speaks, if more is known than was told: before any event that names the server. */
  describe(atUs: number): void {
    const news = this.identity.news();
    if (news !== undefined) this.emit({ type: 'session_described', sessionId: this.id, atUs, ...news });
  }

  end(cause: EndCause, atUs: number, summary: SessionSummary): void {
    this.describe(atUs);
    this.emit({
      type: 'session_ended',
      sessionId: this.id,
      atUs,
      transport: this.transport,
      startedAtUs: this.#startedAtUs,
      cause,
      server: this.identity.server,
      protocolVersion: this.identity.protocolVersion,
      findings: this.#findings,
      span: this.span,
      ...summary,
    });
    this.#ended = true;
  }
}
