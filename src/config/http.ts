/**
 * What `sidelight http` needs beyond the values of its settings: that they fit together, and the PEM files they name.
 * Other commands do not ask for it, so that what is meant for this one in a shared file never stops them.
 */
import { LISTEN, type Listen } from './addresses.ts';
import { ConfigError } from './error.ts';
import type { Loaded } from './load.ts';
import { flagOf, type Key } from './options.ts';
import { certificates, type KeyPair, keyPair, type PemFile } from './pem.ts';
import { isLoopback } from './schema.ts';

export interface HttpSetup {
  readonly target: URL;
  /** Certificate to serve HTTPS with; undefined: plain HTTP. */
  readonly tls: KeyPair | undefined;
  /** PEM text of what is trusted in, and shown to, an https target; empty: Node's defaults. */
  readonly targetTls: { readonly ca?: string } & Partial<KeyPair>;
  /** One line each: what was set and is not used. */
  readonly warnings: readonly string[];
}

const MISSING =
  "the server's URL is missing; usage: sidelight http --target <url> [options], or set SIDELIGHT_TARGET or target in the config file";

/** Throws ConfigError when something is missing, does not fit together, or is a file that cannot be used. */
export function httpSetup({ config: { http }, sources }: Loaded): HttpSetup {
  const where = (key: Key): string => sources.get(key)?.where ?? key;
  const file = (key: 'tlsCert' | 'tlsKey' | 'targetCa' | 'targetCert' | 'targetKey'): PemFile | undefined =>
    http[key] === undefined ? undefined : { path: http[key], where: where(key) };
  const pair = (cert: 'tlsCert' | 'targetCert', key: 'tlsKey' | 'targetKey'): KeyPair | undefined => {
    const certFile = file(cert);
    const keyFile = file(key);
    if (certFile !== undefined && keyFile !== undefined) return keyPair(certFile, keyFile);
    if (certFile !== undefined) throw new ConfigError(`${certFile.where}: also set ${flagOf(key) ?? key}`);
    if (keyFile !== undefined) throw new ConfigError(`${keyFile.where}: also set ${flagOf(cert) ?? cert}`);
    return undefined;
  };

  if (http.target === undefined) throw new ConfigError(MISSING);
  const target = new URL(http.target);
  const { listen } = http;
  if ('host' in listen && !isLoopback(listen.host) && !http.allowRemote) {
    throw new ConfigError(
      `${where('listen')}: ${LISTEN.show(listen)} can be reached from other machines; add --allow-remote if that is meant`,
    );
  }
  if (isSame(listen, target)) {
    throw new ConfigError(
      `${where('listen')}: ${LISTEN.show(listen)} is where the target itself listens; choose another port`,
    );
  }
  const caFile = file('targetCa');
  const ca = caFile === undefined ? undefined : certificates(caFile);
  const targetTls = { ...(ca !== undefined && { ca }), ...pair('targetCert', 'targetKey') };
  const unused = target.protocol === 'https:' ? [] : (['targetCa', 'targetCert'] as const);
  return {
    target,
    tls: pair('tlsCert', 'tlsKey'),
    targetTls,
    warnings: unused
      .filter((key) => http[key] !== undefined)
      .map((key) => `${where(key)}: not used, since the target is not https`),
  };
}

/** `host:port` of a URL, also where the port is the scheme's own: the server's name until it says one. */
export function hostAndPort({ host, port, protocol }: URL): string {
  return port === '' ? `${host}:${protocol === 'https:' ? 443 : 80}` : host;
}

const ANYWHERE = new Set(['0.0.0.0', '::']);

/** Whether what is sent to the target would come back here. */
function isSame(listen: Listen, target: URL): boolean {
  if ('socketPath' in listen || !hostAndPort(target).endsWith(`:${listen.port}`)) return false;
  const here = listen.host.toLowerCase();
  const there = target.hostname.replace(/^\[|\]$/g, '');
  if (here === there) return true;
  const either = ANYWHERE.has(here) || here === 'localhost' || there === 'localhost';
  return either && isLoopback(there) && (ANYWHERE.has(here) || isLoopback(here));
}
