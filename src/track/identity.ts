/** Who the two sides of a session are, learnt from whatever message says so, in either era. */
import type { SessionDescribed } from '../event/event.ts';
import type { Era } from '../mcp/era.ts';
import type { Implementation, Message, Request, Result } from '../mcp/message.ts';

type Description = Omit<SessionDescribed, 'type' | 'sessionId' | 'atUs'>;

const META_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
/** A capability is an object's key; a peer that declares thousands is not describing itself. */
const MAX_CAPABILITIES = 64;

export class Identity {
  readonly #configuredName: string | undefined;
  readonly #fallbackName: string;
  readonly #clean: (text: string) => string;
  #serverInfo: Implementation | undefined;
  #clientInfo: Implementation | undefined;
  #protocolVersion: string | undefined;
  #era: Era | undefined;
  #clientCapabilities: readonly string[] = [];
  #serverCapabilities: readonly string[] = [];
  #changed = true;

  constructor(configuredName: string | undefined, fallbackName: string, clean: (text: string) => string) {
    this.#configuredName = configuredName;
    this.#fallbackName = fallbackName;
    this.#clean = clean;
  }

  get server(): string {
    return this.#configuredName ?? this.#serverInfo?.name ?? this.#fallbackName;
  }

  get protocolVersion(): string | undefined {
    return this.#protocolVersion;
  }

  requested(request: Request): void {
    const { params, method } = request;
    if (params.clientInfo !== undefined) this.#client(params.clientInfo);
    if (params.modern === true && this.#era !== 'modern') {
      this.#era = 'modern';
      this.#clientCapabilities = this.#keys(at(request, 'params', '_meta', META_CAPABILITIES));
      this.#changed = true;
    }
    if (params.modern === true) this.#version(params.protocolVersion);
    if (method !== 'initialize') return;
    this.#era = 'legacy';
    this.#version(params.protocolVersion);
    this.#clientCapabilities = this.#keys(at(request, 'params', 'capabilities'));
    this.#changed = true;
  }

  answered(method: string, result: Result): void {
    const { serverInfo, protocolVersion } = result.result;
    if (serverInfo !== undefined) this.#server(serverInfo);
    if (method === 'initialize') this.#version(protocolVersion);
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
      serverInfo: this.#serverInfo,
      clientInfo: this.#clientInfo,
      protocolVersion: this.#protocolVersion,
      era: this.#era,
      clientCapabilities: this.#clientCapabilities,
      serverCapabilities: this.#serverCapabilities,
    };
  }

  #version(version: string | undefined): void {
    if (version === undefined || version === this.#protocolVersion) return;
    this.#protocolVersion = this.#clean(version);
    this.#changed = true;
  }

  #client(info: Implementation): void {
    if (same(info, this.#clientInfo)) return;
    this.#clientInfo = this.#cleaned(info);
    this.#changed = true;
  }

  #server(info: Implementation): void {
    if (same(info, this.#serverInfo)) return;
    this.#serverInfo = this.#cleaned(info);
    this.#changed = true;
  }

  #keys(value: unknown): readonly string[] {
    if (typeof value !== 'object' || value === null) return [];
    return Object.keys(value)
      .slice(0, MAX_CAPABILITIES)
      .map((key) => this.#clean(key));
  }

  #cleaned({ name, version }: Implementation): Implementation {
    return {
      ...(name !== undefined && { name: this.#clean(name) }),
      ...(version !== undefined && { version: this.#clean(version) }),
    };
  }
}

function same(a: Implementation, b: Implementation | undefined): boolean {
  return a.name === b?.name && a.version === b?.version;
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
