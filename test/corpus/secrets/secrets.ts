/**
 * Secrets that nobody has: the forms of real ones, filled at run time from a seed, in parts, so that no scanner of this
 * repository takes one for a leak.
 */
import { ALNUM, DIGITS, HEX, LOWER, Random, UPPER, URL_SAFE } from './random.ts';

export interface Secret {
  readonly kind: string;
  /** As it stands in a text. */
  readonly text: string;
  /** The part that nobody may know. */
  readonly secret: string;
}

type Form = (random: Random) => string | readonly [text: string, secret: string];

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const pem = (random: Random, name: string): string => {
  const body = `MII${random.text(`${ALNUM}+/`, 61)}\n${random.text(ALNUM, 64)}\n${random.text(ALNUM, 30)}==`;
  return ['-----BEGIN ', name, 'PRIVATE KEY-----\n', body, '\n-----END ', name, 'PRIVATE KEY-----'].join('');
};
const inUrl = (random: Random, scheme: string): readonly [string, string] => {
  const secret = random.text(ALNUM, 14);
  return [`${scheme}://app_${random.text(LOWER, 4)}:${secret}@db-${random.text(LOWER, 3)}.internal.net/main`, secret];
};

/** By the kind of its placeholder and a name. */
const FORMS: Readonly<Record<string, Form>> = {
  'aws_key id': (r) => `AKI${'A'}${r.text(`${UPPER}234567`, 16)}`,
  'aws_key session': (r) => `ASI${'A'}${r.text(`${UPPER}234567`, 16)}`,
  'key AWS secret': (r) => {
    const secret = r.text(`${ALNUM}/+`, 40);
    return [`AWS_SECRET_ACCESS_KEY=${secret}`, secret];
  },
  'key AWS secret in code': (r) => {
    const secret = r.text(ALNUM, 40);
    return [`aws_secret_key: '${secret}'`.replaceAll("'", ''), secret];
  },
  'google_key API': (r) => `AIz${'a'}${r.text(URL_SAFE, 35)}`,
  'google_key client secret': (r) => `GOCSP${'X-'}${r.text(URL_SAFE, 28)}`,
  'google_key access token': (r) => `ya2${'9.'}${r.text(URL_SAFE, 60)}`,
  'azure_secret client': (r) => `${r.text(ALNUM, 3)}8${'Q~'}${r.text(ALNUM, 34)}`,
  'key Azure storage': (r) => {
    const secret = `${r.text(`${ALNUM}+/`, 86)}==`;
    return [`DefaultEndpointsProtocol=https;AccountName=store;AccountKey=${secret};EndpointSuffix=core.windows.net`, secret];
  },
  'azure_secret SAS': (r) => {
    const secret = `${r.text(ALNUM, 43)}%3D`;
    return [`https://s.blob.core.windows.net/c?sv=2024-11-04&sig=${secret}&se=2027-01-01`, secret];
  },
  'github_token classic': (r) => `gh${'p_'}${r.text(ALNUM, 36)}`,
  'github_token OAuth': (r) => `gh${'o_'}${r.text(ALNUM, 36)}`,
  'github_token server': (r) => `gh${'s_'}${r.text(ALNUM, 36)}`,
  'github_token fine-grained': (r) => `github${'_pat_'}${r.text(ALNUM, 22)}_${r.text(ALNUM, 59)}`,
  'gitlab_token personal': (r) => `glpa${'t-'}${r.text(URL_SAFE, 20)}`,
  'gitlab_token runner': (r) => `glr${'t-'}${r.text(URL_SAFE, 20)}`,
  'gitlab_token trigger': (r) => `glpt${'t-'}${r.text(HEX, 40)}`,
  'slack_token bot': (r) => `xox${'b-'}${r.text(DIGITS, 12)}-${r.text(DIGITS, 12)}-${r.text(ALNUM, 24)}`,
  'slack_token user': (r) => `xox${'p-'}${r.text(DIGITS, 12)}-${r.text(DIGITS, 12)}-${r.text(HEX, 32)}`,
  'slack_token app': (r) => `xap${'p-'}1-A${r.text(UPPER, 9)}-${r.text(DIGITS, 13)}-${r.text(HEX, 64)}`,
  'slack_webhook ': (r) => {
    const secret = `T${r.text(UPPER, 8)}/B${r.text(UPPER, 8)}/${r.text(ALNUM, 24)}`;
    return [`https://hooks.slack.${'com/services'}/${secret}`, secret];
  },
  'stripe_key secret': (r) => `sk_${'live_'}${r.text(ALNUM, 24)}`,
  'stripe_key restricted': (r) => `rk_${'test_'}${r.text(ALNUM, 24)}`,
  'stripe_key webhook': (r) => `whse${'c_'}${r.text(ALNUM, 32)}`,
  'openai_key old': (r) => `s${'k-'}${r.text(ALNUM, 20)}T3Blbk${'FJ'}${r.text(ALNUM, 20)}`,
  'openai_key project': (r) => `s${'k-'}proj-${r.text(ALNUM, 74)}T3Blbk${'FJ'}${r.text(ALNUM, 74)}`,
  'anthropic_key ': (r) => `s${'k-'}ant-api03-${r.text(ALNUM, 93)}AA`,
  'npm_token ': (r) => `np${'m_'}${r.text(ALNUM, 36)}`,
  'key npmrc': (r) => {
    const secret = r.text(ALNUM, 36);
    return [`//registry.npmjs.org/:_auth${'Token='}${secret}`, secret];
  },
  'pypi_token ': (r) => `pyp${'i-'}AgEIcHlwaS5vcmc${r.text(URL_SAFE, 120)}`,
  'sendgrid_key ': (r) => `S${'G.'}${r.text(ALNUM, 22)}.${r.text(ALNUM, 43)}`,
  'twilio_key ': (r) => `S${'K'}${r.text(HEX, 32)}`,
  'discord_token ': (r) => `${base64url(r.text('123456789', 18))}.${r.text(ALNUM, 6)}.${r.text(URL_SAFE, 38)}`,
  'discord_webhook ': (r) => {
    const secret = r.text(URL_SAFE, 68);
    return [`https://discord.com/api/webhooks/${r.text('123456789', 18)}/${secret}`, secret];
  },
  'telegram_token ': (r) => `${r.text('123456789', 10)}:A${'A'}${r.text(URL_SAFE, 33)}`,
  'jwt ': (r) => `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(`{"sub":"${r.text(DIGITS, 10)}"}`)}.${r.text(URL_SAFE, 43)}`,
  'jwt encrypted': (r) =>
    `${base64url('{"alg":"RSA-OAEP","enc":"A256GCM"}')}.${r.text(URL_SAFE, 80)}.${r.text(URL_SAFE, 16)}.${r.text(URL_SAFE, 60)}.${r.text(URL_SAFE, 22)}`,
  'private_key RSA': (r) => pem(r, 'RSA '),
  'private_key EC': (r) => pem(r, 'EC '),
  'private_key PKCS8': (r) => pem(r, ''),
  'bearer ': (r) => {
    const secret = r.text(URL_SAFE, 40);
    return [`Bearer ${secret}`, secret];
  },
  'basic ': (r) => {
    const secret = base64(`user${r.text(DIGITS, 3)}:${r.text(ALNUM, 12)}`);
    return [`Basic ${secret}`, secret];
  },
  'url_password HTTP': (r) => inUrl(r, 'https'),
  'url_password PostgreSQL': (r) => inUrl(r, 'postgresql'),
  'url_password MongoDB': (r) => inUrl(r, 'mongodb+srv'),
  'url_password MySQL': (r) => inUrl(r, 'mysql'),
  'url_password Redis': (r) => {
    const secret = r.text(ALNUM, 16);
    return [`redis://:${secret}@cache:6379/0`, secret];
  },
  'url_password x-oauth': (r) => {
    const secret = r.text(HEX, 40);
    return [`https://${secret}:x-oauth${'-basic@'}github.com/a/b`, secret];
  },
  'key connection string': (r) => {
    const secret = r.text(ALNUM, 16);
    return [`Server=db;Database=app;User Id=sa;Pass${'word='}${secret};Encrypt=true`, secret];
  },
  'card_number Visa': (r) => r.luhn('4', 16, true),
  'card_number Mastercard': (r) => r.luhn(`5${1 + r.below(5)}`, 16, true).replace(/(.{4})(?=.)/g, '$1 '),
  'card_number Amex': (r) => r.luhn('37', 15, true),
  'huggingface_token ': (r) => `h${'f_'}${r.text(UPPER + LOWER, 34)}`,
  'groq_key ': (r) => `gs${'k_'}${r.text(ALNUM, 52)}`,
  'linear_key ': (r) => `lin_${'api_'}${r.text(ALNUM, 40)}`,
  'notion_token ': (r) => `nt${'n_'}${r.text(DIGITS, 11)}${r.text(ALNUM, 35)}`,
  'shopify_token ': (r) => `shpa${'t_'}${r.text(HEX, 32)}`,
  'grafana_token service': (r) => `gls${'a_'}${r.text(ALNUM, 32)}_${r.text(HEX, 8)}`,
  'grafana_token cloud': (r) => `gl${'c_'}${r.text(ALNUM, 64)}=`,
  'onepassword_token ': (r) => `op${'s_'}${base64(JSON.stringify({ email: `${r.text(LOWER, 8)}@b.c`, deviceUuid: r.text(HEX, 32), secretKey: r.text(ALNUM, 60), aa: '' }))}`,
  'vault_token service': (r) => `hv${'s.'}${r.text(ALNUM, 95)}`,
  'vault_token batch': (r) => `hv${'b.'}${r.text(ALNUM, 150)}`,
  'databricks_token ': (r) => `dap${'i'}${r.text(HEX, 32)}`,
  'docker_token ': (r) => `dckr_${'pat_'}${r.text(ALNUM, 27)}`,
  'figma_token ': (r) => `fig${'d_'}${r.text(ALNUM, 43)}`,
  'vercel_token ': (r) => `vc${'p_'}${r.text(ALNUM, 24)}`,
  'digitalocean_token ': (r) => `dop_${'v1_'}${r.text(HEX, 64)}`,
  'atlassian_token ': (r) => `ATAT${'T3'}${r.text(URL_SAFE, 180)}`,
  'mailgun_key ': (r) => `ke${'y-'}${r.text(HEX, 32)}`,
  'mailchimp_key ': (r) => `${r.text(HEX, 32)}-us${1 + r.below(20)}`,
  'tailscale_key ': (r) => `tske${'y-'}auth-${r.text(ALNUM, 12)}-${r.text(ALNUM, 32)}`,
  'sentry_token ': (r) => `sntry${'s_'}${r.text(ALNUM, 90)}`,
  'xai_key ': (r) => `xa${'i-'}${r.text(ALNUM, 80)}`,
  'perplexity_key ': (r) => `ppl${'x-'}${r.text(ALNUM, 48)}`,
  'age_key ': (r) => `AGE-SECRET-${'KEY-1'}${r.text(`${UPPER}${DIGITS}`, 58)}`,
};

const OF_EACH = 5;

export function secrets(seed: number): readonly Secret[] {
  const random = new Random(seed);
  return Object.entries(FORMS).flatMap(([name, form]) =>
    Array.from({ length: OF_EACH }, (): Secret => {
      const made = form(random);
      const [text, secret] = typeof made === 'string' ? [made, made] : made;
      return { kind: name.split(' ', 1)[0] ?? '', text, secret };
    }),
  );
}
