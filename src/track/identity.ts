/** Who the two sides of a session are, learnt from whatever message says so, in either era. */
import type { Inferred, SessionDescribed } from '../event/event.ts';
import { type Era, eraOfOpening } from '../mcp/era.ts';
import type { Implementation, Message, Request, Result } from '../mcp/message.ts';
import type { Clean } from './text.ts';

type Description = Omit<SessionDescribed, 'type' | 'sessionId' | 'atUs'>;

const META_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
/** A capability is an object's key; a peer that declares thousands is not describing itself. */
const MAX_CAPABILITIES = 64;

/** Something a peer says of itself again and again: as it came, to know it again, and as it may be told. */
interface Known<T> {
  readonly raw: T;
  readonly told: T;
}

/** What tells that a message is of this HTTP session. */
export interface Recognised {
  /** Hash of `Mcp-Session-Id`. */
  readonly sessionIdHash?: string;
  readonly inferred?: Inferred;
}

export class Identity {
  readonly #configuredName: string | undefined;
  readonly #fallbackName: string;
  readonly #clean: Clean;
  #serverInfo: Known<Implementation> | undefined;
  #clientInfo: Known<Implementation> | undefined;
  #protocolVersion: Known<string> | undefined;
  #era: Era | undefined;
  #clientCapabilities: readonly string[] | undefined;
  #knowsCapabilities = false;
  #serverCapabilities: readonly string[] | undefined;
  #recognised: Recognised = {};
  #changed = true;

  constructor(configuredName: string | undefined, fallbackName: string, clean: Clean) {
    this.#configuredName = configuredName;
    this.#fallbackName = fallbackName;
    this.#clean = clean;
  }

  get server(): string {
    return this.#configuredName ?? this.#serverInfo?.told.name ?? this.#fallbackName;
  }

  /** As negotiated, or as the requests of the modern era say. */
  get protocolVersion(): string | undefined {
    return this.#protocolVersion?.told;
  }

  /** What each side declared; undefined as long as that is not known. */
  get clientCapabilities(): readonly string[] | undefined {
    return this.#clientCapabilities;
  }

  get serverCapabilities(): readonly string[] | undefined {
    return this.#serverCapabilities;
  }

  get sessionIdHash(): string | undefined {
    return this.#recognised.sessionIdHash;
  }

  recognised(by: Recognised): void {
    this.#recognised = { ...this.#recognised, ...by };
    this.#changed = true;
  }

  /** Takes what a client's request says. */
  requested(request: Request): void {
    const { params, method } = request;
    const isNewClient = this.#client(params.clientInfo);
    if (method === 'initialize') {
      // Also after a probe with server/discover: this is what the client fell back to.
      this.#setEra('legacy');
      this.#capabilitiesOfClient(at(request, 'params', 'capabilities'));
    } else if (this.#era === undefined) this.#setEra(eraOfOpening(request));
    if (params.modern !== true) return;
    this.#version(params.protocolVersion);
    // They stand in every request, but to look costs a parse.
    if (isNewClient || !this.#knowsCapabilities)
      this.#capabilitiesOfClient(at(request, 'params', '_meta', META_CAPABILITIES));
  }

  /** Takes what a server's answer says. */
  answered(method: string, result: Result): void {
    this.#server(result.result.serverInfo);
    if (method === 'initialize') this.#version(result.result.protocolVersion);
    if (method !== 'initialize' && method !== 'server/discover') return;
    this.#serverCapabilities = this.#keys(at(result, 'result', 'capabilities'));
    this.#changed = true;
  }

  /** What is known, when it is more than what was told last. */
  news(): Description | undefined {
    if (!this.#changed) return undefined;
    this.#changed = false;
    return {
      server: this.server,
      serverInfo: this.#serverInfo?.told,
      clientInfo: this.#clientInfo?.told,
      protocolVersion: this.protocolVersion,
      era: this.#era,
      clientCapabilities: this.#clientCapabilities ?? [],
      serverCapabilities: this.#serverCapabilities ?? [],
      ...this.#recognised,
    };
  }

  #setEra(era: Era | undefined): void {
    if (era === this.#era) return;
    this.#era = era;
    this.#changed = true;
  }

  #capabilitiesOfClient(declared: unknown): void {
    this.#clientCapabilities = this.#keys(declared);
    this.#knowsCapabilities = true;
    this.#changed = true;
  }

  #version(version: string | undefined): void {
    if (version === undefined || version === this.#protocolVersion?.raw) return;
    this.#protocolVersion = { raw: version, told: this.#clean(version) };
    this.#changed = true;
  }

  /** True when it is another than before. */
  #client(info: Implementation | undefined): boolean {
    if (info === undefined || same(info, this.#clientInfo?.raw)) return false;
    this.#clientInfo = { raw: info, told: this.#cleaned(info) };
    this.#changed = true;
    return true;
  }

  #server(info: Implementation | undefined): void {
    if (info === undefined || same(info, this.#serverInfo?.raw)) return;
    this.#serverInfo = { raw: info, told: this.#cleaned(info) };
    this.#changed = true;
  }

  #cleaned({ name, version }: Implementation): Implementation {
    return {
      ...(name !== undefined && { name: this.#clean(name) }),
      ...(version !== undefined && { version: this.#clean(version) }),
    };
  }

  #keys(value: unknown): readonly string[] | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.keys(value)
      .slice(0, MAX_CAPABILITIES)
      .map((key) => this.#clean(key));
  }
}

function same(a: Implementation, b: Implementation | undefined): boolean {
  return b !== undefined && a.name === b.name && a.version === b.version;
}

/** What stands at a path of the parsed message; undefined where it is not there or the message was too large to parse. */
export function at(message: Exclude<Message, { kind: 'malformed' }>, ...path: readonly string[]): unknown {
  let value = message.json();
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
