/**
 * One POST to an OTLP/HTTP receiver at a time: bounded in time and in what it reads back, without retries, so that the
 * caller alone decides what becomes of a batch. Never writes to a standard stream and never keeps the process alive.
 */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Signal } from './otlp-target.ts';

/** `code` is a fixed word: `timeout`, `connection`, `http_3xx` to `http_5xx`, `tls_files` or `closed`. */
export class ExportError extends Error {
  readonly code: string;
  /** The same request may succeed later: OTLP specification, "Failures". */
  readonly retryable: boolean;
  /** What the receiver asked us to wait, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(
    code: string,
    message: string,
    {
      retryable = false,
      retryAfterMs = 0,
      cause,
    }: { retryable?: boolean; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'ExportError';
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface OtlpHttpOptions {
  readonly signal: Signal;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** Only OTEL_EXPORTER_OTLP_[<SIGNAL>_]{COMPRESSION,CERTIFICATE,CLIENT_CERTIFICATE,CLIENT_KEY} are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A receiver's answer is a few bytes (a partial success, a status text); what is longer is not read to its end. */
const MAX_ANSWER_BYTES = 64 * 1024;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** TLS refusals last until somebody mends them; everything else that can happen to a connection may pass. */
const PERMANENT_FAILURE = /^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$)/;

const compress = promisify(gzip);

export class OtlpHttp {
  readonly #options: OtlpHttpOptions;
  readonly #url: URL;
  readonly #gzip: boolean;
  #agent: HttpAgent | undefined;
  #closed = false;

  /** Throws where `url` is none. */
  constructor(options: OtlpHttpOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.#gzip = this.#setting('COMPRESSION')?.trim() === 'gzip';
  }

  /** Resolves to the body of a 2xx answer; rejects with ExportError. */
  async post(body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const payload = this.#gzip ? await compress(body) : body;
    this.#agent ??= await this.#openAgent();
    return this.#send(this.#agent, payload, timeoutMs);
  }

  /** Ends what is under way and lets go of the sockets. */
  close(): void {
    this.#closed = true;
    this.#agent?.destroy();
  }

  #setting(name: string): string | undefined {
    const { env, signal } = this.#options;
    return env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`] ?? env[`OTEL_EXPORTER_OTLP_${name}`];
  }

  async #openAgent(): Promise<HttpAgent> {
    const common = { keepAlive: true, maxSockets: 1 };
    if (this.#url.protocol !== 'https:') return new HttpAgent(common);
    const file = async (name: string): Promise<Buffer | undefined> => {
      const path = this.#setting(name);
      return path === undefined || path === '' ? undefined : readFile(path);
    };
    try {
      const [ca, cert, key] = await Promise.all([
        file('CERTIFICATE'),
        file('CLIENT_CERTIFICATE'),
        file('CLIENT_KEY'),
      ]);
      return new HttpsAgent({ ...common, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
    } catch (cause) {
      throw new ExportError('tls_files', messageOf(cause), { cause });
    }
  }

  #send(agent: HttpAgent, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { host, protocol } = this.#url;
    const headers = {
      ...this.#options.headers,
      'content-type': this.#options.contentType,
      'content-length': body.length,
      ...(this.#gzip && { 'content-encoding': 'gzip' }),
    };
    return new Promise((resolve, reject) => {
      const givenUp = (): void => {
        reject(new ExportError('closed', `no answer from ${host} before the end`));
      };
      if (this.#closed) {
        givenUp();
        return;
      }
      const open = protocol === 'https:' ? httpsRequest : httpRequest;
      const request = open(this.#url, { method: 'POST', agent, headers });
      const timer = setTimeout(() => {
        request.destroy(
          new ExportError('timeout', `no answer from ${host} within ${Math.round(timeoutMs)} ms`, {
            retryable: true,
          }),
        );
      }, timeoutMs);
      request.on('response', (response) => {
        collect(response, (answer) => {
          const { statusCode = 0 } = response;
          if (statusCode >= 200 && statusCode < 300) resolve(answer);
          else reject(refusal(host, statusCode, response.headers['retry-after']));
        });
      });
      request.on('error', (cause: NodeJS.ErrnoException) => {
        if (this.#closed) givenUp();
        // The receiver had already ended the idle connection that was used again: that is no failure.
        else if (request.reusedSocket && cause.code === 'ECONNRESET') {
          this.#send(agent, body, timeoutMs).then(resolve, reject);
        } else reject(failure(cause));
      });
      request.on('close', () => {
        clearTimeout(timer);
      });
      request.end(body);
    });
  }
}

/** Calls back once, whether the answer is whole, too long or torn off: its status has told what became of what was sent. */
function collect(response: IncomingMessage, done: (answer: Uint8Array) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) response.destroy();
  });
  response.on('error', () => undefined);
  response.on('close', () => {
    done(Buffer.concat(chunks));
  });
}

function refusal(host: string, status: number, retryAfter: string | undefined): ExportError {
  return new ExportError(`http_${Math.floor(status / 100)}xx`, `${host} answered ${status}`, {
    retryable: RETRYABLE_STATUS.has(status),
    retryAfterMs: Math.max(0, Number(retryAfter) * 1000) || 0,
  });
}

function failure(cause: NodeJS.ErrnoException): ExportError {
  if (cause instanceof ExportError) return cause;
  const retryable = !PERMANENT_FAILURE.test(cause.code ?? '');
  return new ExportError('connection', messageOf(cause), { retryable, cause });
}

/** One line. A failed attempt on several addresses has an empty message of its own; OpenSSL's end with a newline. */
function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return messageOf(cause.errors[0]);
  return (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ').trim();
}
