/**
 * One run of the memory bench: the observer's own parts with every output on, fed as fast as the outputs take it, on a
 * clock of its own by which the traffic takes an hour. Samples the heap and the RSS after a collection. Prints JSON.
 * It is bundled by memory.mjs and needs `--expose-gc`.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { Baselines } from '../src/baselines.ts';
import { loadConfig } from '../src/config/load.ts';
import { Redactor } from '../src/event/redact.ts';
import { openObserved } from '../src/observed.ts';
import { openOutputs } from '../src/outputs.ts';
import { HeapSize } from '../src/self/heap.ts';
import { hexPool } from '../src/self/hexPool.ts';
import { Stats } from '../src/self/stats.ts';
import { Trouble } from '../src/self/trouble.ts';
import { Fanout } from '../src/sink/fanout.ts';
import { HttpSession, Http, HttpTraffic } from './memory-http.mjs';
import { StdioTraffic } from './memory-stdio.mjs';

const HOUR_US = 3600 * 1_000_000;
/** As often as the observer does, on the clock of the traffic. */
const SWEEP_EVERY_US = 30 * 1_000_000;
const HAND_ON_EVENTS = 64;
/** Conversations between two looks at timers and exports. */
const TURN = 32;
const SAMPLES = 20;
/** In which what has a bound reaches it; one bound or another may take somewhat longer. */
const WARMUP_SHARE = 0.2;
const SINKS = new Set(['store', 'traces', 'logs', 'metrics']);
const DRAIN_MS = 60_000;
const IDLE_SESSIONS = 10_000;

const [run, asked, folder, endpoint] = process.argv.slice(2);
const messages = Number(asked);

let atUs = Date.now() * 1000;
let stepUs = HOUR_US / messages;
const clock = () => Math.round((atUs += stepUs));
const port = await freePort();
const observer = await openObserver(run === 'stdio' ? 'stdio' : 'http');
console.log(JSON.stringify(run === 'idle' ? await idle() : await flat()));
await observer.close();

/** So many messages, with a sample at each twentieth of them. */
async function flat() {
  const warmup = messages * WARMUP_SHARE;
  const traffic =
    run === 'stdio'
      ? new StdioTraffic({ open: observer.openSession, clock, warmup })
      : new HttpTraffic({ observed: observer.openSession('http'), clock, warmup });
  const samples = [];
  let sweptAtUs = atUs;
  while (samples.length < SAMPLES) {
    for (let count = 0; count < TURN; count += 1) traffic.next();
    if (atUs - sweptAtUs > SWEEP_EVERY_US) {
      observer.sweep(atUs);
      sweptAtUs = atUs;
    }
    await observer.keepUp();
    if (traffic.messages < (messages * (samples.length + 1)) / SAMPLES) continue;
    samples.push({ messages: traffic.messages, ...(await observer.sample()) });
  }
  return { samples, drops: observer.drops(), scrapeBytes: await observer.scrape() };
}

/** What a session costs that was opened, or has listed tools and called one, and stays open with nothing under way. */
async function idle() {
  const http = new Http(observer.openSession('http'), clock);
  stepUs = 1;
  const sessions = Array.from({ length: IDLE_SESSIONS }, (_, index) => new HttpSession(index + 1));
  const steps = {
    opened: (session) => session.opens(http),
    used: (session) => {
      session.calls(http, 'tools/list', {}, { tools: [{ name: 'a', inputSchema: { type: 'object' } }] });
      session.calls(http, 'tools/call', { name: 'a', arguments: {} }, { content: [] });
    },
  };
  // What is loaded or made once is not a session's.
  for (const step of Object.values(steps)) step(new HttpSession(0));
  let { heapUsed: before } = await observer.sample();
  const bytes = {};
  for (const [name, step] of Object.entries(steps)) {
    for (const session of sessions) {
      step(session);
      await observer.keepUp();
    }
    const { heapUsed } = await observer.sample();
    bytes[name] = Math.round((heapUsed - before) / IDLE_SESSIONS);
    before = heapUsed;
  }
  // Kept until here: what the bench itself remembers of them is in both samples.
  return { bytes, sessions: sessions.length, drops: observer.drops() };
}

/** The parts of observer.ts, without the ring before them. */
async function openObserver(transport) {
  const { config } = await loadConfig({
    flags: {
      dataDir: folder,
      admin: `127.0.0.1:${port}`,
      'log.file': join(folder, 'operations.log'),
      'otlp.endpoint': endpoint,
    },
    env: {},
    cwd: folder,
    homedir: folder,
    platform: process.platform,
  });
  const stats = new Stats();
  const trouble = new Trouble((line) => console.error(line));
  const key = randomBytes(32);
  const redactor = new Redactor((secret) =>
    createHmac('sha256', key).update(secret).digest('hex').slice(0, 8),
  );
  const baselines = await new Baselines(folder).open();
  const randomHex = hexPool();
  const sessionOf = (id) => ({
    ...{ id, transport, startedAtUs: Math.round(atUs), pid: process.pid, hostname: 'bench' },
    ...{ command: 'bench', args: [], cwd: folder, envNames: [], target: 'http://127.0.0.1:9/mcp' },
  });
  const outputs = await openOutputs({
    ...{ config, stats, trouble, session: sessionOf('bench') },
    delays: new Float64Array(32),
    nowUs: () => atUs,
    stderrLine: (line) => console.error(line),
  });
  const fanout = new Fanout(outputs.sinks, stats);
  let pending = [];
  const handOn = () => {
    const batch = pending;
    pending = [];
    if (batch.length > 0) fanout.push(batch);
  };
  const emit = (event) => {
    pending.push(event);
    if (pending.length >= HAND_ON_EVENTS) handOn();
  };
  const heap = new HeapSize();
  const opened = [];
  return {
    openSession: (id) => {
      const trusted = baselines.trusted;
      const session = sessionOf(id);
      const observed = openObserved({ config, session, redactor, randomHex, stats, trusted, emit });
      opened.push(observed);
      return observed;
    },
    sweep: (at) => {
      for (const observed of opened) observed.sweep(at);
      heap.check();
      handOn();
    },
    /** Nothing is lost in a queue: what is measured is what is kept, not what waits. */
    keepUp: async () => {
      handOn();
      await turn();
      while (fanout.isBehind(SINKS)) await delay(1);
    },
    sample: async () => {
      handOn();
      await fanout.drain(DRAIN_MS);
      // What one collection finalizes, the next one frees.
      for (let count = 0; count < 3; count += 1) {
        globalThis.gc();
        await turn();
      }
      const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
      return { rss, heapUsed, external, arrayBuffers };
    },
    scrape: async () => (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).length,
    drops: () => stats.drops(),
    close: async () => {
      for (const observed of opened) observed.close(atUs);
      handOn();
      await fanout.close(DRAIN_MS);
      await outputs.close();
      baselines.close();
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address();
  server.close();
  await once(server, 'close');
  return free;
}
