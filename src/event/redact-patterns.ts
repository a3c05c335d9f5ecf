/**
 * What is a secret by how it looks, wherever it stands: the tokens of vendors, keys, passwords in URLs, cards. A pattern
 * never takes a quote with it, so that JSON stays JSON, and never backtracks beyond a fixed length.
 */
import { isCardNumber, isRandom, isUserAndPassword } from './redact-checks.ts';

export interface Pattern {
  /** Stands in the placeholder. */
  readonly kind: string;
  /** One group at most: the part that is the secret; else all of it is. */
  readonly source: string;
  /** Four characters in a row of which one is in all that the source matches, `[...]` a choice, `.` any. */
  readonly hints: readonly string[];
  /** Says no to what only looks like it. */
  readonly check?: (secret: string) => boolean;
}

/** What letters do not run into; digits and underscores may, as in `KEY_ghp_...`. */
const START = '(?<![A-Za-z])';
const WORD_START = '(?<![A-Za-z0-9])';
/** A long repetition is bounded: what comes after so much of a token is no part of it. */
const REST = '{16,512}';

const PEM_BODY = '(?:[A-Za-z0-9+/=\\s:,.()-]|\\\\+[nrt])';

/** In the order in which they are asked. */
export const PATTERNS: readonly Pattern[] = [
  {
    kind: 'private_key',
    source: `-----BEGIN[A-Z0-9\\s]{0,40}PRIVATE KEY(?: BLOCK)?${PEM_BODY}*?(?:-----END[A-Z0-9\\s]{0,40}PRIVATE KEY(?: BLOCK)?-----|(?!${PEM_BODY}))`,
    hints: ['TE K'],
  },
  { kind: 'age_key', source: `AGE-SECRET-KEY-1[A-Z0-9]${REST}`, hints: ['KEY-'] },
  {
    kind: 'jwt',
    source: `${WORD_START}eyJ[\\w-]{8,2048}\\.[\\w-]{0,65536}\\.[\\w-]{0,65536}(?:\\.[\\w-]{1,65536}){0,2}`,
    hints: ['eyJ.'],
    check: (secret) => secret.length > 24,
  },
  {
    kind: 'bearer',
    source: '(?<![A-Za-z0-9_])(?:[Bb]earer|BEARER)(?: +|%20)([\\w.~+/-]{12,8192}=*)',
    hints: ['[aA][rR][eE][rR]'],
    check: isRandom,
  },
  {
    kind: 'basic',
    source: '(?<![A-Za-z0-9_])(?:[Bb]asic|BASIC) +([A-Za-z0-9+/]{8,4096}={0,2})',
    hints: ['[aA][sS][iI][cC]'],
    check: isUserAndPassword,
  },
  {
    kind: 'url_password',
    source: '://([^\\s/:@"\\\\]{1,256}):x-oauth-basic@',
    // That of the next.
    hints: [],
  },
  {
    kind: 'url_password',
    source: '://[^\\s/:@"\\\\]{0,256}:([^\\s/@"\\\\]{1,256})@',
    hints: ['://.'],
    check: (secret) => secret !== 'x-oauth-basic',
  },
  {
    kind: 'github_token',
    source: `${START}(?:gh[pousr]_\\w{20,255}|github_pat_\\w{20,255})`,
    hints: ['gh[pousr]_', '_pat'],
  },
  {
    kind: 'gitlab_token',
    source: `${START}(?:gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[\\w-]{16,300}|GR1348941[\\w-]{20,60})`,
    hints: ['gl[podrcifas][atbmgofr]', 'R134'],
  },
  { kind: 'anthropic_key', source: `${START}sk-ant-[\\w-]${REST}`, hints: ['sk-.'] },
  { kind: 'openai_key', source: `${START}sk-[\\w-]${REST}`, hints: ['sk-.'], check: isRandom },
  {
    kind: 'stripe_key',
    source: `${START}(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,300}|whsec_[A-Za-z0-9+/=]{20,300})`,
    hints: ['[rs]k_[ltp]', 'hsec'],
  },
  {
    kind: 'aws_key',
    source: '\\b(?:A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\\b',
    hints: ['A[KGIRNSBC][IPDOVC]A', 'A3T[A-Z0-9]'],
  },
  {
    kind: 'google_key',
    source: `${START}(?:AIza[\\w-]{30,60}|GOCSPX-[\\w-]{20,60}|ya29\\.[\\w-]{20,1024})|(?<![\\w/])1//0[\\w-]{30,300}`,
    hints: ['AIza', 'OCSP', 'ya29', '1//0'],
  },
  {
    kind: 'azure_secret',
    source: '(?<![\\w.~-])[\\w.~-]{3}[0-9]Q~[\\w.~-]{30,40}|[?&]sig=([A-Za-z0-9%+/=]{40,200})',
    hints: ['[0-9]Q~.', 'sig='],
  },
  { kind: 'slack_token', source: `${START}(?:xox[a-z]|xapp)-[\\w-]{10,300}`, hints: ['xox.', 'xapp'] },
  {
    kind: 'slack_webhook',
    source: '[Hh][Oo][Oo][Kk][Ss]\\.[Ss][Ll][Aa][Cc][Kk]\\.[Cc][Oo][Mm]/[a-zA-Z]{4,12}/([\\w/+-]{6,200})',
    hints: ['[sS].[sS][lL]'],
  },
  { kind: 'npm_token', source: `${START}npm_\\w{30,255}`, hints: ['npm_'] },
  { kind: 'pypi_token', source: `${START}pypi-AgE[\\w-]{16,1024}`, hints: ['pypi'] },
  { kind: 'sendgrid_key', source: `${START}SG\\.[\\w-]{6,128}\\.[\\w-]{6,256}`, hints: ['SG..'] },
  { kind: 'twilio_key', source: '\\bSK[0-9a-f]{32}\\b', hints: ['SK[0-9a-f][0-9a-f]'] },
  {
    kind: 'discord_token',
    source: `${WORD_START}[MNO][DTjz][AEIMQUYcgk][w-z0-5][\\w]{15,26}\\.[\\w-]{6}\\.[\\w-]{27,45}`,
    hints: ['[MNO][DTjz][AEIMQUYcgk][w-z0-5]'],
  },
  {
    kind: 'discord_webhook',
    source: 'discord(?:app)?\\.com/api/(?:v\\d+/)?webhooks/\\d{5,25}/([\\w-]{20,120})',
    hints: ['oks/'],
  },
  { kind: 'telegram_token', source: '(?<![0-9])\\d{8,10}:AA[\\w-]{32,34}(?![\\w-])', hints: ['[0-9]:AA'] },
  { kind: 'huggingface_token', source: `${START}hf_[A-Za-z0-9]{30,60}`, hints: ['hf_.'] },
  { kind: 'groq_key', source: `${START}gsk_[A-Za-z0-9]{40,80}`, hints: ['gsk_'] },
  { kind: 'xai_key', source: `${START}xai-[A-Za-z0-9]{40,120}`, hints: ['xai-'] },
  { kind: 'perplexity_key', source: `${START}pplx-[A-Za-z0-9]{32,80}`, hints: ['pplx'] },
  { kind: 'linear_key', source: `${START}lin_(?:api|oauth)_\\w{32,128}`, hints: ['lin_'] },
  { kind: 'notion_token', source: `${START}ntn_[A-Za-z0-9]{40,60}`, hints: ['ntn_'] },
  { kind: 'shopify_token', source: `${START}shp(?:at|ca|pa|ss)_[A-Za-z0-9]{32,64}`, hints: ['shp[acps]'] },
  {
    kind: 'grafana_token',
    source: `${START}(?:glc_[A-Za-z0-9+/]{32,400}={0,2}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})`,
    hints: ['glc_', 'glsa'],
  },
  { kind: 'onepassword_token', source: `${START}ops_ey[A-Za-z0-9+/=]{60,2048}`, hints: ['ops_'] },
  { kind: 'vault_token', source: `${START}hv[sbr]\\.[\\w-]{24,300}`, hints: ['hv[sbr].'] },
  { kind: 'databricks_token', source: `${START}dapi[A-Fa-f0-9]{32}(?:-[0-9])?`, hints: ['dapi'] },
  { kind: 'docker_token', source: `${START}dckr_[po]at_[\\w-]{20,64}`, hints: ['dckr'] },
  { kind: 'figma_token', source: `${START}figd_[\\w-]{40,200}`, hints: ['figd'] },
  { kind: 'vercel_token', source: `${START}vc[pirak]_[A-Za-z0-9]{20,60}`, hints: ['vc[pirak]_'] },
  { kind: 'digitalocean_token', source: `${START}do[opr]_v1_[0-9a-f]{64}`, hints: ['[opr]_v1'] },
  {
    kind: 'atlassian_token',
    source: `${START}AT(?:ATT|CTT)3[\\w=-]{20,300}`,
    hints: ['AT[AC]T'],
  },
  { kind: 'mailgun_key', source: `${WORD_START}key-[0-9a-f]{32}\\b`, hints: ['key-'] },
  { kind: 'mailchimp_key', source: '\\b[0-9a-f]{32}-us[0-9]{1,2}\\b', hints: ['-us[0-9]'] },
  { kind: 'sentry_token', source: `${START}sntry[su]_[\\w+/=]{32,512}`, hints: ['sntr'] },
  { kind: 'tailscale_key', source: `${START}tskey-[\\w-]{16,128}`, hints: ['tske'] },
  {
    kind: 'card_number',
    source:
      '(?<![\\w.-])[2-6][0-9]{3}(?:[0-9]{9,15}|(?:[ -][0-9]{4}){3}|[ -][0-9]{6}[ -][0-9]{5})(?![\\w-]|\\.[0-9])',
    // After what is no digit; at the beginning of a text secret-hint.ts looks for itself.
    hints: ['[^0-9][2-6][0-9][0-9]'],
    check: isCardNumber,
  },
];

export const EMAIL: Pattern = {
  kind: 'email',
  source: '(?<![\\w.+-])[\\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){1,4}',
  hints: [],
};
