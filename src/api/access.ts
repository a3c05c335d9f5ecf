/**
 * Who is let in: by the names in a request, since any page in a browser can reach what listens on loopback, and by a token that one
 * of the authorities knows. It never tells which part of a token was right.
 */
import { isIP } from 'node:net';
import { refusal } from '../tap/http/guard.ts';
import { valueOf } from '../tap/http/headers.ts';
import type { RawHeaders } from '../wire/exchange.ts';
import type { Authority, Principal } from './principal.ts';
import { ApiError } from './problem.ts';

export interface AccessOptions {
  /** Asked in this order; the first that knows a token says whose it is. */
  readonly authorities: readonly Authority[];
  /** It listens elsewhere than on loopback: then it may be asked for by an address, which no page can have made its own. */
  readonly remote: boolean;
  /** Further names by which it may be asked for, in lower case. */
  readonly allowedHosts: readonly string[];
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Wrong tokens that are answered as such within a minute; the right one is always let in, so that nobody is locked out. */
const MAX_FAILURES = 20;
const FAILURE_WINDOW_MS = 60_000;
const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];
/** A browser cannot send Authorization with a WebSocket, but a protocol of its choice. */
const TOKEN_PROTOCOL = 'token.';

export class Access {
  readonly #options: AccessOptions;
  #failures = 0;
  #since = -Infinity;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Throws an ApiError where Host or Origin are of somebody else. */
  names(headers: RawHeaders): void {
    const { remote, allowedHosts } = this.#options;
    const host = valueOf(headers, 'host')?.toLowerCase() ?? '';
    const name = host.replace(/:\d*$/, '');
    const byAddress = remote && isIP(name.replace(/^\[|\]$/g, '')) !== 0;
    const others = [...allowedHosts, ...(byAddress ? [name] : [])];
    const why = refusal(headers, {
      allowedHosts: others.length === 0 ? [] : [...others, ...LOOPBACK_HOSTS],
      allowedOrigins: [`http://${host}`, `https://${host}`],
      hidesHost: true,
    });
    if (why !== undefined) throw new ApiError(403, `${why}; --allowed-hosts names further ones`);
  }

  /** Whose token it is. Rejects with an ApiError where there is none, or none that is known. */
  async principal(headers: RawHeaders): Promise<Principal> {
    const written = tokenIn(headers);
    for (const authority of this.#options.authorities) {
      const principal = written === undefined ? undefined : await authority.principal(written);
      if (principal !== undefined) return principal;
    }
    const now = this.#options.now();
    if (now - this.#since > FAILURE_WINDOW_MS) {
      this.#since = now;
      this.#failures = 0;
    }
    this.#failures += written === undefined ? 0 : 1;
    if (this.#failures > MAX_FAILURES) {
      const seconds = Math.ceil((this.#since + FAILURE_WINDOW_MS - now) / 1000);
      throw new ApiError(429, 'too many wrong tokens; wait', {}, { 'retry-after': String(seconds) });
    }
    throw new ApiError(
      401,
      'the token is missing or wrong; send Authorization: Bearer with a token that is let in, such as the one in the file api.token of the data folder',
      {},
      // RFC 6750, section 3.1: who sent none is told of no error.
      {
        'www-authenticate': `Bearer realm="sidelight"${written === undefined ? '' : ', error="invalid_token"'}`,
      },
    );
  }
}

function tokenIn(headers: RawHeaders): string | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(valueOf(headers, 'authorization') ?? '') ?? [];
  if (bearer !== undefined) return bearer;
  const protocols = valueOf(headers, 'sec-websocket-protocol')?.split(',') ?? [];
  const named = protocols.map((one) => one.trim()).find((one) => one.startsWith(TOKEN_PROTOCOL));
  return named?.slice(TOKEN_PROTOCOL.length);
}
