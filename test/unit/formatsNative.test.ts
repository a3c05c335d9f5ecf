/** Native recordings: what goes out comes in again, to the byte, and what was derived is derived again. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { converterFor } from '../../src/formats/versions.ts';
import { Malformed } from '../../src/formats/members.ts';
import { closedJson } from '../../src/mcp/closed.ts';
import {
  derived,
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
import { calls, described, ended, frame, sessionId, started } from './storeEvents.ts';

const schema = JSON.parse(
  readFileSync(new URL('../../docs/recording.schema.json', import.meta.url), 'utf8'),
) as object;
const valid = new Ajv2020({ strict: false }).compile(schema);

const SESSIONS = [
  ['over stdio', STDIO_ID, () => stdioEvents(STDIO_ID, TALK)],
  ['over HTTP', HTTP_ID, () => httpEvents()],
  ['whose frames were cut', STDIO_ID, () => stdioEvents(STDIO_ID, TALK, { maxBodyBytes: 60 })],
] as const;

describe('a native recording', () => {
  it.each(SESSIONS)(
    'of a session %s is the same after export, import and export',
    async (_name, id, events) => {
      const [from, to] = [folder(), folder()];
      await stored(from, events());
      const text = await exported(from, id, 'jsonl');
      const { sessions, leftOut } = await imported(to, text);
      expect(leftOut).toEqual([]);
      expect(sessions).toMatchObject([{ id, oldId: undefined, whole: true }]);
      expect(await exported(to, id, 'jsonl')).toBe(text);
      for (const line of text.trimEnd().split('\n')) {
        valid(JSON.parse(line));
        expect(valid.errors).toBeNull();
      }
    },
  );

  it.each(SESSIONS.slice(0, 2))(
    'of a session %s gives the operations, findings and links of frames that were recorded',
    async (_name, id, events) => {
      const [from, to] = [folder(), folder()];
      await stored(from, events());
      await imported(to, await exported(from, id, 'jsonl'));
      expect(await derived(to, id)).toEqual(await derived(from, id));
      const [before, after] = await Promise.all(
        [from, to].map((dir) => reading(dir, (reader) => reader.findSession(id))),
      );
      expect(after).toEqual({ ...before, pinned: true });
      expect(before?.failedOperations).toBeGreaterThan(0);
    },
  );

  it('keeps what it says of its completeness, and of its end, whatever that is', async () => {
    const [from, to] = [folder(), folder()];
    const [cut, open] = [sessionId(3), sessionId(4)];
    await stored(from, [
      started(cut),
      described(cut),
      ...calls(cut, 0, 2),
      frame(cut, 9),
      { type: 'copies_dropped', sessionId: cut, atUs: 1, channel: 'stderr', chunks: 3, bytes: 77 },
      { type: 'exchanges_missed', sessionId: cut, atUs: 1, exchanges: 2 },
      ended(cut, { operations: 5, exitCode: null, exitSignal: 'SIGKILL', cause: 'server_crashed' }),
      started(open, { pid: 2 ** 30 }),
      ...calls(open, 0, 1),
    ]);
    for (const id of [cut, open]) {
      const text = await exported(from, id, 'jsonl');
      expect((await imported(to, text)).leftOut).toEqual([]);
      expect(await exported(to, id, 'jsonl')).toBe(text);
      const [before, after] = await Promise.all(
        [from, to].map((dir) => reading(dir, (reader) => reader.findSession(id))),
      );
      expect(after?.completeness).toEqual(before?.completeness);
      expect(after?.status).toBe(before?.status);
    }
  });

  it('without bodies keeps the names of methods', async () => {
    const [from, to] = [folder(), folder()];
    await stored(from, stdioEvents(STDIO_ID, TALK), { record: 'metadata' });
    const text = await exported(from, STDIO_ID, 'jsonl');
    await imported(to, text);
    expect(await exported(to, STDIO_ID, 'jsonl')).toBe(text);
    expect(await derived(to, STDIO_ID)).toMatchObject({ frames: { length: TALK.length } });
    expect(text).toContain('"method":"tools/call"');
  });

  it('of any lines, whatever they hold, is the same after a round trip', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((array) => array.filter((byte) => byte !== 0x0a)),
      fc.json().map((text) => Buffer.from(text)),
      fc.constantFrom(...TALK.map(([, content]) => Buffer.from(JSON.stringify(content)))),
    );
    const said = fc.tuple(fc.constantFrom('client_to_server' as const, 'server_to_client' as const), bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(said, { maxLength: 30 }), async (lines) => {
        const [from, to] = [folder(), folder()];
        await stored(from, stdioEvents(STDIO_ID, lines));
        const text = await exported(from, STDIO_ID, 'jsonl');
        const { leftOut } = await imported(to, text, { pieceBytes: 97 });
        expect(leftOut).toEqual([]);
        expect(await exported(to, STDIO_ID, 'jsonl')).toBe(text);
      }),
      { numRuns: 25 },
    );
  });

  it('gets a new id where its own is taken, and is otherwise the same', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, TALK));
    const text = await exported(dir, STDIO_ID, 'jsonl');
    const { sessions } = await imported(dir, text + text);
    const ids = sessions.map(({ id }) => id);
    expect(new Set([...ids, STDIO_ID]).size).toBe(3);
    for (const id of ids) {
      const again = await exported(dir, id, 'jsonl');
      const sealless = (whole: string): string => whole.replace(/"sha256":"\w+"\}\n$/, '');
      expect(sealless(again.replaceAll(id, STDIO_ID))).toBe(sealless(text));
      expect(await derived(dir, id)).toEqual(await derived(dir, STDIO_ID));
    }
  });

  it('is redacted on its way out, and once is enough', async () => {
    const [from, to] = [folder(), folder()];
    const secret = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';
    await stored(from, [
      started(STDIO_ID, { command: ['node', '--token', 'topsecret-topsecret'] }),
      frame(STDIO_ID, 0, {
        bytes: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x', params: { secret } })),
      }),
      ended(STDIO_ID),
    ]);
    expect(await exported(from, STDIO_ID, 'jsonl')).toContain(secret);
    const text = await exported(from, STDIO_ID, 'jsonl', true);
    expect(text).not.toContain(secret);
    expect(text).not.toContain('topsecret');
    expect(text).toContain('"redactions":1');
    await imported(to, text);
    expect(await exported(to, STDIO_ID, 'jsonl', true)).toBe(text);
  });

  it('is redacted on its way in, too', async () => {
    const [from, to] = [folder(), folder()];
    const secret = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';
    await stored(from, [
      started(STDIO_ID),
      frame(STDIO_ID, 0, { kind: 'stderr', channel: 'stderr', bytes: Buffer.from(secret) }),
      ended(STDIO_ID),
    ]);
    await imported(to, await exported(from, STDIO_ID, 'jsonl'), { redact: true });
    expect(await exported(to, STDIO_ID, 'jsonl')).not.toContain(secret);
  });
});

describe('a native recording that is damaged', () => {
  async function damaged(change: (lines: string[]) => string[]) {
    const [from, to] = [folder(), folder()];
    await stored(from, stdioEvents(STDIO_ID, TALK));
    const lines = (await exported(from, STDIO_ID, 'jsonl')).trimEnd().split('\n');
    const result = await imported(to, `${change(lines).join('\n')}\n`);
    const session =
      result.sessions.length === 0 ? undefined : await reading(to, (reader) => reader.findSession(STDIO_ID));
    return { ...result, session };
  }

  it('by a cut is read up to there, and is not complete', async () => {
    const { sessions, leftOut, session } = await damaged((lines) => [
      ...lines.slice(0, 10),
      lines[10]?.slice(0, 40) ?? '',
    ]);
    expect(sessions).toMatchObject([{ frames: 9, whole: false }]);
    expect(leftOut).toEqual([
      '11: is no JSON text',
      '1: the recording that begins here has no end: it was cut short',
    ]);
    expect(session?.completeness).toMatchObject({ complete: false, droppedEvents: 2 });
  });

  it.each([
    ['is no JSON', 'nonsense', 'is no JSON text'],
    ['is no object', '[1]', 'is no JSON object'],
    [
      'has a channel that there is not',
      '{"seq":3,"at":1,"channel":"up","kind":"request"}',
      'channel is none of',
    ],
    ['has a seq that was before', '{"seq":0,"at":1,"channel":"stderr","kind":"stderr"}', 'seq is not above'],
    ['has no time', '{"seq":4,"channel":"stderr","kind":"stderr"}', 'at is missing'],
    [
      'has a time that is none',
      '{"seq":4,"at":-1,"channel":"stderr","kind":"stderr"}',
      'at is no whole number',
    ],
  ])('by a line that %s is read without it, and the line is named', async (_name, line, why) => {
    const { leftOut, session } = await damaged((lines) => lines.toSpliced(5, 1, line));
    expect(leftOut[0]).toMatch(new RegExp(`^6: ${why}`));
    expect(session?.frames).toBe(TALK.length);
    expect(session?.completeness.complete).toBe(false);
  });

  it('by a change says so', async () => {
    const { leftOut } = await damaged((lines) =>
      lines.map((line) => line.replace('going down', 'going up!!')),
    );
    expect(leftOut).toEqual([
      expect.stringMatching(/^\d+: sha256 is another: the recording was changed after it was exported$/),
    ]);
  });

  it.each([
    ['0', 'version is no whole number from 1'],
    ['"1"', 'version is no whole number from 1'],
    ['2', 'version is 2, this Sidelight reads up to 1: import it with a newer one'],
  ])(
    'by a header of version %s is refused in one line, and nothing of it is stored',
    async (version, why) => {
      const { leftOut, sessions } = await damaged((lines) =>
        lines.map((line) => line.replace('"version":1,', `"version":${version},`)),
      );
      expect(sessions).toEqual([]);
      expect(leftOut).toHaveLength(1);
      expect(leftOut[0]).toContain(why);
    },
  );

  it('in one of several does not touch the others', async () => {
    const [from, to] = [folder(), folder()];
    await stored(from, stdioEvents(STDIO_ID, TALK));
    const text = await exported(from, STDIO_ID, 'jsonl');
    const { sessions, leftOut } = await imported(to, text.replace('"version":1,', '"version":7,') + text);
    expect(sessions).toMatchObject([{ id: STDIO_ID, whole: true }]);
    expect(leftOut).toHaveLength(1);
  });

  it('leaves nothing behind when it cannot be read at all', async () => {
    const dir = folder();
    const { format, sessions } = await imported(dir, 'this is no recording\n');
    expect(format).toBeUndefined();
    expect(sessions).toEqual([]);
    expect(readdirSync(dir).filter((name) => name.startsWith('.import'))).toEqual([]);
    await reading(dir, (reader) => expect(reader.listSessions({ limit: 1 })).toEqual([]));
  });

  it('leaves nothing behind when reading it breaks off', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, TALK));
    const text = await exported(dir, STDIO_ID, 'jsonl');
    const to = folder();
    const { importFile } = await import('../../src/importing/file.ts');
    const input = (async function* () {
      await Promise.resolve();
      yield Buffer.from(text.repeat(50));
      throw new Error('the disk is gone');
    })();
    const options = { redactor: undefined, maxBodyBytes: 1000, maxMessageBytes: 1000, keepMedia: true };
    await expect(
      importFile({
        ...{ ...options, dataDir: to, input, format: undefined, sessionIdleUs: 1, leftOut: () => undefined },
      }),
    ).rejects.toThrow('the disk is gone');
    expect(readdirSync(to).filter((name) => name.startsWith('.import'))).toEqual([]);
    await reading(to, (reader) => expect(reader.listSessions({ limit: 1 })).toEqual([]));
  });
});

describe('versions', () => {
  it('are brought to this one step by step', () => {
    const steps = [(line: object) => ({ ...line, a: 1 }), (line: object) => ({ ...line, b: 2 })];
    expect(converterFor({ version: 1 }, steps)({})).toEqual({ a: 1, b: 2 });
    expect(converterFor({ version: 2 }, steps)({})).toEqual({ b: 2 });
    expect(converterFor({ version: 3 }, steps)({})).toEqual({});
    expect(() => converterFor({ version: 4 }, steps)).toThrow(Malformed);
  });
});

describe('a message that was cut', () => {
  it('is a JSON text again, of what is there', () => {
    const text = '{"id":1,"a":["x\\u00e4ö","y"],"b":{"c":"ü\\\\"}}';
    const bytes = Buffer.from(text);
    for (let to = 1; to <= bytes.length; to += 1) {
      const closed = Buffer.from(closedJson(bytes.subarray(0, to))).toString('utf8');
      const inString = /^(?:[^"]|"(?:[^"\\]|\\.)*")*"/.test(bytes.subarray(0, to).toString('latin1'));
      if (/[\]}"]$/.test(closed) && inString) expect(closed).not.toContain('\ufffd');
    }
    expect(JSON.parse(Buffer.from(closedJson(bytes.subarray(0, 22))).toString('utf8'))).toMatchObject({
      id: 1,
    });
    expect(closedJson(bytes)).toBe(bytes);
  });
});
