/**
 * Header fields on their way through: all of them in their order, case and number, but for those that are of one
 * connection alone (RFC 9110, 7.6.1), and the few that settings ask for. Pure.
 */
import type { RawHeaders } from '../../wire/exchange.ts';

/** Of the connection, whatever its Connection field says. TE and Transfer-Encoding have rules of their own. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
]);

/** Of the strings that Node writes to a socket; it would make UTF-8 of a head that is sent before its body. */
export const ENCODING_OF_HEADS = 'latin1';

/**
 * The fields that go on. Transfer-Encoding stays, for Node frames a body as its fields say; `TE: trailers` stays, since
 * trailers are passed on.
 */
export function endToEnd(headers: RawHeaders): string[] {
  const named = namedByConnection(headers);
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const value = headers[at + 1] ?? '';
    const key = name.toLowerCase();
    if (key === 'te' && /\btrailers\b/i.test(value)) kept.push(name, 'trailers');
    else if (!HOP_BY_HOP.has(key) && !(named?.has(key) === true && key !== 'transfer-encoding')) {
      kept.push(name, value);
    }
  }
  return kept;
}

/** With the fields of an upgrade, which are of the connection and of both of its ends (RFC 9110, 7.8). */
export function forUpgrade(headers: RawHeaders): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!/^(?:keep-alive|proxy-connection)$/i.test(name)) kept.push(name, headers[at + 1] ?? '');
  }
  return kept;
}

export function valueOf(headers: RawHeaders, name: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.length === name.length && headers[at]?.toLowerCase() === name) return headers[at + 1];
  }
  return undefined;
}

/** Takes out every field of this name, which is in lower case. */
export function without(headers: readonly string[], name: string): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const field = headers[at] ?? '';
    if (field.toLowerCase() !== name) kept.push(field, headers[at + 1] ?? '');
  }
  return kept;
}

/** Puts a value where the field stands first, and takes its further ones out; a field that is not there is added. */
export function withValue(headers: readonly string[], name: string, value: string): string[] {
  const key = name.toLowerCase();
  const changed: string[] = [];
  let isSet = false;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const field = headers[at] ?? '';
    if (field.toLowerCase() !== key) changed.push(field, headers[at + 1] ?? '');
    else if (!isSet) {
      changed.push(field, value);
      isSet = true;
    }
  }
  if (!isSet) changed.push(name, value);
  return changed;
}

export interface ForwardedBy {
  readonly address: string;
  readonly host: string | undefined;
  readonly protocol: 'http' | 'https';
}

/** Adds who asked, in the standard's form (RFC 7239) and in the older one, after what proxies before us said. */
export function withForwarded(
  headers: readonly string[],
  { address, host, protocol }: ForwardedBy,
): string[] {
  const node = address.includes(':') ? `"[${address}]"` : address;
  const parts = [`for=${node}`, ...(host === undefined ? [] : [`host="${host}"`]), `proto=${protocol}`];
  const append = (to: readonly string[], name: string, value: string): string[] => {
    const before = valueOf(to, name.toLowerCase());
    return withValue(to, name, before === undefined ? value : `${before}, ${value}`);
  };
  let changed = append(headers, 'Forwarded', parts.join(';'));
  changed = append(changed, 'X-Forwarded-For', address);
  changed = withValue(changed, 'X-Forwarded-Proto', protocol);
  return host === undefined ? changed : withValue(changed, 'X-Forwarded-Host', host);
}

/** Whether the fields announce a body (RFC 9112, 6.3). */
export function announcesBody(headers: RawHeaders): boolean {
  return (
    valueOf(headers, 'transfer-encoding') !== undefined || valueOf(headers, 'content-length') !== undefined
  );
}

/** Bytes of a body that comes whole, as it is and at once: framed by its length, in no coding (RFC 9110, 8.4; 9112, 6.2). */
export function plainLength(headers: RawHeaders): number | undefined {
  const length = Number(valueOf(headers, 'content-length') ?? NaN);
  // Who expects something waits before the body is sent.
  const isOther = ['transfer-encoding', 'content-encoding', 'expect'].some(
    (name) => valueOf(headers, name) !== undefined,
  );
  return isOther || !Number.isInteger(length) ? undefined : length;
}

function namedByConnection(headers: RawHeaders): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.length !== 10 || headers[at]?.toLowerCase() !== 'connection') continue;
    for (const token of (headers[at + 1] ?? '').toLowerCase().split(',')) {
      const name = token.trim();
      if (name === '' || name === 'keep-alive' || name === 'close') continue;
      (named ??= new Set()).add(name);
    }
  }
  return named;
}
