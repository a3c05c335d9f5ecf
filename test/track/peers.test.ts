import { describe, expect, it } from 'vitest';
import type { McpEvent } from '../../src/event/event.ts';
import { Conversation, MODERN_META } from './conversation.ts';

const SECRET = 'hunter2';
const redact = (text: string): string => text.replaceAll(SECRET, '***');
const meta = (clientInfo?: object) => ({ ...MODERN_META, 'io.modelcontextprotocol/clientInfo': clientInfo });

describe('peers that do not keep the rules', () => {
  it('with one progress token for two calls: the first has the progress, for as long as it is in flight', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'a', { progressToken: 't' });
    talk.client.calls(2, 'b', { progressToken: 't' });
    talk.server.notifies('notifications/progress', { progressToken: 't', progress: 1 });
    talk.server.answers(1);
    talk.server.notifies('notifications/progress', { progressToken: 't', progress: 2 });
    talk.server.answers(2);
    expect(talk.finished().map(({ progressCount }) => progressCount)).toEqual([1, 0]);
  });

  it('with one id three times in flight: each answer takes the oldest, and hung ones end once each', () => {
    const talk = new Conversation();
    for (const name of ['a', 'b', 'c']) talk.client.calls(1, name);
    talk.server.answers(1);
    talk.ends();
    expect(talk.outcomes()).toEqual([
      'tools/call a ok',
      'tools/call b abandoned _OTHER',
      'tools/call c abandoned _OTHER',
    ]);
  });

  it('with data nested deeper than anything can write', () => {
    const talk = new Conversation();
    const data = '['.repeat(50_000) + ']'.repeat(50_000);
    talk.say(
      'server_to_client',
      `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":${data}}}`,
    );
    expect(talk.of('server_logged')).toMatchObject([{ level: 'error', text: 'null' }]);
  });

  it('with a level that is none, and a message of several lines', () => {
    const talk = new Conversation();
    talk.server.notifies('notifications/message', { level: 'LOUD', data: 'one\r\ntwo\nthree' });
    expect(talk.of('server_logged')).toMatchObject([{ level: 'info', text: 'one two three' }]);
  });

  it('with an id that the log of closed ones has forgotten', () => {
    const talk = new Conversation({ limits: { maxClosed: 2 } });
    for (const id of [1, 2, 1, 3, 1]) {
      talk.client.asks(id, 'ping');
      talk.server.answers(id);
    }
    for (const id of [2, 3, 1]) talk.server.answers(id);
    expect(talk.findings()).toEqual(['response_without_request', 'duplicate_response', 'duplicate_response']);
  });

  it('with a cancel that names no request', () => {
    const talk = new Conversation();
    talk.client.notifies('notifications/cancelled', { reason: 'x' });
    expect(talk.findings()).toEqual(['unknown_cancel']);
  });
});

describe('a subscription', () => {
  it('that the server ends by a cancel and a result, and cancels again, is no finding', () => {
    const talk = new Conversation();
    talk.client.asks('l', 'subscriptions/listen', { _meta: MODERN_META });
    talk.server.cancels('l');
    talk.server.answers('l', { resultType: 'complete' });
    talk.server.cancels('l');
    expect(talk.findings()).toEqual([]);
    expect(talk.finished()).toHaveLength(1);
  });

  it('leaves a request of the server with the same id alone', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'subscriptions/listen', { _meta: MODERN_META });
    talk.server.asks(1, 'roots/list');
    talk.server.cancels(1);
    expect(talk.outcomes()).toEqual(['roots/list cancelled']);
  });

  it('does not keep a log message from the one call beside it', () => {
    const talk = new Conversation();
    talk.client.asks('l', 'subscriptions/listen', { _meta: MODERN_META });
    talk.client.calls(1, 't');
    talk.server.notifies('notifications/message', { level: 'info', data: 'x' });
    talk.server.answers(1);
    expect(talk.finished()[0]?.notes).toHaveLength(1);
  });

  it('dies with a server that crashes', () => {
    const talk = new Conversation();
    talk.client.asks('l', 'subscriptions/listen', { _meta: MODERN_META });
    talk.tracker.serverExited(null, 'SIGKILL', talk.now(), false);
    expect(talk.outcomes()).toEqual(['subscriptions/listen server_crashed _OTHER']);
  });
});

describe('who speaks', () => {
  it('is told before the first operation that names the server, whoever asked it', () => {
    const talk = new Conversation();
    talk.server.asks(1, 'ping');
    talk.client.answers(1);
    const types = talk.events.map(({ type }) => type);
    expect(types.indexOf('session_described')).toBeGreaterThanOrEqual(0);
    expect(types.indexOf('session_described')).toBeLessThan(types.indexOf('operation_finished'));
  });

  it('is not told again because its name had to be redacted', () => {
    const talk = new Conversation({ redact });
    for (const id of [1, 2]) {
      talk.client.asks(id, 'tools/list', { _meta: meta({ name: `client ${SECRET}` }) });
      talk.server.answers(id, {
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: `server ${SECRET}` } },
      });
    }
    expect(talk.of('session_described').map(({ clientInfo, server }) => [clientInfo?.name, server])).toEqual([
      ['client ***', 'server.js'],
      ['client ***', 'server ***'],
    ]);
  });

  it('is told again when another client speaks', () => {
    const talk = new Conversation();
    for (const name of ['a', 'a', 'b']) talk.client.asks(name, 'tools/list', { _meta: meta({ name }) });
    expect(talk.of('session_described').map(({ clientInfo }) => clientInfo?.name)).toEqual(['a', 'b']);
  });

  it('has its capabilities looked for once, also where a client does not say its name', () => {
    const talk = new Conversation();
    for (const id of [1, 2]) talk.client.asks(id, 'tools/list', { _meta: meta() });
    expect(talk.of('session_described')).toMatchObject([
      { clientInfo: undefined, clientCapabilities: ['elicitation'] },
    ]);
  });

  it('has no version where the handshake failed', () => {
    const talk = new Conversation();
    talk.client.asks(0, 'initialize', { protocolVersion: '2099-01-01' });
    talk.server.fails(0, -32_602, 'Unsupported protocol version');
    expect(talk.ends().of('session_ended')[0]?.protocolVersion).toBeUndefined();
    expect(talk.of('operation_finished')[0]?.protocolVersion).toBeUndefined();
  });

  it.each([
    ['a probe and then the handshake', ['server/discover', 'initialize'], 'legacy'],
    ['the handshake and then a request with metadata', ['initialize', 'tools/list'], 'legacy'],
    ['a request with metadata', ['tools/list'], 'modern'],
  ])('is of the era that %s opened', (_how, methods, era) => {
    const talk = new Conversation();
    methods.forEach((method, id) => {
      talk.client.asks(id, method, method === 'initialize' ? {} : { _meta: MODERN_META });
    });
    expect(talk.of('session_described').at(-1)?.era).toBe(era);
  });
});

describe('what is told', () => {
  it('holds no secret, wherever it stood', () => {
    const talk = new Conversation({ redact, captureContent: true });
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
    talk.client.asks(`id ${SECRET}`, 'tools/call', {
      name: `tool ${SECRET}`,
      arguments: { key: SECRET },
      _meta: { traceparent, tracestate: `v=${SECRET}` },
    });
    talk.server.notifies('notifications/message', {
      level: SECRET,
      logger: SECRET,
      data: { deep: [SECRET] },
    });
    talk.server.answers(`id ${SECRET}`, { isError: true, content: [{ type: 'text', text: SECRET }] });
    talk.client.asks(2, `method/${SECRET}`, { _meta: { traceparent: SECRET } });
    talk.server.fails(2, 1, SECRET);
    talk.client.asks(3, 'resources/read', { uri: `file:///x?${SECRET}` });
    talk.client.cancels(3, `${SECRET} timed out`);
    talk.server.fails(SECRET, 1, SECRET);
    talk.client.asks(4, 'initialize', {
      protocolVersion: SECRET,
      capabilities: { [SECRET]: {} },
      clientInfo: { name: SECRET, version: SECRET },
    });
    talk.server.answers(4, {
      protocolVersion: SECRET,
      capabilities: { [SECRET]: {} },
      serverInfo: { name: SECRET },
    });
    talk.client.asks(5, 'tools/list');
    talk.server.answers(5, { tools: [{ name: SECRET }] });
    talk.tracker.strayOutput({ seq: 9, atUs: talk.now(), detail: SECRET, sizeBytes: 7 });
    talk.ends();
    expect(talk.events.filter((event: McpEvent) => JSON.stringify(event).includes(SECRET))).toEqual([]);
    expect(JSON.stringify(talk.events)).toContain('***');
  });

  it('of a finding is one line of bounded length', () => {
    const talk = new Conversation();
    const detail = `first\nsecond\r\n${'x'.repeat(5000)}`;
    talk.tracker.strayOutput({ seq: 0, atUs: talk.now(), detail, sizeBytes: detail.length });
    const [finding] = talk.of('finding_raised');
    expect(finding?.detail).toMatch(/^first second x+…$/);
    expect(finding?.detail.length).toBeLessThanOrEqual(201);
  });

  it('of a trace state is all of it or nothing', () => {
    const talk = new Conversation();
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
    for (const [id, tracestate] of [
      [1, 'vendor=1'],
      [2, `vendor=${'x'.repeat(1001)}`],
    ] as const) {
      talk.client.calls(id, 't', { traceparent, tracestate });
      talk.server.answers(id);
    }
    expect(talk.finished().map(({ span }) => span.traceState)).toEqual(['vendor=1', undefined]);
  });

  it('of a resource is the same name in a list and in a read, with no part that may be secret', () => {
    const talk = new Conversation();
    const uri = 'https://user:p@ss@host/a@b?key=1';
    talk.client.asks(1, 'resources/list');
    talk.server.answers(1, { resources: [{ uri, name: 'a' }] });
    talk.client.asks(2, 'resources/read', { uri });
    talk.server.answers(2);
    expect(talk.of('catalog_listed')[0]?.names).toEqual(['https://host/a@b']);
    expect(talk.finished()[1]).toMatchObject({ target: { name: 'https://host/a@b' }, targetListed: true });
  });

  it('of a result is told for a call without arguments too, when content was asked for', () => {
    const talk = new Conversation({ captureContent: true });
    talk.client.asks(1, 'tools/call', { name: 't' });
    talk.server.answers(1, { content: [] });
    expect(talk.finished()[0]?.content).toEqual({ result: '{"content":[]}' });
  });

  it('does not change after it was told', () => {
    const talk = new Conversation();
    talk.tracker.stderrLine('before', talk.now());
    talk.tracker.serverExited(1, null, talk.now(), false);
    talk.tracker.stderrLine('after', talk.now());
    expect(talk.of('server_exited')[0]?.lastStderr).toEqual(['before']);
  });
});

describe('a server that dies', () => {
  it('has crashed also when its client saw that and was gone before it was told', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    const exitedAtUs = talk.now();
    talk.tracker.clientClosed(talk.now());
    talk.tracker.serverExited(1, null, exitedAtUs, false);
    expect(talk.outcomes()).toEqual(['tools/call t server_crashed _OTHER']);
  });

  it('leaves what it was asked after its death with no negative duration', () => {
    const talk = new Conversation();
    const exitedAtUs = talk.now();
    talk.client.calls(1, 't');
    talk.tracker.serverExited(1, null, exitedAtUs, false);
    const [operation] = talk.finished();
    expect(operation?.outcome).toBe('server_crashed');
    expect(operation?.endedAtUs).toBe(operation?.startedAtUs);
  });
});
