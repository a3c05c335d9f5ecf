/** Who may do what where recordings are served: the roles, and how the claims of an OIDC token say them. It lets nobody in itself. */
import * as z from 'zod/mini';
import { isLoopback, isHttpUrl, type Kind } from './schema.ts';

/** Each may do what the one before may. */
export const ROLES = ['reader', 'replayer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What `sidelight serve` has beside the recordings themselves. */
export interface ServeConfig {
  /** Absolute. Undefined: there are no tokens but the one of this installation. */
  readonly tokensFile: string | undefined;
  /** Absolute, or `stderr`. Undefined: beside the recording, and where there is none on this machine `stderr`. */
  readonly auditFile: string | undefined;
  /** Undefined: tokens of no issuer are let in. */
  readonly oidc: OidcConfig | undefined;
}

/** Of OpenID Connect: whose tokens are let in, and which claims say for what. */
export interface OidcConfig {
  /** As `iss` of a token has it, to the letter. */
  readonly issuer: string;
  /** Undefined: it was forgotten, and `serve` says so. */
  readonly audience: string | undefined;
  /** Undefined: found by the issuer's discovery document. */
  readonly jwks: string | undefined;
  readonly orgClaim: string;
  readonly roleClaim: string;
  /** By the values of the claim. Empty: they are the names of the roles. */
  readonly roles: Readonly<Record<string, Role>>;
  readonly clockToleranceMs: number;
}

/** Keys that come in the clear may be anybody's. */
export const SECURE_URL: Kind<string> = {
  schema: () => z.string().check(z.refine(isSecure)),
  metavar: 'url',
  expected: 'an https URL, or an http one of this machine, without a user',
  show: (url) => url,
};

function isSecure(text: string): boolean {
  if (!isHttpUrl(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const isOfThisMachine = isLoopback(hostname.replace(/^\[|\]$/g, ''));
  return (protocol === 'https:' || isOfThisMachine) && username + password === '';
}
