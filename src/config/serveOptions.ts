/** The settings of `sidelight serve`: a part of the one table of settings. */
import { ROLES, SECURE_URL } from './access.ts';
import { option, unset } from './option.ts';
import { byName } from './pairs.ts';
import { duration } from './quantity.ts';
import { LOG_FILE, oneOf, PATH, TEXT } from './schema.ts';

/** Clocks that a time server keeps differ by less. */
const CLOCK_TOLERANCE_MS = 30_000;
const MAX_CLOCK_TOLERANCE_MS = 5 * 60_000;

export const SERVE_OPTIONS = {
  tokensFile: unset({
    kind: PATH,
    description:
      'File of the tokens that are let in, each of an org and a role: `sidelight token create` writes it, and it holds their hashes alone.',
    fallbackText: 'none; on one machine the token in its data folder is enough',
  }),
  auditFile: unset({
    kind: LOG_FILE,
    description: 'Where it is written down who took what out of the recordings or changed it, or stderr.',
    fallbackText: 'audit.log in the data folder; with --store stderr',
  }),
  'oidc.issuer': unset({
    kind: SECURE_URL,
    description: 'Issuer of OpenID Connect whose tokens are let in, as `iss` of its tokens has it.',
    fallbackText: 'none',
  }),
  'oidc.audience': unset({
    kind: TEXT,
    description: 'What `aud` of a token must name. It must be given with oidc.issuer.',
    fallbackText: 'none',
  }),
  'oidc.jwks': unset({
    kind: SECURE_URL,
    description: "URL of the issuer's keys (JWKS).",
    fallbackText: "what the issuer's /.well-known/openid-configuration says",
  }),
  'oidc.orgClaim': option({
    kind: TEXT,
    fallback: 'org',
    description: 'Claim of a token that names its org; a dot leads into a member.',
  }),
  'oidc.roleClaim': option({
    kind: TEXT,
    fallback: 'role',
    description:
      'Claim of a token that names its role or several, of which the highest counts; a dot leads into a member.',
  }),
  'oidc.roles': option({
    kind: byName('role', oneOf('role', ROLES)),
    fallback: {},
    description: 'Roles by what that claim says, such as sre=admin,everyone=reader.',
    fallbackText: 'it says reader, replayer or admin',
  }),
  'oidc.clockTolerance': option({
    kind: duration(0, MAX_CLOCK_TOLERANCE_MS),
    fallback: CLOCK_TOLERANCE_MS,
    description: "By how much the issuer's clock may differ.",
  }),
} as const;
