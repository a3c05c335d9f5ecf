/** The rules against a corpus of made-up secrets and look-alikes, and against secretlint as the oracle. */
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../src/event/redact.ts';
import { fingerprint } from '../../src/redaction.ts';
import { lookAlikes } from '../corpus/secrets/lookAlikes.ts';
import { type Secret, secrets } from '../corpus/secrets/secrets.ts';

const SEED = 20_261_123;
const redactor = new Redactor(fingerprint(new Uint8Array(32)));
const redact = (text: string): string => redactor.redact(text).text;
const SECRETS = secrets(SEED);
const LOOK_ALIKES = lookAlikes(SEED);

/** As a frame is searched. */
function recorded(text: string): string {
  const out = redactor.frame(Buffer.from(text), (bytes) => Buffer.from(bytes).toString('latin1'), undefined);
  return out.count === 0 ? text : Buffer.from(out.text, 'latin1').toString();
}

/** A letter, and a slash, as JSON may also have them. */
const escaped = (text: string): string =>
  JSON.stringify(text).replace(/[A-Za-z0-9]/g, (char, at: number) =>
    at % 3 === 0 ? `\\u00${char.charCodeAt(0).toString(16)}` : char,
  );

const PLACES: Readonly<Record<string, (text: string) => string>> = {
  'a text': (text) => `see ${text}\nand so on`,
  'a line of stderr': (text) => `[12:00:01] INFO config "${text.replaceAll('\n', '\\n')}" loaded`,
  'a member': (text) =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, params: { arguments: { note: text, n: 1 } } }),
  'the name of a member': (text) => JSON.stringify({ result: { [text]: true } }),
  'JSON inside a text': (text) =>
    JSON.stringify({ content: [{ type: 'text', text: JSON.stringify({ value: [text], rest: 'kept' }) }] }),
  'JSON inside JSON inside a text': (text) =>
    JSON.stringify({ text: JSON.stringify({ text: JSON.stringify({ line: `a\n${text}\nb` }) }) }),
  'escaped JSON': (text) => `{"note":${escaped(text)}}`,
  'escaped slashes': (text) => JSON.stringify({ note: text }).replaceAll('/', '\\/'),
};

describe('redaction of the corpus', () => {
  it('has at least 300 secrets and 300 look-alikes, none twice', () => {
    expect(new Set(SECRETS.map(({ text }) => text)).size).toBeGreaterThanOrEqual(300);
    expect(new Set(LOOK_ALIKES).size).toBeGreaterThanOrEqual(300);
  });

  it.each(Object.entries(PLACES))('finds every secret in %s, and leaves JSON that is JSON', (_, place) => {
    const missed: Secret[] = [];
    for (const secret of SECRETS) {
      const text = place(secret.text);
      const out = recorded(text);
      if (isKnownFrom(out, secret)) missed.push(secret);
      expect(redact(out)).toBe(out);
      if (text.startsWith('{')) expect(() => JSON.parse(out) as unknown).not.toThrow();
    }
    expect(missed).toEqual([]);
  });

  it('names what it found', () => {
    for (const { kind, text } of SECRETS) expect(redact(`see ${text} there`)).toContain(`[redacted:${kind}:`);
  });

  it('changes no look-alike, wherever it stands', () => {
    const places = [
      PLACES['a text'],
      PLACES['a member'],
      PLACES['JSON inside a text'],
      (text: string) => text,
    ];
    const changed = LOOK_ALIKES.flatMap((text) =>
      places.flatMap((place) => {
        const whole = place?.(text) ?? text;
        return redact(whole) === whole ? [] : [`${text} -> ${redact(whole)}`];
      }),
    );
    console.log(
      `redaction: ${changed.length} of ${LOOK_ALIKES.length} look-alikes changed, in ${places.length} places (seed ${SEED})`,
    );
    expect(changed).toEqual([]);
  });
});

describe('redaction beside secretlint', () => {
  it('takes out everything that secretlint finds', async () => {
    let known = 0;
    const missed: string[] = [];
    const extra: string[] = [];
    for (const { kind, text, secret } of SECRETS) {
      const found = await lint(text);
      if (found.length > 0) known += 1;
      else extra.push(kind);
      const left = await lint(redact(text));
      if (found.length > 0 && (left.length > 0 || redact(text).includes(secret)))
        missed.push(`${kind} ${text}`);
    }
    console.log(
      `redaction: recall of what secretlint finds ${known - missed.length} of ${known}; ${extra.length} more that it does not know (seed ${SEED})`,
    );
    expect(missed).toEqual([]);
    // Were it fewer, the oracle would not look.
    expect(known).toBeGreaterThan(150);
  });

  it('agrees with it that no look-alike is a secret', async () => {
    const found = [];
    for (const text of LOOK_ALIKES) if ((await lint(text)).length > 0) found.push(text);
    expect(found).toEqual([]);
  });
});

/** What it finds, without the placeholders that it takes for passwords. */
async function lint(content: string): Promise<readonly unknown[]> {
  const { messages } = await lintSource({
    source: { filePath: '/sample.txt', content, contentType: 'text' },
    options: { config: { rules: [{ id: 'preset', rule: creator }] } },
  });
  return messages.filter(({ range: [from, to] }) => !content.slice(from, to).includes('[redacted:'));
}

/** Whether the secret can be read, also with its escapes undone, in or between placeholders. */
function isKnownFrom(out: string, { secret }: Secret): boolean {
  const read = out.replace(/\\+u00([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const plain = (text: string): string => text.replaceAll('\\n', '').replace(/[\\\n]/g, '');
  return plain(read).includes(plain(secret).slice(-12)) || plain(read).includes(plain(secret).slice(4, 16));
}
