/**
 * Traffic of other programs' files to events, by the pipelines that take live traffic: sessions are told apart, framed, decoded,
 * redacted and recorded as if they had passed here.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { McpEvent } from '../event/event.ts';
import type { HttpBody, HttpFact, StdioBegun, Traffic } from '../formats/traffic.ts';
import { HttpFacts } from '../httpFacts.ts';
import { HttpPipeline } from '../httpPipeline.ts';
import { Pipeline } from '../pipeline.ts';
import { VERSION } from '../self/version.ts';
import type { RecordKind } from '../tap/ring.ts';
import { Tracker } from '../track/tracker.ts';
import { derivedIds, type ImportOptions, newId, trackerOf } from './options.ts';

/** Servers that one HAR may be about. */
const MAX_ORIGINS = 100;
const NEWLINE = Buffer.from('\n');

export class TrafficImport {
  readonly #options: ImportOptions;
  readonly #sessions = new Map<
    string,
    { readonly id: string; readonly pipeline: Pipeline; lastUs: number }
  >();
  readonly #servers = new Map<string, { readonly pipeline: HttpPipeline; lastUs: number }>();
  /** Number and offset of the next record of each exchange. */
  readonly #next = new Map<number, { index: number; offset: number }>();
  readonly #ids: string[] = [];

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  take(item: Traffic): void {
    if (item.kind === 'stdio_begun') this.#begin(item);
    else if (item.kind === 'stdio_line') {
      const session = this.#sessions.get(item.key);
      if (session === undefined) return;
      session.lastUs = item.atUs;
      const bytes = Buffer.concat([item.bytes, NEWLINE]);
      const { channel, atUs } = item;
      session.pipeline.record({ kind: channel, bytes, atUs, exchange: 0, index: 0, offset: 0 });
    } else this.#http(item);
  }

  end(): void {
    for (const { pipeline, lastUs } of [...this.#sessions.values(), ...this.#servers.values()])
      pipeline.close(lastUs);
    for (const id of this.#ids) this.#options.events.ended(id, 0);
  }

  #begin({ key, atUs, label, command, cwd }: StdioBegun): void {
    const { redactor, events, maxMessageBytes } = this.#options;
    const id = this.#newId();
    const shown = redactor?.command(command) ?? command;
    const hidden = redactor?.redact(cwd).text ?? cwd;
    events.event({
      ...startedHere('stdio', label),
      ...{ sessionId: id, atUs, command: shown, cwd: hidden },
    });
    const tracker = new Tracker({
      ...trackerOf(this.#options),
      ...derivedIds(id),
      sessionId: id,
      transport: 'stdio',
      configuredName: label,
      fallbackName: basename(command[0] ?? key),
      startedAtUs: atUs,
      emit: this.#emit,
    });
    const pipeline = new Pipeline({
      ...recorderOf(this.#options, this.#emit),
      ...{ sessionId: id, tracker, maxMessageBytes },
    });
    this.#sessions.set(key, { id, pipeline, lastUs: atUs });
  }

  #http(item: HttpFact | HttpBody): void {
    const server = this.#server(item);
    if (server === undefined) return;
    server.lastUs = item.atUs;
    const bytes = item.kind === 'http_body' ? item.bytes : Buffer.from(JSON.stringify(item.fact));
    const kind = kindOf(item);
    const next = this.#next.get(item.exchange) ?? { index: 0, offset: 0 };
    server.pipeline.record({ kind, bytes, atUs: item.atUs, exchange: item.exchange, ...next });
    if (item.kind === 'http_fact' && item.fact.fact === 'response_ended') this.#next.delete(item.exchange);
    else this.#next.set(item.exchange, { index: next.index + 1, offset: next.offset + bytes.length });
  }

  #server({ origin }: HttpFact | HttpBody): { readonly pipeline: HttpPipeline; lastUs: number } | undefined {
    const known = this.#servers.get(origin);
    if (known !== undefined) return known;
    if (this.#servers.size >= MAX_ORIGINS) {
      this.#options.leftOut(`an exchange with a server beyond the first ${MAX_ORIGINS}`, undefined);
      return undefined;
    }
    const { redactor, maxMessageBytes, sessionIdleUs } = this.#options;
    const target = new URL(origin);
    const pipeline = new HttpPipeline({
      ...recorderOf(this.#options, this.#emit),
      tracker: {
        ...trackerOf(this.#options),
        ...derivedIds(origin),
        configuredName: undefined,
        fallbackName: target.host,
        host: target.host,
      },
      started: { ...startedHere('http', undefined), command: [], cwd: '', target: origin },
      facts: new HttpFacts({ target, redactor, hash: shortHash }),
      ...{ maxMessageBytes, sessionIdleUs },
      newSessionId: () => this.#newId(),
      dropped: (reason, count) => {
        this.#options.leftOut(
          `${count} of a body or an exchange (${reason.replaceAll('_', ' ')})`,
          undefined,
        );
      },
    });
    const server = { pipeline, lastUs: 0 };
    this.#servers.set(origin, server);
    return server;
  }

  #newId(): string {
    const id = newId(this.#options);
    this.#ids.push(id);
    return id;
  }

  readonly #emit = (event: McpEvent): void => {
    this.#options.events.event(event);
  };
}

function kindOf(item: HttpFact | HttpBody): RecordKind {
  if (item.kind === 'http_body') return item.channel;
  return item.fact.fact === 'request' || item.fact.fact === 'request_ended' ? 'request' : 'response';
}

/** Of what was recorded by others, only who imported it is known. */
function startedHere(transport: 'stdio' | 'http', configuredName: string | undefined) {
  return {
    type: 'session_started' as const,
    transport,
    configuredName,
    envNames: [],
    pid: process.pid,
    hostname: hostname(),
    sidelightVersion: VERSION,
  };
}

function recorderOf({ redactor, maxBodyBytes, keepMedia }: ImportOptions, emit: (event: McpEvent) => void) {
  return { redactor, maxBodyBytes, keepMedia, newDigest, emit };
}

function newDigest() {
  const hash = createHash('sha256');
  return {
    update: (bytes: Uint8Array) => void hash.update(bytes),
    end: () => hash.digest('hex'),
  };
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
