/**
 * Servers of others and our own are reproduced with no rule but what two runs of theirs differed in: over stdio, and over HTTP, from
 * one recording.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { judge, type Verdict } from '../../src/replay/judge.ts';
import type { Plan } from '../../src/replay/plan.ts';
import type { Server } from '../../src/replay/target.ts';
import { MODERN_META } from '../track/conversation.ts';
import { again, lastPlan, learnt, type Recorded, recorded } from './again.ts';
import { connectHttp } from './http-peers.ts';
import { freePort, startListening } from './listening.ts';
import { keepsNotes } from './notes.ts';
import { packageFile, Running, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const NODE = process.execPath;
const OWN = (name: string): readonly string[] => [NODE, server(name)];
const EVERYTHING = packageFile('@modelcontextprotocol/server-everything/dist/index.js');

/** What was learnt, and what is not the same for all that. */
interface Told {
  readonly learnt: readonly string[];
  readonly different: readonly string[];
  readonly same: number;
}

async function told(plan: Plan, at: Server): Promise<Told> {
  const once = () => again(plan, at);
  const judging = await learnt(plan, 'semantic', once);
  const verdict = judge(await once(), judging);
  return {
    learnt: judging.learnt.map(({ pattern }) => pattern.text),
    different: differing(verdict),
    same: verdict.steps.filter(({ is }) => is === 'same').length,
  };
}

function differing({ steps, reproduced }: Verdict): string[] {
  const found = steps.flatMap(({ is, live, expected, actual, differences }) => {
    const { index, method, target } = live.planned.step;
    const asked = live.unmatchedAsks.map((what) => `${index}: asked ${what}`);
    if (is === 'same') return asked;
    return [
      ...asked,
      `${index} ${target ?? method} ${is}: ${expected}, ${actual} ${JSON.stringify(differences)}`,
    ];
  });
  return reproduced ? found : [...found, 'not reproduced'];
}

function onStdio([command = '', ...args]: readonly string[]): Server {
  return { command, args, cwd: process.cwd() };
}

/** The same command behind HTTP. */
async function overHttp(command: readonly string[]): Promise<Server> {
  const { port, stop } = await startListening([server('over-http.mjs'), ...command]);
  onTestFinished(stop);
  return { url: new URL(`http://127.0.0.1:${port}/mcp`), headers: {} };
}

async function everywhere(session: Recorded, command: readonly string[]): Promise<Told> {
  const plan = await lastPlan(session);
  const stdio = await told(plan, onStdio(command));
  const http = await told(plan, await overHttp(command));
  expect(stdio.different).toEqual([]);
  expect(http.different).toEqual([]);
  expect([http.same, http.learnt]).toEqual([stdio.same, stdio.learnt]);
  expect(stdio.same).toBe(plan.steps.filter(({ step }) => step.is === 'request').length);
  return stdio;
}

describe('reproduced over stdio and over HTTP with what two runs differed in', { timeout: 60_000 }, () => {
  it('a server with random ids and times in every result', async () => {
    const { learnt: rules, same } = await everywhere(
      await recorded(OWN('keeps-notes.mjs'), keepsNotes),
      OWN('keeps-notes.mjs'),
    );
    expect(same).toBe(9);
    expect(new Set(rules)).toEqual(
      new Set(['$.content[*].text.id', '$.content[*].text.seenAt', '$.message']),
    );
  });

  it('the same, where it was recorded over HTTP', async () => {
    const behind = await startListening([server('over-http.mjs'), ...OWN('keeps-notes.mjs')]);
    onTestFinished(behind.stop);
    const folder = temporaryFolder();
    const dataDir = join(folder, 'data');
    const target = ['--target', `http://127.0.0.1:${behind.port}/mcp`, '--listen', '127.0.0.1:0'];
    const front = await startListening([SIDELIGHT, 'http', '--data-dir', dataDir, ...target]);
    onTestFinished(front.stop);
    const peer = await connectHttp('v1', `http://127.0.0.1:${front.port}/mcp`);
    await keepsNotes(peer);
    await peer.close();
    await front.stop();
    expect((await everywhere({ dataDir, folder }, OWN('keeps-notes.mjs'))).same).toBe(9);
  });

  it('the memory server, from an empty store', async () => {
    const command = OWN('fresh-memory.mjs');
    const session = await recorded(command, async (peer) => {
      const entities = [{ name: 'Ada', entityType: 'person', observations: ['likes engines'] }];
      const relations = [{ from: 'Ada', to: 'Charles', relationType: 'wrote to' }];
      await peer.request('tools/list');
      await peer.call({ name: 'create_entities', arguments: { entities } });
      await peer.call({ name: 'create_relations', arguments: { relations } });
      await peer.call({ name: 'search_nodes', arguments: { query: 'Ada' } });
      await peer.call({ name: 'delete_entities', arguments: { entityNames: ['Ada'] } });
      await peer.call({ name: 'read_graph', arguments: {} });
    });
    expect((await everywhere(session, command)).learnt).toEqual([]);
  });

  it('the file server, whose files have other times', async () => {
    const root = join(temporaryFolder(), 'root');
    mkdirSync(root);
    writeFileSync(join(root, 'a.txt'), 'alpha');
    const path = join(root, 'b.txt');
    const command = [NODE, packageFile('@modelcontextprotocol/server-filesystem/dist/index.js'), root];
    const session = await recorded(command, async (peer) => {
      await peer.request('tools/list');
      await peer.call({ name: 'write_file', arguments: { path, content: 'beta' } });
      await peer.call({ name: 'get_file_info', arguments: { path } });
      await peer.call({ name: 'read_text_file', arguments: { path } });
      await peer.call({ name: 'list_directory', arguments: { path: root } });
      await peer.call({ name: 'read_text_file', arguments: { path: join(root, 'no-such.txt') } });
    });
    const { learnt: rules } = await everywhere(session, command);
    expect(rules).toEqual(['$.content[*].text', '$.structuredContent.content']);
  });

  it('an SDK v2 server that asks for input in several rounds (2026-07-28)', async () => {
    const session = await recorded(
      OWN('dual-era.mjs'),
      async (peer) => {
        await peer.request('tools/list');
        await peer.call({ name: 'ask', arguments: {} });
        await peer.call({ name: 'echo', arguments: { text: 'x' } });
      },
      'v2 pinned to 2026-07-28',
    );
    expect((await everywhere(session, OWN('dual-era.mjs'))).same).toBe(3);
  });

  it('a server that asks the model, the person and for roots', async () => {
    const session = await recorded(OWN('asks-the-client.mjs'), async (peer) => {
      await peer.request('tools/list');
      await peer.call({ name: 'model', arguments: {} });
      await peer.call({ name: 'all', arguments: {} });
    });
    expect((await everywhere(session, OWN('asks-the-client.mjs'))).same).toBe(3);
  });

  it.each([
    ['a task of 2025-11-25', { task: {} }, false],
    ['a task of 2026-07-28', { _meta: MODERN_META }, false],
    ['a task of 2026-07-28 that asks for input', { _meta: MODERN_META }, true],
  ])('%s', async (_, params, asks) => {
    const session = await recordedTask(params, asks);
    await everywhere(session, OWN('tasks.mjs'));
    const plan = await lastPlan(session);
    // Polls and updates are part of the call, and no steps of their own.
    expect(plan.steps.map(({ step }) => step.target)).toEqual(['build']);
  });

  it('the reference server for everything, with its own HTTP', async () => {
    const session = await recorded([NODE, EVERYTHING, 'stdio'], async (peer) => {
      await peer.request('tools/list');
      await peer.call({ name: 'echo', arguments: { message: 'hello' } });
      await peer.call({ name: 'get-sum', arguments: { a: 2, b: 40 } });
      await peer.call({ name: 'get-structured-content', arguments: { location: 'Chicago' } });
      await peer.call({ name: 'get-resource-links', arguments: { count: 2 } });
      await peer.call({ name: 'trigger-sampling-request', arguments: { prompt: 'hi', maxTokens: 10 } });
      await peer.request('prompts/list');
      await peer.request('prompts/get', { name: 'simple-prompt' });
      await peer.request('resources/list');
      await peer.call({ name: 'no-such-tool', arguments: {} }).catch(() => undefined);
      // It asks a third of a second after the handshake, by which a quick recording would be over.
      await until(() => peer.received.some(({ method }) => method === 'roots/list'), 'it to ask for roots');
    });
    const plan = await lastPlan(session);
    expect((await told(plan, onStdio([NODE, EVERYTHING, 'stdio']))).different).toEqual([]);
    const port = await freePort();
    const { stop } = await startListening([EVERYTHING, 'streamableHttp'], {
      ...process.env,
      PORT: String(port),
    });
    onTestFinished(stop);
    const url = new URL(`http://127.0.0.1:${port}/mcp`);
    expect((await told(plan, { url, headers: {} })).different).toEqual([]);
  });
});

/** No SDK speaks both kinds of tasks: a client by hand, which polls until the task is over. */
async function recordedTask(params: Record<string, unknown>, asks: boolean): Promise<Recorded> {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'data');
  const running = new Running(NODE, [SIDELIGHT, '--data-dir', dataDir, '--', ...OWN('tasks.mjs')]);
  const isModern = '_meta' in params;
  const meta = isModern ? { _meta: MODERN_META } : {};
  let id = 0;
  const ask = async (method: string, own: object): Promise<Record<string, unknown>> => {
    const mark = `"id":${(id += 1)},"result":`;
    running.process.stdin.write(
      `${JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...own, ...meta } })}\n`,
    );
    await until(() => running.stdout.includes(mark), `an answer to ${method}`);
    const lines = running.stdout.toString().split('\n');
    const line = lines.find((one) => one.includes(mark)) ?? '{}';
    return (JSON.parse(line) as { result: Record<string, unknown> }).result;
  };
  const client = { capabilities: {}, clientInfo: { name: 'c', version: '1' } };
  if (!isModern) await ask('initialize', { protocolVersion: '2025-11-25', ...client });
  const made = await ask('tools/call', { name: 'build', arguments: { steps: 2, asks }, ...params });
  const { taskId } = isModern ? made : (made.task as Record<string, unknown>);
  for (let status: unknown = 'working'; status !== 'completed';) {
    ({ status } = await ask('tasks/get', { taskId }));
    if (status === 'input_required')
      await ask('tasks/update', {
        taskId,
        inputResponses: { name: { action: 'accept', content: { name: 'Ada' } } },
      });
  }
  if (!isModern) await ask('tasks/result', { taskId });
  running.process.stdin.end();
  await running.ended;
  return { dataDir, folder };
}
