import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openStore } from '../../src/store/read.ts';
import { rejoined } from '../e2e/recording.ts';
import { temporaryFolder, wrapped } from '../e2e/sidelight.ts';

const RUNS = 4;
const MESSAGES_PER_RUN = 25_000;

const id = fc.oneof(fc.nat(), fc.string({ unit: 'binary', maxLength: 10 }), fc.constant(null));
const params = fc.dictionary(fc.string({ unit: 'binary', maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 4,
});
const method = fc.constantFrom('ping', 'tools/call', 'notifications/progress', 'no/such/method', '', 'é€😀');
const message = fc.oneof(
  fc.record(
    { jsonrpc: fc.constant('2.0'), id, method, params },
    { requiredKeys: ['jsonrpc', 'id', 'method'] },
  ),
  fc.record({ jsonrpc: fc.constant('2.0'), method, params }, { requiredKeys: ['jsonrpc', 'method'] }),
  fc.record({ jsonrpc: fc.constant('2.0'), id, result: params }),
  fc.record({
    jsonrpc: fc.constant('2.0'),
    id,
    error: fc.record({ code: fc.integer(), message: fc.string() }),
  }),
);
const line = fc.oneof(
  { weight: 12, arbitrary: message.map((value) => JSON.stringify(value)) },
  {
    weight: 2,
    arbitrary: fc.array(message, { maxLength: 5 }).map((batch) => JSON.stringify(batch, null, ' ')),
  },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\t ', '\r') },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  {
    weight: 1,
    arbitrary: fc.nat(3000).map((length) => `{"jsonrpc":"2.0","method":"${'long '.repeat(length)}"}`),
  },
);
const terminated = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: line.map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
    ),
    fc.constantFrom('\n', '\n', '\n', '\r\n'),
  )
  .map(([bytes, ending]) => Buffer.concat([bytes, Buffer.from(ending)]));

it(`passes ${RUNS * MESSAGES_PER_RUN} messages of every kind in chunks of any size, and records the same bytes`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, endsInALine) => {
      const messages = fc.sample(terminated, { seed, numRuns: MESSAGES_PER_RUN });
      const all = Buffer.concat(
        endsInALine ? messages : [...messages, Buffer.from('{"unfinished":"é').subarray(0, -1)],
      );
      const folder = temporaryFolder();
      // What is recorded is compared, too: nothing may be replaced, cut or dropped.
      const running = wrapped(folder, ['cat'], {
        flags: ['--no-redact', '--lossless', '--capture-buffer', '1MiB'],
      });
      for (const chunk of chunks(all, seed)) {
        if (!running.process.stdin.write(chunk)) {
          await new Promise((resolve) => running.process.stdin.once('drain', resolve));
        }
      }
      running.process.stdin.end();
      const { code, stdout, stderr } = await running.ended;
      expect([code, stderr.toString()]).toEqual([0, '']);
      expect(sha256(stdout)).toBe(sha256(all));

      const store = await openStore(folder);
      const session = store.findSession('last');
      const recorded = [...store.frames(session.id)];
      store.close();
      expect(sha256(rejoined(recorded, 'client_to_server'))).toBe(sha256(all));
      expect(sha256(rejoined(recorded, 'server_to_client'))).toBe(sha256(all));
      expect(recorded.map(({ seq }) => seq)).toEqual([...recorded.keys()]);
      expect(session.completeness.complete).toBe(true);
      expect(session.frames).toBe(recorded.length);
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 120_000);

/** Cuts anywhere: mostly small pieces, so that characters and line endings are split, and some larger than a pipe. */
function* chunks(bytes: Buffer, seed: number): Generator<Buffer> {
  const sizes = fc.sample(
    fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 50 }) },
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 8000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 200_000 }) },
    ),
    { seed, numRuns: 1000 },
  );
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
