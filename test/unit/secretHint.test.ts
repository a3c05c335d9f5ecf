import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Redactor } from '../../src/event/redact.ts';
import { kindsIn } from '../../src/event/secret-hint.ts';

const redactor = new Redactor(() => '00000000');
/** Whether the rules would look. */
const mayHoldSecret = (of: Uint8Array): boolean => kindsIn(of)?.size !== 0;
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const KEYS = [
  ...[
    'password',
    'passwd',
    'passphrase',
    'passcode',
    'secret',
    'token',
    'authorization',
    'credential',
    'cookie',
  ],
  ...['apikey', 'api-key', 'api_key', 'accesskey', 'access-key', 'access_key', 'privatekey', 'private-key'],
  ...['private_key', 'signingkey', 'signing-key', 'signing_key'],
];
/** In halves, so that no scanner of this repository takes a test for a leak. */
const VALUES = [
  ['eyJ', 'hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3'],
  ['Bearer ', 'abcdEFGH1234.ijkl'],
  ['bearer  ', 'abcdEFGH1234.ijkl'],
  ['Basic ', 'dXNlcjpwYXNzd29yZA=='],
  ['basic ', 'dXNlcjpwYXNzd29yZA=='],
  ...['p', 'o', 'u', 's', 'r'].map((kind) => [`gh${kind}`, '_0123456789abcdefghijABCDEFGHIJ']),
  ['github_pat', '_0123456789abcdefghij'],
  ['glpat', '-abcdefghij0123456789'],
  ['sk', '-proj-abcdefghijklmnop0123'],
  ['sk_', 'live_abcdefghij0123456789'],
  ['rk_', 'test_abcdefghij0123456789'],
  ['AK', 'IAIOSFODNN7EXAMPLE'],
  ['AS', 'IAIOSFODNN7EXAMPLE'],
  ['AI', 'zaSyA-abcdefghijklmnopqrstuvwxyz0123'],
  ...['a', 'b', 'e', 'o', 'p', 'r', 's'].map((kind) => [`xo`, `x${kind}-123456789012-abcdefghij`]),
  ['npm', '_abcdefghijklmnopqrstuvwxyz0123456789'],
  ['-----BEGIN RSA PRIVATE', ' KEY-----\nMIIEow\n'],
  ['postgres:/', '/app:hunter2@db'],
].map((halves) => halves.join(''));
const SECRETS = [
  ...KEYS.flatMap((key) =>
    [key, key.toUpperCase(), `My${key}s`].flatMap((name) => [`"${name}":"x"`, `${name}=x`]),
  ),
  ...VALUES,
];

it.each(SECRETS)('sees %s at any place', (secret) => {
  for (const before of ['', ' ', '  ', '   ']) {
    for (const after of ['', ' ', '"}']) {
      const text = `${before}${secret}${after}`;
      expect(redactor.redact(text).count).toBeGreaterThan(0);
      expect(mayHoldSecret(bytes(text))).toBe(true);
    }
  }
});

it('misses nothing that redaction finds, in whatever text', () => {
  const word = fc.oneof(
    fc.constantFrom(...SECRETS),
    fc.constantFrom(...KEYS, '"', '\\"', ':', '=', '://', '@', '[', ' ', 'x', '-', '_', 's'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      const text = Buffer.from(bytes(words.join(''))).toString('latin1');
      if (redactor.redact(text).count > 0) expect(mayHoldSecret(bytes(text))).toBe(true);
    }),
    { numRuns: 5000 },
  );
});

it('lets an ordinary call and its answer pass', () => {
  const call =
    '{"method":"tools/call","params":{"name":"write_document","arguments":{"path":"docs/report.md"}},"id":1}';
  expect(mayHoldSecret(bytes(call))).toBe(false);
  expect(mayHoldSecret(bytes(''))).toBe(false);
});
