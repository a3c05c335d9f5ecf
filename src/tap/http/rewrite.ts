/**
 * The only bodies that are changed on their way: the address that the legacy transport (HTTP+SSE, 2024-11-05) gives its
 * client, which clients refuse on another origin than ours, and, where it is asked for, the server's own URL in its OAuth
 * metadata. Everything that need not be changed passes as it came, at once.
 */
import type { BodyRewriter } from './forwarding.ts';
import { withValue } from './headers.ts';

/** More before the first event's end is none of the legacy transport's. */
const MAX_FIRST_EVENT_BYTES = 16 * 1024;
/** Metadata is a kilobyte or two. What is longer passes as it is. */
const MAX_METADATA_BYTES = 256 * 1024;
const ENDPOINT = 'event: endpoint';
const FIRST_EVENT = /^event: ?endpoint(?:\r\n|\r|\n)data: ?([^\r\n]*)(?:\r\n|\r|\n){2}/;

export interface Places {
  /** Origin of the server, as in its own URLs. */
  readonly server: string;
  /** Origin that the client uses. */
  readonly client: string;
  /** Prefix that the client uses and the server does not know, or ''. */
  readonly mount: string;
}

/** A URL of the server's as its client can use it; what is not the server's stays as it is. */
export function asSeenByClient(url: string, { server, client, mount }: Places): string {
  if (url.startsWith('/') && !url.startsWith('//')) return `${mount}${url}`;
  if (url !== server && !url.startsWith(`${server}/`) && !url.startsWith(`${server}?`)) return url;
  return `${client}${mount}${url.slice(server.length)}`;
}

/** For an event stream that may begin with an `endpoint` event. */
export class EndpointRewriter implements BodyRewriter {
  readonly #places: Places;
  #held: Buffer | undefined;
  #passed = false;

  constructor(places: Places) {
    this.#places = places;
  }

  /** Its length, if it had one, is another now: a stream ends with its last chunk. */
  headers(headers: string[]): string[] {
    const kept: string[] = [];
    for (let at = 0; at + 1 < headers.length; at += 2) {
      if (headers[at]?.toLowerCase() !== 'content-length')
        kept.push(headers[at] ?? '', headers[at + 1] ?? '');
    }
    return kept.length === headers.length ? headers : withValue(kept, 'Transfer-Encoding', 'chunked');
  }

  push(chunk: Buffer): Buffer | undefined {
    if (this.#passed) return chunk;
    const held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    const text = held.toString('latin1');
    const first = FIRST_EVENT.exec(text);
    // Any other beginning is passed on before it is whole.
    const mayBe = text.replace('event:e', 'event: e').startsWith(ENDPOINT.slice(0, text.length));
    if (first === null && mayBe && held.length < MAX_FIRST_EVENT_BYTES) {
      this.#held = held;
      return undefined;
    }
    this.#passed = true;
    const [event, url] = first ?? [];
    if (event === undefined || url === undefined) return held;
    const changed = event.replace(url, () => asSeenByClient(url, this.#places));
    return Buffer.concat([Buffer.from(changed, 'latin1'), held.subarray(event.length)]);
  }

  end(): Buffer | undefined {
    const held = this.#passed ? undefined : this.#held;
    this.#passed = true;
    return held;
  }
}

/** For the metadata of a protected resource (RFC 9728): `resource` is the URL that clients compare with theirs. */
export class MetadataRewriter implements BodyRewriter {
  readonly #places: Places;
  #held: Buffer[] | undefined = [];
  #bytes = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  headers(headers: string[]): string[] {
    return new EndpointRewriter(this.#places).headers(headers);
  }

  push(chunk: Buffer): Buffer | undefined {
    if (this.#held === undefined) return chunk;
    this.#held.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes > MAX_METADATA_BYTES ? this.#release() : undefined;
  }

  end(): Buffer | undefined {
    const held = this.#release();
    if (held === undefined) return undefined;
    try {
      const metadata = JSON.parse(held.toString()) as { resource?: unknown };
      if (typeof metadata.resource !== 'string') return held;
      return Buffer.from(
        JSON.stringify({ ...metadata, resource: asSeenByClient(metadata.resource, this.#places) }),
      );
    } catch {
      return held;
    }
  }

  #release(): Buffer | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined || this.#bytes === 0 ? undefined : Buffer.concat(held);
  }
}

const RESOURCE_METADATA = /(resource_metadata=")([^"]*)(")/g;

/** `WWW-Authenticate`: where the metadata of the resource is. */
export function rewriteChallenges(headers: string[], places: Places): string[] {
  return headers.map((value, at) =>
    at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'www-authenticate'
      ? value.replace(RESOURCE_METADATA, (_all, before: string, url: string, after: string) => {
          return `${before}${asSeenByClient(url, places)}${after}`;
        })
      : value,
  );
}
