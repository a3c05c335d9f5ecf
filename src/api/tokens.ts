/**
 * The tokens of a file, each of an org and a role: written by `sidelight token`, read again when the file is another. It holds
 * their hashes alone, so that nobody who reads it is let in by it; a file that others could have written is not used.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import * as z from 'zod/mini';
import { type Role, ROLES } from '../config/access.ts';
import { isOrg } from '../config/remote.ts';
import { digestOf } from './ownToken.ts';
import type { Authority, Principal } from './principal.ts';
import { ApiError } from './problem.ts';

/** Told apart from other secrets by people, and by programs that look for leaked ones. */
export const TOKEN_PREFIX = 'sl_';
const TOKEN_BYTES = 32;
/** Each is compared with every request; where there are more people, an issuer of OIDC has them. */
export const MAX_TOKENS = 1000;
const OWNER_ONLY = 0o600;
/** A secret that is mounted into a container is of root, and its group may read it. */
const NOT_ALLOWED = 0o037;
const ROOT = 0;

const Token = z.strictObject({
  id: z.string().check(z.regex(/^[0-9a-f]{8}$/)),
  org: z.string().check(z.refine(isOrg)),
  role: z.enum(ROLES),
  subject: z.string().check(z.regex(/^\P{Cc}{1,200}$/u)),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  createdAt: z.iso.datetime(),
  expiresAt: z.optional(z.iso.datetime()),
});
const TokensFile = z.strictObject({ tokens: z.array(Token).check(z.maxLength(MAX_TOKENS)) });

export type StoredToken = z.infer<typeof Token>;

export interface NewToken {
  readonly org: string;
  readonly role: Role;
  readonly subject: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly expiresAtMs: number | undefined;
}

/** The tokens of a file; undefined where there is no file. Throws an Error in a line. */
export function readTokens(path: string): readonly StoredToken[] | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`it cannot be read (${code})`, { cause });
  }
  try {
    const { mode, uid } = fstatSync(file);
    const me = process.geteuid?.();
    if (me !== undefined && (![me, ROOT].includes(uid) || (mode & NOT_ALLOWED) !== 0))
      throw new Error('others than its owner can read or write it; chmod 600 makes it right');
    return parsed(readFileSync(file, 'utf8')).tokens;
  } finally {
    closeSync(file);
  }
}

/** The token itself, which is nowhere afterwards, and what is kept of it. */
export function newToken({ org, role, subject, nowMs, expiresAtMs }: NewToken): {
  readonly token: string;
  readonly stored: StoredToken;
} {
  const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
  const id = randomBytes(4).toString('hex');
  const dates = {
    createdAt: new Date(nowMs).toISOString(),
    ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
  };
  return { token, stored: { id, org, role, subject, sha256: digestOf(token).toString('hex'), ...dates } };
}

/** Puts what `change` makes of the tokens in their place, whole or not at all. Throws an Error in a line. */
export function changeTokens(
  path: string,
  change: (tokens: readonly StoredToken[]) => readonly StoredToken[],
): void {
  const draft = `${path}.new`;
  try {
    // Two that change it at once would each lose what the other did.
    writeFileSync(draft, '', { mode: OWNER_ONLY, flag: 'wx' });
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new Error(
      code === 'EEXIST'
        ? `${draft} is there: it is being changed by another; if nobody does, remove it`
        : `it cannot be written (${code})`,
      { cause },
    );
  }
  try {
    const tokens = change(readTokens(path) ?? []);
    if (tokens.length > MAX_TOKENS)
      throw new Error(`${MAX_TOKENS} tokens are the most; revoke some, or let an issuer of OIDC have them`);
    writeFileSync(draft, `${JSON.stringify({ tokens }, undefined, 2)}\n`);
    renameSync(draft, path);
  } catch (cause) {
    unlinkSync(draft);
    throw cause;
  }
}

export class TokensOfFile implements Authority {
  readonly #path: string;
  readonly #now: () => number;
  readonly #report: (line: string) => void;
  #tokens: readonly StoredToken[] = [];
  /** Of the file as it was read last. */
  #version = '';
  #problem: string | undefined;

  /** `now`: milliseconds since the Unix epoch. Throws an Error in a line where the file cannot be used, or is not there. */
  constructor(path: string, now: () => number, report: (line: string) => void) {
    this.#path = path;
    this.#now = now;
    this.#report = report;
    this.#tokens = this.#read();
  }

  /** What was revoked is not let in any more, at once. */
  async principal(token: string): Promise<Principal | undefined> {
    if (!token.startsWith(TOKEN_PREFIX)) return undefined;
    await this.#refresh();
    const digest = digestOf(token);
    let found: StoredToken | undefined;
    // All of them, so that the time tells nothing.
    for (const one of this.#tokens) if (timingSafeEqual(digest, Buffer.from(one.sha256, 'hex'))) found = one;
    if (found === undefined) return undefined;
    if (found.expiresAt !== undefined && Date.parse(found.expiresAt) <= this.#now()) return undefined;
    const { org, role, subject } = found;
    return { org, role, subject };
  }

  #read(): readonly StoredToken[] {
    const tokens = readTokens(this.#path);
    if (tokens === undefined) throw new Error('there is no such file; sidelight token create makes it');
    return tokens;
  }

  async #refresh(): Promise<void> {
    const version = await stat(this.#path).then(
      ({ ino, mtimeMs, ctimeMs, size }) => [ino, mtimeMs, ctimeMs, size].join(' '),
      () => 'none',
    );
    if (version === this.#version && this.#problem === undefined) return;
    try {
      this.#tokens = this.#read();
      this.#version = version;
      this.#problem = undefined;
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      if (problem !== this.#problem)
        this.#report(`tokensFile: ${this.#path}: ${problem}; nobody is let in by it`);
      this.#problem = problem;
      throw new ApiError(503, 'the tokens cannot be read now; the log of sidelight serve says why');
    }
  }
}

function parsed(text: string): z.infer<typeof TokensFile> {
  try {
    return TokensFile.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error('it is not what sidelight token writes', { cause });
  }
}
