/**
 * Tokens of an issuer of OpenID Connect: signed by one of its keys, which are fetched when they are needed, kept for minutes, and
 * asked for anew when a token names one that is not among them. Where they cannot be had nobody is let in. It connects to the
 * issuer that the configuration names and to nothing that a token says.
 */
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { type OidcConfig, type Role, ROLES, SECURE_URL } from '../config/access.ts';
import { isOrg } from '../config/remote.ts';
import type { Authority, Principal } from './principal.ts';
import { ApiError } from './problem.ts';

export interface OidcOptions {
  readonly config: OidcConfig & { readonly audience: string };
  /** Takes one line when the keys cannot be had, and one when they can again. */
  readonly report: (line: string) => void;
  /** Keys are not asked for again within this time, however many tokens name unknown ones. */
  readonly cooldownMs?: number;
}

/** Signed by who alone has the private key: with `HS256` a public key would be the secret, and with `none` nobody signs. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** A key that was taken back is good for no longer. */
const MAX_KEY_AGE_MS = 10 * 60_000;
const COOLDOWN_MS = 30_000;
/** An issuer that does not answer is left alone for so long. */
const PAUSE_MS = 5000;
const TIMEOUT_MS = 5000;
/** Of the discovery document, which has some two kilobytes. */
const MAX_DOCUMENT_CHARS = 256 * 1024;
const MAX_SUBJECT = 200;
/** Header, claims and signature, as RFC 7515 has them. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;
/** What is wrong with a token, by the error of the library; all else about keys is about the issuer. */
const OF_TOKEN: ReadonlySet<string> = new Set([
  errors.JWKSNoMatchingKey.code,
  errors.JWKSMultipleMatchingKeys.code,
  errors.JOSENotSupported.code,
]);

export class Oidc implements Authority {
  readonly #options: OidcOptions;
  #keys: JWTVerifyGetKey | undefined;
  #failedAt = -Infinity;
  /** It was told that the keys cannot be had. */
  #isAway = false;

  constructor(options: OidcOptions) {
    this.#options = options;
  }

  async principal(token: string): Promise<Principal | undefined> {
    if (!COMPACT.test(token)) return undefined;
    const { issuer, audience, clockToleranceMs } = this.#options.config;
    try {
      const { payload } = await jwtVerify(token, (header, signed) => this.#key(header, signed), {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        clockTolerance: clockToleranceMs / 1000,
        requiredClaims: ['sub', 'exp'],
      });
      return principalOf(payload, this.#options.config);
    } catch (cause) {
      if (cause instanceof ApiError) throw cause;
      // Its signature was good: whoever has it may know what else is wrong.
      if (cause instanceof errors.JWTExpired) throw refused('it has expired');
      if (cause instanceof errors.JWTClaimValidationFailed)
        throw refused(`its claim ${cause.claim} is not as it must be`);
      return undefined;
    }
  }

  async #key(...asked: Parameters<JWTVerifyGetKey>): Promise<Awaited<ReturnType<JWTVerifyGetKey>>> {
    try {
      this.#keys ??= await this.#find();
      const key = await this.#keys(...asked);
      if (this.#isAway) this.#options.report('oidc.issuer: its keys can be had again');
      this.#isAway = false;
      return key;
    } catch (cause) {
      if (cause instanceof errors.JOSEError && OF_TOKEN.has(cause.code)) throw cause;
      if (!this.#isPausing()) this.#failedAt = performance.now();
      const why = cause instanceof Error ? cause.message : String(cause);
      if (!this.#isAway)
        this.#options.report(
          `oidc.issuer: the keys of ${this.#options.config.issuer} cannot be had: ${why}; nobody is let in by them`,
        );
      this.#isAway = true;
      throw new ApiError(
        503,
        'the keys of the issuer cannot be had now; the log of sidelight serve says why',
        {},
        {
          'retry-after': String(Math.ceil(PAUSE_MS / 1000)),
        },
      );
    }
  }

  async #find(): Promise<JWTVerifyGetKey> {
    const url = this.#options.config.jwks ?? (await this.#discovered());
    return createRemoteJWKSet(new URL(url), {
      cacheMaxAge: MAX_KEY_AGE_MS,
      cooldownDuration: this.#options.cooldownMs ?? COOLDOWN_MS,
      timeoutDuration: TIMEOUT_MS,
      [customFetch]: (asked, init) => this.#fetch(asked, init),
    });
  }

  /** OpenID Connect Discovery 1.0, section 4. */
  async #discovered(): Promise<string> {
    const { issuer } = this.#options.config;
    const response = await this.#fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status !== 200) throw new Error(`discovery answers ${response.status}`);
    const text = await response.text();
    const found = text.length > MAX_DOCUMENT_CHARS ? {} : (JSON.parse(text) as Record<string, unknown>);
    if (found.issuer !== issuer) throw new Error('discovery names another issuer');
    const read = SECURE_URL.schema().safeParse(found.jwks_uri);
    if (!read.success) throw new Error('discovery names no jwks_uri that is an https URL');
    return read.data;
  }

  /** Who sends wrong tokens shall not make this ask an issuer that is down again and again. */
  async #fetch(url: string, init: RequestInit): Promise<Response> {
    if (this.#isPausing()) throw new Error('it did not answer a moment ago');
    return fetch(url, init);
  }

  #isPausing(): boolean {
    return performance.now() - this.#failedAt < PAUSE_MS;
  }
}

/** Throws an ApiError where the claims give no org or no role. */
function principalOf(payload: JWTPayload, { orgClaim, roleClaim, roles }: OidcConfig): Principal {
  const org = claimOf(payload, orgClaim);
  if (typeof org !== 'string' || !isOrg(org))
    throw new ApiError(403, `the token names no org: its claim ${orgClaim} is to be one`);
  const meant: Readonly<Record<string, Role>> =
    Object.keys(roles).length > 0 ? roles : Object.fromEntries(ROLES.map((one) => [one, one]));
  const said = [claimOf(payload, roleClaim)].flat();
  const had = said.map((one) =>
    typeof one === 'string' && Object.hasOwn(meant, one) ? meant[one] : undefined,
  );
  const role = ROLES.findLast((one) => had.includes(one));
  if (role === undefined)
    throw new ApiError(403, `the token has no role: nothing in its claim ${roleClaim} means one`);
  return { org, role, subject: (payload.sub ?? '').slice(0, MAX_SUBJECT) };
}

/** By its whole name, which may have dots as URLs do, else member by member. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  return name
    .split('.')
    .reduce<unknown>(
      (of, member) =>
        typeof of === 'object' && of !== null && Object.hasOwn(of, member)
          ? (of as Record<string, unknown>)[member]
          : undefined,
      payload,
    );
}

function refused(why: string): ApiError {
  return new ApiError(
    401,
    `the token is not let in: ${why}`,
    {},
    {
      'www-authenticate': 'Bearer realm="sidelight", error="invalid_token"',
    },
  );
}
