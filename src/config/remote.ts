/**
 * Kind of a value that says where the fleet's store is: `clickhouse://user@host:8443,host2:8443/database?org=payments&tls=on`, checked before anything
 * is asked of it. A password in it is refused: it would stand in lists of processes and in shells' histories.
 */
import * as z from 'zod/mini';
import { type Kind, line } from './schema.ts';

export interface Remote {
  /** Tried in this order; the next one when one does not answer. */
  readonly urls: readonly string[];
  readonly username: string;
  readonly database: string;
  /** Part of every key, and of every query. */
  readonly org: string;
  /** Statements run `ON CLUSTER` of this name, on replicated and distributed tables. */
  readonly cluster: string | undefined;
}

export type RemoteResult =
  { readonly ok: true; readonly remote: Remote } | { readonly ok: false; readonly message: string };

const SCHEME = 'clickhouse://';
const DEFAULT_PORT = { on: 8443, off: 8123 } as const;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
/** What stands unquoted in a statement, or as a part of a key. */
const IDENTIFIER = /^[A-Za-z_]\w{0,63}$/;
const ORG = /^[\w.-]{1,64}$/;
const KNOWN = ['org', 'cluster', 'tls'];
const EXAMPLE = 'clickhouse://user@host:8443/sidelight?org=NAME';

/** Never throws; the message is one line for the user. */
export function parseRemote(text: string): RemoteResult {
  if (!text.startsWith(SCHEME)) return wrong(`is no URL of a fleet store, such as ${EXAMPLE}`);
  const [, user, hosts = '', path = '', query = ''] =
    /^(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(text.slice(SCHEME.length)) ?? [];
  if (user?.includes(':') === true) return wrong('has a password, which others can read');
  const settings = new URLSearchParams(query);
  const unknown = [...settings.keys()].find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) return wrong(`has "${unknown}"; known are ${KNOWN.join(', ')}`);
  const database = path === '' ? 'sidelight' : decoded(path);
  if (!IDENTIFIER.test(database)) return wrong(`names the database "${database}"; letters, digits and _ are`);
  const org = settings.get('org') ?? 'default';
  if (!isOrg(org)) return wrong(`has the org "${org}"; letters, digits, ., _ and - are, 64 at most`);
  const cluster = settings.get('cluster') ?? undefined;
  if (cluster !== undefined && !IDENTIFIER.test(cluster)) return wrong(`names the cluster "${cluster}"`);
  const urls: string[] = [];
  for (const host of hosts.split(',')) {
    const url = urlOf(host, settings.get('tls') ?? undefined);
    if (url === undefined) return wrong(`names the host "${host}"; host:port is expected`);
    urls.push(url);
  }
  return { ok: true, remote: { urls, username: decoded(user ?? 'default'), database, org, cluster } };
}

export function isOrg(text: string): boolean {
  return ORG.test(text);
}

/** The remote as it may be shown and remembered: without who asks. */
export function remoteName({ urls, database, org }: Remote): string {
  return `${urls.map((url) => new URL(url).host).join(',')}/${database}?org=${org}`;
}

function urlOf(host: string, tls: string | undefined): string | undefined {
  const [, name = '', port] = /^(\[[\da-fA-F:.]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(host) ?? [];
  if (name === '') return undefined;
  // A machine talks in the clear only with itself, unless it is told to.
  const isTls = tls === undefined ? !LOOPBACK.test(name) : tls !== 'off';
  const url = `http${isTls ? 's' : ''}://${name}:${port ?? DEFAULT_PORT[isTls ? 'on' : 'off']}`;
  return URL.canParse(url) ? url : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function wrong(what: string): RemoteResult {
  return { ok: false, message: what };
}

export const REMOTE: Kind<Remote> = {
  schema: () =>
    z.pipe(
      line(),
      z.transform((written, context) => {
        const parsed = parseRemote(written);
        if (parsed.ok) return parsed.remote;
        context.issues.push({ code: 'custom', message: parsed.message, input: written });
        return z.NEVER;
      }),
    ),
  metavar: 'url',
  expected: `${EXAMPLE}; several hosts are separated by commas, and its password is SIDELIGHT_STORE_PASSWORD or in storePasswordFile`,
  show: ({ urls, username, database, org, cluster }) =>
    `clickhouse://${username}@${urls.map((url) => new URL(url).host).join(',')}/${database}?org=${org}` +
    (cluster === undefined ? '' : `&cluster=${cluster}`),
};
