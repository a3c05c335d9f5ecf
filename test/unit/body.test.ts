import { expect, test } from 'vitest';
import { BodyFramer } from '../../src/wire/body.ts';
import { latin1 } from './frames.ts';

const CAP = 10;
const GAP = Symbol('gap');
const END = Symbol('end');

/** Pushes pieces, each made useless afterwards; the time of each step is its index. */
function framed(...steps: (string | typeof GAP | typeof END)[]): { told: string[]; skippedBytes: number } {
  const told: string[] = [];
  const framer = new BodyFramer(
    { maxFrameBytes: CAP },
    {
      whole: (bytes, atUs) => void told.push(`${atUs} whole ${latin1(bytes)}`),
      oversize: () => {
        let text = '';
        return {
          push: (bytes) => {
            text += latin1(bytes);
          },
          end: (ending, atUs) => void told.push(`${atUs} oversize ${text} ${JSON.stringify(ending)}`),
        };
      },
      unterminated: (bytes, atUs) => void told.push(`${atUs} unterminated ${latin1(bytes)}`),
    },
  );
  for (const [index, step] of steps.entries()) {
    if (step === GAP) framer.gap(index);
    else if (step === END) framer.end(index);
    else {
      const chunk = Uint8Array.from(Buffer.from(step, 'latin1'));
      framer.push(chunk);
      chunk.fill(0x23);
    }
  }
  return { told, skippedBytes: framer.skippedBytes };
}

test('a body is whole at its end, once', () => {
  expect(framed('{"a"', '', ':1}', END, END).told).toEqual(['3 whole {"a":1}']);
});

test('an empty body is told of by nothing', () => {
  expect(framed('', END).told).toEqual([]);
  expect(framed(GAP, END).told).toEqual([]);
});

test('a body of exactly the cap is whole; above it passes from its first byte', () => {
  const body = 'x'.repeat(CAP);
  expect(framed('xxx', body.slice(3), END).told).toEqual([`2 whole ${body}`]);
  expect(framed('xxx', body.slice(3), 'y', END).told).toEqual([`3 oversize ${body}y "\\n"`]);
  expect(framed(`${body}y`, END).told).toEqual([`1 oversize ${body}y "\\n"`]);
});

test('a body that ends early, or of which a part is lost, is unterminated, and its rest is counted', () => {
  expect(framed('{"a"', GAP, ':1}', GAP, END)).toEqual({
    told: ['1 unterminated {"a"'],
    skippedBytes: 3,
  });
  expect(framed('x'.repeat(CAP + 1), GAP, 'yy', END)).toEqual({
    told: [`1 oversize ${'x'.repeat(CAP + 1)} ""`],
    skippedBytes: 2,
  });
  expect(framed(GAP, ':1}', END)).toEqual({ told: [], skippedBytes: 3 });
});
