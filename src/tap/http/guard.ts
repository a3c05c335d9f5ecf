/**
 * Who may be let in by the names in its request: a page in a browser can have its own name resolved to 127.0.0.1 (DNS
 * rebinding), and what a server would have seen of that is gone where Host is rewritten. Pure.
 */
import type { RawHeaders } from '../../wire/exchange.ts';
import { valueOf } from './headers.ts';

export interface GuardOptions {
  /** In lower case, with or without a port. Empty: nobody named any. */
  readonly allowedHosts: readonly string[];
  /** Empty: nobody named any. */
  readonly allowedOrigins: readonly string[];
  /** The server does not see the client's Host, and the listener is on loopback. */
  readonly hidesHost: boolean;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Why a request is refused; undefined: it is not. */
export function refusal(headers: RawHeaders, options: GuardOptions): string | undefined {
  const { allowedHosts, allowedOrigins, hidesHost } = options;
  if (allowedHosts.length > 0 || hidesHost) {
    const host = (valueOf(headers, 'host') ?? '').toLowerCase();
    const name = host.replace(/:\d*$/, '');
    const isAllowed = allowedHosts.includes(host) || allowedHosts.includes(name);
    if (!isAllowed && !(allowedHosts.length === 0 && LOOPBACK.test(name))) return 'this Host is not let in';
  }
  if (allowedOrigins.length > 0) {
    const origin = valueOf(headers, 'origin');
    if (origin !== undefined && !allowedOrigins.includes(origin.toLowerCase())) {
      return 'this Origin is not let in';
    }
  }
  return undefined;
}
