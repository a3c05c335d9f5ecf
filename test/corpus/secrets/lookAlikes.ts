/** Texts that look like secrets to somebody in a hurry and are none: none of them may be changed. */
import { ALNUM, DIGITS, HEX, LOWER, Random, UPPER, URL_SAFE } from './random.ts';

const uuid = (r: Random): string => [8, 4, 4, 4, 12].map((length) => r.text(HEX, length)).join('-');
const word = (r: Random): string => r.text(LOWER, 4 + r.below(6));
const json = (value: unknown): string => JSON.stringify(value);

const FORMS: readonly ((random: Random) => string)[] = [
  uuid,
  (r) => `session ${uuid(r)} of server ${word(r)}`,
  (r) => `commit ${r.text(HEX, 40)}`,
  (r) => `sha256:${r.text(HEX, 64)}`,
  (r) => `integrity sha512-${r.text(`${ALNUM}+/`, 86)}==`,
  (r) => `ETag: W/"${r.text(HEX, 32)}"`,
  (r) => `0${r.text('123456', 1)}J${r.text(`${UPPER}${DIGITS}`, 23)}`,
  (r) => `2026-0${1 + r.below(9)}-1${r.below(10)}T1${r.below(10)}:2${r.below(10)}:30.${r.text(DIGITS, 3)}Z`,
  (r) => json({ timestamp: 1_700_000_000_000_000 + r.below(1e9), id: 1_790_000_000_000 + r.below(1e9) }),
  (r) => `order ${r.luhn('4', 16, false)} shipped`,
  (r) => json({ number: Number(r.luhn('51', 16, false)) }),
  (r) => `phone +49 30 ${r.text('123456789', 4)} ${r.text(DIGITS, 4)}`,
  (r) => `coordinates 52.${r.text('123456789', 14)}, 13.${r.text('123456789', 14)}`,
  (r) => `Bearer authentication for ${word(r)} is required`,
  (r) => `use the Basic authentication scheme of ${word(r)}`,
  (r) => `WWW-Authenticate: Bearer resource_metadata="https://${word(r)}.example/.well-known/x"`,
  (r) => json({ type: 'object', properties: { token: { type: 'string', description: `The ${word(r)} token` } }, required: ['token'] }),
  (r) => json({ properties: { password: { type: 'string', minLength: r.below(20) }, apiKey: { $ref: '#/$defs/key' } } }),
  (r) => json({ dependentRequired: { token: [`${word(r)}_url`, 'password'] } }),
  (r) => json({ maxTokens: r.below(4096), model: word(r) }),
  (r) => json({ max_tokens: String(r.below(4096)), stop_token: `<|${word(r)}|>` }),
  (r) => json({ _meta: { progressToken: uuid(r) } }),
  (r) => json({ progressToken: word(r), progress: 1 }),
  (r) => json({ nextCursor: Buffer.from(json({ page: r.below(100), at: word(r) })).toString('base64url') }),
  (r) => json({ nextPageToken: r.text(URL_SAFE, 40) }),
  (r) => json({ token_count: r.below(9999), input_tokens: r.below(9999), total_tokens: String(r.below(9999)) }),
  (r) => json({ usage: { promptTokens: r.below(999), completion_tokens: r.below(999) } }),
  (r) => json({ credentials: 'same-origin', mode: word(r) }),
  (r) => json({ password: '********', user: word(r) }),
  (r) => `export GITHUB_TOKEN=$${'{'}${word(r).toUpperCase()}}`,
  (r) => `curl -H "Authorization: Bearer <your ${word(r)}>" https://a.example`,
  (r) => `https://user@${word(r)}.example/path?page=${r.below(9)}`,
  (r) => `http://localhost:${3000 + r.below(1000)}/@scope/${word(r)}@1.2.3`,
  (r) => `npm_config_${word(r)}=${word(r)} npm_lifecycle_event=${word(r)}`,
  (r) => `the disk-${word(r)}-${word(r)}-task-${word(r)} and risk-assessment-of-${word(r)}`,
  (r) => `class="sk-${word(r)}-cube-grid sk-folding-${word(r)}"`,
  (r) => `import glob-parent from 'glob-${word(r)}'; const globalThing = ${word(r)};`,
  (r) => `monkey-${word(r)} turkey: key-value pairs of ${word(r)}`,
  (r) => json({ data: r.text(`${ALNUM}+/`, 400), mimeType: 'image/png' }),
  (r) => `color #${r.text(HEX, 6)} version 2.${r.below(30)}.${r.below(30)}-beta.${r.below(9)}`,
  (r) => `/home/${word(r)}/.config/secrets/${word(r)}.yaml and C:\\Users\\${word(r)}\\token.txt`,
  (r) => `unexpected token: ${word(r)} in JSON at position ${r.below(999)}`,
  (r) => `Error: secret: ${word(r)} is not found; password: required`,
  (r) => `const token = await get${r.text(UPPER, 1)}${word(r)}(request);`,
  (r) => json({ name: 'token', description: `a ${word(r)}`, required: true }),
  (r) => `-----BEGIN CERTIFICATE-----\nMII${r.text(ALNUM, 61)}\n-----END CERTIFICATE-----`,
  (r) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${r.text(`${ALNUM}+/`, 43)} ${word(r)}`,
  (r) => `pypi-attestations==0.0.${r.below(30)} and sg.${word(r)}.net`,
  (r) => `mail to ${word(r)}@${word(r)}.example`,
  (r) => json({ jsonrpc: '2.0', id: r.below(1e6), method: 'tools/call', params: { name: 'get_token_info', arguments: { text: word(r) } } }),
];

const OF_EACH = 7;

export function lookAlikes(seed: number): readonly string[] {
  const random = new Random(seed);
  return FORMS.flatMap((form) => Array.from({ length: OF_EACH }, () => form(random)));
}
