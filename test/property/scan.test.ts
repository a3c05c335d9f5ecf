import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, OversizeDecoder } from '../../src/mcp/decode.ts';
import { expectedOf, isJsonInLatin1, parse, told } from '../unit/oracle.ts';
import { chunked, settings } from './cuts.ts';
import { edit, edited, jsonText, junk } from './texts.ts';

/** Of each text: as it is, and harmed in so many ways. */
const EDITS = 20;
const TEXTS = 5_000;
const JUNK = 20_000;
/** A busy machine takes several times the usual quarter of a minute. */
const TIMEOUT_MS = 180_000;
const cuts = fc.array(fc.nat({ max: 2 ** 16 }), { maxLength: 8 });

/** Decodes whole and in chunks, and compares with JSON.parse; tells whether it was accepted. */
function check(bytes: Uint8Array, at: readonly number[]): boolean {
  const parsed = parse(bytes);
  const whole = decode(bytes);
  const decoder = new OversizeDecoder();
  for (const chunk of chunked(bytes, at)) decoder.push(chunk);
  const inChunks = told(decoder.end(bytes.length));
  if (typeof parsed === 'string') {
    const reasons =
      parsed === 'not_json' ? [parsed] : isJsonInLatin1(bytes) ? [parsed] : ['not_utf8', 'not_json'];
    expect(reasons).toContain(whole.kind === 'malformed' ? whole.reason : whole.kind);
    deepStrictEqual(inChunks, told(whole));
    return false;
  }
  deepStrictEqual(told(whole), expectedOf(parsed.value));
  const isArray = Array.isArray(parsed.value);
  deepStrictEqual(inChunks, isArray ? { kind: 'malformed', reason: 'batch_above_cap' } : told(whole));
  if ('json' in whole) deepStrictEqual(whole.json(), parsed.value);
  if (whole.kind === 'batch') {
    for (const [index, message] of whole.messages.entries()) {
      if ('json' in message) deepStrictEqual(message.json(), (parsed.value as unknown[])[index]);
    }
  }
  return true;
}

test(
  'valid texts are accepted, with the facts that JSON.parse gives, in any chunks',
  { timeout: TIMEOUT_MS },
  () => {
    const kinds = new Set<string>();
    const run = fc.property(jsonText, cuts, (text, at) => {
      const bytes = Buffer.from(text);
      expect(check(bytes, at)).toBe(true);
      kinds.add(decode(bytes).kind);
    });
    fc.assert(run, settings(TEXTS));
    expect([...kinds].sort()).toEqual(['batch', 'error', 'malformed', 'notification', 'request', 'result']);
  },
);

test(
  'harmed texts and junk are accepted exactly where JSON.parse accepts them, in any chunks',
  { timeout: TIMEOUT_MS },
  () => {
    const seen = { accepted: 0, rejected: 0 };
    const count = (bytes: Uint8Array, at: readonly number[]): void => {
      seen[check(bytes, at) ? 'accepted' : 'rejected'] += 1;
    };
    const edits = fc.array(edit, { minLength: EDITS, maxLength: EDITS });
    const harmed = fc.property(jsonText, edits, cuts, (text, harms, at) => {
      const bytes = Buffer.from(text);
      for (const harm of harms) count(edited(bytes, harm), at);
    });
    fc.assert(harmed, settings(TEXTS));
    fc.assert(
      fc.property(junk, cuts, (bytes, at) => {
        count(bytes, at);
      }),
      settings(JUNK),
    );
    expect(seen.accepted + seen.rejected).toBeGreaterThanOrEqual(TEXTS * EDITS + JUNK);
    expect(seen.accepted).toBeGreaterThan(TEXTS);
    expect(seen.rejected).toBeGreaterThan(TEXTS);
  },
);
