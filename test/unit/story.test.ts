/** What a session tells of itself over time: extensions, tools as they were listed, subscriptions. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from './commandRun.ts';
import { folder, STDIO_ID, stdioEvents, stored, type Said } from './recordings.ts';

const EXTENSION = 'io.modelcontextprotocol/tasks';
const ask = (id: number, method: string, params: object = {}): Said => [
  'client_to_server',
  { jsonrpc: '2.0', id, method, params },
];
const answer = (id: number, result: object): Said => ['server_to_client', { jsonrpc: '2.0', id, result }];
const tool = (name: string, description = ''): object => ({
  name,
  description,
  inputSchema: { type: 'object' },
});

const TALK: readonly Said[] = [
  ask(0, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: { roots: {}, extensions: { 'com.example/ui': {} } },
    clientInfo: { name: 'c', version: '1' },
  }),
  answer(0, {
    protocolVersion: '2025-11-25',
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true },
      extensions: { [EXTENSION]: {} },
    },
    serverInfo: { name: 's', version: '1' },
  }),
  ask(1, 'tools/list'),
  answer(1, { tools: [tool('add'), tool('drop')], nextCursor: 'two' }),
  ask(2, 'tools/list', { cursor: 'two' }),
  answer(2, { tools: [tool('move')] }),
  ask(3, 'resources/subscribe', { uri: 'file:///a' }),
  answer(3, {}),
  ask(4, 'tools/list'),
  answer(4, { tools: [tool('add', 'Now with more.'), tool('move'), tool('new')] }),
  ask(5, 'tools/list'),
  answer(5, { tools: [tool('add', 'Now with more.'), tool('move'), tool('new')] }),
];

async function shown(...flags: string[]): Promise<string> {
  const dir = folder();
  await stored(join(dir, 'data'), stdioEvents(STDIO_ID, TALK));
  const { code, out, err } = await run(dir, 'show', 'last', ...flags);
  expect([code, err]).toEqual([0, '']);
  return out;
}

describe('the story of a session', () => {
  test('says what both sides can do, and how the list of tools changed, pages put together', async () => {
    const text = await shown('--no-frames');
    expect(text).toMatch(/Client can +roots, com[.]example\/ui\n/);
    expect(text).toMatch(/Server can +tools, resources, io[.]modelcontextprotocol\/tasks\n/);
    expect(text).toMatch(/Tools +3 listed: add, drop, move\n/);
    expect(text).toMatch(/\(frame \d+\): \+ new, - drop, ~ add\n/);
    expect(text).toMatch(/\(frame \d+\): the same 3\n/);
    expect(text).toMatch(/Subscribed +resources\/subscribe file:\/\/\/a\n/);
  });

  test('is in the JSON, too', async () => {
    const { story } = JSON.parse(await shown('--json', '--no-frames')) as { story: unknown };
    expect(story).toMatchObject({
      clientExtensions: ['com.example/ui'],
      serverExtensions: [EXTENSION],
      toolLists: [
        { names: ['add', 'drop', 'move'], added: [], removed: [], changed: [] },
        { added: ['new'], removed: ['drop'], changed: ['add'] },
        { added: [], removed: [], changed: [] },
      ],
    });
  });
});
