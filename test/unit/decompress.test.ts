import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Decoder, openDecoder, type Undecodable } from '../../src/decompress.ts';

const { zstdCompressSync, createZstdCompress } = zlib as {
  zstdCompressSync?: (bytes: Uint8Array) => Buffer;
  createZstdCompress?: () => Encoder;
};

type Encoder = Pick<zlib.Gzip, 'write' | 'flush' | 'read' | 'destroy'>;

interface Coding {
  readonly name: string;
  readonly encode: (bytes: Uint8Array) => Buffer;
  readonly stream: () => Encoder;
}

const CODINGS: readonly Coding[] = [
  { name: 'gzip', encode: (bytes) => zlib.gzipSync(bytes), stream: () => zlib.createGzip() },
  { name: 'deflate', encode: (bytes) => zlib.deflateSync(bytes), stream: () => zlib.createDeflate() },
  {
    name: 'br',
    encode: (bytes) =>
      zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
    stream: () => zlib.createBrotliCompress(),
  },
  ...(zstdCompressSync && createZstdCompress
    ? [{ name: 'zstd', encode: zstdCompressSync, stream: createZstdCompress }]
    : []),
];

interface Decoded {
  readonly text: string;
  readonly problems: readonly Undecodable[];
}

function write(decoder: Decoder, bytes: Uint8Array): Decoded {
  let text = '';
  const problem = decoder.write(bytes, (chunk) => {
    expect(chunk.length).toBeGreaterThan(0);
    text += Buffer.from(chunk).toString('latin1');
  });
  return { text, problems: problem === undefined ? [] : [problem] };
}

function decoded(encoding: string | undefined, chunks: readonly Uint8Array[]): Decoded {
  const decoder = openDecoder(encoding);
  const all = chunks.map((chunk) => write(decoder, chunk));
  const last = decoder.end();
  return {
    text: all.map(({ text }) => text).join(''),
    problems: [...all.flatMap(({ problems }) => problems), ...(last === undefined ? [] : [last])],
  };
}

const pieces = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

const BODY = Buffer.from(
  Array.from({ length: 4000 }, (_, index) => `{"id":${index},"x":"\u00e9"}`).join('\n'),
);
const TEXT = BODY.toString('latin1');

describe.each(CODINGS)('$name', ({ name, encode, stream }) => {
  test('a body comes out as it was, however it is cut', () => {
    const encoded = encode(BODY);
    for (const size of [1, 7, 1000, encoded.length]) {
      expect(decoded(name, pieces(encoded, size))).toEqual({ text: TEXT, problems: [] });
    }
  });

  test('each flushed event comes out of the chunk that completes it, before the write returns', async () => {
    const decoder = openDecoder(name);
    const encoder = stream();
    for (let event = 0; event < 50; event++) {
      const text = `data: {"event":${event}}\n\n`;
      encoder.write(text);
      await new Promise<void>((resolve) => {
        encoder.flush(() => {
          resolve();
        });
      });
      const chunk = encoder.read() as Buffer;
      expect(write(decoder, chunk)).toEqual({ text, problems: [] });
    }
    encoder.destroy();
    expect(decoder.end()).toBe('truncated');
  });

  test('a body that ends in the middle gives what there is and is told as truncated', () => {
    const encoded = encode(BODY);
    const { text, problems } = decoded(name, [encoded.subarray(0, encoded.length - 9)]);
    expect(TEXT.startsWith(text)).toBe(true);
    expect(problems).toEqual(['truncated']);
  });

  test('what is no such coding is corrupt, told once, and nothing is thrown then or later', async () => {
    const garbage = Buffer.from('<html>not what the header says, but long enough to tell</html>'.repeat(10));
    expect(decoded(name, [garbage, garbage, garbage])).toEqual({ text: '', problems: ['corrupt'] });
    // The engine emits its error once more on a later tick.
    await new Promise((resolve) => setImmediate(resolve));
  });

  test('damage in the middle is told at most once, and what came before it is given', () => {
    const encoded = Buffer.from(encode(BODY));
    const middle = encoded.length >> 1;
    encoded.fill(0xff, middle, middle + 64);
    const { text, problems } = decoded(name, pieces(encoded, 100));
    expect(text.slice(0, 5000)).toBe(TEXT.slice(0, 5000));
    // It may read as data that has no end, and where there is no checksum as other data.
    expect(name === 'zstd' ? ['corrupt', 'truncated', undefined] : ['corrupt', 'truncated']).toContain(
      problems[0],
    );
    expect(problems.length).toBeLessThan(2);
  });

  test('a bomb is stopped at its bound, and told once', () => {
    const bomb = encode(Buffer.alloc(200e6));
    const decoder = openDecoder(name);
    let outBytes = 0;
    const problems = pieces(bomb, 65_536).map((chunk) =>
      decoder.write(chunk, (out) => {
        outBytes += out.length;
      }),
    );
    expect(problems.filter((problem) => problem !== undefined)).toEqual(['too_large']);
    expect(outBytes).toBeLessThanOrEqual(64 * 1024 * 1024 + 100 * bomb.length);
    expect(decoder.end()).toBeUndefined();
  });

  test('an empty body has no problem', () => {
    expect(decoded(name, [])).toEqual({ text: '', problems: [] });
    expect(decoded(name, [new Uint8Array(0)])).toEqual({ text: '', problems: [] });
  });
});

test('deflate is read with and without its zlib frame', () => {
  expect(decoded('deflate', pieces(zlib.deflateRawSync(BODY), 100))).toEqual({ text: TEXT, problems: [] });
});

test('gzip members one after the other are one body', () => {
  const members = Buffer.concat([zlib.gzipSync(BODY), zlib.gzipSync(BODY)]);
  expect(decoded('gzip', [members])).toEqual({ text: TEXT + TEXT, problems: [] });
  expect(decoded('gzip', pieces(members, 50))).toEqual({ text: TEXT + TEXT, problems: [] });
});

test.runIf(zstdCompressSync)('zstd frames one after the other are one body', () => {
  const frame = zstdCompressSync?.(BODY) ?? Buffer.alloc(0);
  expect(decoded('zstd', [Buffer.concat([frame, frame])])).toEqual({ text: TEXT + TEXT, problems: [] });
});

test('what grows as JSON does is no bomb, however long it is', () => {
  const line = `data: ${JSON.stringify({ jsonrpc: '2.0', params: Array.from({ length: 50 }, Math.random) })}\n\n`;
  const encoded = zlib.gzipSync(Buffer.from(line.repeat(80_000)));
  const decoder = openDecoder('gzip');
  let outBytes = 0;
  for (const chunk of pieces(encoded, 65_536)) {
    expect(
      decoder.write(chunk, (out) => {
        outBytes += out.length;
      }),
    ).toBeUndefined();
  }
  expect(outBytes).toBe(line.length * 80_000);
  expect(decoder.end()).toBeUndefined();
});

test('codings on top of each other are undone from the last', () => {
  const encoded = zlib.brotliCompressSync(zlib.gzipSync(BODY));
  expect(decoded('gzip, br', pieces(encoded, 100))).toEqual({ text: TEXT, problems: [] });
});

test('names count in any case and by their aliases; identity and empty elements do nothing', () => {
  const encoded = zlib.gzipSync(BODY);
  for (const name of ['GZip', 'x-gzip', ' gzip ', 'identity, gzip', ', gzip,']) {
    expect(decoded(name, [encoded])).toEqual({ text: TEXT, problems: [] });
  }
  for (const name of [undefined, '', 'identity', ' Identity , ']) {
    expect(decoded(name, [BODY])).toEqual({ text: TEXT, problems: [] });
  }
});

test('a coding that is not known, or too many of them, is unsupported, told once', () => {
  for (const name of ['compress', 'gzip, aws-chunked', 'gzip, gzip, gzip, gzip, gzip', 'constructor']) {
    expect(decoded(name, [BODY, BODY])).toEqual({ text: '', problems: ['unsupported'] });
  }
  expect(decoded('compress', [])).toEqual({ text: '', problems: [] });
});
