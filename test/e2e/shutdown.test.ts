import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { everyOutput } from './outputs.ts';
import { connect, type Sdk } from './peers.ts';
import { isAlive } from './proc.ts';
import { frames, query } from './recording.ts';
import { Running, server, SIDELIGHT, talks, temporaryFolder, until, wrapped } from './sidelight.ts';

const own = (name: string): readonly string[] => [process.execPath, server(name)];

describe('a client that closes', () => {
  it.each<Sdk>(['v1', 'v2 legacy', 'v2 pinned to 2026-07-28'])(
    'SDK %s: the server ends by itself, Sidelight after it, and nobody is told to by a signal',
    async (sdk) => {
      const outputs = await everyOutput();
      const peer = await connect(sdk, outputs.around(own('dual-era.mjs')));
      await peer.call({ name: 'echo', arguments: { text: 'hello' } });
      const pid = peer.pid();
      // The SDK closes stdin, waits two seconds, then sends SIGTERM, which would stand in the recording.
      await peer.close();
      expect(isAlive(Number(pid))).toBe(false);
      const { session, frames: recorded } = await outputs.show();
      expect(session).toMatchObject({ endCause: 'client_closed', exitCode: 0, status: 'ok', probe: false });
      expect(session.exitSignal).toBe(undefined);
      const facts = factsIn(recorded.map(({ kind, text = '' }) => ({ kind, bytes: text })));
      expect(facts).toEqual(['server_started', 'client_closed', 'server_exited']);
    },
  );

  it('right after a thousand calls: every span, log line and row of them is delivered', async () => {
    const outputs = await everyOutput();
    const peer = await connect('v1', outputs.around(own('dual-era.mjs')));
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => peer.call({ name: 'echo', arguments: { text: String(n) } })),
      );
    }
    await peer.close();
    const { session, operations } = await outputs.show();
    expect(operations.length).toBe(1001);
    expect(session.completeness).toMatchObject({ complete: true });
    expect(new Set(outputs.spans().map(({ spanId }) => spanId)).size).toBe(1002);
    expect(outputs.log().filter(({ operation }) => operation !== undefined).length).toBe(1001);
  });
});

describe('an OTLP receiver that takes connections and says nothing', () => {
  it('holds up neither the end of the process nor its exit code, and what is lost is said', async () => {
    const sockets: { destroy: () => void }[] = [];
    const hanging = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      hanging.close();
    });
    await once(hanging, 'listening');
    const endpoint = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const dataDir = temporaryFolder();
    const running = wrapped(dataDir, talks('answer', 'exit:7'), { flags: ['--otlp-endpoint', endpoint] });
    running.process.stdin.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const { code, stdout, stderr } = await running.ended;
    expect([code, stdout.toString()]).toEqual([7, '{"jsonrpc":"2.0","id":1,"result":{}}\n']);
    expect(sockets.length).toBeGreaterThan(0);
    // Where the machine is too busy for the observer to end in time, that is said.
    expect(stderr.toString()).toMatch(
      /^sidelight: (traces are not delivered: .+|observing did not end within \d+ ms: .+)\n$/,
    );
    // The recording is not held up by it.
    expect(query(dataDir, 'SELECT outcome FROM operation')).toEqual([{ outcome: 'ok' }]);
    expect(query(dataDir, 'SELECT exit_code FROM session')).toEqual([{ exit_code: 7 }]);
  });
});

describe('the recording says who ended a session, and how', () => {
  it.each([
    ['client_closed', ['read-all', 'exit:0'], 'close stdin', { exit_code: 0, exit_signal: null }],
    ['server_exited', ['exit:0'], 'wait', { exit_code: 0, exit_signal: null }],
    ['server_crashed', ['exit:3'], 'wait', { exit_code: 3, exit_signal: null }],
    ['server_crashed', ['kill:SIGSEGV'], 'wait', { exit_code: null, exit_signal: 'SIGSEGV' }],
    // A client that loses patience, as the SDKs do after two seconds.
    [
      'client_closed',
      ['err:up\\n', 'stay'],
      'close stdin, then SIGTERM',
      { exit_code: null, exit_signal: 'SIGTERM' },
    ],
    ['sidelight_stopped', ['err:up\\n', 'stay'], 'SIGTERM', { exit_code: null, exit_signal: 'SIGTERM' }],
  ] as const)('%s: %j, %s', async (cause, script, action, exit) => {
    const dataDir = temporaryFolder();
    const running = wrapped(dataDir, talks(...script));
    if (action.includes('close stdin')) running.process.stdin.end();
    if (action.includes('SIGTERM')) {
      await running.says('up');
      const facts = action.includes('close stdin') ? 2 : 1;
      await until(() => factsIn(frames(dataDir)).length === facts, 'the facts so far in the recording');
      running.process.kill('SIGTERM');
    }
    const { code, signal } = await running.ended;
    expect([code, signal]).toEqual([exit.exit_code, exit.exit_signal]);
    expectEnded(dataDir, { end_cause: cause, ...exit });
  });

  it('start_failed: a command that is not there', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    const { code } = await new Running(process.execPath, [
      ...[SIDELIGHT, '--data-dir', dataDir, '--', 'no-such-command'],
    ]).ended;
    expect(code).toBe(127);
    expectEnded(dataDir, { end_cause: 'start_failed', exit_code: null, exit_signal: null });
  });
});

/** What a recording holds of the process's life. */
function factsIn(recorded: readonly { kind: string; bytes: Buffer | string }[]): string[] {
  return recorded
    .filter(({ kind }) => kind === 'lifecycle')
    .map(({ bytes }) => (JSON.parse(bytes.toString()) as { fact: string }).fact);
}

function expectEnded(dataDir: string, ended: Record<string, unknown>): void {
  const sessions = query(dataDir, 'SELECT * FROM session');
  expect(sessions).toMatchObject([ended]);
  expect(sessions[0]?.ended_at).toBeGreaterThanOrEqual(Number(sessions[0]?.started_at));
}
