/** Cases, minimize and bisect: a failing session becomes the smallest file that keeps it fixed. */
import type { Log } from 'sarif';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { connect } from './peers.ts';
import { sarifErrors } from '../unit/sarifSchema.ts';
import { Running, server, SIDELIGHT, temporaryFolder, type Ended } from './sidelight.ts';

const NODE = process.execPath;
const NOTES = [NODE, server('keeps-notes.mjs')];
const LOCKS = [NODE, server('locks.mjs')];
/** Tools of lies.mjs. */
const LIES = ['both', 'twice', 'in_words', 'silent', 'unlisted', 'null', 'destroys'];

async function sidelight(
  dataDir: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const running = new Running(NODE, [SIDELIGHT, ...args], {
    cwd: dataDir,
    env: { ...process.env, SIDELIGHT_DATA_DIR: join(dataDir, 'data'), ...env },
  });
  onTestFinished(() => {
    running.process.kill('SIGKILL');
  });
  running.process.stdin.end();
  return running.ended;
}

/** Calls, one after the other, whatever comes of them; gives the folder. */
async function recorded(
  command: readonly string[],
  calls: readonly (readonly [name: string, args: Record<string, unknown>])[],
): Promise<string> {
  const dir = temporaryFolder();
  const peer = await connect('v1', [NODE, SIDELIGHT, '--data-dir', join(dir, 'data'), '--', ...command]);
  await peer.request('tools/list');
  for (const [name, args] of calls) await peer.call({ name, arguments: args }).catch(() => undefined);
  await peer.close();
  return dir;
}

describe('a case', () => {
  it('is made of a session, passes on the server as it was, and fails on a broken one at the right step', async () => {
    const dir = await recorded(NOTES, [
      ['add_note', { text: 'buy milk' }],
      ['list_notes', {}],
      ['fail', { code: -32050 }],
    ]);
    const file = 'cases/notes.case.yaml';
    const made = await sidelight(dir, [
      'case',
      'create',
      'last',
      '--learn',
      '--allow',
      'add_note',
      '-o',
      file,
      '--',
      ...NOTES,
    ]);
    expect([made.code, made.stderr.toString()]).toEqual([0, '']);
    expect(made.stdout.toString()).toContain('cases/notes.case.yaml: 4 steps');
    const passed = await sidelight(dir, ['test', 'cases']);
    expect([passed.code, passed.stdout.toString()]).toEqual([
      0,
      expect.stringContaining('1 of 1 cases passed'),
    ]);
    const failed = await sidelight(dir, ['test', 'cases', '--format', 'junit'], { BROKEN: 'number' });
    expect(failed.code).toBe(1);
    expect(failed.stdout.toString()).toContain('$.content[0].text.size: expected 8, got 9');
    const sarif = await sidelight(dir, ['test', 'cases', '--format', 'sarif'], { BROKEN: 'number' });
    const [told] = (JSON.parse(sarif.stdout.toString()) as Log).runs;
    expect(sarifErrors(JSON.parse(sarif.stdout.toString()))).toEqual([]);
    expect([sarif.code, told?.tool.driver.rules?.map(({ id }) => id)]).toEqual([1, ['case_failed']]);
    expect(told?.results).toMatchObject([
      {
        ruleId: 'case_failed',
        level: 'error',
        message: { text: expect.stringContaining('expected 8, got 9') as string },
        locations: [{ physicalLocation: { artifactLocation: { uri: 'cases/notes.case.yaml' } } }],
      },
    ]);
    const updated = await sidelight(dir, ['test', 'cases', '--update'], { BROKEN: 'code' });
    expect(updated.code).toBe(1);
    expect((await sidelight(dir, ['test', 'cases'], { BROKEN: 'code' })).code).toBe(0);
    expect((await sidelight(dir, ['test', 'cases'])).code).toBe(1);
  });

  it('that was made without learning learns what may differ when it is updated', async () => {
    const dir = await recorded(NOTES, [['add_note', { text: 'buy milk' }]]);
    await sidelight(dir, [
      'case',
      'create',
      'last',
      '--allow',
      'add_note',
      '-o',
      'a.case.yaml',
      '--',
      ...NOTES,
    ]);
    const test = (...flags: string[]): Promise<Ended> => sidelight(dir, ['test', 'a.case.yaml', ...flags]);
    // Its ids and times are others in each run.
    expect((await test()).code).toBe(1);
    expect((await test('--learn')).stderr.toString()).toContain('say so: --update --learn');
    expect((await test('--update', '--learn')).code).toBe(1);
    const { code, stdout } = await test();
    expect([code, stdout.toString()]).toEqual([0, expect.stringContaining('1 of 1 cases passed')]);
    expect((await sidelight(dir, ['test', 'a.case.yaml'], { BROKEN: 'number' })).code).toBe(1);
  });

  it('calls no tool that it does not allow, and names what is wrong with it in one line', async () => {
    const dir = await recorded(NOTES, [['add_note', { text: 'x' }]]);
    const effects = join(dir, 'effects');
    await sidelight(dir, ['case', 'create', 'last', '-o', 'a.case.json', '--', ...NOTES]);
    const file = JSON.parse(readFileSync(join(dir, 'a.case.json'), 'utf8')) as Record<string, unknown>;
    const check = async (changes: object, line: RegExp): Promise<void> => {
      writeFileSync(join(dir, 'b.case.json'), JSON.stringify({ ...file, ...changes }));
      const { code, stdout } = await sidelight(dir, ['test', 'b.case.json'], { EFFECTS: effects });
      expect(code).toBe(3);
      expect(stdout.toString()).toMatch(line);
    };
    await check({ allow: [] }, /step 1: it may change something; add add_note to allow in the file/);
    await check({ version: 2 }, /version 2 is of a newer Sidelight; this one reads 1/);
    await check({ steps: [{ metod: 'x' }] }, /\$[.]steps\[0\]/);
    await check(
      { steps: [{ method: 'ping', after: [3] }] },
      /steps\[0\]: it cannot wait for a step that comes after it/,
    );
    await check({ compare: { ignore: ['$.a['] } }, /"\$[.]a\[" is no path/);
    expect(() => readFileSync(effects)).toThrow();
    const { code, stderr } = await sidelight(dir, ['test', 'nowhere']);
    expect([code, stderr.toString()]).toEqual([
      2,
      expect.stringMatching(/"nowhere": there is no such file or folder/),
    ]);
  });
});

describe('without permission', () => {
  it('no command calls a tool that may change something, whatever it says of itself', async () => {
    const hostile = (version: string): string[] => [NODE, server('lies.mjs'), version];
    const dir = await recorded(
      hostile('then'),
      LIES.map((name) => [name, {}]),
    );
    const env = { EFFECTS: join(dir, 'effects') };
    const effects = (): string[] =>
      existsSync(env.EFFECTS) ? readFileSync(env.EFFECTS, 'utf8').trim().split('\n') : [];
    const now = ['--', ...hostile('now')];
    const servers = ['--servers', hostile('{now,later}').join(' ')];
    writeFileSync(
      join(dir, 's.yml'),
      `target: { command: ${NODE} }\nscenarios: { s: { actions: [call_tool: { name: ${LIES[0] ?? ''} }] } }\n`,
    );
    const commands: (readonly string[])[] = [
      ['replay', 'last', '--execute', ...now],
      ['replay', 'last', '--execute', '--skip-blocked', '--learn', '--unrecorded', ...now],
      ['minimize', 'last', '--at-step', '0', '-o', 'm.case.yaml', ...now],
      ['bisect', 'last', ...servers],
      ['bisect', 'last', '--skip-blocked', '--learn', ...servers],
      ['case', 'create', 'last', '--learn', '-o', 'c.case.yaml', ...now],
      ['test', 'c.case.yaml', '--update'],
      ['case', 'import', 's.yml', '-o', 'imported'],
      ['test', 'imported', '--update', ...now],
    ];
    for (const command of commands) {
      const { stderr } = await sidelight(dir, command, env);
      expect(stderr.toString()).not.toMatch(/\n {4}at /);
    }
    expect(effects()).toEqual([]);
    // One that is allowed is called, and it alone.
    const args = ['--execute', '--skip-blocked', '--unrecorded', '--allow', 'both', ...now];
    await sidelight(dir, ['replay', 'last', ...args], env);
    expect(effects()).toEqual(['both']);
  });
});

describe('minimize', () => {
  it('reduces 200 calls to the three that matter and their smallest arguments, within its trials', async () => {
    const calls: (readonly [string, Record<string, unknown>])[] = Array.from({ length: 200 }, (_, number) => [
      'read',
      { number, words: 'lorem ipsum' },
    ]);
    calls[31] = ['open', { door: 'a', note: 'why not' }];
    calls[117] = ['lock', { door: 'a', force: true, tags: ['x', 'y', 'z'] }];
    calls[160] = ['enter', { door: 'a', who: 'me', times: 3 }];
    const dir = await recorded(LOCKS, calls);
    const { code, stdout, stderr } = await sidelight(dir, [
      ...['minimize', 'last', '--allow-all', '-o', 'small.case.yaml', '--', ...LOCKS],
    ]);
    expect([code, stderr.toString()]).toEqual([0, '']);
    const text = stdout.toString();
    const steps = text.split('\n').filter((line) => line.includes('tools/call'));
    expect(steps.map((line) => /tools\/call (\w+)/.exec(line)?.[1])).toEqual(['open', 'lock', 'enter']);
    expect(steps[1]).toContain('{"door":"a"}');
    const trials = Number(/(\d+) trials/.exec(text)?.[1]);
    expect(trials).toBeLessThan(200);
    expect(text).toContain('To reproduce: sidelight test small.case.yaml');
    const file = parse(readFileSync(join(dir, 'small.case.yaml'), 'utf8')) as { steps: { target: string }[] };
    expect(file.steps.map(({ target }) => target)).toEqual(['open', 'lock', 'enter']);
    expect((await sidelight(dir, ['test', 'small.case.yaml'])).code).toBe(0);
  });

  it('keeps the steps that others take their values from', async () => {
    const dir = temporaryFolder();
    const peer = await connect('v1', [NODE, SIDELIGHT, '--data-dir', join(dir, 'data'), '--', ...NOTES]);
    const idOf = (answer: unknown): string =>
      (JSON.parse((answer as { content: { text: string }[] }).content[0]?.text ?? '{}') as { id: string }).id;
    await peer.call({ name: 'work', arguments: { steps: 1 } });
    const id = idOf(await peer.call({ name: 'add_note', arguments: { text: 'x' } }));
    await peer.call({ name: 'list_notes', arguments: {} });
    await peer.call({ name: 'delete_note', arguments: { id } });
    await peer.call({ name: 'get_note', arguments: { id } }).catch(() => undefined);
    await peer.close();
    const { code, stdout } = await sidelight(dir, [
      'minimize',
      'last',
      '--allow-all',
      '-o',
      's.case.yaml',
      '--',
      ...NOTES,
    ]);
    expect(code).toBe(0);
    const names = [...stdout.toString().matchAll(/tools\/call (\w+)/g)].map(([, name]) => name);
    // Without the note there would be the same error: the deletion does not matter, the id does.
    expect(names).toContain('get_note');
    expect(names).toContain('add_note');
    expect(names).not.toContain('work');
    expect(names).not.toContain('list_notes');
  });

  it('of a session in which nothing failed, or that does not fail here, says so', async () => {
    const fine = await recorded(LOCKS, [['read', { number: 1 }]]);
    const nothing = await sidelight(fine, ['minimize', 'last', '--allow-all', '--', ...LOCKS]);
    expect([nothing.code, nothing.stderr.toString()]).toEqual([
      3,
      expect.stringContaining('nothing failed in this session'),
    ]);
    const failing = await recorded(LOCKS, [
      ['open', { door: 'a' }],
      ['lock', { door: 'a' }],
      ['enter', { door: 'a' }],
    ]);
    const mended = await sidelight(failing, ['minimize', 'last', '--allow-all', '--', ...LOCKS], {
      MENDED: '1',
    });
    expect([mended.code, mended.stderr.toString()]).toEqual([
      1,
      expect.stringContaining('does not end as it was recorded'),
    ]);
  });
});

describe('bisect', () => {
  it('names the first server that differs, and runs none by a shell', async () => {
    const dir = await recorded(NOTES, [
      ['add_note', { text: 'x' }],
      ['fail', { code: -32050 }],
    ]);
    for (const version of [1, 2, 3])
      writeFileSync(
        join(dir, `v${version}.mjs`),
        `process.env.BROKEN = ${version < 3 ? "''" : "'code'"}; await import(${JSON.stringify(server('keeps-notes.mjs'))});`,
      );
    const { code, stdout } = await sidelight(dir, [
      ...['bisect', 'last', '--allow-all', '--level', 'outcome', '--servers', `${NODE} v{1,2,3}.mjs`],
    ]);
    expect(code).toBe(1);
    expect(stdout.toString()).toMatch(
      /v1[.]mjs +reproduced\n.*v2[.]mjs +reproduced\n.*v3[.]mjs +different +step 2 tools\/call fail: expected error -32050, got error -32000/,
    );
    expect(stdout.toString()).toContain(`The first that differs: ${NODE} v3.mjs`);
    const missing = await sidelight(dir, [
      'bisect',
      'last',
      '--allow-all',
      '--servers',
      'no-such-server; touch x',
    ]);
    expect([missing.code, missing.stdout.toString()]).toEqual([3, expect.stringContaining('cannot run')]);
  });
});
