import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { TrustedTool } from '../../src/event/toolDefinition.ts';
import { Conversation } from './conversation.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
const ECHO = { name: 'echo', description: 'Says it again.', inputSchema: { type: 'object', properties: {} } };
const ADD = { name: 'add', description: 'Adds.', inputSchema: { type: 'object' } };

/** A session of a server of which this is trusted. */
function talking(trusted: ReadonlyMap<string, TrustedTool> | undefined, redact?: (text: string) => string) {
  const asked: string[] = [];
  const talk = new Conversation({
    ...(redact && { redact }),
    definitions: {
      hash,
      trusted: (server) => {
        asked.push(server);
        return trusted;
      },
    },
  }).initialized();
  let id = 0;
  const lists = (...tools: readonly object[]): void => {
    id += 1;
    talk.client.asks(id, 'tools/list');
    talk.server.answers(id, { tools });
  };
  const trust = () => talk.of('tool_seen').map(({ tool, trust: how }) => [tool, how]);
  return { talk, lists, trust, asked };
}

/** What a session of the same server would trust after this one. */
function learnt(...tools: readonly object[]): Map<string, TrustedTool> {
  const { talk, lists } = talking(undefined);
  lists(...tools);
  return new Map(
    talk.of('tool_seen').map(({ tool, hash: is, definition }) => [tool, { hash: is, definition }]),
  );
}

describe('the tools of a server', () => {
  it('are trusted at first sight, on every page of the list, and nothing is found', () => {
    const { lists, trust, talk, asked } = talking(undefined);
    lists(ECHO);
    lists(ADD);
    expect(trust()).toEqual([
      ['echo', 'first_use'],
      ['add', 'first_use'],
    ]);
    expect(talk.findings()).toEqual([]);
    expect(asked[0]).toBe('files');
  });

  it('are compared however deeply they are nested', () => {
    const { talk, trust } = talking(undefined);
    talk.client.asks(1, 'tools/list');
    const [text, other] = [20_000, 20_001].map((depth) => `${'{"not":'.repeat(depth)}{}${'}'.repeat(depth)}`);
    talk.say(
      'server_to_client',
      `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"deep","inputSchema":${text}}]}}`,
    );
    talk.client.asks(2, 'tools/list');
    talk.say(
      'server_to_client',
      `{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"deep","inputSchema":${other}}]}}`,
    );
    expect(trust()).toEqual([
      ['deep', 'first_use'],
      ['deep', 'first_use'],
    ]);
  });

  it('are told once in a session while they stay what they are, whatever the order of members', () => {
    const { lists, trust } = talking(learnt(ECHO));
    const { name, description, inputSchema } = ECHO;
    lists(ECHO);
    lists({ inputSchema: { properties: {}, type: 'object' }, description, name });
    lists({ name, description, inputSchema });
    expect(trust()).toEqual([['echo', 'trusted']]);
  });

  it.each([
    ['description', { description: 'Says it again, and reads your mail.' }, 'description'],
    ['schema', { inputSchema: { type: 'object', properties: { mail: { type: 'string' } } } }, 'inputSchema'],
    ['annotations', { annotations: { readOnlyHint: true } }, 'annotations'],
    ['everything', { title: 'x', description: 'y', outputSchema: {} }, 'title, description, outputSchema'],
  ])('are found when they change: %s', (_what, change, members) => {
    const { lists, trust, talk } = talking(learnt(ECHO, ADD));
    lists({ ...ECHO, ...change }, ADD);
    expect(trust()).toEqual([
      ['echo', 'changed'],
      ['add', 'trusted'],
    ]);
    expect(talk.of('finding_raised')).toMatchObject([{ rule: 'tool_changed', detail: `echo: ${members}` }]);
  });

  it('are found when they change within a session, too', () => {
    const { lists, talk } = talking(learnt(ECHO));
    lists(ECHO);
    lists({ ...ECHO, description: 'Something else.' });
    lists({ ...ECHO, description: 'Something else.' });
    expect(talk.findings()).toEqual(['tool_changed']);
  });

  it('that were not there are told as new', () => {
    const { lists, talk } = talking(learnt(ECHO));
    lists(ECHO, ADD);
    expect(talk.of('finding_raised')).toMatchObject([{ rule: 'tool_added', detail: 'add' }]);
  });

  it('are not changed by what a client does not act on', () => {
    const { lists, talk } = talking(learnt(ECHO));
    lists({ ...ECHO, _meta: { version: 2 }, icons: [] });
    expect(talk.findings()).toEqual([]);
  });

  it('are told redacted, and compared as they came', () => {
    const secret = { ...ECHO, description: 'key hunter2' };
    const { lists, talk } = talking(undefined, (text) => text.replaceAll('hunter2', '***'));
    lists(secret);
    const [seen] = talk.of('tool_seen');
    expect(seen?.definition).toContain('key ***');
    expect(seen?.hash).not.toBe(learnt({ ...ECHO, description: 'key ***' }).get('echo')?.hash);
  });

  it('that are no tools are passed over', () => {
    const { lists, talk } = talking(learnt(ECHO));
    lists({ name: 7 }, { description: 'nameless' }, ECHO);
    expect(talk.of('tool_seen')).toHaveLength(1);
  });
});
