/** `sidelight token`: makes, lists and revokes the tokens of the tokens file. A token is shown once, and only its hash is kept. */
import { changeTokens, newToken, readTokens, type StoredToken } from '../api/tokens.ts';
import { type Role, ROLES } from '../config/access.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, quote } from '../config/error.ts';
import { duration } from '../config/quantity.ts';
import { isOrg } from '../config/remote.ts';
import { oneOf } from '../config/schema.ts';
import { table } from './table.ts';
import { safe, type Terminal } from './terminal.ts';

export interface CreateOptions {
  readonly org?: string;
  readonly role?: string;
  readonly subject?: string;
  readonly expires?: string;
}

const ROLE = oneOf('role', ROLES);
const LIFE = duration(60_000, 100 * 366 * 24 * 60 * 60_000);
const SUBJECT = /^\P{Cc}{1,200}$/u;

/** Resolves to the exit code. Throws ConfigError. */
export async function createToken(
  { org, role, subject = '', expires }: CreateOptions,
  { serve }: Config,
  terminal: Terminal,
): Promise<number> {
  const path = fileOf(serve.tokensFile);
  if (org === undefined || !isOrg(org))
    throw new ConfigError(
      `--org: ${org === undefined ? 'it is missing' : `${quote(org)} is no org`}; letters, digits, ., _ and - are, 64 at most`,
    );
  const nowMs = Date.now();
  const { token, stored } = newToken({
    org,
    role: roleOf(role),
    subject,
    nowMs,
    expiresAtMs: expires === undefined ? undefined : nowMs + lifeOf(expires),
  });
  const named = subject === '' ? { ...stored, subject: `token ${stored.id}` } : stored;
  if (!SUBJECT.test(named.subject))
    throw new ConfigError('--subject: it is to be a line of 200 characters at most');
  changed(path, (tokens) => [...tokens, named]);
  terminal.problem(
    `${stored.id}: ${stored.role} of ${org}${stored.expiresAt === undefined ? '' : ` until ${stored.expiresAt}`}; it is shown this once:`,
  );
  await terminal.line(token);
  return 0;
}

/** Resolves to the exit code. Throws ConfigError. */
export async function listTokens(
  { json }: { readonly json?: true },
  { serve }: Config,
  terminal: Terminal,
): Promise<number> {
  const path = fileOf(serve.tokensFile);
  const tokens = told(path, () => readTokens(path) ?? []);
  if (json === true) {
    await terminal.line(JSON.stringify(tokens.map(({ sha256: _, ...shown }) => shown)));
    return 0;
  }
  if (tokens.length === 0)
    terminal.problem(`there are no tokens in ${path}; sidelight token create makes one`);
  else await table(COLUMNS, tokens, terminal);
  return 0;
}

/** Resolves to the exit code: 1 where there is none of this id. Throws ConfigError. */
export async function revokeToken(id: string, { serve }: Config, terminal: Terminal): Promise<number> {
  const path = fileOf(serve.tokensFile);
  let found: StoredToken | undefined;
  changed(path, (tokens) => {
    found = tokens.find((one) => one.id === id);
    return tokens.filter((one) => one !== found);
  });
  if (found === undefined) {
    terminal.problem(`${quote(id)}: there is no such token; sidelight token list shows them`);
    return 1;
  }
  await terminal.line(`${id} of ${safe(found.subject)} is revoked`);
  return 0;
}

const COLUMNS = [
  { title: 'ID', cell: ({ id }: StoredToken) => id },
  { title: 'ORG', cell: ({ org }: StoredToken) => safe(org) },
  { title: 'ROLE', cell: ({ role }: StoredToken) => role },
  { title: 'SUBJECT', cell: ({ subject }: StoredToken) => safe(subject) },
  { title: 'CREATED', cell: ({ createdAt }: StoredToken) => createdAt },
  { title: 'EXPIRES', cell: ({ expiresAt = 'never' }: StoredToken) => expiresAt },
];

function fileOf(path: string | undefined): string {
  if (path !== undefined) return path;
  throw new ConfigError('--tokens-file: it is missing; it names the file that sidelight serve is given, too');
}

function roleOf(written: string | undefined): Role {
  const read = ROLE.schema().safeParse(written);
  if (read.success) return read.data;
  throw new ConfigError(
    `--role: ${written === undefined ? 'it is missing; it is' : `${quote(written)} is not`} ${ROLE.expected}`,
  );
}

function lifeOf(written: string): number {
  const read = LIFE.schema().safeParse(written);
  if (read.success) return read.data;
  throw new ConfigError(`--expires: ${quote(written)} is not ${LIFE.expected}`);
}

function changed(path: string, change: Parameters<typeof changeTokens>[1]): void {
  told(path, () => {
    changeTokens(path, change);
  });
}

function told<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    throw new ConfigError(
      `--tokens-file: ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}
