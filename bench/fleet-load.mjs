/**
 * Real sidecars with steady traffic and one engine: how fast what they record is there, and what bringing it costs them. Beside
 * those that ship run as many that do not, with the same traffic at the same time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuMs, migrate, quantile, rssMb } from './fleet-engine.mjs';
import { numbers, said } from './fleet-text.mjs';

/** A tool that answers at once with what it was asked and what the text says it found. */
const SERVER = `
const found = process.argv[1];
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = method === 'tools/call' ? { content: [{ type: 'text', text: params.arguments.text + found }] } : { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'load', version: '1' } };
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
});`;
const ASKED_BYTES = 200;
const ANSWERED_BYTES = 1500;
/** So many at most run beside without shipping. */
const BESIDE = 5;
/** Frames of a session before its first call: the server's start, `initialize`, its answer, `initialized`. */
const OPENING = 4;
const POLL_MS = 100;
const TICK_MS = 10;
/** Until everything is there, after the load. */
const LIMIT_MS = 60_000;

/** `sidecars` that ship, `rate` calls a second of each, for so many seconds. */
export async function load({ root, engine, folder, sidecars, rate, seconds }) {
  const database = `load_${sidecars}`;
  const program = join(root, 'dist/main.js');
  await migrate(root, engine.url(database), folder);
  const shipping = ['--store', engine.url(database), '--ship-payloads', 'all'];
  const started = [];
  try {
    const beside = Math.min(BESIDE, sidecars);
    for (let number = 0; number < sidecars + beside; number += 1) {
      const dataDir = join(folder, database, String(number));
      const flags = number < sidecars ? shipping : [];
      started.push(await sidecar(program, [...flags, '--data-dir', dataDir], number));
    }
    const polled = polling(engine, database);
    const before = await engine.counters();
    const engineCpu = cpuMs(engine.pid);
    const cpu = started.map(({ child }) => cpuMs(child.pid));
    const from = Date.now();
    const calls = await steady(started, rate, seconds);
    const used = started.map(({ child }, number) => cpuMs(child.pid) - cpu[number]);
    const memory = started.map(({ child }) => rssMb(child.pid));
    const after = await engine.counters();
    const took = (Date.now() - from) / 1000;
    const rows = after('InsertedRows') - before('InsertedRows');
    const frames = calls.slice(0, sidecars).reduce((sum, count) => sum + count * 2, 0) + sidecars * OPENING;
    const lag = await polled.until(frames, LIMIT_MS);
    const ours = (values) => values.slice(0, sidecars);
    const theirs = (values) => values.slice(sidecars);
    const per1000 = used.map((ms, number) => (ms / (calls[number] * 2)) * 1000);
    return {
      sidecars,
      beside,
      seconds: took,
      messagesPerSecond: (calls.reduce((sum, count) => sum + count, 0) * 2) / took,
      shippedMessagesPerSecond: (ours(calls).reduce((sum, count) => sum + count, 0) * 2) / took,
      rowsPerSecond: rows / took,
      insertsPerSecond: (after('InsertQuery') - before('InsertQuery')) / took,
      lagP50Ms: quantile(lag, 0.5),
      lagP95Ms: quantile(lag, 0.95),
      missing: frames - lag.length,
      rssMb: quantile(ours(memory), 0.5),
      rssRatio: quantile(ours(memory), 0.5) / quantile(theirs(memory), 0.5),
      cpuMsPer1000: quantile(ours(per1000), 0.5),
      cpuRatio: quantile(ours(per1000), 0.5) / quantile(theirs(per1000), 0.5),
      engineCpuShare: (cpuMs(engine.pid) - engineCpu) / 1000 / took,
    };
  } finally {
    for (const { end } of started) await end();
  }
}

/** Started and greeted; it ends as its client goes away, or is killed. */
async function sidecar(program, flags, number) {
  const draw = numbers(number + 1);
  const server = [process.execPath, '-e', SERVER, said(draw, ANSWERED_BYTES)];
  const child = spawn(process.execPath, [program, ...flags, '--', ...server], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout });
  const say = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const greeted = once(lines, 'line');
  const clientInfo = { name: 'bench', version: '1' };
  say({
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
  });
  await greeted;
  say({ method: 'notifications/initialized' });
  let answered = 0;
  lines.on('line', () => (answered += 1));
  return {
    child,
    answered: () => answered,
    call: (id) =>
      say({
        id,
        method: 'tools/call',
        params: { name: 'find', arguments: { text: said(draw, ASKED_BYTES) } },
      }),
    end: async () => {
      child.stdin.end();
      const killed = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(killed);
    },
  };
}

/** Gives the calls of each that were answered. */
async function steady(started, rate, seconds) {
  const sent = started.map(() => 0);
  const from = performance.now();
  for (let now = 0; now < seconds; now = (performance.now() - from) / 1000) {
    for (const [number, { call }] of started.entries())
      while (sent[number] < now * rate) call((sent[number] += 1));
    await delay(TICK_MS);
  }
  for (const [number, { answered }] of started.entries())
    for (let left = 500; answered() < sent[number] && left > 0; left -= 1) await delay(10);
  return started.map(({ answered }) => answered());
}

/** Looks again and again how far the frames of each session are readable; when is known of each frame in the end. */
function polling(engine, database) {
  const seen = [];
  let goesOn = true;
  const look = async () => {
    const rows = await engine.query(
      `SELECT session_id, max(seq) AS seq, count() AS count FROM ${database}.frame GROUP BY session_id`,
    );
    const atMs = Date.now();
    for (const { session_id: id, seq } of rows) seen.push({ id, seq: Number(seq), atMs });
    return rows.reduce((sum, { count }) => sum + Number(count), 0);
  };
  const loop = (async () => {
    while (goesOn) {
      await look();
      await delay(POLL_MS);
    }
  })();
  return {
    /** Milliseconds of each frame from when it was on the wire until it was readable. */
    until: async (frames, limitMs) => {
      goesOn = false;
      await loop;
      for (const deadline = Date.now() + limitMs; (await look()) < frames && Date.now() < deadline;)
        await delay(POLL_MS);
      const rows = await engine.query(
        `SELECT session_id, seq, toUnixTimestamp64Micro(at) AS at FROM ${database}.frame FINAL ORDER BY session_id, seq`,
      );
      const looks = grouped(seen);
      const at = new Map();
      return rows.flatMap(({ session_id: id, seq, at: us }) => {
        const of = looks.get(id) ?? [];
        let index = at.get(id) ?? 0;
        while (index < of.length && of[index].seq < Number(seq)) index += 1;
        at.set(id, index);
        return index < of.length ? [of[index].atMs - Number(us) / 1000] : [];
      });
    },
  };
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.id, [...(groups.get(row.id) ?? []), row]);
  return groups;
}
