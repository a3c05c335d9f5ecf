/** `sidelight export` and `sidelight import` from their arguments to their exit codes. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { CASSETTE, HAR } from './foreignRecordings.ts';
import { collected, ioOf, run } from './commandRun.ts';
import { folder, STDIO_ID, stdioEvents, stored, TALK } from './recordings.ts';

const SECRET = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789';

async function recorded(): Promise<string> {
  const dir = folder();
  mkdirSync(join(dir, 'data'));
  await stored(
    join(dir, 'data'),
    stdioEvents(STDIO_ID, [...TALK.slice(0, 5), ['stderr', 'SECRET'], ...TALK.slice(5)]),
  );
  return dir;
}

describe('sidelight export', () => {
  it.each([
    [[], '{"sidelight":"recording"'],
    [['--format', 'har'], '{"log":{"version":"1.2"'],
    [['--format', 'otlp'], '{"resourceSpans":['],
    [['--format', 'md'], '# '],
    [['--format', 'html'], '<!doctype html>'],
  ])('writes to stdout with %j', async (args, begin) => {
    const { code, out, err } = await run(await recorded(), 'export', ...args);
    expect([code, err]).toEqual([0, '']);
    expect(out.startsWith(begin)).toBe(true);
  });

  it.each(['a.jsonl', 'a.html', 'a.har', 'a.md', 'a.json', 'a'])(
    'writes %s whole, for its owner only, in the format of its name',
    async (name) => {
      const dir = await recorded();
      const path = join(dir, name);
      writeFileSync(path, 'what was there before');
      const { code, out } = await run(dir, 'export', 'last', '-o', path);
      expect([code, out]).toEqual([0, '']);
      const begins = { html: '<!doctype', har: '{"log"', md: '# ', json: '{"resourceSpans"' };
      const begin = Object.entries(begins).find(([ending]) => name.endsWith(`.${ending}`))?.[1];
      expect(readFileSync(path, 'utf8').startsWith(begin ?? '{"sidelight"')).toBe(true);
      expect(statSync(path).mode & 0o077).toBe(0);
      expect(readdirSync(dir).filter((each) => each.endsWith('.part'))).toEqual([]);
    },
  );

  it('looks for secrets once more, unless it is told not to', async () => {
    const dir = folder();
    mkdirSync(join(dir, 'data'));
    const events = stdioEvents(STDIO_ID, [['stderr', 'a line']]).map((event) =>
      event.type === 'frame_recorded' ? { ...event, bytes: Buffer.from(SECRET) } : event,
    );
    await stored(join(dir, 'data'), events);
    expect((await run(dir, 'export')).out).not.toContain(SECRET);
    expect((await run(dir, 'export', '--no-redact')).out).toContain(SECRET);
  });

  it.each([
    [['export', '--format', 'pdf'], 2, '--format: "pdf" is none of jsonl, html, har, otlp, md'],
    [['export', 'ffff0000'], 1, 'no such session'],
    [
      ['export', '-o', '/no/such/folder/a.html'],
      1,
      '--output: "/no/such/folder/a.html" cannot be written (ENOENT)',
    ],
  ])('with %j says what is wrong in one line', async (args, code, why) => {
    const said = await run(await recorded(), ...args);
    expect(said.code).toBe(code);
    expect(said.err).toContain(why);
    expect(said.err.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('sidelight export to a stdout that breaks', () => {
  it.each([
    ['EPIPE', 0, ''],
    ['ENOSPC', 1, 'sidelight: --output: stdout cannot be written (ENOSPC); choose another\n'],
  ])('by %s exits with %i', async (code, exitCode, why) => {
    const dir = await recorded();
    const { stream: err, text } = collected();
    const out = new Writable({
      write: (_chunk, _encoding, done) => {
        done(Object.assign(new Error(code), { code, syscall: 'write' }));
      },
    });
    expect(await runCli(['export', '--data-dir', join(dir, 'data')], ioOf(dir, out, err))).toBe(exitCode);
    expect(text()).toBe(why);
  });
});

describe('sidelight import', () => {
  it('takes what export wrote, into another store', async () => {
    const [from, to] = [await recorded(), folder()];
    const path = join(from, 'a.jsonl');
    await run(from, 'export', 'last', '-o', path);
    const { code, out, err } = await run(to, 'import', path);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^${STDIO_ID}: \\d+ operations, 3 failed, \\d+ frames\n$`));
    const again = await run(to, 'export', STDIO_ID);
    expect(again.out).toBe(readFileSync(path, 'utf8'));
    expect((await run(to, 'show', STDIO_ID)).out).toContain('tools/call fails');
  });

  it('redacts what others recorded, unless it is told not to', async () => {
    const path = join(folder(), 'a.json');
    writeFileSync(path, CASSETTE.replaceAll('"hi"', `"${SECRET}"`));
    const [hidden, shown] = [folder(), folder()];
    expect((await run(hidden, 'import', path)).code).toBe(0);
    expect((await run(shown, 'import', path, '--no-redact')).code).toBe(0);
    expect((await run(hidden, 'export', '--no-redact')).out).not.toContain(SECRET);
    expect((await run(shown, 'export', '--no-redact')).out).toContain(SECRET);
  });

  it('exits with 1 and names the line when something was left out', async () => {
    const dir = folder();
    const path = join(dir, 'cut.har');
    writeFileSync(path, HAR.slice(0, HAR.indexOf('quick')));
    const { code, out, err } = await run(dir, 'import', path);
    expect(code).toBe(1);
    expect(out).toContain('2 operations');
    expect(err).toBe(`sidelight: ${path}, line 1: left out: the document ends before it is complete\n`);
  });

  it('tells a bounded number of lines that it left out, and counts the others', async () => {
    const dir = folder();
    const path = join(dir, 'bad.jsonl');
    writeFileSync(
      path,
      `{"sidelight":"recording","version":1,"session":{"id":"${STDIO_ID}","startedAt":1}}\n${'x\n'.repeat(100)}`,
    );
    const { code, err } = await run(dir, 'import', path);
    expect(code).toBe(1);
    expect(err.trimEnd().split('\n')).toHaveLength(21);
    expect(err).toContain('81 more were left out');
  });

  it.each([
    [['import'], 2, "missing required argument 'file'"],
    [
      ['import', 'a', '--format', 'pcap'],
      2,
      '--format: "pcap" is none of auto, jsonl, har, mcpsnoop, cassette',
    ],
    [['import', 'no-such-file'], 1, 'nothing was imported: "no-such-file" cannot be read (ENOENT)'],
    [
      ['import', import.meta.filename],
      1,
      'no format that is known; expected one of jsonl, har, mcpsnoop, cassette',
    ],
  ])('with %j says what is wrong in one line', async (args, code, why) => {
    const said = await run(folder(), ...args);
    expect(said.code).toBe(code);
    expect(said.err).toContain(why);
    expect(said.err.trimEnd().split('\n')).toHaveLength(1);
  });
});
