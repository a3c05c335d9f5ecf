/** Replay, end to end: real clients are recorded with real servers, and what they did is done again. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Recorded, recorded } from './again.ts';
import { connectHttp } from './http-peers.ts';
import { freePort, startListening } from './listening.ts';
import { keepsNotes } from './notes.ts';
import type { ReceivedSpan } from '../unit/receiver.ts';
import { observed } from './observed.ts';
import { everyOutput } from './outputs.ts';
import { connect } from './peers.ts';
import { packageFile, Running, server, SIDELIGHT, temporaryFolder, until, type Ended } from './sidelight.ts';

const NODE = process.execPath;
const MODERN = 'v2 pinned to 2026-07-28';
const NOTES = [NODE, server('keeps-notes.mjs')];

interface Told {
  readonly reproduced: boolean;
  readonly runs: number;
  readonly reproducedRuns: number;
  readonly firstDivergence: number | null;
  readonly learnt: readonly { readonly path: string; readonly target?: string }[];
  readonly steps: readonly {
    readonly step: number;
    readonly method: string;
    readonly target?: string;
    readonly verdict: string;
    readonly expected: string;
    readonly actual: string;
    readonly outcome: string;
    readonly differences: readonly { readonly path: string }[];
    readonly missingNotifications: readonly string[];
    readonly unmatchedAsks: readonly string[];
    readonly missingBindings: readonly string[];
  }[];
}

async function sidelight(
  dataDir: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const running = new Running(
    NODE,
    [SIDELIGHT, ...args.slice(0, 1), '--data-dir', dataDir, ...args.slice(1)],
    {
      env: { ...process.env, ...env },
    },
  );
  onTestFinished(() => {
    running.process.kill('SIGKILL');
  });
  running.process.stdin.end();
  return running.ended;
}

async function replayed(
  { dataDir }: Recorded,
  flags: readonly string[],
  target: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; told: Told; stderr: string }> {
  const { code, stdout, stderr } = await sidelight(
    dataDir,
    ['replay', 'last', '--execute', '--format', 'json', ...flags, ...target],
    env,
  );
  const text = stdout.toString();
  if (text === '') throw new Error(`replay said nothing: ${stderr.toString()}`);
  return { code, told: JSON.parse(text) as Told, stderr: stderr.toString() };
}

const ALLOWED = ['--unrecorded', '--allow', 'add_note', '--allow', 'delete_note'];

describe('a server with random ids and times', () => {
  it('is reproduced with what was learnt, without a rule of anybody, and binds the ids', async () => {
    const session = await recorded(NOTES, keepsNotes);
    const { code, told } = await replayed(
      session,
      [...ALLOWED, '--learn', '--repeat', '5'],
      ['--', ...NOTES],
    );
    expect(told.steps.filter(({ verdict }) => verdict === 'different')).toEqual([]);
    expect([code, told.reproduced, told.reproducedRuns]).toEqual([0, true, 5]);
    expect(told.steps.filter(({ verdict }) => verdict === 'same')).toHaveLength(9);
    expect(told.learnt.map(({ path }) => path)).toContain('$.content[*].text.seenAt');
    // The note that was deleted was found by its new id, and the one after it by its own.
    expect(told.steps.flatMap(({ missingBindings }) => missingBindings)).toEqual([]);
  });
});

describe('what may be done', () => {
  const effectsOf = (file: string): string[] =>
    existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];

  it('is nothing without permission: not without --execute, not by a tool that claims two things, not by a hidden one', async () => {
    const session = await recorded(NOTES, async (peer) => {
      await keepsNotes(peer);
      await peer.call({ name: 'claims', arguments: {} });
    });
    const effects = join(session.folder, 'effects');
    const env = { EFFECTS: effects };
    const plan = await sidelight(session.dataDir, ['replay', 'last', '--', ...NOTES], env);
    expect(plan.code).toBe(0);
    expect(plan.stdout.toString()).toMatch(/destructive {2}tools\/call claims/);
    expect(plan.stdout.toString()).toMatch(/unknown {2}tools\/call add_note/);
    expect(plan.stdout.toString()).toContain('blocked: it may change something; --allow add_note');
    const refused = await sidelight(session.dataDir, ['replay', 'last', '--execute', '--', ...NOTES], env);
    expect(refused.code).toBe(3);
    expect(refused.stderr.toString()).toMatch(/step 1 \(tools\/call add_note\) and \d+ more cannot be sent/);
    await sidelight(
      session.dataDir,
      ['replay', 'last', '--execute', '--skip-blocked', '--unrecorded', '--', ...NOTES],
      env,
    );
    expect(effectsOf(effects)).toEqual([]);
    await sidelight(
      session.dataDir,
      [
        'replay',
        'last',
        '--execute',
        '--skip-blocked',
        '--allow',
        'add_note',
        '--unrecorded',
        '--',
        ...NOTES,
      ],
      env,
    );
    expect(effectsOf(effects)).toEqual(['add_note', 'add_note']);
  });

  it('is recorded as a session of its own that names the one it repeats', async () => {
    const session = await recorded(NOTES, async (peer) => {
      await peer.request('tools/list');
    });
    const { code } = await replayed(session, [], ['--', ...NOTES]);
    expect(code).toBe(0);
    const { stdout } = await sidelight(session.dataDir, ['sessions', '--json']);
    const lines = stdout.toString().trim().split('\n');
    const all = lines.map((line) => JSON.parse(line) as { id: string; replayOf?: string });
    expect(all).toHaveLength(2);
    expect(all[0]?.replayOf).toBe(all[1]?.id);
  });

  it.each([
    [['--', 'no-such-server'], 3, /no-such-server/],
    [['--', NODE, '-e', 'process.exit(4)'], 3, /initialize failed: the server ended with exit code 4/],
    [['--target', 'http://127.0.0.1:1/mcp'], 3, /initialize failed: .*cannot be reached/],
    [[], 2, /against which server/],
    [['--target', 'ftp://x'], 2, /is not an http or https URL/],
  ] as const)('%j ends with exit code %i and one line', async (target, exitCode, line) => {
    const session = await recorded(NOTES, async (peer) => {
      await peer.request('tools/list');
    });
    const { code, stderr } = await sidelight(session.dataDir, [
      'replay',
      'last',
      '--execute',
      '--unrecorded',
      ...target,
    ]);
    expect([code, stderr.toString().trim().split('\n').length]).toEqual([exitCode, 1]);
    expect(stderr.toString()).toMatch(line);
  });
});

describe('the trace of a replay', () => {
  it('links each request to the span of the one that it repeats, in a trace of its own', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around(NOTES));
    await peer.request('tools/list');
    await peer.call({ name: 'work', arguments: { steps: 1 } });
    await peer.close();
    const spansOf = (session: string): readonly ReceivedSpan[] =>
      outputs
        .spans()
        .filter(
          ({ attributes, name }) =>
            attributes['sidelight.session.id'] === session &&
            ['tools/list', 'tools/call work'].includes(name),
        );
    const original = (await outputs.show()).session.id;
    const { code } = await replayed({ ...outputs }, [], ['--', ...NOTES], {
      OTEL_EXPORTER_OTLP_ENDPOINT: outputs.receiver.endpoint,
    });
    expect(code).toBe(0);
    const again = (await outputs.show()).session;
    expect(again.replayOf).toBe(original);
    const [then, now] = [spansOf(original), spansOf(again.id)];
    expect(now.map(({ name }) => name)).toEqual(['tools/list', 'tools/call work']);
    for (const [index, span] of now.entries()) {
      const repeated = then[index];
      expect(span.links).toContainEqual(
        expect.objectContaining({ traceId: repeated?.traceId, spanId: repeated?.spanId }),
      );
      expect(span.traceId).not.toBe(repeated?.traceId);
    }
  });
});

describe('step by step', () => {
  it('nothing is sent but what was said, with other params where they were given, up to where it was stopped', async () => {
    const session = await recorded(NOTES, keepsNotes);
    const running = new Running(NODE, [
      ...[
        SIDELIGHT,
        'replay',
        'last',
        '--data-dir',
        session.dataDir,
        '--step',
        '--allow-all',
        '--unrecorded',
      ],
      ...['--format', 'json', '--', ...NOTES],
    ]);
    onTestFinished(() => {
      running.process.kill('SIGKILL');
    });
    const edited = { name: 'add_note', arguments: { text: 'another note' } };
    running.process.stdin.write(['', `e ${JSON.stringify(edited)}`, 's', 'what?', 'q', ''].join('\n'));
    const { code, stdout } = await running.ended;
    const told = JSON.parse(/\n(\{"session".*)\n$/s.exec(`\n${stdout.toString()}`)?.[1] ?? '{}') as Told;
    expect(told.steps.map(({ outcome }) => outcome).slice(0, 4)).toEqual([
      'answered',
      'answered',
      'not_sent',
      'not_sent',
    ]);
    expect(stdout.toString()).toContain('another note');
    expect(stdout.toString()).toContain('q: stop');
    expect([code, told.firstDivergence]).toEqual([1, 1]);
  });
});

describe('a binding', () => {
  it('is not made where --no-bind says so, and a place that has none is refused', async () => {
    const session = await recorded(NOTES, keepsNotes);
    const plan = async (...flags: string[]): Promise<Ended> =>
      sidelight(session.dataDir, ['replay', 'last', ...flags]);
    const shown = (await plan()).stdout.toString();
    const [, count = ''] = /(\d+) bindings/.exec(shown) ?? [];
    expect(Number(count)).toBeGreaterThan(0);
    expect((await plan('--no-bind', 'all', '--bind', '1:arguments.text=tea')).stdout.toString()).toContain(
      '; 0 bindings',
    );
    const { code, stderr } = await plan('--no-bind', '1:nothing');
    expect([code, stderr.toString()]).toEqual([
      2,
      expect.stringContaining('--no-bind: "1:nothing" is no binding; the plan has'),
    ]);
  });
});

describe('what a server asks that it did not ask then', () => {
  it('is answered by the person at the terminal where --asks ask was said', async () => {
    const asking = [NODE, server('asks-the-client.mjs')];
    const session = await recorded(['env', 'QUIET=1', ...asking], async (peer) => {
      await peer.call({ name: 'person', arguments: {} });
      await peer.call({ name: 'model', arguments: {} });
    });
    const running = new Running(NODE, [
      ...[SIDELIGHT, 'replay', 'last', '--data-dir', session.dataDir, '--execute', '--unrecorded'],
      ...['--allow-all', '--asks', 'ask', '--format', 'json', '--', ...asking],
    ]);
    onTestFinished(() => {
      running.process.kill('SIGKILL');
    });
    running.process.stdin.write('no JSON\n{"action":"accept","content":{"name":"Grace"}}\n\n');
    const { stdout, stderr } = await running.ended;
    expect(stderr.toString()).toContain('result? {json}');
    expect(stdout.toString()).toContain('What is your name?');
    const told = JSON.parse(/\n(\{"session".*)\n$/s.exec(`\n${stdout.toString()}`)?.[1] ?? '{}') as Told;
    expect(told.steps.map(({ actual, unmatchedAsks }) => [actual, unmatchedAsks])).toEqual([
      ['ok', ['elicitation/create']],
      ['tool_error', ['sampling/createMessage']],
    ]);
    expect(stdout.toString()).toContain('Grace');
  });
});

describe('servers of others', { timeout: 120_000 }, () => {
  it('the reference server for everything is reproduced over stdio and over HTTP', async () => {
    const everything = packageFile('@modelcontextprotocol/server-everything/dist/index.js');
    const session = await recorded([NODE, everything, 'stdio'], async (peer) => {
      await peer.request('tools/list');
      await peer.call({ name: 'echo', arguments: { message: 'hello' } });
      await peer.call({ name: 'get-sum', arguments: { a: 2, b: 40 } });
      await peer.request('prompts/list');
      await peer.request('resources/list');
      await peer.call({ name: 'no-such-tool', arguments: {} }).catch(() => undefined);
    });
    const flags = ['--allow-all', '--learn', '--unrecorded'];
    const { code, told } = await replayed(session, flags, ['--', NODE, everything, 'stdio']);
    expect(told.steps.filter(({ verdict }) => verdict !== 'same')).toEqual([]);
    expect(code).toBe(0);
    const port = await freePort();
    const http = new Running(NODE, [everything, 'streamableHttp'], {
      env: { ...process.env, PORT: String(port) },
    });
    onTestFinished(() => {
      http.process.kill('SIGKILL');
    });
    const url = `http://127.0.0.1:${port}/mcp`;
    await until(
      () =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      'the server listens',
    );
    // Through Sidelight, which records it.
    const across = await replayed(session, ['--allow-all', '--learn'], ['--target', url]);
    expect(across.told.steps.filter(({ verdict }) => verdict !== 'same')).toEqual([]);
    const { stdout } = await sidelight(session.dataDir, ['sessions', '--json']);
    const recordedAs = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { transport: string; replayOf?: string });
    expect(
      recordedAs.filter(({ transport, replayOf }) => transport === 'http' && replayOf !== undefined),
    ).toHaveLength(3);
  });

  it('the memory server is reproduced in a fresh store, and a filled one is told apart', async () => {
    const memory = packageFile('@modelcontextprotocol/server-memory/dist/index.js');
    const folder = temporaryFolder();
    const entities = [{ name: 'Ada', entityType: 'person', observations: ['likes engines'] }];
    const fresh = join(folder, 'fresh.jsonl');
    const dataDir = join(folder, 'data');
    const peer = await connect('v1', [NODE, SIDELIGHT, '--data-dir', dataDir, '--', NODE, memory], {
      MEMORY_FILE_PATH: join(folder, 'recorded.jsonl'),
    });
    await peer.call({ name: 'create_entities', arguments: { entities } });
    await peer.call({ name: 'read_graph', arguments: {} });
    await peer.call({ name: 'search_nodes', arguments: { query: 'Ada' } });
    await peer.close();
    const again = (): ReturnType<typeof replayed> =>
      replayed({ dataDir, folder }, ['--allow-all', '--unrecorded'], ['--', NODE, memory], {
        MEMORY_FILE_PATH: fresh,
      });
    const { told } = await again();
    expect(told.steps.filter(({ verdict }) => verdict === 'different')).toEqual([]);
    // The second time the entity is already there, and is not created again.
    expect((await again()).told.firstDivergence).toBe(0);
  });

  it('the file server is reproduced on files of the same content, and not on others', async () => {
    const files = packageFile('@modelcontextprotocol/server-filesystem/dist/index.js');
    const root = join(temporaryFolder(), 'root');
    mkdirSync(root);
    writeFileSync(join(root, 'a.txt'), 'alpha');
    const session = await recorded([NODE, files, root], async (peer) => {
      await peer.request('tools/list');
      await peer.call({ name: 'read_text_file', arguments: { path: join(root, 'a.txt') } });
      await peer.call({ name: 'list_directory', arguments: { path: root } });
    });
    // It tells by itself that its tools only read.
    expect((await replayed(session, ['--unrecorded'], ['--', NODE, files, root])).told.reproduced).toBe(true);
    writeFileSync(join(root, 'a.txt'), 'omega');
    const { told } = await replayed(session, ['--unrecorded'], ['--', NODE, files, root]);
    expect(told.steps[told.firstDivergence ?? -1]?.target).toBe('read_text_file');
  });
});

describe('what the server asks', () => {
  it('sampling, elicitation and roots are answered as they were', async () => {
    const command = [NODE, server('asks-the-client.mjs')];
    const session = await recorded(command, async (peer) => {
      await peer.request('tools/list');
      await peer.call({ name: 'all', arguments: {} });
    });
    const { told } = await replayed(session, ['--allow-all', '--unrecorded'], ['--', ...command]);
    expect(told.steps.flatMap(({ unmatchedAsks }) => unmatchedAsks)).toEqual([]);
    expect(told.steps.filter(({ verdict }) => verdict !== 'same')).toEqual([]);
  });

  it('input of 2026-07-28 is given with the live state, over stdio and over HTTP', async () => {
    const command = [NODE, server('dual-era.mjs')];
    const session = await recorded(
      command,
      async (peer) => {
        await peer.request('tools/list');
        await peer.call({ name: 'ask', arguments: {} });
      },
      MODERN,
    );
    const { told } = await replayed(session, ['--allow-all', '--unrecorded'], ['--', ...command]);
    expect(told.steps.filter(({ verdict }) => verdict !== 'same')).toEqual([]);
    const http = await observed('http-dual-era.mjs');
    const peer = await connectHttp(MODERN, http.url);
    await peer.request('tools/list');
    for (const name of ['test_input_required_result_elicitation', 'test_input_required_result_multi_round'])
      await peer.call({ name, arguments: {} });
    await peer.close();
    await http.stop();
    const { port, stop } = await startListening([server('http-dual-era.mjs')]);
    onTestFinished(stop);
    const { told: overHttp } = await replayed(
      http,
      ['--allow-all', '--unrecorded'],
      ['--target', `http://127.0.0.1:${port}/mcp`],
    );
    const calls = overHttp.steps.filter(({ method }) => method === 'tools/call');
    expect(calls.map(({ target, verdict }) => [target, verdict])).toEqual([
      ['test_input_required_result_elicitation', 'same'],
      ['test_input_required_result_multi_round', 'same'],
    ]);
  });

  it('tasks of both eras are polled to their end', async () => {
    const command = [NODE, server('tasks.mjs')];
    const lines = [
      {
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
      },
      { id: 2, method: 'tools/call', params: { name: 'build', arguments: { steps: 2 }, task: {} } },
    ];
    const folder = temporaryFolder();
    const dataDir = join(folder, 'data');
    const running = new Running(NODE, [SIDELIGHT, '--data-dir', dataDir, '--', ...command]);
    const say = async (message: { id: number }): Promise<Record<string, unknown>> => {
      running.process.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
      await running.says(`"id":${message.id},`);
      const answers = running.stdout.toString().trimEnd().split('\n');
      return (
        JSON.parse(answers.find((line) => line.includes(`"id":${message.id},`)) ?? '{}') as {
          result: Record<string, unknown>;
        }
      ).result;
    };
    let taskId: unknown;
    for (const line of lines)
      taskId = ((await say(line)).task as { taskId?: string } | undefined)?.taskId ?? taskId;
    let id = 2;
    let status: unknown = 'working';
    while (status === 'working') {
      const state = await say({ id: (id += 1), method: 'tasks/get', params: { taskId } } as { id: number });
      status = state.status;
    }
    await say({ id: (id += 1), method: 'tasks/result', params: { taskId } } as { id: number });
    running.process.stdin.end();
    await running.ended;
    const { told } = await replayed({ dataDir, folder }, ['--allow-all', '--unrecorded'], ['--', ...command]);
    expect(told.steps).toMatchObject([{ target: 'build', verdict: 'same', expected: 'ok' }]);
  });
});
