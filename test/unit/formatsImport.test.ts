/** Files of other programs: what they hold is told as if it had been recorded here, and what they break is named. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Elements } from '../../src/formats/elements.ts';
import { formatOf } from '../../src/formats/importFormats.ts';
import { TextLines } from '../../src/formats/textLines.ts';
import { Timeline } from '../../src/formats/timeline.ts';
import { storePath } from '../../src/store/file.ts';
import { StoreError } from '../../src/store/error.ts';
import { CASSETTE, HAR, MCPSNOOP } from './foreignRecordings.ts';
import { folder, imported, reading, STDIO_ID, stdioEvents, stored, TALK } from './recordings.ts';

async function outcomes(dir: string): Promise<readonly (readonly string[])[]> {
  return reading(dir, (reader) =>
    reader
      .listSessions({ limit: 100 })
      .toReversed()
      .map(({ id }) =>
        [...reader.operations(id)].map(
          ({ method, target, outcome }) => `${target?.name ?? method} ${outcome}`,
        ),
      ),
  );
}

const FILES = [
  ['har', HAR],
  ['mcpsnoop', MCPSNOOP],
  ['cassette', CASSETTE],
] as const;

describe('the beginning of a file', () => {
  it.each(FILES)('tells that it is %s', (format, text) => {
    expect(formatOf(text.slice(0, 1000))).toBe(format);
    expect(formatOf(`\ufeff\n ${text.slice(0, 1000)}`)).toBe(format);
  });

  it.each([[''], ['{}'], ['[1]'], ['<html>'], ['{"jsonrpc":"2.0"}']])(
    'tells nothing where it says %o',
    (text) => {
      expect(formatOf(text)).toBeUndefined();
    },
  );
});

describe('what was imported', () => {
  it.each(FILES)('from %s is the same however the file comes in', async (_format, text) => {
    const seen: unknown[] = [];
    for (const pieceBytes of [3, 4096, 1_000_000]) {
      const dir = folder();
      const { leftOut } = await imported(dir, text, { pieceBytes, redact: true });
      seen.push([leftOut, await outcomes(dir)]);
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });

  it('is pinned: retention would take it at once', async () => {
    const dir = folder();
    const { sessions } = await imported(dir, CASSETTE);
    const session = await reading(dir, (reader) => reader.session(sessions[0]?.id ?? ''));
    expect(session).toMatchObject({
      pinned: true,
      startedAtUs: Date.parse('2026-02-17T20:25:23.855Z') * 1000 + 390,
    });
  });
});

describe('mcpsnoop', () => {
  it('gives its sessions, messages and lines of stderr, to the character', async () => {
    const dir = folder();
    const { leftOut } = await imported(dir, MCPSNOOP);
    expect(leftOut).toEqual([]);
    expect(await outcomes(dir)).toEqual([
      ['initialize ok', 'add tool_error', expect.stringMatching(/^ping /)],
      [expect.stringMatching(/^initialize /)],
    ]);
    await reading(dir, (reader) => {
      const session = reader.listSessions({ limit: 2 }).find(({ command }) => command.length > 0);
      expect(session).toMatchObject({ command: ['node', 'calc.js'], cwd: '/srv', server: 'calculator' });
      const texts = [...reader.frames(session?.id ?? '')].map(({ kind, bytes, atUs }) => [
        kind,
        Buffer.from(bytes).toString(),
        atUs % 1_000_000,
      ]);
      expect(texts).toContainEqual(['stderr', 'adding', 4456]);
      expect(texts).toContainEqual(['malformed', 'stray output', 5456]);
      expect(texts).toContainEqual([
        'request',
        '{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}',
        8456,
      ]);
    });
  });

  it('names the lines that cannot be read, and reads the others', async () => {
    const lines = MCPSNOOP.trimEnd().split('\n');
    const bad = [
      '{"session_id":"s1"}',
      'nonsense',
      '{"session_id":"s1","direction":"up","ts":"2026-01-01T00:00:00Z"}',
      '{"session_id":"s1","direction":"c2s","ts":"soon"}',
    ];
    const { leftOut, sessions } = await imported(
      folder(),
      [...lines.slice(0, 3), ...bad, ...lines.slice(3)].join('\n'),
    );
    expect(leftOut).toEqual([
      '4: direction is missing',
      '5: is no JSON text',
      '6: direction is none of c2s, s2c, stderr, meta',
      '7: ts is no time as 2026-01-31T12:00:00Z',
    ]);
    expect(sessions).toHaveLength(2);
  });
});

describe('mcp-recorder', () => {
  it('gives each interaction as an exchange of one session', async () => {
    const dir = folder();
    const { leftOut, sessions } = await imported(dir, CASSETTE);
    expect(leftOut).toEqual([]);
    expect(sessions).toMatchObject([{ operations: 3, failedOperations: 1 }]);
    expect(await outcomes(dir)).toEqual([['initialize ok', 'add ok', 'fail protocol_error']]);
    await reading(dir, (reader) => {
      const session = reader.findSession('last');
      expect(session).toMatchObject({
        transport: 'http',
        target: 'http://127.0.0.1:8000',
        serverInfo: { name: 'Test Calculator' },
      });
      const [first] = reader.operations(session.id);
      expect((first?.endedAtUs ?? 0) - (first?.startedAtUs ?? 0)).toBe(7000);
    });
  });

  it('of another version is refused in one line', async () => {
    const { leftOut, sessions } = await imported(folder(), CASSETTE.replace('"1.0"', '"2.0"'));
    expect(sessions).toEqual([]);
    expect(leftOut).toEqual(['2: version: is not "1.0", the only one that is read']);
  });

  it('names the line of an interaction that is none, and reads the others', async () => {
    const dir = folder();
    const broken = CASSETTE.replace('"type": "notification"', '"type": "other"');
    const { leftOut } = await imported(dir, broken);
    expect(leftOut).toEqual([
      expect.stringMatching(
        /^\d+: interactions\[\]: type is none of jsonrpc_request, notification, lifecycle$/,
      ),
    ]);
    expect(await outcomes(dir)).toEqual([['initialize ok', 'add ok', 'fail protocol_error']]);
  });
});

describe('HAR', () => {
  it('gives what is MCP in it, streams and coded bodies included, in the order in which it happened', async () => {
    const dir = folder();
    const { leftOut } = await imported(dir, HAR, { redact: true });
    expect(leftOut).toEqual([]);
    expect(await outcomes(dir)).toEqual([
      ['initialize ok', 'slow ok', 'quick tool_error', 'gone disconnected', 'lost http_error'],
    ]);
    await reading(dir, (reader) => {
      const session = reader.findSession('last');
      expect(session).toMatchObject({ transport: 'http', target: 'https://mcp.example' });
      expect(session.sessionIdHash).toMatch(/^[0-9a-f]{16}$/);
      const operations = [...reader.operations(session.id)];
      expect(operations.map(({ startedAtUs, endedAtUs }) => (endedAtUs - startedAtUs) / 1000)).toEqual([
        20, 100, 10, 0, 10,
      ]);
      const said = [...reader.frames(session.id)].map(({ bytes }) => Buffer.from(bytes).toString());
      expect(said.join()).not.toContain('abcdefghijklmnop');
      const at = [...reader.frames(session.id)].map(({ atUs }) => atUs);
      expect(at).toEqual(at.toSorted((a, b) => a - b));
    });
  });

  it('that was cut gives what was before the cut', async () => {
    const dir = folder();
    const { leftOut } = await imported(dir, HAR.slice(0, HAR.indexOf('quick')));
    expect(leftOut).toEqual(['1: the document ends before it is complete']);
    expect(await outcomes(dir)).toEqual([['initialize ok', 'slow ok']]);
  });

  it('without MCP in it says so', async () => {
    const har = JSON.parse(HAR) as { log: { entries: unknown[] } };
    har.log.entries.splice(1);
    const { leftOut, sessions } = await imported(folder(), JSON.stringify(har));
    expect(sessions).toEqual([]);
    expect(leftOut).toEqual(['no exchange in it is MCP over HTTP']);
  });

  it.each([
    ['no URL', (text: string) => text.replace('https://mcp.example/mcp', 'nowhere'), 'request.url is no URL'],
    [
      'another scheme',
      (text: string) => text.replace('https://mcp.example/mcp', 'file:///etc/passwd'),
      'request.url is not of HTTP',
    ],
    [
      'no time',
      (text: string) =>
        text.replace('"startedDateTime":"2026-09-01T10:00:00.010Z"', '"startedDateTime":"never"'),
      'startedDateTime is no time',
    ],
    [
      'a request that is none',
      (text: string) => text.replace('"request":{"method":"GET"', '"request":1,"other":{"method":"GET"'),
      'request is no JSON object',
    ],
  ])('with an entry that has %s names its line and reads the others', async (_name, change, why) => {
    const { leftOut, sessions } = await imported(folder(), change(HAR));
    expect(leftOut).toHaveLength(1);
    expect(leftOut[0]).toContain(`log.entries[]: ${why}`);
    expect(sessions.length).toBeGreaterThan(0);
  });
});

describe('bounds', () => {
  it('a line above its bound is told and the next one is read', () => {
    const told: unknown[] = [];
    const lines = new TextLines(
      {
        line: (bytes, number) => told.push([number, bytes.length]),
        tooLong: (number) => told.push([number, 'too long']),
      },
      10,
    );
    for (const piece of ['abc\n', '0123456789', 'x', 'y'.repeat(100), '\n\n  \nlast'])
      lines.push(Buffer.from(piece));
    lines.end();
    expect(told).toEqual([
      [1, 3],
      [2, 'too long'],
      [5, 4],
    ]);
  });

  it('an element above its bound is told and the next one is read', () => {
    const told: unknown[] = [];
    const elements = new Elements(
      ['list[]'],
      {
        value: (_path, bytes, line) => told.push([line, Buffer.from(bytes).toString()]),
        tooLarge: (_path, line) => told.push([line, 'too large']),
      },
      12,
    );
    const text = '{"other":{"list":[0]},\n"list":[1,\n{"a":"]},"},\n"0123456789012",[ ],\ntrue]}';
    for (const char of text) elements.push(Buffer.from(char));
    expect(elements.end()).toBeUndefined();
    expect(told).toEqual([
      [2, '1'],
      [3, '{"a":"]},"}'],
      [4, 'too large'],
      [4, '[ ]'],
      [5, 'true'],
    ]);
  });

  it.each([
    ['', 'holds no JSON'],
    ['"text"', 'is no JSON object'],
    ['{"list":[1', 'ends before it is complete'],
    ['{"list":[1}', 'has a bracket that fits to none'],
    [`{"a":${'['.repeat(300)}`, 'is nested deeper than 256'],
  ])('of a document that says %s, a reader says that it %s', (text, what) => {
    const elements = new Elements(['list[]'], { value: () => undefined, tooLarge: () => undefined });
    elements.push(Buffer.from(text));
    expect(elements.end()).toEqual({ line: 1, what });
  });

  it('exchanges that overlap come in the order of their times, and time never goes back', () => {
    const told: [number, number][] = [];
    const timeline = new Timeline((item) => {
      if (item.kind === 'stdio_line') told.push([item.atUs, item.bytes[0] ?? 0]);
    });
    const at = (atUs: number, mark: number) =>
      ({ kind: 'stdio_line', key: '', atUs, channel: 'stderr', bytes: Uint8Array.of(mark) }) as const;
    timeline.add([at(1, 1), at(9, 2)]);
    timeline.add([at(2, 3), at(2, 4), at(3, 5)]);
    timeline.add([at(10, 6)]);
    timeline.add([at(5, 7)]);
    timeline.end();
    expect(told).toEqual([
      [1, 1],
      [2, 3],
      [2, 4],
      [3, 5],
      [9, 2],
      [9, 7],
      [10, 6],
    ]);
  });
});

describe('the store', () => {
  it('of somebody else is refused before anything is read, and left as it is', async () => {
    const dir = folder();
    writeFileSync(storePath(dir), 'no database');
    await expect(imported(dir, CASSETTE)).rejects.toThrow(StoreError);
    expect(readdirSync(dir)).toEqual(['sidelight.db']);
  });

  it('keeps what was in it, and loses what a process that died left beside it', async () => {
    const dir = folder();
    await stored(dir, stdioEvents(STDIO_ID, TALK));
    const before = await outcomes(dir);
    const left = join(dir, '.import-999999999-abcdef');
    writeFileSync(left, 'half');
    await imported(dir, CASSETTE);
    expect(readdirSync(dir).filter((name) => name.startsWith('.import'))).toEqual([]);
    expect(await outcomes(dir)).toEqual(expect.arrayContaining([...before]));
    expect(await outcomes(dir)).toHaveLength(2);
  });
});
