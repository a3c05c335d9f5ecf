/** `sidelight mcp` as an agent starts it, and under Sidelight itself; and replays of `sidelight serve`, which are recorded. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../src/api/client.ts';
import { connect, type Peer } from './peers.ts';
import { Running, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const NODE = process.execPath;
const NOTES = [NODE, server('keeps-notes.mjs')];

interface Recorded {
  readonly dataDir: string;
  readonly config: string;
  readonly id: string;
}

/** A session with the server that takes notes, and a configuration that names that server as a target. */
async function recorded(): Promise<Recorded> {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'data');
  const config = join(folder, 'sidelight.yaml');
  writeFileSync(config, `replay: { targets: { notes: { command: ${JSON.stringify(NOTES)} } } }\n`);
  const peer = await connect('v1', [NODE, SIDELIGHT, '--data-dir', dataDir, '--', ...NOTES]);
  await peer.request('tools/list');
  await peer.call({ name: 'add_note', arguments: { text: 'milk' } });
  await peer.call({ name: 'list_notes', arguments: {} });
  await peer.close();
  const agent = await connect('v1', [NODE, SIDELIGHT, 'mcp', '--data-dir', dataDir]);
  const { sessions } = await told<{ sessions: { id: string }[] }>(agent, 'list_sessions');
  await agent.close();
  return { dataDir, config, id: sessions[0]?.id ?? '' };
}

async function told<T>(peer: Peer, name: string, args: Record<string, unknown> = {}): Promise<T> {
  const { structuredContent, content } = (await peer.call({ name, arguments: args })) as {
    structuredContent?: T;
    content: { text: string }[];
  };
  if (structuredContent === undefined) throw new Error(content[0]?.text);
  return structuredContent;
}

describe('sidelight mcp', () => {
  it.each(['v1', 'v2 auto', 'v2 pinned to 2026-07-28'] as const)(
    'is an MCP server on stdio for an SDK client %s',
    async (sdk) => {
      const { dataDir, id } = await recorded();
      const peer = await connect(sdk, [NODE, SIDELIGHT, 'mcp', '--data-dir', dataDir]);
      const { tools } = (await peer.request('tools/list')) as { tools: { name: string }[] };
      expect(tools.map(({ name }) => name)).not.toContain('run_replay');
      expect(await told(peer, 'explain_session', { session: id })).toMatchObject({
        session: id,
        healthy: true,
      });
      const { operations } = await told<{ operations: { target?: string }[] }>(peer, 'read_session', {
        session: id,
      });
      expect(operations.map(({ target }) => target)).toContain('add_note');
      await peer.close();
      await peer.stderrEnded;
      expect(peer.stderr()).toBe('');
    },
  );

  it('can be recorded by Sidelight like any server, and finds itself in the recording', async () => {
    const { dataDir } = await recorded();
    const command = [
      NODE,
      SIDELIGHT,
      '--data-dir',
      dataDir,
      '--',
      NODE,
      SIDELIGHT,
      'mcp',
      '--data-dir',
      dataDir,
    ];
    const peer = await connect('v2 auto', command);
    await told(peer, 'search', { filter: 'tool:add_note' });
    await until(async () => {
      const { operations } = await told<{ operations: { target?: string }[] }>(peer, 'search', {
        filter: 'tool:search',
      });
      return operations.length > 0;
    }, 'its own operations in the store');
    await peer.close();
  });

  it('runs a session again where it was started for that, and records it', async () => {
    const { dataDir, config, id } = await recorded();
    const peer = await connect('v2 auto', [
      NODE,
      SIDELIGHT,
      'mcp',
      '--enable-replay',
      ...['--data-dir', dataDir, '--config', config],
    ]);
    const outcome = await told<{ recordedAs?: string }>(peer, 'run_replay', {
      session: id,
      target: 'notes',
      allow: ['add_note'],
      level: 'shape',
    });
    expect(outcome).toMatchObject({
      state: 'done',
      reproduced: true,
      recordedAs: expect.any(String) as string,
    });
    const replayed = outcome.recordedAs ?? '';
    expect(await told(peer, 'diff_sessions', { before: id, after: replayed, level: 'shape' })).toMatchObject({
      before: id,
      after: replayed,
      calls: [],
    });
    await peer.close();
    expect(readFileSync(join(dataDir, 'audit.log'), 'utf8')).toContain('"action":"replay"');
  });
});

describe('sidelight serve --enable-replay', () => {
  it('runs a session again against the server that the configuration names, and shows the two side by side', async () => {
    const { dataDir, config, id } = await recorded();
    const args = ['--enable-replay', '--listen', '0', '--data-dir', dataDir, '--config', config];
    const running = new Running(NODE, [SIDELIGHT, 'serve', ...args]);
    await running.says('#token=');
    const [, url = '', token = ''] =
      /^(http:\S+)\/#token=([0-9a-f]{64})$/m.exec(running.stdout.toString()) ?? [];
    const client = createClient({ url, token });
    expect(await client.replayTargets()).toEqual({
      enabled: true,
      items: [{ name: 'notes', kind: 'command' }],
    });
    const [one, other] = await Promise.all(
      [1, 2].map(() => client.startReplay({ session: id, target: 'notes', allow: ['add_note'] })),
    );
    const ends = await Promise.all(
      [one, other].map(async (replay) => {
        for await (const event of client.replayEvents(replay?.id ?? ''))
          if (event.replay.state === 'done') break;
        await until(
          async () => (await client.replay(replay?.id ?? '')).recordedAs !== undefined,
          'its recording',
        );
        return client.replay(replay?.id ?? '');
      }),
    );
    // Each has its own.
    expect(new Set(ends.map(({ recordedAs }) => recordedAs)).size).toBe(2);
    const [first] = ends;
    expect(await client.session(first?.recordedAs ?? '')).toMatchObject({ replayOf: id });
    const result = await client.replayResult(first?.id ?? '', { level: 'shape' });
    expect(result.reproduced).toBe(true);
    expect(await client.replayDiff(first?.id ?? '', { level: 'shape' })).toMatchObject({
      before: id,
      calls: [],
    });
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  it('says in a line that there is nobody to run against', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    const running = new Running(NODE, [
      SIDELIGHT,
      'serve',
      '--enable-replay',
      '--listen',
      '0',
      '--data-dir',
      dataDir,
    ]);
    await running.says('replay.targets of the configuration names no server');
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });
});
