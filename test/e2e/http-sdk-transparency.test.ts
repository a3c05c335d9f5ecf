import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectHttp, type HttpPeer } from './http-peers.ts';
import { freePort, type Listening, startListening } from './listening.ts';
import { hears, isAt, type Sdk, settled, type ToolCall } from './peers.ts';
import { packageFile, server, until } from './sidelight.ts';
import { startThrough } from './through.ts';

const EVERYTHING = packageFile('@modelcontextprotocol/server-everything/dist/index.js');
const LEGACY = ['v1', 'v2 legacy', 'v2 auto'] as const;
const ALL = [...LEGACY, 'v2 pinned to 2026-07-28'] as const;

/** Everything a client can see of a conversation. */
interface Transcript {
  readonly results: Readonly<Record<string, unknown>>;
  readonly negotiated: unknown;
  readonly sent: readonly string[];
  readonly received: readonly string[];
  readonly exchanges: readonly string[];
}

/** Notes the result of a step under a name. */
type Note = (step: string, promise: Promise<unknown>) => Promise<unknown>;
type Conversation = (peer: HttpPeer, note: Note) => Promise<void>;

async function transcript(sdk: Sdk, url: string, conversation: Conversation): Promise<Transcript> {
  const peer = await connectHttp(sdk, url);
  const results: Record<string, unknown> = {};
  await conversation(peer, async (step, promise) => (results[step] = await settled(promise)));
  const negotiated = peer.negotiated();
  await peer.close();
  // Streams have no order among themselves, and one that is resumed says some things twice: server-everything all that
  // it has ever said in the session.
  const sorted = (lines: readonly string[]): string[] => [...new Set(lines)].sort();
  const written = (messages: readonly unknown[]): string[] =>
    sorted(messages.map((message) => JSON.stringify(message)));
  return withoutIds({
    results,
    negotiated,
    sent: written(peer.sent),
    received: written(peer.received),
    exchanges: sorted(peer.exchanges),
  });
}

/** Session ids, which some servers tell in their texts, are all that is random here. */
function withoutIds(transcript: Transcript): Transcript {
  const text = JSON.stringify(transcript).replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, 'an id');
  return JSON.parse(text) as Transcript;
}

async function expectTransparent(sdk: Sdk, target: string, conversation: Conversation): Promise<Transcript> {
  const direct = await transcript(sdk, target, conversation);
  const between = await startThrough(target);
  const through = await transcript(sdk, between.url, conversation).finally(between.stop);
  expect(through).toEqual(direct);
  // Also the order of members, which no comparison of values sees.
  expect(JSON.stringify(through)).toBe(JSON.stringify(direct));
  return direct;
}

function methods(messages: readonly string[]): (string | undefined)[] {
  return messages.map((message) => (JSON.parse(message) as { method?: string }).method);
}

/** A call that the client gives up as soon as the server says that it is at it. */
async function givenUp(peer: HttpPeer, call: ToolCall): Promise<unknown> {
  const cancel = new AbortController();
  const result = settled(peer.call(call, { signal: cancel.signal, onprogress: () => undefined }));
  await until(() => isAt(peer), 'the first progress');
  cancel.abort('changed my mind');
  return result;
}

const many = (peer: HttpPeer, call: (n: number) => ToolCall): Promise<unknown> =>
  Promise.all(Array.from({ length: 50 }, (_, n) => peer.call(call(n))));

/** What server-everything can do over any transport. */
async function everything(peer: HttpPeer, note: Note): Promise<void> {
  // Its own questions come a moment after the handshake; what follows has a fixed order.
  await hears(peer, 'notifications/message');
  await note('tools', peer.request('tools/list'));
  await note('prompts', peer.request('prompts/list'));
  await note('resources', peer.request('resources/list'));
  await note('templates', peer.request('resources/templates/list'));
  await note('ping', peer.request('ping'));
  await note('echo', peer.call({ name: 'echo', arguments: { message: 'wörd \u2028 \ud83d\ude80' } }));
  await note('image', peer.call({ name: 'get-tiny-image', arguments: {} }));
  await note('tool error', peer.call({ name: 'get-sum', arguments: { a: 'one', b: 2 } }));
  await note('unknown tool', peer.call({ name: 'no-such-tool', arguments: {} }));
  await note('unknown method', peer.request('no/such/method', { any: ['thing'] }));
  await note('prompt', peer.request('prompts/get', { name: 'args-prompt', arguments: { city: 'Kyiv' } }));
  await note(
    'document',
    peer.request('resources/read', { uri: 'demo://resource/static/document/architecture.md' }),
  );
  await note('level', peer.request('logging/setLevel', { level: 'debug' }));
  const uri = 'demo://resource/static/document/features.md';
  await note('subscribe', peer.request('resources/subscribe', { uri }));
  await note('updates on', peer.call({ name: 'toggle-subscriber-updates', arguments: {} }));
  await hears(peer, 'notifications/resources/updated');
  await note('updates off', peer.call({ name: 'toggle-subscriber-updates', arguments: {} }));
  const long = (duration: number, steps: number): ToolCall => ({
    name: 'trigger-long-running-operation',
    arguments: { duration, steps },
  });
  await note('progress', peer.call(long(0.2, 4), { onprogress: () => undefined }));
  await note(
    'sampling',
    peer.call({ name: 'trigger-sampling-request', arguments: { prompt: 'hello', maxTokens: 5 } }),
  );
  await note('elicitation', peer.call({ name: 'trigger-elicitation-request', arguments: {} }));
  await note('roots', peer.call({ name: 'get-roots-list', arguments: {} }));
  await note(
    'many at once',
    many(peer, (n) => ({ name: 'echo', arguments: { message: String(n) } })),
  );
  await note('cancelled', givenUp(peer, long(2, 2)));
  await note('timeout', peer.call(long(1, 1), { timeout: 100 }));
  await note('after the cancelled', peer.request('ping'));
}

function expectEverything({ results, received }: Transcript): void {
  expect(results['tool error']).toMatchObject({ isError: true });
  expect(results['unknown method']).toMatchObject({ rejected: { code: -32601 } });
  expect(results.cancelled).toHaveProperty('rejected');
  expect(results.timeout).toHaveProperty('rejected');
  expect(methods(received)).toEqual(
    expect.arrayContaining([
      'sampling/createMessage',
      'elicitation/create',
      'roots/list',
      'notifications/progress',
      'notifications/resources/updated',
    ]),
  );
}

describe.each([
  ['streamableHttp', '/mcp'],
  ['sse', '/sse'],
])('server-everything over %s sees and says the same', (mode, path) => {
  let everythingServer: Listening;
  beforeAll(async () => {
    const PORT = String(await freePort());
    everythingServer = await startListening([EVERYTHING, mode], { ...process.env, PORT });
  });
  afterAll(() => everythingServer.stop());

  // It says some things every few seconds: waited for side by side, in one test, to which what is to be closed belongs.
  it(`driven by SDK ${LEGACY.join(', ')}`, async () => {
    const target = `http://127.0.0.1:${String(everythingServer.port)}${path}`;
    for (const transcript of await Promise.all(
      LEGACY.map((sdk) => expectTransparent(sdk, target, everything)),
    ))
      expectEverything(transcript);
  });
});

describe('a server of both eras', () => {
  let fixture: Listening;
  let target: string;
  beforeAll(async () => {
    fixture = await startListening([server('http-dual-era.mjs')]);
    target = `http://127.0.0.1:${String(fixture.port)}/mcp`;
  });
  afterAll(() => fixture.stop());

  const abandoned = (): number => fixture.output().split('gave up waiting').length - 1;

  it.each(ALL)('sees and says the same, driven by SDK %s', async (sdk) => {
    const modern = sdk === 'v2 auto' || sdk.includes('pinned');
    const direct = await expectTransparent(sdk, target, async (peer, note) => {
      await note('tools', peer.request('tools/list'));
      await note('prompts', peer.request('prompts/list'));
      await note('resources', peer.request('resources/list'));
      await note('resource', peer.request('resources/read', { uri: 'test://template/tür/data' }));
      await note('unknown resource', peer.request('resources/read', { uri: 'test://no/such' }));
      await note('echo', peer.call({ name: 'echo', arguments: { said: 'wörd \u2028 \ud83d\ude80' } }));
      await note('header', peer.call({ name: 'test_custom_headers', arguments: { region: 'köln' } }));
      await note('tool error', peer.call({ name: 'test_error_handling', arguments: {} }));
      await note('wrong arguments', peer.call({ name: 'echo', arguments: { said: 1 } }));
      await note('unknown tool', peer.call({ name: 'no-such-tool', arguments: {} }));
      await note('unknown method', peer.request('no/such/method', {}));
      await note(
        'progress',
        peer.call({ name: 'test_tool_with_progress', arguments: {} }, { onprogress: () => undefined }),
      );
      await note(
        'log',
        peer.call({
          name: 'test_tool_with_logging',
          arguments: {},
          _meta: { 'io.modelcontextprotocol/logLevel': 'debug' },
        }),
      );
      await note('large', peer.call({ name: 'large', arguments: { bytes: 4 * 1024 * 1024 } }));
      await note('sampling', peer.call({ name: 'test_sampling', arguments: { prompt: 'hello' } }));
      await note('elicitation', peer.call({ name: 'test_elicitation', arguments: {} }));
      await note('roots', peer.call({ name: 'test_input_required_result_list_roots', arguments: {} }));
      await note('rounds', peer.call({ name: 'test_input_required_result_multi_round', arguments: {} }));
      await note(
        'many',
        many(peer, (n) => ({ name: 'echo', arguments: { said: String(n) } })),
      );

      const uri = 'test://watched-resource';
      // In 2025 it comes on the GET stream, which is opened when the client finds the time.
      const subscription = modern ? await peer.listen(uri) : undefined;
      if (!modern) {
        await note('subscribe', peer.request('resources/subscribe', { uri }));
        await until(() => peer.exchanges.some((exchange) => exchange.startsWith('GET')), 'the GET stream');
      }
      await note('touch', peer.call({ name: 'touch', arguments: {} }));
      await hears(peer, 'notifications/resources/updated');
      if (subscription) await note('closed', subscription.close());

      const before = abandoned();
      await note('cancelled', givenUp(peer, { name: 'wait', arguments: {} }));
      await until(() => abandoned() === before + 1, 'the server to learn of it');
      const patience = { timeout: 300, onprogress: () => undefined };
      await note('timeout', peer.call({ name: 'wait', arguments: {} }, patience));
      await until(() => abandoned() === before + 2, 'the server to learn of that too');
      await note('the last', peer.call({ name: 'echo', arguments: { said: 'the last' } }));
    });
    expect(direct.results['tool error']).toMatchObject({ isError: true });
    expect(direct.results.sampling).toMatchObject({ content: [{ text: 'LLM response: Forty-two.' }] });
    expect(direct.results.rounds).toMatchObject({
      content: [{ text: expect.stringContaining('likes') as unknown }],
    });
    expect(JSON.stringify(direct.results.large).length).toBeGreaterThan(4_000_000);
    expect(direct.exchanges.some((exchange) => exchange.startsWith('GET'))).toBe(!modern);
    expect(direct.exchanges.some((exchange) => exchange.includes('text/event-stream'))).toBe(true);
  });

  it.each(['v1', 'v2 legacy'] as const)('is resumed after its last event by SDK %s', async (sdk) => {
    const direct = await expectTransparent(sdk, target, async (peer, note) => {
      await note('tools', peer.request('tools/list'));
      await note('resumed', peer.call({ name: 'test_reconnection', arguments: {} }));
    });
    expect(direct.results.resumed).toMatchObject({ content: [{ text: 'the client came back' }] });
    expect(
      direct.exchanges.filter((exchange) => exchange.startsWith('GET /mcp in its session resumed')),
    ).toHaveLength(1);
  });

  it.each(['v1', 'v2 legacy'] as const)(
    'ends the session that SDK %s ends, and has it no more',
    async (sdk) => {
      const direct = await expectTransparent(sdk, target, async (peer, note) => {
        await until(() => peer.exchanges.some((exchange) => exchange.startsWith('GET')), 'the GET stream');
        await note('before', peer.request('ping'));
        await peer.terminate();
        await note('after', peer.request('ping'));
      });
      expect(direct.results.before).toEqual({});
      expect(direct.results.after).toHaveProperty('rejected');
      expect(direct.exchanges.some((exchange) => exchange.startsWith('DELETE'))).toBe(true);
    },
  );
});

const counts = async (peer: HttpPeer, note: Note): Promise<void> => {
  await note('tools', peer.request('tools/list'));
  const call = { name: 'count', arguments: { to: 6 } };
  await note('counted', peer.call(call, { onprogress: () => undefined }));
};

describe('a server that compresses', () => {
  let compresses: Listening;
  beforeAll(async () => {
    compresses = await startListening([server('compresses.mjs')]);
  });
  afterAll(() => compresses.stop());

  it.each(
    (['v1', 'v2 legacy'] as const).flatMap((sdk) =>
      (['gzip', 'deflate', 'br'] as const).map((encoding) => [sdk, encoding] as const),
    ),
  )('is understood by SDK %s as if nothing were between, with %s', async (sdk, encoding) => {
    const target = `http://127.0.0.1:${String(compresses.port)}/mcp?with=${encoding}`;
    const { results, received, exchanges } = await expectTransparent(sdk, target, counts);
    expect(results.counted).toMatchObject({ content: [{ text: 'counted to 6' }] });
    expect(methods(received).filter((method) => method === 'notifications/progress')).toHaveLength(6);
    expect(exchanges.some((exchange) => exchange.includes(`content-encoding: ${encoding}`))).toBe(true);
  });
});

describe('a server whose streams end early and say things twice', () => {
  let twice: Listening;
  beforeAll(async () => {
    twice = await startListening([server('says-it-twice.mjs')]);
  });
  afterAll(() => twice.stop());

  it.each(['v1', 'v2 legacy'] as const)('is resumed by SDK %s where it ended', async (sdk) => {
    const target = `http://127.0.0.1:${String(twice.port)}/mcp`;
    const { results, received, exchanges } = await expectTransparent(sdk, target, counts);
    expect(results.counted).toMatchObject({ content: [{ text: 'counted to 6' }] });
    expect(methods(received).filter((method) => method === 'notifications/progress')).toHaveLength(6);
    expect(exchanges.some((exchange) => exchange.startsWith('GET /mcp in its session resumed'))).toBe(true);
  });
});
