import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../src/replay/mock/coverage.ts';
import { type FaultRule, parseFault } from '../../src/replay/mock/fault.ts';
import { answers, asks, called, client, HANDSHAKE, httpScript, play, script, server } from './mockScripts.ts';
import type { Said } from './recordings.ts';

const progress = (token: unknown, value: number): Said =>
  server({ method: 'notifications/progress', params: { progressToken: token, progress: value } });
const HOUR_US = 3_600_000_000;
const work = (id: number, token: unknown): Said =>
  asks(id, 'tools/call', { name: 'work', arguments: {}, _meta: { progressToken: token } });

describe('an answer', () => {
  it('has the id of the live request, whatever its type', async () => {
    const mock = play(await script([...HANDSHAKE, ...called(7, 'echo', {}, 'said')]));
    expect(await mock.call('live', 'echo', {})).toEqual([
      { jsonrpc: '2.0', id: 'live', result: { content: [{ type: 'text', text: 'said' }] } },
    ]);
  });

  it('comes after its progress, which has the live token, and none without one', async () => {
    const talk = [
      ...HANDSHAKE,
      work(1, 'old'),
      progress('old', 1),
      progress('old', 2),
      answers(1, {}),
      work(2, 3),
    ];
    const played = await script([...talk, progress(3, 1), answers(2, {})]);
    const mock = play(played);
    expect(await mock.call(5, 'work', {}, { heard: 3, meta: { progressToken: 'new' } })).toMatchObject([
      { params: { progressToken: 'new', progress: 1 } },
      { params: { progressToken: 'new', progress: 2 } },
      { id: 5, result: {} },
    ]);
    expect(await mock.call(6, 'work', {})).toMatchObject([{ id: 6, result: {} }]);
  });

  it('comes with what the server said by itself after it', async () => {
    const changed = server({ method: 'notifications/tools/list_changed' });
    const mock = play(await script([...HANDSHAKE, ...called(1, 'install', {}, 'done'), changed]));
    const heard = await mock.call(1, 'install', {}, { heard: 2 });
    expect(heard.map(({ method, id }) => method ?? id)).toEqual([1, 'notifications/tools/list_changed']);
  });

  it('of a request that was never answered never comes', async () => {
    const mock = play(await script([...HANDSHAKE, asks(1, 'tools/call', { name: 'hang', arguments: {} })]));
    await mock.call(1, 'hang', {}, { heard: 0 });
    await mock.finish();
    expect(mock.lines).toEqual([]);
    expect(mock.coverage.report(undefined)).toMatchObject({ used: 1, answered: 0 });
  });

  it('that came after a cancel waits for the cancel', async () => {
    const played = await script([
      ...HANDSHAKE,
      asks(1, 'tools/call', { name: 'slow', arguments: {} }),
      client({ method: 'notifications/cancelled', params: { requestId: 1 } }),
      answers(1, { late: true }),
      ...[work(2, 2), progress(2, 1), answers(2, {})],
    ]);
    // The recorded client was patient.
    const cues = played.cues.map((cue) => ({
      ...cue,
      happenings: cue.happenings.map((one) =>
        one.is === 'cancelled' ? { ...one, atUs: one.atUs + HOUR_US } : one,
      ),
    }));
    const mock = play({ ...played, cues });
    await mock.call(4, 'slow', {}, { heard: 0 });
    await mock.call(5, 'work', {}, { heard: 2, meta: { progressToken: 5 } });
    expect(mock.lines.filter((line) => line.includes('late'))).toEqual([]);
    const cancelled = { method: 'notifications/cancelled', params: { requestId: 4 } };
    expect(await mock.say(cancelled)).toEqual([{ jsonrpc: '2.0', id: 4, result: { late: true } }]);
  });
});

describe('a request of the server', () => {
  const talk: readonly Said[] = [
    ...HANDSHAKE,
    asks(1, 'tools/call', { name: 'ask', arguments: {} }),
    server({ id: 's-9', method: 'elicitation/create', params: { message: 'Which?' } }),
    client({ id: 's-9', result: { action: 'accept', content: { colour: 'green' } } }),
    answers(1, { content: [{ type: 'text', text: 'green it is' }] }),
  ];

  it('has an id of its own, and its answer is waited for', async () => {
    const mock = play(await script(talk));
    const [asked, ...rest] = await mock.call(1, 'ask', {});
    expect(asked).toMatchObject({ id: 1, method: 'elicitation/create', params: { message: 'Which?' } });
    expect(rest).toEqual([]);
    const result = { action: 'accept', content: { colour: 'green' } };
    expect(await mock.say({ id: asked?.id, result })).toMatchObject([{ id: 1, result: {} }]);
    expect([mock.reported, mock.coverage.report(undefined).otherAnswers]).toEqual([[], 0]);
  });

  it('may be answered otherwise, which is told', async () => {
    const mock = play(await script(talk));
    const [asked] = await mock.call(1, 'ask', {});
    expect(await mock.say({ id: asked?.id, result: { action: 'decline' } })).toMatchObject([
      { id: 1, result: { content: [{ text: 'green it is' }] } },
    ]);
    expect(mock.reported.join()).toMatch(/the client's answer differs.*"accept" -> "decline"/);
    expect(mock.coverage.report(undefined).otherAnswers).toBe(1);
  });
});

describe('what the recording does not have whole', () => {
  it('is named at the start by its number, and answered with an error that says why', async () => {
    const long = 'x'.repeat(3000);
    const talk = [...HANDSHAKE, ...called(1, 'read', {}, long), ...called(2, 'write', { long }, 'done')];
    const played = await script(talk, { maxBodyBytes: 1000 });
    expect(problemsOf(played)).toEqual([
      'tools/call read (#3) is answered with an error: its answer was cut',
      'tools/call write (#5) is answered with an error: its request was cut',
    ]);
    const mock = play(played);
    expect(await mock.call(1, 'read', {})).toMatchObject([
      { id: 1, error: { code: -32603, data: { reason: 'its answer was cut' } } },
    ]);
    expect(await mock.call(2, 'write', { long })).toMatchObject([
      { id: 2, error: { data: { reason: 'its request was cut' } } },
    ]);
  });

  it('is found by what is left of it where a part was redacted, and said to be', async () => {
    const talk = [...HANDSHAKE, ...called(1, 'login', { password: 'kJ8xq0PzW3mV' }, 'welcome')];
    const played = await script(talk);
    expect(JSON.stringify(played.cues.at(-1)?.params)).toContain('[redacted:');
    const mock = play(played);
    expect(await mock.call(1, 'login', { password: 'any other' })).toMatchObject([{ id: 1, result: {} }]);
    expect(await mock.call(2, 'login', { user: 'any other' })).toMatchObject([{ id: 2, error: {} }]);
  });
});

describe('the handshake', () => {
  it('is answered as recorded, as often as it is asked', async () => {
    const mock = play(await script([...HANDSHAKE]));
    const initialize = { method: 'initialize', params: { protocolVersion: '2024-11-05' } };
    for (const id of [1, 2])
      expect(await mock.say({ id, ...initialize })).toMatchObject([
        { id, result: { protocolVersion: '2025-11-25', serverInfo: { name: 'server' } } },
      ]);
    expect(mock.coverage.report(undefined)).toMatchObject({ recorded: 0, unknownCount: 0 });
  });

  it('of the other era is refused as such a server does', async () => {
    const mock = play(await script([...HANDSHAKE]));
    expect(await mock.say({ id: 1, method: 'server/discover' })).toMatchObject([{ error: { code: -32601 } }]);
    const meta = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } };
    const modern = play(await script([asks(1, 'tools/list', meta), answers(1, { tools: [] })]));
    expect(await modern.say({ id: 1, method: 'initialize' })).toMatchObject([{ error: { code: -32022 } }]);
    expect(await modern.say({ id: 2, method: 'server/discover' })).toMatchObject([
      { result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } },
    ]);
  });

  it('and a ping are answered at any time', async () => {
    const mock = play(await script([...HANDSHAKE]));
    expect(await mock.say({ id: 1, method: 'ping' })).toMatchObject([{ id: 1, result: {} }]);
  });
});

describe('a fault', () => {
  const played = async (...written: readonly string[]) =>
    play(await script([...HANDSHAKE, ...called(1, 'echo', {}, 'said')]), {
      rules: written.map((one) => parseFault(one) as FaultRule),
    });

  it('is put in the place of the answer, and the request may be made again', async () => {
    const mock = await played('error');
    expect(await mock.call(1, 'echo', {})).toMatchObject([{ error: { message: /--fault error/ } }]);
    expect(await mock.call(2, 'echo', {})).toMatchObject([{ error: { message: /--fault error/ } }]);
    expect(mock.coverage.report(1).faults).toEqual({ error: 2 });
  });

  it.each([
    ['drop', []],
    ['disconnect', ['hung up']],
    ['malformed', [expect.stringMatching(/^\("jsonrpc"/)]],
  ])('%s spoils it', async (kind, lines) => {
    const mock = await played(kind);
    await mock.call(1, 'echo', {}, { heard: 0 });
    await mock.finish();
    expect(mock.lines).toEqual(lines);
    expect(mock.coverage.report(1)).toMatchObject({ answered: 0, faults: { [kind]: 1 } });
  });
});

describe('the end of the recorded server', () => {
  const talk: readonly Said[] = [
    ...HANDSHAKE,
    asks(1, 'tools/call', { name: 'die', arguments: {} }),
    ['stderr', 'last words'],
    ['lifecycle', { fact: 'server_exited', code: 3, signal: null }],
  ];

  it('comes where it came', async () => {
    const mock = play(await script(talk), { crash: true });
    await mock.call(1, 'die', {}, { heard: 0 });
    await mock.finish();
    expect([mock.lines, mock.exits]).toEqual([['stderr last words'], [{ code: 3, signal: null }]]);
  });

  it('is an error where the mock does not end with it', async () => {
    const mock = play(await script(talk));
    await mock.call(1, 'die', {}, { heard: 0 });
    await mock.finish();
    expect(mock.lines.at(-1)).toContain('the recorded server ended with exit code 3 before it answered');
  });
});

describe('what came over HTTP and is no JSON-RPC', () => {
  const both = async (http: boolean): Promise<readonly string[]> => {
    const mock = play(await httpScript(), { http });
    for (const [id, name] of ['gone', 'broken'].entries()) await mock.call(id, name, {}, { heard: 0 });
    await mock.finish();
    return mock.lines;
  };

  it('is given again over HTTP: the status with its body, and the broken connection', async () => {
    expect(await both(true)).toEqual(['502 <h1>no</h1>', 'hung up']);
  });

  it('is an error that says so on stdio', async () => {
    const [gone, broken] = await both(false);
    expect(gone).toContain('the recorded answer is HTTP 502 without JSON-RPC');
    expect(broken).toContain('the connection to the recorded server broke here');
  });
});
