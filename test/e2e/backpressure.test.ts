import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from './listening.ts';
import { peakMemoryBytes, serverOf, writtenBytes } from './proc.ts';
import { frames, query, rejoined } from './recording.ts';
import {
  type Piped,
  read,
  SIDELIGHT,
  standsStill,
  talks,
  temporaryFolder,
  until,
  wrapped,
} from './sidelight.ts';

const FLOOD_BYTES = 200 * 1024 * 1024;
/** What the scripted server floods with. */
const LINE = `${'x'.repeat(65_535)}\n`;

const FLOOD = `flood:${FLOOD_BYTES}`;
const HASH_OF_FLOOD = ((): string => {
  const hash = createHash('sha256');
  for (let bytes = 0; bytes < FLOOD_BYTES; bytes += LINE.length) hash.update(LINE);
  return hash.digest('hex');
})();

/** The pipes and sockets between the three processes hold about a megabyte in all. */
const MOST_IN_PIPES_BYTES = 4 * 1024 * 1024;
/** What it really takes is measured by the bench; here it is to be no multiple of the flood. */
const MOST_MEMORY_BYTES = 300 * 1024 * 1024;

describe('a client that stops reading stops the server, and misses nothing', () => {
  it.each(['stdout', 'stderr'] as const)('%s', async (name) => {
    const sidelight = startUnread(talks(name === 'stdout' ? FLOOD : `flood-err:${FLOOD_BYTES}`));
    const server = await serverOf(sidelight.pid);
    const written = await standsStill(() => writtenBytes(server));
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(MOST_IN_PIPES_BYTES);
    const seen = hashOf(sidelight[name]);
    sidelight[name === 'stdout' ? 'stderr' : 'stdout'].resume();
    const ended = new Promise((resolve) => sidelight.once('close', resolve));
    await until(() => seen.bytes >= FLOOD_BYTES / 2, 'half of it');
    expect(peakMemoryBytes(sidelight.pid)).toBeLessThan(MOST_MEMORY_BYTES);
    expect(await ended).toBe(0);
    expect(seen.bytes).toBe(FLOOD_BYTES);
    expect(seen.hash.digest('hex')).toBe(HASH_OF_FLOOD);
  });
});

it('a server that does not read its stdin stops the client, and misses nothing', async () => {
  // Stopped, it reads nothing; continued, it gives everything back.
  const sidelight = startUnread(['sh', '-c', 'kill -STOP $$; exec cat']);
  const server = await serverOf(sidelight.pid);
  const chunk = Buffer.alloc(65_536, 'y');
  const sent = createHash('sha256');
  let taken = 0;
  let offered = 0;
  const offer = (): void => {
    offered += chunk.length;
    sent.update(chunk);
    sidelight.stdin.write(chunk, (error) => {
      if (error) return;
      taken += chunk.length;
      if (offered < MOST_IN_PIPES_BYTES * 4) offer();
      else sidelight.stdin.end();
    });
  };
  offer();
  expect(await standsStill(() => taken)).toBeLessThan(MOST_IN_PIPES_BYTES);
  const ended = new Promise((resolve) => sidelight.once('close', resolve));
  const seen = hashOf(sidelight.stdout);
  sidelight.stderr.resume();
  process.kill(server, 'SIGCONT');
  expect(await ended).toBe(0);
  expect(seen.bytes).toBe(offered);
  expect(seen.hash.digest('hex')).toBe(sent.digest('hex'));
});

it('a stream that nobody reads does not hold up the others', async () => {
  const running = wrapped(temporaryFolder(), ['sh', '-c', 'head -c 9000000 /dev/zero & cat >&2; wait']);
  running.process.stdout.pause();
  const server = await serverOf(running.process.pid);
  expect(server).toBeGreaterThan(0);
  for (const text of ['one\n', 'two\n', 'three\n']) {
    running.process.stdin.write(text);
    await running.says(text);
  }
  running.process.stdin.end();
  running.process.stdout.resume();
  const { code, stdout } = await running.ended;
  expect([code, stdout.length]).toEqual([0, 9_000_000]);
});

describe('a flood that the capture buffer cannot hold', () => {
  const SMALL = ['--capture-buffer', '1MiB'];
  const bytes = 50 * 1024 * 1024;

  it('passes whole; the recording says what it lacks, and goes on after it', async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const flags = [...SMALL, '--admin', String(port)];
    const running = wrapped(folder, talks(`flood:${bytes}`, 'answer', 'exit:0'), { flags });
    await until(() => running.stdout.length >= bytes, 'the flood');
    // Copies are taken again when the observer has worked off a part of what it holds: the first pings may be lost.
    const answered = (): boolean =>
      query(folder, "SELECT outcome FROM operation WHERE outcome = 'ok'").length > 0;
    let id = 0;
    await until(() => {
      id += 1;
      running.process.stdin.write(`{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`);
      return answered();
    }, 'a recorded answer');
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    running.process.stdin.end();
    const { code, stdout, stderr } = await running.ended;
    expect([code, stderr.toString()]).toEqual([0, '']);
    expect(stdout.subarray(0, bytes).equals(Buffer.alloc(bytes, LINE))).toBe(true);

    const recorded = frames(folder);
    const gaps = recorded
      .filter(({ kind }) => kind === 'gap')
      .map((gap) => JSON.parse(gap.bytes.toString()) as Gap);
    const lost = gaps.reduce((sum, gap) => sum + gap.bytes, 0);
    expect(lost).toBeGreaterThan(0);
    const [session] = query(folder, 'SELECT dropped_chunks, dropped_bytes, dropped_events FROM session');
    const chunks = gaps.reduce((sum, gap) => sum + gap.chunks, 0);
    expect(session).toEqual({ dropped_chunks: chunks, dropped_bytes: lost, dropped_events: 0 });
    const show = JSON.stringify(await read(folder, 'show', 'last'));
    expect(show).toContain('"complete":false');
    expect(show).toContain(`"droppedBytes":${lost}`);
    expect(metrics).toMatch(
      new RegExp(`^sidelight_dropped_total\\{stage="capture",reason="ring_full"\\} ${chunks}$`, 'm'),
    );
    // What is whole is right: every line that was recorded is a line that was sent.
    for (const frame of recorded.filter(({ kind }) => kind === 'malformed')) {
      expect([frame.size, frame.bytes.equals(Buffer.alloc(65_535, 'x'))]).toEqual([65_535, true]);
    }
  });

  it('with --lossless is slowed down instead, and recorded whole', async () => {
    const folder = temporaryFolder();
    const some = 8 * 1024 * 1024;
    const flags = [...SMALL, '--lossless'];
    const { code, stdout, stderr } = await wrapped(folder, talks(`flood:${some}`), { flags }).ended;
    expect([code, stderr.toString()]).toEqual([0, '']);
    expect(stdout.equals(Buffer.alloc(some, LINE))).toBe(true);
    const recorded = frames(folder);
    expect(recorded.some(({ kind }) => kind === 'gap')).toBe(false);
    expect(rejoined(recorded, 'server_to_client').equals(stdout)).toBe(true);
    expect(JSON.stringify(await read(folder, 'show', 'last'))).toContain('"complete":true');
  });
});

interface Gap {
  readonly chunks: number;
  readonly bytes: number;
}

/** Sidelight before a command, with streams from which nothing is read yet. */
function startUnread(command: readonly string[]): Piped {
  const args = [SIDELIGHT, '--data-dir', temporaryFolder(), '--', ...command];
  const started = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  started.stdin.on('error', () => undefined);
  onTestFinished(() => {
    if (started.exitCode === null) started.kill('SIGKILL');
  });
  return started;
}

function hashOf(stream: Readable): { readonly hash: Hash; bytes: number } {
  const seen = { hash: createHash('sha256'), bytes: 0 };
  stream.on('data', (chunk: Buffer) => {
    seen.hash.update(chunk);
    seen.bytes += chunk.length;
  });
  return seen;
}
