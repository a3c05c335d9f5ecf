/** Media in recorded messages: what they are stays, what they hold goes, and nothing else changes. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { elideMedia } from '../../src/media.ts';

const PICTURE = randomBytes(3000);
const HASH = sha256(PICTURE);

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function elided(message: string): { text: string; count: number } {
  const { bytes, count } = elideMedia(Buffer.from(message), sha256);
  return { text: Buffer.from(bytes).toString(), count };
}

function placeholder(type: string): string {
  return `[media:${type};size=3000;sha256=${HASH}]`;
}

const base64 = PICTURE.toString('base64');

describe('media', () => {
  test.each([
    ['an image, its type behind it', { type: 'image', data: base64, mimeType: 'image/png' }, 'image/png'],
    ['audio, its type before it', { type: 'audio', mimeType: 'audio/wav', data: base64 }, 'audio/wav'],
    ['a blob', { uri: 'file:///a', mimeType: 'application/pdf', blob: base64 }, 'application/pdf'],
    ['one without a type', { blob: base64 }, 'unknown'],
  ])('%s', (_name, item, type) => {
    const message = {
      jsonrpc: '2.0',
      id: 1,
      result: { content: [{ type: 'text', text: 'é' }, item, { n: 1 }] },
    };
    const { text, count } = elided(JSON.stringify(message));
    expect(count).toBe(1);
    expect(text).toBe(JSON.stringify(message).replace(base64, placeholder(type)));
  });

  test('a type is never taken from another object', () => {
    const content = [{ blob: base64 }, { mimeType: 'image/png' }];
    expect(elided(JSON.stringify(content)).text).toContain(placeholder('unknown'));
  });

  test('data URLs, several in one message, and slashes that JSON escaped', () => {
    const icon = `data:image/svg+xml;base64,${base64}`;
    const message = JSON.stringify({ icons: [{ src: icon }, { src: icon }], data: base64 }).replaceAll(
      '/',
      '\\/',
    );
    const { text, count } = elided(message);
    expect(count).toBe(3);
    const { icons, data } = JSON.parse(text) as { icons: { src: string }[]; data: string };
    expect(icons.map(({ src }) => src)).toEqual(
      Array(2).fill(`data:image/svg+xml;base64,${placeholder('unknown')}`),
    );
    expect(data).toBe(placeholder('unknown'));
  });

  test('white space around the colon, and URL-safe base64', () => {
    const { text } = elided(`{ "data" :\n "${PICTURE.toString('base64url')}" , "mimeType" : "a/b" }`);
    expect(JSON.parse(text)).toEqual({ data: placeholder('a/b'), mimeType: 'a/b' });
  });

  test.each([
    ['short values', JSON.stringify({ data: 'aGVsbG8=', pad: 'x'.repeat(2000) })],
    ['prose', JSON.stringify({ data: 'some words and more. '.repeat(100) })],
    ['other members', JSON.stringify({ text: base64 })],
    ['a value that is no string', JSON.stringify({ data: Array(500).fill(1) })],
    ['a value that never ends', `{"data":"${base64}`],
    ['base64 in the middle of text', JSON.stringify({ text: `"data":"${base64}"` })],
  ])('%s stay', (_name, message) => {
    expect(elided(message)).toEqual({ text: message, count: 0 });
  });
});
