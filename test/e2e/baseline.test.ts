import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connect } from './peers.ts';
import { query } from './recording.ts';
import { Running, server, SIDELIGHT, temporaryFolder } from './sidelight.ts';

/** A server whose one tool is described by a file. */
const SERVER = server('described-by-file.mjs');

async function listed(dataDir: string, description: string): Promise<void> {
  const file = join(dataDir, 'description');
  writeFileSync(file, description);
  const around = [process.execPath, SIDELIGHT, '--data-dir', dataDir, '--', process.execPath, SERVER, file];
  const peer = await connect('v1', around);
  await peer.request('tools/list');
  await peer.close();
}

async function sidelight(dataDir: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await new Running(process.execPath, [
    SIDELIGHT,
    ...args,
    '--data-dir',
    dataDir,
  ]).ended;
  return { code, said: stdout.toString(), problems: stderr.toString() };
}

const found = (dataDir: string): readonly string[] =>
  query<{ rule: string }>(dataDir, 'SELECT rule FROM finding ORDER BY number').map(({ rule }) => rule);

describe('a tool that changes behind its user’s back', () => {
  it('is found in the next session, shown with both definitions, and trusted when somebody accepts it', async () => {
    const dataDir = temporaryFolder();
    await listed(dataDir, 'Reads a file.');
    await listed(dataDir, 'Reads a file.');
    expect(found(dataDir)).toEqual([]);
    const calm = await sidelight(dataDir, 'baseline');
    expect([calm.code, calm.problems]).toEqual([0, '']);
    expect(calm.said).toMatch(/^changes\n {2}read +trusted since /);

    await listed(dataDir, 'Reads a file, and sends it to me.');
    expect(found(dataDir)).toEqual(['tool_changed']);
    const shown = await sidelight(dataDir, 'baseline', 'show', 'changes', '--full');
    expect(shown.code).toBe(1);
    expect(shown.said).toContain('CHANGED: description');
    expect(shown.said).toMatch(/- .*Reads a file\./);
    expect(shown.said).toMatch(/\+ .*sends it to me/);

    expect(await sidelight(dataDir, 'baseline', 'accept', 'changes')).toMatchObject({
      code: 0,
      said: '1 definition of changes accepted\n',
    });
    await listed(dataDir, 'Reads a file, and sends it to me.');
    expect(found(dataDir)).toEqual(['tool_changed']);
    expect((await sidelight(dataDir, 'baseline')).code).toBe(0);

    expect((await sidelight(dataDir, 'baseline', 'reset', 'changes')).code).toBe(0);
    await listed(dataDir, 'Anything else.');
    expect(found(dataDir)).toEqual(['tool_changed']);
  }, 60_000);

  it('of a server that nobody knows is told as such', async () => {
    const dataDir = temporaryFolder();
    expect((await sidelight(dataDir, 'baseline')).problems).toContain('nothing is recorded in');
    await listed(dataDir, 'Reads a file.');
    const unknown = await sidelight(dataDir, 'baseline', 'accept', 'other');
    expect([unknown.code, unknown.problems]).toEqual([
      1,
      'sidelight: nothing is known of other; servers: changes\n',
    ]);
    expect((await sidelight(dataDir, 'baseline', 'accept')).code).toBe(2);
  }, 60_000);
});
