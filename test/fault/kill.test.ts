import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { childrenOf, isAlive, serverOf } from '../e2e/proc.ts';
import { query } from '../e2e/recording.ts';
import { read, SIDELIGHT, talks, temporaryFolder, until, wrapped } from '../e2e/sidelight.ts';

const KILLS = 50;
/** So many Sidelights write to one store at the same time. */
const TOGETHER = 5;
/** The moment is random, from nothing to so long after the first message or, every other time, the first recorded one. */
const MAX_LIFE_MS = 400;
/**
 * A few milliseconds of ring and 50 ms of batch, by design; here with room for a machine on which other tests keep the
 * processors busy. It counts from the steady state, since the driver is loaded and the store opened after the first
 * messages have passed.
 */
const MOST_LOST_MS = 1000;

interface Tick {
  readonly n: number;
  readonly at: number;
}

describe('kill -9 of Sidelight', () => {
  it(`leaves a sound and readable recording that lacks only the last moments, ${KILLS} times at random`, async () => {
    const folder = temporaryFolder();
    const killed: { pid: number | undefined; steady: boolean; lifeMs: number; delivered: Tick[] }[] = [];
    for (let round = 0; round < KILLS / TOGETHER; round += 1) {
      await Promise.all(
        Array.from({ length: TOGETHER }, async (_, index) => {
          const running = wrapped(folder, talks('tick:2'));
          const { pid } = running.process;
          await running.says('notifications/tick');
          const server = await serverOf(pid);
          const steady = (round + index) % 2 === 0;
          if (steady) await until(() => ticksOf(folder, pid).length > 0, 'a recorded message');
          const lifeMs = Math.random() * MAX_LIFE_MS;
          await new Promise((resolve) => setTimeout(resolve, lifeMs));
          running.process.kill('SIGKILL');
          const { signal, stdout } = await running.ended;
          expect(signal).toBe('SIGKILL');
          expect(query(folder, 'PRAGMA integrity_check').every((row) => row.integrity_check === 'ok')).toBe(
            true,
          );
          await until(() => !isAlive(server), 'the end of the server');
          killed.push({ pid, steady, lifeMs, delivered: ticksIn(stdout.toString()) });
        }),
      );
    }
    for (const { pid, steady, lifeMs, delivered } of killed) {
      const recorded = ticksOf(folder, pid);
      const told = `killed after ${lifeMs.toFixed()} ms, ${recorded.length} of ${delivered.length} messages recorded`;
      // A whole beginning, which may go on beyond what the client has read of its pipe.
      const both = Math.min(recorded.length, delivered.length);
      expect(recorded.slice(0, both), told).toEqual(delivered.slice(0, both));
      expect(
        recorded.map(({ n }) => n),
        told,
      ).toEqual([...recorded.keys()]);
      if (!steady) continue;
      const lostMs = (delivered.at(-1)?.at ?? NaN) - (recorded.at(-1)?.at ?? NaN);
      expect(lostMs, told).toBeLessThan(MOST_LOST_MS);
    }
    // Each of them is told to be cut off, whatever killed it.
    const shown = (await read(folder, 'sessions', '--limit', '1000')) as { status: string }[];
    expect(shown.length).toBeGreaterThanOrEqual(killed.filter(({ steady }) => steady).length);
    expect(new Set(shown.map(({ status }) => status))).toEqual(new Set(['interrupted']));
  }, 120_000);
});

describe('kill -9 of the server', () => {
  it('is mirrored, and recorded as a crash with its last words and its pending calls, 5 times', async () => {
    for (let time = 0; time < 5; time += 1) {
      const folder = temporaryFolder();
      const running = wrapped(
        folder,
        talks('err:starting\\n', 'err:about to fail\\n', 'read-line', 'tick:1'),
      );
      await running.says('about to fail');
      const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'wait', arguments: {} } };
      running.process.stdin.write(`${JSON.stringify(call)}\n`);
      await running.says('notifications/tick');
      // The client goes on sending while the server dies: its broken pipe is not taken for an end of the client.
      const writes = setInterval(() => running.process.stdin.write('{"jsonrpc":"2.0","method":"on"}\n'), 1);
      process.kill(await serverOf(running.process.pid), 'SIGKILL');
      const { code, signal } = await running.ended;
      clearInterval(writes);
      expect([code, signal]).toEqual([null, 'SIGKILL']);
      const [session] = query(folder, 'SELECT * FROM session');
      expect(session).toMatchObject({ end_cause: 'server_crashed', exit_signal: 'SIGKILL' });
      expect(session?.last_stderr).toBe('["starting","about to fail"]');
      const operations = query(
        folder,
        "SELECT request_id, outcome FROM operation WHERE method = 'tools/call'",
      );
      expect(operations).toEqual([{ request_id: '7', outcome: 'server_crashed' }]);
    }
  });
});

describe('kill -9 of the client', () => {
  it('ends the server and Sidelight, and the recording says who left', async () => {
    const folder = temporaryFolder();
    const client = spawn(
      process.execPath,
      [
        '-e',
        CLIENT,
        process.execPath,
        SIDELIGHT,
        '--data-dir',
        folder,
        '--',
        ...talks('read-line', 'out:up\\n', 'read-all'),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(client.stdout, 'data');
    const [sidelight = 0] = childrenOf(client.pid);
    const server = await serverOf(sidelight);
    client.kill('SIGKILL');
    await until(() => !isAlive(sidelight) && !isAlive(server), 'the end of both');
    const [session] = query(folder, 'SELECT end_cause, exit_code FROM session');
    expect(session).toEqual({ end_cause: 'client_closed', exit_code: 0 });
  });
});

/** Starts the command in its arguments, says something to it, and waits for ever. */
const CLIENT = `
const [command, ...args] = process.argv.slice(1);
const server = require('node:child_process').spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
server.stdout.on('data', (chunk) => process.stdout.write(chunk));
setInterval(() => server.stdin.write('{"jsonrpc":"2.0","method":"notifications/on"}\\n'), 5);
`;

/** The numbers and times of the whole messages in what a client got. */
function ticksIn(text: string): Tick[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { params: Tick }).params);
}

/** What is recorded of the session of a Sidelight, by its process id. */
function ticksOf(folder: string, sidelight: number | undefined): Tick[] {
  const rows = query<{ bytes: Buffer }>(
    folder,
    `SELECT frame.bytes FROM frame JOIN session ON session.id = frame.session_id
     WHERE session.pid = ? AND frame.kind = 'notification' ORDER BY frame.seq`,
    sidelight,
  );
  return ticksIn(rows.map(({ bytes }) => `${bytes.toString()}\n`).join(''));
}
