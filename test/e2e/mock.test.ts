/** Recorded sessions as servers, end to end: the client that was recorded meets the mock, and must not see a difference. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/replay/mock/coverage.ts';
import { connectHttp } from './http-peers.ts';
import { type Listening, startListening } from './listening.ts';
import { connect, hears, isAt, type Message, type Peer, type Sdk, settled, type ToolCall } from './peers.ts';
import { type Ended, packageFile, Running, server, SIDELIGHT, temporaryFolder, until } from './sidelight.ts';

const NODE = process.execPath;
const MODERN = 'v2 pinned to 2026-07-28';
const EVERYTHING = [NODE, packageFile('@modelcontextprotocol/server-everything/dist/index.js')];
const own = (name: string): readonly string[] => [NODE, server(name)];

type Note = (step: string, promise: Promise<unknown>) => Promise<unknown>;
type Conversation = (peer: Peer, note: Note) => Promise<void>;

/** What a client sees of a conversation. Ids of the server's own requests are new each time, and some messages have no order. */
interface Transcript {
  readonly results: Readonly<Record<string, unknown>>;
  readonly negotiated: unknown;
  readonly received: readonly string[];
  readonly sent: readonly string[];
}

async function transcript(peer: Peer, conversation: Conversation): Promise<Transcript> {
  const results: Record<string, unknown> = {};
  await conversation(peer, async (step, promise) => (results[step] = await settled(promise)));
  const negotiated = peer.negotiated();
  await peer.close();
  const asked = new Set(peer.received.filter(({ id, method }) => id !== undefined && method !== undefined));
  const ids = new Set([...asked].map(({ id }) => id));
  const written = (messages: readonly Message[], isOurs: (message: Message) => boolean): string[] =>
    messages
      .map((message) => JSON.stringify(isOurs(message) ? { ...message, id: 'its own' } : message))
      .sort();
  return {
    ...{ results, negotiated },
    received: written(peer.received, (message) => asked.has(message)),
    sent: written(peer.sent, ({ id, method }) => method === undefined && ids.has(id)),
  };
}

const sidelight = (dataDir: string, command: string, ...args: readonly string[]): readonly string[] => [
  NODE,
  SIDELIGHT,
  command,
  '--data-dir',
  dataDir,
  ...args,
];

interface Recorded {
  readonly dataDir: string;
  readonly seen: Transcript;
}

async function recorded(
  command: readonly string[],
  conversation: Conversation,
  sdk: Sdk = 'v1',
): Promise<Recorded> {
  const dataDir = join(temporaryFolder(), 'data');
  const peer = await connect(sdk, sidelight(dataDir, 'run', '--record-media', '--', ...command));
  return { dataDir, seen: await transcript(peer, conversation) };
}

async function recordedOverHttp(fixture: Listening, conversation: Conversation, sdk: Sdk): Promise<Recorded> {
  const dataDir = join(temporaryFolder(), 'data');
  const target = `http://127.0.0.1:${fixture.port}/mcp`;
  const flags = ['--target', target, '--listen', '127.0.0.1:0', '--shutdown-timeout', '100ms'];
  const [, ...args] = sidelight(dataDir, 'http', ...flags);
  const proxy = await startListening(args);
  const peer = await connectHttp(sdk, `http://127.0.0.1:${proxy.port}/mcp`);
  const seen = await transcript(peer, conversation);
  await proxy.stop();
  return { dataDir, seen };
}

interface Mocked {
  readonly seen: Transcript;
  readonly report: Report;
  readonly stderr: string;
}

async function mocked(
  { dataDir }: Recorded,
  over: 'stdio' | 'http',
  conversation: Conversation,
  sdk: Sdk = 'v1',
  flags: readonly string[] = [],
): Promise<Mocked> {
  const file = join(dataDir, 'report.json');
  const command = sidelight(dataDir, 'mock', 'last', '--json-report', file, ...flags);
  const report = (): Report => JSON.parse(readFileSync(file, 'utf8')) as Report;
  if (over === 'stdio') {
    const peer = await connect(sdk, command);
    const seen = await transcript(peer, conversation);
    await peer.stderrEnded;
    return { seen, report: report(), stderr: peer.stderr() };
  }
  const { port, output, stop } = await startListening([...command.slice(1), '--listen', '127.0.0.1:0']);
  const seen = await transcript(await connectHttp(sdk, `http://127.0.0.1:${port}/mcp`), conversation);
  await stop();
  return { seen, report: report(), stderr: output() };
}

const call = (name: string, args: Record<string, unknown> = {}): ToolCall => ({ name, arguments: args });
const onprogress = (): void => undefined;

/** A call that the client gives up as soon as the server says that it is at it. */
async function givenUp(peer: Peer, given: ToolCall): Promise<unknown> {
  const cancel = new AbortController();
  const result = settled(peer.call(given, { signal: cancel.signal, onprogress }));
  await until(() => isAt(peer), 'the first progress');
  cancel.abort('changed my mind');
  return result;
}

const many = (peer: Peer, of: (n: number) => ToolCall): Promise<unknown> =>
  Promise.all(Array.from({ length: 20 }, (_, n) => peer.call(of(n))));

async function everything(peer: Peer, note: Note): Promise<void> {
  await hears(peer, 'notifications/message');
  await note('tools', peer.request('tools/list'));
  await note('prompts', peer.request('prompts/list'));
  await note('resources', peer.request('resources/list'));
  await note('templates', peer.request('resources/templates/list'));
  await note('ping', peer.request('ping'));
  await note('echo', peer.call(call('echo', { message: 'wörd \u2028 \ud83d\ude80' })));
  await note('the same again', peer.call(call('echo', { message: 'wörd \u2028 \ud83d\ude80' })));
  await note('image', peer.call(call('get-tiny-image')));
  await note('tool error', peer.call(call('get-sum', { a: 'one', b: 2 })));
  await note('unknown tool', peer.call(call('no-such-tool')));
  await note('unknown method', peer.request('no/such/method', { any: ['thing'] }));
  await note('prompt', peer.request('prompts/get', { name: 'args-prompt', arguments: { city: 'Kyiv' } }));
  const uri = 'demo://resource/static/document/features.md';
  await note('document', peer.request('resources/read', { uri }));
  await note('level', peer.request('logging/setLevel', { level: 'debug' }));
  const long = call('trigger-long-running-operation', { duration: 0.2, steps: 4 });
  await note('progress', peer.call(long, { onprogress }));
  await note('sampling', peer.call(call('trigger-sampling-request', { prompt: 'hello', maxTokens: 5 })));
  await note('elicitation', peer.call(call('trigger-elicitation-request')));
  await note('roots', peer.call(call('get-roots-list')));
  await note(
    'many at once',
    many(peer, (n) => call('echo', { message: String(n) })),
  );
  await note('after all', peer.request('ping'));
}

/** What both servers of both eras have. */
async function bothEras(peer: Peer, note: Note): Promise<void> {
  await note('tools', peer.request('tools/list'));
  await note('echo', peer.call(call('echo', { text: 'said' })));
  await note('tool error', peer.call(call('fail')));
  await note('unknown tool', peer.call(call('no-such-tool')));
  await note('unknown method', peer.request('no/such/method', {}));
  await note('progress', peer.call(call('count', { to: 20 }), { onprogress }));
  await note('question', peer.call(call('ask')));
  await note('the question again', peer.call(call('ask')));
  await note(
    'many at once',
    many(peer, (n) => call('echo', { text: String(n) })),
  );
  await note('cancelled', givenUp(peer, call('wait')));
  await note('the last', peer.call(call('echo', { text: 'the last' })));
}

const subscribed: Conversation = async (peer, note) => {
  const subscription = await peer.listen('note://one');
  await note('touch', peer.call(call('touch')));
  await hears(peer, 'notifications/resources/updated');
  await note('closed', subscription.close());
  await note('echo', peer.call(call('echo', { text: 'after' })));
};

/** What does not depend on the transport: clients tell of a 404 in other words. */
function alike({ seen: { results, negotiated } }: Pick<Recorded, 'seen'>): object {
  return { ...results, 'unknown method': undefined, negotiated };
}

function expectAllUsed({ report, stderr }: Mocked): void {
  expect([report.unused, report.unknown, report.otherAnswers], stderr).toEqual([[], [], 0]);
  expect(report.used).toBeGreaterThan(0);
}

describe('a client sees of the mock what it saw of the server', () => {
  it('server-everything, recorded on stdio, on stdio and over HTTP', async () => {
    const session = await recorded(EVERYTHING, everything);
    const { seen } = session;
    expect(seen.received.join('\n')).toMatch(/sampling\/createMessage/);
    for (const over of ['stdio', 'http'] as const) {
      const again = await mocked(session, over, everything);
      expect(again.seen).toEqual(seen);
      expectAllUsed(again);
    }
  });

  it.each(['v1', 'v2 auto', MODERN] as const)(
    'a server of both eras, recorded on stdio, with SDK %s',
    async (sdk) => {
      const conversation: Conversation = async (peer, note) => {
        await bothEras(peer, note);
        if (sdk !== 'v1') await subscribed(peer, note);
      };
      const session = await recorded(own('dual-era.mjs'), conversation, sdk);
      expect(session.seen.results.question).toMatchObject({ content: [{ text: 'the person said green' }] });
      for (const over of ['stdio', 'http'] as const) {
        const again = await mocked(session, over, conversation, sdk);
        expect(alike(again)).toEqual(alike(session));
        if (over === 'stdio') expect(again.seen).toEqual(session.seen);
        expectAllUsed(again);
      }
    },
  );
});

describe('a recording of HTTP', () => {
  let fixture: Listening;
  beforeAll(async () => {
    fixture = await startListening([server('http-dual-era.mjs')]);
  });
  afterAll(() => fixture.stop());

  it.each(['v1', MODERN] as const)('is played over HTTP and on stdio to SDK %s', async (sdk) => {
    const session = await recordedOverHttp(fixture, bothEras, sdk);
    for (const over of ['http', 'stdio'] as const) {
      const again = await mocked(session, over, bothEras, sdk);
      expect(alike(again)).toEqual(alike(session));
      if (over === 'http') expect(again.seen).toEqual(session.seen);
      expectAllUsed(again);
    }
  });

  it('begins anew for each session, and knows no other', async () => {
    const { dataDir } = await recordedOverHttp(
      fixture,
      async (peer, note) => {
        await note('echo', peer.call(call('echo', { text: 'one' })));
      },
      'v1',
    );
    const [, ...args] = sidelight(dataDir, 'mock', 'last', '--listen', '127.0.0.1:0');
    const { port, stop, output } = await startListening(args);
    const url = `http://127.0.0.1:${port}/mcp`;
    for (let times = 0; times < 2; times += 1) {
      const peer = await connectHttp('v1', url);
      await peer.call(call('echo', { text: 'one' }));
      await expect(peer.call(call('echo', { text: 'one' }))).rejects.toThrow('used up');
      await peer.terminate();
      await peer.close();
    }
    const headers = { 'content-type': 'application/json', 'mcp-session-id': 'of-nobody' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(404);
    const page = { 'content-type': 'text/plain' };
    expect((await fetch(url, { method: 'POST', headers: page, body })).status).toBe(415);
    expect((await fetch(url, { method: 'PUT', body })).status).toBe(405);
    await stop();
    expect(output()).toContain('recorded requests used: 1 of 1; unknown requests: 2');
  });
});

describe('what a server asks and how it ends', () => {
  it('asks the model, the person and for roots where it did', async () => {
    const conversation: Conversation = async (peer, note) => {
      for (const name of ['model', 'person', 'roots', 'all']) await note(name, peer.call(call(name)));
    };
    const session = await recorded(own('asks-the-client.mjs'), conversation, 'v2 auto');
    expect(JSON.stringify(session.seen.results.all)).toMatch(/Forty-two.*Ada.*temporary/);
    for (const over of ['stdio', 'http'] as const) {
      const again = await mocked(session, over, conversation, 'v2 auto');
      expect(again.seen.results).toEqual(session.seen.results);
      expectAllUsed(again);
    }
  });

  it('dies as it did with --crash, and answers with an error without', async () => {
    const conversation: Conversation = async (peer, note) => {
      await note('call', peer.call(call('kill')));
      await until(() => peer.pid() === null, 'the end of the server');
    };
    const session = await recorded(own('crashes-on-call.mjs'), conversation);
    const again = await connect('v1', sidelight(session.dataDir, 'mock', 'last', '--crash', '--stderr'));
    expect(await transcript(again, conversation)).toEqual(session.seen);
    await again.stderrEnded;
    expect(again.stderr()).toContain('last words before kill');

    const alive = await connect('v1', sidelight(session.dataDir, 'mock', 'last'));
    await expect(alive.call(call('kill'))).rejects.toThrow('the recorded server ended by SIGKILL');
  });

  it('keeps recorded times with --timing recorded: what was answered first is answered first', async () => {
    const answers: string[] = [];
    const conversation: Conversation = async (peer) => {
      const waits = [300, 1].map(async (ms) => {
        await peer.call(call('wait', { ms }));
        answers.push(String(ms));
      });
      await Promise.all(waits);
    };
    const session = await recorded(own('slow.mjs'), conversation);
    await mocked(session, 'stdio', conversation, 'v1', ['--timing', 'recorded']);
    expect(answers).toEqual(['1', '300', '1', '300']);
  });
});

interface Raw {
  readonly ask: (method: string, params?: object) => Promise<Message>;
  readonly end: () => Promise<Ended>;
  readonly process: Running;
}

/** Speaks to a server on stdio by hand. */
function raw(command: readonly string[]): Raw {
  const [program = '', ...args] = command;
  const running = new Running(program, args);
  let ids = 0;
  return {
    process: running,
    ask: async (method, params) => {
      const id = (ids += 1);
      running.process.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
      let answer: Message | undefined;
      await until(() => {
        const lines = running.stdout.toString().split('\n').slice(0, -1);
        answer = lines.map((line) => JSON.parse(line) as Message).find((message) => message.id === id);
        return answer !== undefined;
      }, `an answer to ${method}`);
      return answer ?? {};
    },
    end: () => {
      running.process.stdin.end();
      return running.ended;
    },
  };
}

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'by hand', version: '1' },
};
const VERSION = 'io.modelcontextprotocol/protocolVersion';

describe('a task', () => {
  it.each(['2025-11-25', '2026-07-28'])(
    'of %s is polled, given what it asks for, and ends',
    async (version) => {
      const isModern = version === '2026-07-28';
      const meta = isModern ? { _meta: { [VERSION]: version } } : {};
      const conversation = async ({ ask }: Raw): Promise<readonly Message[]> => {
        const answers = [isModern ? {} : await ask('initialize', INITIALIZE)];
        const started = await ask('tools/call', {
          name: 'build',
          arguments: { steps: 2, asks: isModern },
          ...meta,
        });
        const [, taskId] = /"taskId":"([^"]+)"/.exec(JSON.stringify(started)) ?? [];
        answers.push(started);
        for (let polls = 0; polls < 3; polls += 1) answers.push(await ask('tasks/get', { taskId, ...meta }));
        if (isModern) {
          const inputResponses = { name: { action: 'accept', content: { name: 'Ada' } } };
          answers.push(await ask('tasks/update', { taskId, inputResponses, ...meta }));
          for (let polls = 0; polls < 2; polls += 1)
            answers.push(await ask('tasks/get', { taskId, ...meta }));
        } else answers.push(await ask('tasks/result', { taskId }));
        return answers;
      };
      const dataDir = join(temporaryFolder(), 'data');
      const live = raw(sidelight(dataDir, 'run', '--', ...own('tasks.mjs')));
      const seen = await conversation(live);
      await live.end();
      expect(JSON.stringify(seen)).toContain(isModern ? 'built Ada' : 'built ');
      const mock = raw(sidelight(dataDir, 'mock', 'last'));
      expect(await conversation(mock)).toEqual(seen);
      const { stderr } = await mock.end();
      expect(stderr.toString()).toContain('unknown requests: 0');
    },
  );
});

describe('what was not recorded', () => {
  let dataDir: string;
  const CALLS = 30;
  const echoLine = (n: number): string =>
    `${JSON.stringify({ jsonrpc: '2.0', id: n, method: 'tools/call', params: { name: 'echo', arguments: { text: `${n}` } } })}\n`;
  beforeAll(async () => {
    dataDir = join(mkdtempSync(join(tmpdir(), 'sidelight-test-')), 'data');
    const [program = '', ...args] = sidelight(dataDir, 'run', '--', ...own('dual-era.mjs'));
    const live = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    live.stdin.write(
      `${JSON.stringify({ jsonrpc: '2.0', id: 'a', method: 'initialize', params: INITIALIZE })}\n`,
    );
    live.stdin.write(Array.from({ length: CALLS }, (_, n) => echoLine(n)).join(''));
    const ended = once(live, 'close');
    let answers = 0;
    live.stdout.on('data', (chunk: Buffer) => {
      answers += chunk.toString('latin1').split('\n').length - 1;
      if (answers === CALLS + 1) live.stdin.end();
    });
    await ended;
  });
  afterAll(() => {
    rmSync(join(dataDir, '..'), { recursive: true, force: true });
  });

  it('is answered with an error that names the closest, told in a line, and makes --strict fail', async () => {
    const mock = raw(sidelight(dataDir, 'mock', 'last', '--strict'));
    await mock.ask('initialize', INITIALIZE);
    const { error } = await mock.ask('tools/call', { name: 'echo', arguments: { text: 'never said' } });
    expect(error).toMatchObject({
      code: -32603,
      data: {
        closest: { method: 'tools/call', target: 'echo' },
        differences: [{ path: '$.arguments.text', kind: 'value', asked: 'never said' }],
      },
    });
    expect(await mock.ask('tools/call', { name: 'other' })).toMatchObject({ error: { code: -32603 } });
    const { code, stderr } = await mock.end();
    expect(code).toBe(1);
    const lines = stderr.toString().split('\n');
    expect(lines.filter((line) => line.startsWith('sidelight: not recorded: tools/call echo'))).toHaveLength(
      1,
    );
    expect(stderr.toString()).toContain(`recorded requests used: 0 of ${CALLS}; unknown requests: 2`);
  });

  it('is answered from the closest with --match best, which is told', async () => {
    const mock = raw(sidelight(dataDir, 'mock', 'last', '--match', 'best'));
    expect(await mock.ask('tools/call', { name: 'echo', arguments: { text: 'never said' } })).toMatchObject({
      result: { content: [{ text: '0' }] },
    });
    const { code, stderr } = await mock.end();
    expect([code, stderr.toString()]).toEqual([0, expect.stringContaining('answered from the closest')]);
  });

  const FAULTS = ['drop:p=0.2', 'error:p=0.2', 'truncate:p=0.2', 'malformed:p=0.6'];
  const spoilt = async (seed: string): Promise<string> => {
    const faults = FAULTS.flatMap((fault) => ['--fault', fault]);
    const [program = '', ...args] = sidelight(dataDir, 'mock', 'last', '--seed', seed, ...faults);
    const running = new Running(program, args);
    for (let n = 0; n < CALLS; n += 1) running.process.stdin.write(echoLine(n));
    running.process.stdin.end();
    const { stdout, stderr } = await running.ended;
    expect(stderr.toString()).toContain(`--seed ${seed}`);
    return stdout.toString().split('\n').sort().join('\n');
  };

  it('is spoilt the same way with the same seed, and another way with another', async () => {
    const [once, again, other] = await Promise.all(['7', '7', '8'].map(spoilt));
    expect(again).toBe(once);
    expect(other).not.toBe(once);
    const lines = (once ?? '').split('\n').filter((line) => line !== '');
    expect(lines.length).toBeLessThan(CALLS);
    expect(lines.some((line) => line.includes('put in by --fault error'))).toBe(true);
    expect(lines.some((line) => line.startsWith('('))).toBe(true);
  });

  it('ends the process in the place of an answer with a fault that disconnects', async () => {
    const mock = raw(sidelight(dataDir, 'mock', 'last', '--fault', 'disconnect:tool=echo,after=1'));
    const first = await mock.ask('tools/call', { name: 'echo', arguments: { text: '0' } });
    expect(first).toMatchObject({ result: {} });
    mock.process.process.stdin.write(echoLine(9));
    const { code, stdout, stderr } = await mock.process.ended;
    expect([code, stdout.toString().includes('"id":9')]).toEqual([1, false]);
    expect(stderr.toString()).toContain('faults put in: disconnect 1');
  });

  it.each(['truncate', 'disconnect', 'drop'])(
    'never comes whole over HTTP with a fault that is a %s',
    async (kind) => {
      const flags = ['--listen', '127.0.0.1:0', '--fault', kind];
      const { port, stop, output } = await startListening(
        sidelight(dataDir, 'mock', 'last', ...flags).slice(1),
      );
      const post = async (id: number, signal: AbortSignal): Promise<unknown> => {
        const headers = { 'content-type': 'application/json' };
        const url = `http://127.0.0.1:${port}/mcp`;
        return (await fetch(url, { method: 'POST', headers, body: echoLine(id), signal })).json();
      };
      const asked = new AbortController();
      const answer = post(1, asked.signal);
      answer.catch(() => undefined);
      // What is dropped is waited for in vain, until the client has enough.
      if (kind === 'drop') {
        await expect(post(-1, asked.signal)).resolves.toMatchObject({ error: { code: -32603 } });
        asked.abort();
      }
      await expect(answer).rejects.toThrow();
      await stop();
      expect(output()).toContain(`faults put in: ${kind} 1`);
    },
  );

  it('is played from a file as from the store', async () => {
    const file = join(temporaryFolder(), 'session.jsonl');
    const [program = '', ...args] = sidelight(dataDir, 'export', 'last', '--format', 'jsonl', '-o', file);
    expect((await new Running(program, args).ended).code).toBe(0);
    const mock = raw([NODE, SIDELIGHT, 'mock', file]);
    expect(await mock.ask('tools/call', { name: 'echo', arguments: { text: '7' } })).toMatchObject({
      result: { content: [{ text: '7' }] },
    });
    expect((await mock.end()).code).toBe(0);
  });

  it('is told, with what was used, when the user ends it', async () => {
    const mock = raw(sidelight(dataDir, 'mock', 'last'));
    await mock.ask('tools/call', { name: 'echo', arguments: { text: '3' } });
    mock.process.process.kill('SIGINT');
    const { code, stderr } = await mock.process.ended;
    expect(code).toBe(0);
    expect(stderr.toString()).toContain(`recorded requests used: 1 of ${CALLS}`);
    expect(stderr.toString()).toContain('never asked for: tools/call echo');
  });

  it('is said at the start where only envelopes were recorded, and in each answer', async () => {
    const bare = join(temporaryFolder(), 'data');
    const live = raw(sidelight(bare, 'run', '--record', 'metadata', '--', ...own('dual-era.mjs')));
    await live.ask('initialize', INITIALIZE);
    await live.ask('tools/call', { name: 'echo', arguments: { text: 'said' } });
    await live.end();
    const mock = raw(sidelight(bare, 'mock', 'last'));
    expect(await mock.ask('initialize', INITIALIZE)).toMatchObject({
      result: { protocolVersion: '2025-11-25', serverInfo: { name: 'dual-era' } },
    });
    expect(await mock.ask('tools/call', { name: 'echo', arguments: { text: 'said' } })).toMatchObject({
      error: { code: -32603, data: { reason: 'its request was not recorded' } },
    });
    const { stderr } = await mock.end();
    expect(stderr.toString()).toMatch(
      /tools\/call echo \(#\d+\) is answered with an error: its request was not recorded/,
    );
  });
});
