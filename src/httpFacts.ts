/**
 * What the headers and the address of an HTTP exchange say, in the forms that others may have: hashed for the directory
 * of sessions, redacted for the recording and the spans. No credential and no session id leaves it as it came.
 */
import type { Redactor } from './event/redact.ts';
import { headerOf } from './mcp/headers.ts';
import type { ExchangeFacts } from './track/exchanges.ts';
import type { Origin } from './track/speakers.ts';
import type { RawHeaders, RequestFact, ResponseEndedFact, ResponseFact } from './wire/exchange.ts';

export interface HttpFactsOptions {
  readonly target: URL;
  /** Undefined: recorded as it came, but for credentials. */
  readonly redactor: Redactor | undefined;
  /** Short, hex, the same for the same text. */
  readonly hash: (text: string) => string;
}

/** `unknown`: the end of the exchange was among lost copies. */
export interface EndedNote extends Omit<ResponseEndedFact, 'end'> {
  readonly end: ResponseEndedFact['end'] | 'unknown';
}

/** Whoever sends one of these with another value is somebody else. */
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key'] as const;
/** Never recorded, whatever the settings. */
const UNRECORDED: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
]);
const SESSION_ID = 'mcp-session-id';
/** As both SDKs name it: 2024-11-05, HTTP with SSE. */
const LEGACY_ID = 'sessionId';
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** Clients send the same fields and ids with every request: so many values are looked at once and known again. */
const MAX_KNOWN = 2000;
/** A longer one is not kept: it is no field that comes again. */
const MAX_KNOWN_CHARS = 1024;

export class HttpFacts {
  readonly #options: HttpFactsOptions;
  readonly #values = new Map<string, string>();
  readonly #hashes = new Map<string, string>();

  constructor(options: HttpFactsOptions) {
    this.#options = options;
  }

  origin({ method, client, headers, target }: RequestFact): Origin {
    const credential = CREDENTIALS.map((name) => headerOf(headers, name)).find(
      (value) => value !== undefined,
    );
    return {
      method,
      clientAddress: client.address,
      sessionIdHash: this.sessionIdHash(headers),
      legacyIdHash: this.legacyIdHash(target),
      credentialHash: credential === undefined ? undefined : this.#hash(credential),
      traceId: TRACEPARENT.exec(headerOf(headers, 'traceparent') ?? '')?.[1],
    };
  }

  exchange({ method, target, httpVersion, client, headers }: RequestFact): ExchangeFacts {
    const { hostname, port, protocol } = this.#options.target;
    const traceparent = headerOf(headers, 'traceparent');
    const tracestate = headerOf(headers, 'tracestate');
    return {
      method,
      path: this.#redact(target.split('?', 1)[0] ?? ''),
      httpVersion,
      clientAddress: client.address,
      clientPort: client.port,
      serverAddress: hostname,
      serverPort: Number(port || (protocol === 'https:' ? 443 : 80)),
      ...(traceparent !== undefined && { traceparent }),
      ...(tracestate !== undefined && { tracestate }),
      resumes: headerOf(headers, 'last-event-id') !== undefined,
      hasSessionId: headerOf(headers, SESSION_ID) !== undefined,
      legacySse: method === 'POST' && this.legacyIdHash(target) !== undefined,
    };
  }

  /** A fact as it stands in the recording. */
  note(fact: RequestFact | ResponseFact | EndedNote): unknown {
    if (fact.fact === 'response_ended') return { ...fact, trailers: this.#headers(fact.trailers) };
    const headers = this.#headers(fact.headers);
    return fact.fact === 'request'
      ? { ...fact, target: this.told(fact.target), headers }
      : { ...fact, headers };
  }

  sessionIdHash(headers: RawHeaders): string | undefined {
    const id = headerOf(headers, SESSION_ID);
    return id === undefined ? undefined : this.#hash(id);
  }

  /** Of a target, or of the URL that an `endpoint` event names. */
  legacyIdHash(target: string): string | undefined {
    if (!target.includes(LEGACY_ID)) return undefined;
    const id = queryOf(target)?.get(LEGACY_ID);
    return id === undefined || id === null || id === '' ? undefined : this.#hash(id);
  }

  #headers(headers: RawHeaders): readonly (readonly [string, string])[] {
    const recorded: (readonly [string, string])[] = [];
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = headers[at] ?? '';
      recorded.push([name, this.#value(name, headers[at + 1] ?? '')]);
    }
    return recorded;
  }

  #value(name: string, value: string): string {
    return known(this.#values, `${name}:${value}`, () => this.#told(name.toLowerCase(), value));
  }

  #told(name: string, value: string): string {
    const { redactor } = this.#options;
    if (name === SESSION_ID) return `[hashed:${this.#hash(value)}]`;
    if (redactor !== undefined) return redactor.header(name, value);
    return UNRECORDED.has(name) ? '[not recorded]' : value;
  }

  #hash(text: string): string {
    return known(this.#hashes, text, () => this.#options.hash(text));
  }

  /** A target, or a URL: without what the query says that nobody may know. */
  told(target: string): string {
    const id = target.includes(LEGACY_ID) ? queryOf(target)?.get(LEGACY_ID) : undefined;
    const told = id ? target.replace(encodeURIComponent(id), `[hashed:${this.#hash(id)}]`) : target;
    return this.#redact(told);
  }

  #redact(text: string): string {
    return this.#options.redactor?.redact(text).text ?? text;
  }
}

function known(values: Map<string, string>, key: string, make: () => string): string {
  const value = values.get(key);
  if (value !== undefined) return value;
  const made = make();
  // Forgotten all at once: what comes again is known again, and nothing needs an order.
  if (values.size >= MAX_KNOWN) values.clear();
  if (key.length <= MAX_KNOWN_CHARS) values.set(key, made);
  return made;
}

function queryOf(target: string): URLSearchParams | undefined {
  const at = target.indexOf('?');
  return at < 0 ? undefined : new URLSearchParams(target.slice(at + 1));
}
