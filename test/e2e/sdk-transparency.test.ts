import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { query, type Row } from './recording.ts';
import { connect, hears, isAt, type Peer, type Sdk, settled, type ToolCall } from './peers.ts';
import { packageFile, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const EVERYTHING = [
  process.execPath,
  packageFile('@modelcontextprotocol/server-everything/dist/index.js'),
] as const;
const FILESYSTEM = [
  process.execPath,
  packageFile('@modelcontextprotocol/server-filesystem/dist/index.js'),
] as const;
const own = (name: string): readonly string[] => [process.execPath, server(name)];

const LEGACY = ['v1', 'v2 legacy', 'v2 auto'] as const;
const ALL = [...LEGACY, 'v2 pinned to 2026-07-28'] as const;

/** Everything a client can see of a conversation. */
interface Transcript {
  readonly results: Readonly<Record<string, unknown>>;
  readonly negotiated: unknown;
  readonly sent: readonly unknown[];
  readonly received: readonly unknown[];
  readonly stderr: string;
}

/** Notes the result of a step under a name. */
type Note = (step: string, promise: Promise<unknown>) => Promise<unknown>;
type Conversation = (peer: Peer, note: Note) => Promise<void>;

async function transcript(
  sdk: Sdk,
  command: readonly string[],
  conversation: Conversation,
): Promise<Transcript> {
  const peer = await connect(sdk, command, { SOME_SETTING: 'some value', PATH: process.env.PATH ?? '' });
  const results: Record<string, unknown> = {};
  await conversation(peer, async (step, promise) => (results[step] = await settled(promise)));
  const { sent, received } = peer;
  const negotiated = peer.negotiated();
  await peer.close();
  await peer.stderrEnded;
  return { results, negotiated, sent, received, stderr: peer.stderr() };
}

/** Nothing in these conversations is random, so nothing is left out of the comparison. */
async function expectTransparent(
  sdk: Sdk,
  command: readonly string[],
  conversation: Conversation,
): Promise<{ direct: Transcript; dataDir: string }> {
  const dataDir = join(temporaryFolder(), 'data');
  const wrap = [process.execPath, SIDELIGHT, '--data-dir', dataDir, '--'];
  const direct = await transcript(sdk, command, conversation);
  const through = await transcript(sdk, [...wrap, ...command], conversation);
  expect(through).toEqual(direct);
  // Also the order of members, which no comparison of values sees.
  expect(JSON.stringify(through)).toBe(JSON.stringify(direct));
  return { direct, dataDir };
}

/** A call that the client gives up as soon as it has sent it, or as the server says that it is at it. */
async function givenUp(peer: Peer, call: ToolCall, when: 'at once' | 'in progress'): Promise<unknown> {
  const cancel = new AbortController();
  const onprogress = (): void => undefined;
  const result = settled(
    peer.call(call, { signal: cancel.signal, ...(when === 'in progress' && { onprogress }) }),
  );
  if (when === 'in progress') await until(() => isAt(peer), 'the first progress');
  cancel.abort('changed my mind');
  return result;
}

// It says some things every few seconds: waited for side by side, in one test, to which what is to be closed belongs.
it(`server-everything sees and says the same, driven by SDK ${LEGACY.join(', ')}`, () =>
  Promise.all(LEGACY.map(sameOfEverything)));

/** In every kind of request, error, question and notification. */
async function sameOfEverything(sdk: Sdk): Promise<void> {
  const { direct } = await expectTransparent(sdk, EVERYTHING, async (peer, note) => {
    // Its own questions come a moment after the handshake; what follows has a fixed order.
    await hears(peer, 'notifications/message');
    await note('tools', peer.request('tools/list'));
    await note('prompts', peer.request('prompts/list'));
    await note('resources', peer.request('resources/list'));
    await note('templates', peer.request('resources/templates/list'));
    await note('ping', peer.request('ping'));
    await note('echo', peer.call({ name: 'echo', arguments: { message: 'wörd \u2028 \ud83d\ude80' } }));
    await note('environment', peer.call({ name: 'get-env', arguments: {} }));
    await note('image', peer.call({ name: 'get-tiny-image', arguments: {} }));
    await note(
      'structured',
      peer.call({ name: 'get-structured-content', arguments: { location: 'Chicago' } }),
    );
    await note('tool error', peer.call({ name: 'get-sum', arguments: { a: 'one', b: 2 } }));
    await note('unknown tool', peer.call({ name: 'no-such-tool', arguments: {} }));
    await note('unknown method', peer.request('no/such/method', { any: ['thing'] }));
    await note('unknown prompt', peer.request('prompts/get', { name: 'no-such-prompt' }));
    await note('prompt', peer.request('prompts/get', { name: 'args-prompt', arguments: { city: 'Kyiv' } }));
    await note(
      'completion',
      peer.request('completion/complete', {
        ref: { type: 'ref/prompt', name: 'completable-prompt' },
        argument: { name: 'department', value: 'E' },
      }),
    );
    await note(
      'document',
      peer.request('resources/read', { uri: 'demo://resource/static/document/architecture.md' }),
    );
    await note('unknown resource', peer.request('resources/read', { uri: 'demo://no/such' }));
    await note('level', peer.request('logging/setLevel', { level: 'debug' }));
    const uri = 'demo://resource/static/document/features.md';
    await note('subscribe', peer.request('resources/subscribe', { uri }));
    await note('updates on', peer.call({ name: 'toggle-subscriber-updates', arguments: {} }));
    await hears(peer, 'notifications/resources/updated');
    await note('updates off', peer.call({ name: 'toggle-subscriber-updates', arguments: {} }));
    await note('unsubscribe', peer.request('resources/unsubscribe', { uri }));
    await note(
      'progress',
      peer.call(
        { name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 4 } },
        { onprogress: () => undefined },
      ),
    );
    await note(
      'sampling',
      peer.call({ name: 'trigger-sampling-request', arguments: { prompt: 'hello', maxTokens: 5 } }),
    );
    await note('elicitation', peer.call({ name: 'trigger-elicitation-request', arguments: {} }));
    await note('roots', peer.call({ name: 'get-roots-list', arguments: {} }));
    await note(
      'many at once',
      Promise.all(
        Array.from({ length: 50 }, (_, n) => peer.call({ name: 'echo', arguments: { message: String(n) } })),
      ),
    );
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 1 } };
    await note('cancelled', givenUp(peer, long, 'at once'));
    await note('timeout', peer.call(long, { timeout: 100 }));
    await note('after the cancelled', peer.request('ping'));
  });
  expect(direct.results['tool error']).toMatchObject({ isError: true });
  expect(direct.results['unknown method']).toMatchObject({ rejected: { code: -32601 } });
  expect(direct.results.timeout).toHaveProperty('rejected');
  expect(direct.stderr).toContain('Starting default (STDIO) server');
  const asked = direct.received.map((message) => (message as { method?: string }).method);
  expect(asked).toEqual(
    expect.arrayContaining([
      'sampling/createMessage',
      'elicitation/create',
      'roots/list',
      'notifications/progress',
      'notifications/resources/updated',
    ]),
  );
}

describe.each(LEGACY)('server-filesystem sees and says the same, driven by SDK %s', (sdk) => {
  it('reading, writing, refusing, and a result of more than a megabyte', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'deep/er'), { recursive: true });
    writeFileSync(join(folder, 'deep/er/file.txt'), 'content\nof two lines\n');
    writeFileSync(join(folder, 'large.txt'), 'a line of text, over and over\n'.repeat(50_000));
    const file = (name: string): { path: string } => ({ path: join(folder, name) });
    // The roots of the client take the place of its argument.
    const { direct } = await expectTransparent(sdk, [...FILESYSTEM, folder], async (peer, note) => {
      rmSync(join(folder, 'new.txt'), { force: true });
      await until(() => peer.stderr().includes('from MCP roots'), 'the roots to be taken over');
      await note('tools', peer.request('tools/list'));
      await note('allowed', peer.call({ name: 'list_allowed_directories', arguments: {} }));
      await note('tree', peer.call({ name: 'directory_tree', arguments: { path: folder } }));
      await note('read', peer.call({ name: 'read_text_file', arguments: file('deep/er/file.txt') }));
      await note('large', peer.call({ name: 'read_text_file', arguments: file('large.txt') }));
      await note(
        'write',
        peer.call({ name: 'write_file', arguments: { ...file('new.txt'), content: 'new\r\n\u0000' } }),
      );
      await note('refused', peer.call({ name: 'read_text_file', arguments: { path: '/etc/hostname' } }));
      await note('missing', peer.call({ name: 'read_text_file', arguments: file('missing.txt') }));
    });
    expect(JSON.stringify(direct.results.large).length).toBeGreaterThan(1_000_000);
    expect(direct.results.refused).toMatchObject({ isError: true });
  });
});

describe.each(ALL)('a server of both eras sees and says the same, driven by SDK %s', (sdk) => {
  const modern = sdk === 'v2 auto' || sdk.includes('pinned');

  it('in every kind of result, notification and question', async () => {
    const { direct, dataDir } = await expectTransparent(sdk, own('dual-era.mjs'), async (peer, note) => {
      await note('tools', peer.request('tools/list'));
      await note('prompts', peer.request('prompts/list'));
      await note('resources', peer.request('resources/list'));
      await note('prompt', peer.request('prompts/get', { name: 'greet', arguments: { name: 'Ada' } }));
      await note('resource', peer.request('resources/read', { uri: 'note://one' }));
      await note('echo', peer.call({ name: 'echo', arguments: { text: 'said' } }));
      await note('tool error', peer.call({ name: 'fail', arguments: {} }));
      await note('wrong arguments', peer.call({ name: 'echo', arguments: { text: 1 } }));
      await note('unknown tool', peer.call({ name: 'no-such-tool', arguments: {} }));
      await note('unknown method', peer.request('no/such/method', {}));
      await note(
        'progress',
        peer.call({ name: 'count', arguments: { to: 20 } }, { onprogress: () => undefined }),
      );
      await note(
        'log',
        peer.call({ name: 'log', arguments: {}, _meta: { 'io.modelcontextprotocol/logLevel': 'debug' } }),
      );
      await note('large', peer.call({ name: 'large', arguments: { bytes: 4 * 1024 * 1024 } }));
      await note('question', peer.call({ name: 'ask', arguments: {} }));
      await note(
        'many at once',
        Promise.all(
          Array.from({ length: 50 }, (_, n) => peer.call({ name: 'echo', arguments: { text: String(n) } })),
        ),
      );
      if (modern) {
        const subscription = await peer.listen('note://one');
        await note('touch', peer.call({ name: 'touch', arguments: {} }));
        await hears(peer, 'notifications/resources/updated');
        await note('closed', subscription.close());
      } else {
        await note('subscribe', peer.request('resources/subscribe', { uri: 'note://one' }));
        await note('touch', peer.call({ name: 'touch', arguments: {} }));
        await hears(peer, 'notifications/resources/updated');
      }
      const wait = { name: 'wait', arguments: {} };
      await note('cancelled', givenUp(peer, wait, 'in progress'));
      await note('timeout', peer.call(wait, { timeout: 500, onprogress: () => undefined }));
      await note('the last', peer.call({ name: 'echo', arguments: { text: 'the last' } }));
    });
    expect(direct.results.question).toMatchObject({ content: [{ text: 'the person said green' }] });
    expect(direct.results['tool error']).toMatchObject({ isError: true });
    expect(JSON.stringify(direct.results.large).length).toBeGreaterThan(4_000_000);
    expect(direct.received).toContainEqual(
      expect.objectContaining({ method: 'notifications/message', params: expect.anything() as unknown }),
    );
    expect(direct.stderr).toBe('a line on stderr, ünicode too\ngave up waiting\ngave up waiting\n');

    const sessions = query(dataDir, 'SELECT * FROM session ORDER BY started_at');
    expect(sessions.map(({ era, protocol_version, probe }) => [era, protocol_version, probe])).toEqual([
      // The command is started twice by a client that does not know the era.
      ...(modern ? [['modern', '2026-07-28', 1]] : []),
      modern ? ['modern', '2026-07-28', 0] : ['legacy', '2025-11-25', 0],
    ]);
    expectWhole(sessions);
  });
});

/** The recording of a session says that nothing is missing from it. */
function expectWhole(sessions: readonly Row[]): void {
  for (const session of sessions) {
    expect(session).toMatchObject({ dropped_chunks: 0, dropped_events: 0, record: 'full' });
    expect(session.ended_at).not.toBe(null);
  }
}

describe.each(LEGACY)('a server of before 2026-07-28 under SDK %s', (sdk) => {
  it('asks the model, the person and for roots in the middle of a call', async () => {
    const { direct, dataDir } = await expectTransparent(
      sdk,
      own('asks-the-client.mjs'),
      async (peer, note) => {
        await note('tools', peer.request('tools/list'));
        for (const name of ['model', 'person', 'roots', 'all']) {
          await note(name, peer.call({ name, arguments: {} }));
        }
      },
    );
    expect(JSON.stringify(direct.results.all)).toMatch(/Forty-two.*Ada.*temporary/);
    const probes = query(dataDir, 'SELECT probe FROM session ORDER BY started_at').map(({ probe }) => probe);
    expect(probes).toEqual(sdk === 'v2 auto' ? [1, 0] : [0]);
  });

  it('answers after the client has given up, out of order, and late', async () => {
    await expectTransparent(sdk, own('slow.mjs'), async (peer, note) => {
      await note('given up', givenUp(peer, { name: 'hold' }, 'at once'));
      await note('in time', peer.call({ name: 'wait', arguments: { ms: 20 } }));
      const first = note('first', peer.call({ name: 'wait', arguments: { ms: 300 } }));
      await note('second', peer.call({ name: 'wait', arguments: { ms: 1 } }));
      await first;
    });
  });

  it.each(['exit', 'kill', 'throw'])('dies in the middle of a call: %s', async (death) => {
    const { direct, dataDir } = await expectTransparent(
      sdk,
      own('crashes-on-call.mjs'),
      async (peer, note) => {
        await note('call', peer.call({ name: death, arguments: {} }));
        await until(() => peer.pid() === null, 'the end of the server');
      },
    );
    expect(direct.results.call).toMatchObject({ rejected: {} });
    expect(direct.stderr).toContain(`last words before ${death}`);
    const [session] = query(dataDir, 'SELECT * FROM session WHERE probe = 0');
    expect(session).toMatchObject({ end_cause: 'server_crashed' });
  });
});
