import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextBuffer } from '../../src/sink/text-buffer.ts';

it('gives what was appended, in order, as UTF-8, and begins anew', () => {
  const buffer = new TextBuffer();
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 2000 })), (texts) => {
      for (const text of texts) buffer.append(text);
      expect(Buffer.from(buffer.take()).toString()).toBe(texts.join(''));
    }),
  );
  expect(buffer.take()).toHaveLength(0);
});

it('grows as far as a burst needs it', () => {
  const buffer = new TextBuffer();
  const line = `${'é€😀'.repeat(1000)}\n`;
  for (let count = 0; count < 1000; count += 1) buffer.append(line);
  expect(Buffer.from(buffer.take()).equals(Buffer.from(line.repeat(1000)))).toBe(true);
  buffer.append('x');
  expect(Buffer.from(buffer.take()).toString()).toBe('x');
});
