/**
 * A hundred thousand files of each format that are almost recordings: no reader throws, loops or tells frames out of order, and the store holds
 * whole sessions or none. Set SIDELIGHT_FUZZ_SEED to the seed that was printed to see a failure again.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { formatOf, IMPORT_FORMATS, type ImportFormat } from '../../src/formats/importFormats.ts';
import { importReader } from '../../src/importing/reader.ts';
import { schemaValidators } from '../../src/schema.ts';
import { CASSETTE, HAR, MCPSNOOP } from './foreignRecordings.ts';
import {
  exported,
  folder,
  HTTP_ID,
  httpEvents,
  imported,
  reading,
  STDIO_ID,
  stdioEvents,
  stored,
  TALK,
} from './recordings.ts';

const INPUTS = 100_000;
const STORED_INPUTS = 40;
const STACK_FRAMES = Error.stackTraceLimit;
const SEED = Number(process.env.SIDELIGHT_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Mulberry32: small, fast, and the same everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const TOKENS = [
  ...['"', '\\', '{', '}', '[', ']', ',', ':', '\n', '\r\n', '\0', 'null', 'true', '-1', '1e999', '0.5'],
  ...[
    '""',
    '[]',
    '{}',
    '9007199254740993',
    '"seq":0,',
    '"last":true,',
    '"exchange":1,',
    '"at":0,',
    '"kind":"http",',
  ],
  ...[
    '"truncated":true,',
    '"version":2,',
    '"endedAt":null,',
    '"base64":"////",',
    '"id":',
    '\\u0000',
    '\ud83d\ude00',
  ],
  ...[
    '"kind":"gap"',
    '"kind":"lifecycle"',
    '"text":"{}"',
    '"text":"null"',
    '"record":"metadata"',
    'data: ',
    '\n\n',
  ],
  ...['"__proto__":', '"constructor":', '"status":0,', 'http://[::1]/', 'file:///', '1970-01-01T00:00:00Z'],
].map((token) => Buffer.from(token));

function mutated(sample: Buffer, random: (below: number) => number): Buffer {
  let bytes = sample;
  for (let changes = 1 + random(4); changes > 0; changes -= 1) {
    const at = random(bytes.length + 1);
    const to = Math.min(bytes.length, at + random(random(8) === 0 ? 400 : 12));
    const token = TOKENS[random(TOKENS.length)] ?? Buffer.alloc(0);
    const middle = [
      () => token,
      () => Buffer.of(random(256)),
      () => Buffer.alloc(0),
      () => Buffer.concat([bytes.subarray(at, to), bytes.subarray(at, to)]),
      () => bytes.subarray(random(at + 1), to),
    ][random(5)]?.();
    const isCut = random(12) === 0;
    bytes = Buffer.concat([
      bytes.subarray(0, at),
      middle ?? token,
      isCut ? Buffer.alloc(0) : bytes.subarray(to),
    ]);
  }
  return bytes;
}

const validatorOf = schemaValidators();

/** What a reader tells of one input, looked at as it comes. */
function read(format: ImportFormat, bytes: Buffer): { readonly events: number; readonly leftOut: number } {
  const lastSeq = new Map<string, number>();
  const ended = new Set<string>();
  let events = 0;
  let leftOut = 0;
  let ids = 0;
  const reader = importReader(format, {
    redactor: undefined,
    maxBodyBytes: 4096,
    maxMessageBytes: 4096,
    keepMedia: true,
    validatorOf,
    sessionIdleUs: 60_000_000,
    newSessionId: () => `01977420-dc00-7000-9000-${(ids += 1).toString(16).padStart(12, '0')}`,
    leftOut: (what, line) => {
      leftOut += 1;
      if (what === '' || what.includes('\n') || line === 0) throw new Error('a problem that says nothing');
    },
    events: {
      begun: () => undefined,
      event: (event: McpEvent) => {
        events += 1;
        if (event.type !== 'frame_recorded') return;
        if (event.seq <= (lastSeq.get(event.sessionId) ?? -1)) throw new Error('frames out of order');
        lastSeq.set(event.sessionId, event.seq);
      },
      ended: (sessionId, missing) => {
        if (ended.has(sessionId) || missing < 0) throw new Error('an end that cannot be');
        ended.add(sessionId);
      },
    },
  });
  const half = Math.floor(bytes.length / 2);
  reader.push(bytes.subarray(0, half));
  reader.push(bytes.subarray(half));
  reader.end();
  for (const id of lastSeq.keys()) if (!ended.has(id)) throw new Error('a session without an end');
  return { events, leftOut };
}

async function samples(): Promise<Readonly<Record<ImportFormat, readonly string[]>>> {
  const dir = folder();
  await stored(dir, stdioEvents(STDIO_ID, TALK));
  await stored(dir, httpEvents());
  const jsonl = await Promise.all([STDIO_ID, HTTP_ID].map((id) => exported(dir, id, 'jsonl')));
  return { jsonl, har: [HAR], mcpsnoop: [MCPSNOOP], cassette: [CASSETTE] };
}

describe('files that are almost recordings', () => {
  it.each(IMPORT_FORMATS)(
    'of %s are read without a fault',
    async (format) => {
      const texts = (await samples())[format].map((text) => Buffer.from(text));
      const random = randomFrom(SEED + IMPORT_FORMATS.indexOf(format));
      console.log(`${INPUTS} inputs of ${format}, SIDELIGHT_FUZZ_SEED=${SEED}`);
      let [told, broken] = [0, 0];
      // Most of the time went into traces of what a reader itself catches.
      Error.stackTraceLimit = 0;
      onTestFinished(() => {
        Error.stackTraceLimit = STACK_FRAMES;
      });
      for (let input = 0; input < INPUTS; input += 1) {
        const sample = texts[random(texts.length)] ?? Buffer.alloc(0);
        const { events, leftOut } = read(format, mutated(sample, random));
        told += events > 0 ? 1 : 0;
        broken += leftOut > 0 ? 1 : 0;
      }
      // Most are still something, and most are damaged: else this would show nothing.
      expect(told).toBeGreaterThan(INPUTS / 2);
      expect(broken).toBeGreaterThan(INPUTS / 20);
    },
    600_000,
  );

  it('are stored as whole sessions or not at all', async () => {
    const all = await samples();
    const random = randomFrom(SEED);
    console.log(`${STORED_INPUTS * IMPORT_FORMATS.length} inputs stored, SIDELIGHT_FUZZ_SEED=${SEED}`);
    const dir = folder();
    let stored = 0;
    for (let input = 0; input < STORED_INPUTS; input += 1) {
      for (const format of IMPORT_FORMATS) {
        const [sample = ''] = all[format];
        const bytes = mutated(Buffer.from(sample), random);
        const asked = formatOf(bytes.toString('utf8')) === format ? {} : { format };
        const { sessions, leftOut } = await imported(dir, bytes, { ...asked, redact: true });
        stored += sessions.length;
        await reading(dir, (reader) => {
          for (const { id, frames, operations, whole } of sessions) {
            const session = reader.session(id);
            expect(session).toMatchObject({ frames, operations });
            expect([...reader.operations(id)]).toHaveLength(operations);
            if (!whole) expect(session?.completeness.complete).toBe(false);
            if (leftOut.length === 0) expect([...reader.frames(id)].length).toBeLessThanOrEqual(frames);
          }
          expect(reader.listSessions({ limit: 10_000 })).toHaveLength(stored);
        });
      }
    }
    expect(stored).toBeGreaterThan(STORED_INPUTS);
    expect(readdirSync(dir).filter((name) => name.startsWith('.import'))).toEqual([]);
  }, 300_000);
});
