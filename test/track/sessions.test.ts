import { describe, expect, it } from 'vitest';
import { Conversation, MODERN_META, START_US } from './conversation.ts';

describe('who speaks', () => {
  it('is told by the handshake', () => {
    const talk = new Conversation().initialized('2025-06-18');
    expect(talk.of('session_described').at(-1)).toMatchObject({
      server: 'files',
      serverInfo: { name: 'files', version: '3' },
      clientInfo: { name: 'client', version: '1' },
      protocolVersion: '2025-06-18',
      era: 'legacy',
      clientCapabilities: ['sampling'],
      serverCapabilities: ['tools', 'logging'],
    });
  });

  it('is the negotiated version, not the wanted one', () => {
    const talk = new Conversation();
    talk.client.asks(0, 'initialize', { protocolVersion: '2099-01-01' });
    talk.server.answers(0, { protocolVersion: '2025-11-25' });
    expect(talk.of('session_described').at(-1)?.protocolVersion).toBe('2025-11-25');
  });

  it('is told by any request and any result of the modern era', () => {
    const talk = new Conversation();
    talk.client.asks(1, 'tools/list', { _meta: MODERN_META });
    talk.server.answers(1, {
      tools: [],
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'new', version: '9' } },
    });
    expect(talk.of('session_described').at(-1)).toMatchObject({
      server: 'new',
      clientInfo: { name: 'modern-client' },
      protocolVersion: '2026-07-28',
      era: 'modern',
      clientCapabilities: ['elicitation'],
    });
  });

  it('is not repeated while nothing is new', () => {
    const talk = new Conversation();
    for (const id of [1, 2, 3]) {
      talk.client.asks(id, 'tools/list', { _meta: MODERN_META });
      talk.server.answers(id, { tools: [] });
    }
    expect(talk.of('session_described')).toHaveLength(1);
  });

  it('goes by the configured name, else by its own, else by its command', () => {
    expect(
      new Conversation({ configuredName: 'mine' }).initialized().of('session_described').at(-1)?.server,
    ).toBe('mine');
    expect(new Conversation().ends().of('session_ended')[0]?.server).toBe('server.js');
  });
});

describe('lists', () => {
  it('make names listed, and tell names and size of each page', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'echo');
    talk.server.answers(1);
    talk.client.asks(2, 'tools/list');
    talk.server.answers(2, { tools: [{ name: 'echo' }, { name: 'add' }, { broken: true }] });
    talk.client.calls(3, 'echo');
    talk.server.answers(3);
    talk.client.asks(4, 'prompts/get', { name: 'echo' });
    talk.server.answers(4);
    expect(talk.of('catalog_listed')).toMatchObject([{ kind: 'tools', names: ['echo', 'add'] }]);
    expect(talk.finished().map(({ targetListed }) => targetListed)).toEqual([false, false, true, false]);
  });
});

describe('the end', () => {
  it('closes what hangs as abandoned', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'a');
    talk.server.asks(1, 'roots/list');
    talk.tracker.clientClosed(talk.now());
    talk.ends();
    expect(talk.outcomes()).toEqual(['tools/call a abandoned _OTHER', 'roots/list abandoned _OTHER']);
    expect(talk.of('session_ended')).toMatchObject([
      { cause: 'client_closed', operations: 2, failedOperations: 2, startedAtUs: START_US },
    ]);
  });

  it.each([
    [1, null, 'server_crashed'],
    [null, 'SIGSEGV', 'server_crashed'],
    [0, null, 'abandoned'],
  ])(
    'code %s, signal %s while the client waits: %s, with what the server said last',
    (code, signal, outcome) => {
      const talk = new Conversation();
      talk.client.calls(1, 'a');
      talk.tracker.stderrLine('out of memory', talk.now());
      talk.tracker.serverExited(code, signal, talk.now(), false);
      talk.ends('server_crashed');
      expect(talk.finished()).toMatchObject([{ outcome }]);
      expect(talk.of('server_exited')).toMatchObject([
        { code, signal, crashed: outcome === 'server_crashed', lastStderr: ['out of memory'] },
      ]);
      if (outcome === 'server_crashed') expect(talk.finished()[0]?.error?.message).toContain('out of memory');
    },
  );

  it.each([
    ['the client had closed', true, false],
    ['somebody stopped it', false, true],
  ])('is no crash when %s', (_why, closed, stopped) => {
    const talk = new Conversation();
    if (closed) talk.tracker.clientClosed(talk.now());
    talk.tracker.serverExited(null, 'SIGTERM', talk.now(), stopped);
    expect(talk.of('server_exited')[0]?.crashed).toBe(false);
  });

  it('comes once, and nothing comes after it', () => {
    const talk = new Conversation().ends().ends();
    talk.client.asks(1, 'ping');
    talk.tracker.stderrLine('x', talk.now());
    expect(talk.events.at(-1)?.type).toBe('session_ended');
    expect(talk.of('session_ended')).toHaveLength(1);
  });

  it.each([
    ['only server/discover', ['server/discover'], true],
    ['server/discover and more', ['server/discover', 'tools/list'], false],
    ['nothing at all', [], false],
  ])('knows a probe: a session of %s', (_what, methods, probe) => {
    const talk = new Conversation();
    methods.forEach((method, id) => {
      talk.client.asks(`p-${id}`, method, { _meta: MODERN_META });
      talk.server.answers(`p-${id}`);
    });
    expect(talk.ends().of('session_ended')[0]?.probe).toBe(probe);
  });
});

describe('bounds', () => {
  it('does not track more than its limit in flight, and says so once', () => {
    const talk = new Conversation({ limits: { maxPending: 2 } });
    for (let id = 0; id < 5; id += 1) talk.client.calls(id, 't');
    expect(talk.findings()).toEqual(['tracking_overflow']);
    expect(talk.ends().finished()).toHaveLength(2);
  });

  it('keeps only the last lines of stderr and cuts long ones', () => {
    const talk = new Conversation({ limits: { maxStderrLines: 2, maxTextChars: 10 } });
    for (const line of ['one', 'two', 'x'.repeat(100)]) talk.tracker.stderrLine(line, talk.now());
    talk.tracker.serverExited(1, null, talk.now(), false);
    expect(talk.of('server_exited')[0]?.lastStderr).toEqual(['two', `${'x'.repeat(10)}…`]);
  });

  it('redacts before it cuts', () => {
    const talk = new Conversation({
      limits: { maxTextChars: 12 },
      redact: (text) => text.replace(/secret\d+/g, '***'),
    });
    talk.client.asks(1, 'ping');
    talk.server.fails(1, 1, 'because secret123456');
    expect(talk.finished()[0]?.error?.message).toBe('because ***');
  });

  it('lets no secret through in what a peer names itself, an id, or a context', () => {
    const redact = (text: string): string => text.replaceAll('hunter2', '***');
    const talk = new Conversation({ redact });
    talk.client.asks('hunter2', 'initialize', {
      clientInfo: { name: 'hunter2' },
      capabilities: { hunter2: {} },
    });
    talk.server.answers('hunter2', { serverInfo: { name: 'hunter2' }, capabilities: { hunter2: {} } });
    talk.say('client_to_server', {
      jsonrpc: 'hunter2',
      id: 1,
      method: 'hunter2',
      params: { name: 'hunter2', uri: 'hunter2' },
    });
    talk.server.fails(1, 1, 'hunter2');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    talk.client.calls(2, 'hunter2', { traceparent, tracestate: 'a=hunter2', progressToken: 'hunter2' });
    talk.server.notifies('notifications/progress', { progressToken: 'hunter2', progress: 1 });
    talk.server.notifies('notifications/message', {
      level: 'info',
      logger: 'hunter2',
      data: { hunter2: 'hunter2' },
    });
    talk.client.cancels(2, 'hunter2');
    talk.client.cancels('hunter2-never', 'hunter2');
    expect(talk.ends().outcomes()).toHaveLength(2);
    expect(JSON.stringify(talk.events)).not.toContain('hunter2');
  });

  it('tells what is no message, by side', () => {
    const talk = new Conversation();
    talk.say('client_to_server', '{"jsonrpc":"2.0"}');
    talk.tracker.strayOutput({ seq: 1, atUs: talk.now(), detail: 'Listening on 3000', sizeBytes: 17 });
    expect(talk.of('finding_raised')).toMatchObject([
      { rule: 'invalid_frame', channel: 'client_to_server', detail: 'not_json_rpc' },
      { rule: 'stray_stdout', channel: 'server_to_client', detail: 'Listening on 3000' },
    ]);
    expect(talk.of('message_seen').map(({ kind }) => kind)).toEqual(['malformed', 'malformed']);
  });

  it('blames no peer for what a gap may explain', () => {
    const talk = new Conversation();
    talk.client.calls(1, 'before');
    talk.tracker.gap({ channel: 'server_to_client', atUs: talk.now(), chunks: 1, bytes: 1 });
    talk.tracker.gap({ channel: 'client_to_server', atUs: talk.now(), chunks: 1, bytes: 1 });
    talk.client.calls(2, 'after');
    talk.server.answers(99);
    talk.client.cancels(98);
    talk.ends();
    expect(talk.outcomes()).toEqual([
      'tools/call before unknown _OTHER',
      'tools/call after abandoned _OTHER',
    ]);
    expect(talk.findings()).toEqual([]);
    expect(talk.of('session_ended')[0]?.failedOperations).toBe(1);
  });

  it('passes gaps on and keeps what is in flight', () => {
    const talk = new Conversation();
    talk.client.calls(1, 't');
    talk.tracker.gap({ channel: 'server_to_client', atUs: talk.now(), chunks: 2, bytes: 99 });
    talk.server.answers(1);
    expect(talk.of('copies_dropped')).toMatchObject([{ channel: 'server_to_client', chunks: 2, bytes: 99 }]);
    expect(talk.outcomes()).toEqual(['tools/call t ok']);
  });
});
