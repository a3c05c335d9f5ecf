import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../src/event/redact.ts';

const redactor = new Redactor((secret) => createHmac('sha256', 'k').update(secret).digest('hex').slice(0, 8));
const redact = (text: string): string => redactor.redact(text).text;
/** Built at run time, so that no scanner of this repository takes a test for a leak. */
const secret = (...parts: string[]): string => parts.join('');

const SECRET_VALUES: Readonly<Record<string, string>> = {
  jwt: secret('eyJ', 'hbGciOiJIUzI1NiJ9', '.', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', '.', 'dozjgNryP4J3jVmNHl0w5N'),
  bearer: secret('Bearer ', 'abcdEFGH1234.ijkl-MNOP'),
  basic: secret('Basic ', 'dXNlcjpwYXNzd29yZA=='),
  github_token: secret('gh', 'p_', '0123456789abcdefghijABCDEFGHIJ'),
  gitlab_token: secret('glpat', '-', 'abcdefghij0123456789'),
  openai_key: secret('sk', '-', 'proj-abcdefghijklmnop0123'),
  stripe_key: secret('sk', '_live_', 'abcdefghij0123456789'),
  aws_key: secret('AK', 'IA', 'IOSFODNN7EXAMPLE'),
  google_key: secret('AI', 'za', 'SyA-abcdefghijklmnopqrstuvwxyz0123'),
  slack_token: secret('xox', 'b-', '123456789012-abcdefghij'),
  npm_token: secret('npm', '_', 'abcdefghijklmnopqrstuvwxyz0123456789'),
  private_key: secret('-----BEGIN RSA ', 'PRIVATE KEY-----\nMIIEow\n-----END RSA ', 'PRIVATE KEY-----'),
};

describe('redaction by value', () => {
  it.each(Object.entries(SECRET_VALUES))('takes out a %s wherever it stands', (kind, value) => {
    const json = JSON.stringify({ content: [{ type: 'text', text: `see ${value} here` }] });
    const nested = JSON.stringify({ text: json });
    for (const text of [value, json, nested, `log: ${value}\n`]) {
      const out = redactor.redact(text);
      expect(out.text).toMatch(new RegExp(`\\[redacted:${kind}:[0-9a-f]{8}\\]`));
      expect(out.count).toBe(1);
      expect(out.text).not.toContain(value.slice(value.length / 2, -3));
    }
    expect(JSON.parse(redact(json))).toHaveProperty('content.0.type', 'text');
  });

  it('takes the password out of a URL and leaves the rest', () => {
    expect(redact('postgres://app:hunter2@db:5432/x')).toMatch(
      /^postgres:\/\/app:\[redacted:url_password:\w{8}\]@db:5432\/x$/,
    );
  });
});

describe('redaction by key', () => {
  it.each([
    'password',
    'DB_PASSWORD',
    'x-api-key',
    'apiKey',
    'client_secret',
    'accessToken',
    'Authorization',
    'Set-Cookie',
  ])('takes out the value of %s in JSON, at every depth of JSON in strings, and after =', (key) => {
    let text = JSON.stringify({ a: 1, [key]: 'hunter"2\\', b: 'kept' });
    for (let depth = 0; depth < 3; depth += 1) {
      const out = redact(text);
      expect(out).not.toContain('hunter');
      expect(out).toContain('kept');
      expect(() => JSON.parse(out) as unknown).not.toThrow();
      text = JSON.stringify({ text });
    }
    expect(redact(`${key}=hunter2&b=kept`)).toMatch(/=\[redacted:key:\w{8}\]&b=kept$/);
  });

  it('takes out each string of an array, and leaves numbers, objects and null', () => {
    expect(redact('{"tokens":["one", "two"],"n":1}')).toMatch(
      /^\{"tokens":\["\[redac.*?\]", "\[redac.*?\]"\],"n":1\}$/,
    );
    for (const text of [
      '{"maxTokens":100}',
      '{"token":null}',
      '{"properties":{"token":{"type":"string"}}}',
      '{"password":""}',
    ]) {
      expect(redact(text)).toBe(text);
    }
  });

  it.each(['progressToken', 'nextPageToken', 'continuation_token', 'syncToken'])(
    'leaves %s, which is a position',
    (key) => {
      const text = JSON.stringify({ _meta: { [key]: 'abc' } });
      expect(redact(text)).toBe(text);
    },
  );

  it('does not leak what a cut left of a secret', () => {
    expect(redact('{"password":"hunt')).not.toContain('hunt');
    expect(redact('{"text":"{\\"password\\":\\"hunt')).not.toContain('hunt');
  });
});

describe('redaction', () => {
  it('gives equal secrets equal marks and different secrets different ones', () => {
    const out = redact('{"password":"a1","secret":"a1","apiKey":"b2"}');
    const [one, two, three] = [...out.matchAll(/redacted:key:(\w+)/g)].map((match) => match[1]);
    expect(one).toBe(two);
    expect(three).not.toBe(one);
  });

  it('is done once: a redacted text stays as it is', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(SECRET_VALUES)), fc.string(), (value, around) => {
        const once = redact(
          JSON.stringify({ [around]: value, password: value, text: `${around} token=${value}` }),
        );
        expect(redact(once)).toBe(once);
      }),
    );
  });

  it('keeps JSON that holds no secret as it is, to the byte, and JSON that does as JSON', () => {
    const key = fc.oneof(fc.string(), fc.constantFrom('password', 'token', 'a', 'api_key'));
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        tie('object'),
        tie('array'),
        tie('text'),
      ),
      object: fc.dictionary(key, tie('value')),
      array: fc.array(tie('value')),
      text: tie('value').map((value) => JSON.stringify(value)),
    }));
    fc.assert(
      fc.property(tree.object, (object) => {
        const text = JSON.stringify(object);
        const out = redactor.redact(text);
        expect(() => JSON.parse(out.text) as unknown).not.toThrow();
        if (out.count === 0) expect(out.text).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('knows the secrets of a command line, also those in an argument of their own', () => {
    const args = redactor.command([
      'node',
      's.js',
      '--api-key',
      'xyz',
      '--token=abc',
      '-v',
      '--progress-token',
      '7',
    ]);
    expect(args.join(' ')).toMatch(
      /^node s\.js --api-key \[redacted:key:\w+\] --token=\[redacted:key:\w+\] -v --progress-token 7$/,
    );
  });
});

it('reads a text that was made to be slow as often as any other, and leaves it', () => {
  // Quadratic search would take minutes here, and fail by the time that a test may take.
  for (const part of ['\\', 'eyJ-', 'cookie: a1 ', '://a:', 'token: ', '4111 ', 'MTIz']) {
    const text = part.repeat(250_000 / part.length);
    expect(redact(text)).toBe(text);
  }
});
