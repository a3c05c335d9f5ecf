/**
 * What the store bench does in a process of its own, bundled by store.mjs: `fill` makes a big store through the sink that records,
 * `measure` asks and tidies it, `write` is one of ten that record at once, `read` looks on until its stdin ends. Each prints JSON.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseFilter } from '../src/filter/parse.ts';
import { Stats } from '../src/self/stats.ts';
import { Trouble } from '../src/self/trouble.ts';
import { StoreSink } from '../src/sink/store.ts';
import { storePath } from '../src/store/file.ts';
import { tidy } from '../src/store/housekeeping.ts';
import { openForReading } from '../src/store/open.ts';
import { openStore } from '../src/store/read.ts';

const SERVERS = 20;
const TOOLS = 50;
const DAY_US = 86_400_000_000;
/** The recording covers so many days, the last of which ends now. */
const DAYS = 6;
const BIG_FRAMES = 50_000;
const REPEATS = 5;
const PAGE = 50;
const PRUNED = 1000;
const SAID = 'x'.repeat(180);

const FILTERS = [
  ['the newest sessions', 'sessions', ''],
  ['failed sessions', 'sessions', 'is:failed'],
  ['failed sessions of an hour', 'sessions', 'is:failed since:1h'],
  ['sessions of a server', 'sessions', 'server:server-3'],
  ['sessions with a finding', 'sessions', 'finding:late_result'],
  ['operations of a tool', 'operations', 'tool:tool-7'],
  ['failed operations of a tool', 'operations', 'tool:tool-20 is:failed'],
  ['slow operations', 'operations', 'dur:>1s'],
  ['operations of a method on a server', 'operations', 'server:server-3 method:tools/call'],
  ['an operation by its trace', 'operations', `trace:${traceOf(77, 3)}`],
  ['a text in the payloads of an hour', 'operations', '"needle" since:1h'],
];
/** Asked of all payloads, before they are in the index and after. */
const TEXTS = [
  ['sessions with a text', 'sessions', '"needle"'],
  ['operations with a text', 'operations', '"needle"'],
  ['sessions with a text that is in none', 'sessions', '"no such needle"'],
  ['operations of a tool with a text', 'operations', 'tool:tool-2 "needle"'],
];

const [what, folder, ...rest] = process.argv.slice(2);
const DO = { fill, measure, write, read };
console.log(JSON.stringify(await DO[what](...rest.map(Number))));

async function fill(sessions, perSession) {
  const sink = sinkOf();
  const from = Date.now() * 1000 - DAYS * DAY_US;
  const stepUs = (DAYS * DAY_US) / sessions;
  const startedAt = performance.now();
  let batch = [];
  for (let number = 1; number <= sessions; number += 1) {
    const frames = number === Math.round(sessions / 2) ? BIG_FRAMES : perSession;
    batch.push(...eventsOf(number, frames, Math.round(from + number * stepUs), undefined));
    if (batch.length < 20_000) continue;
    await sink.write(batch);
    batch = [];
  }
  await sink.write(batch);
  await sink.close(10_000);
  return {
    seconds: (performance.now() - startedAt) / 1000,
    big: idOf(Math.round(sessions / 2)),
    bytes: usedOf(),
  };
}

/** Ten of these at once, each with one session that goes on. */
async function write(number, messages) {
  const stats = new Stats();
  const sink = sinkOf(stats);
  const all = eventsOf(1_000_000 + number, messages, Date.now() * 1000, process.pid);
  const startedAt = Date.now();
  for (let from = 0; from < all.length; from += 1024) await sink.write(all.slice(from, from + 1024));
  await sink.close(10_000);
  return { startedAt, endedAt: Date.now(), drops: stats.drops().length, failures: stats.failures().length };
}

async function measure(sessions, perSession) {
  const reader = await openStore(folder);
  const rows = asking(reader, FILTERS);
  const big = idOf(Math.round(sessions / 2));
  const all = median(() => [...reader.frames(big)].length);
  const some = median(() => [...reader.frames(big, { from: 40_000, to: 40_099 })].length);
  rows.push({
    name: `all frames of a session of ${BIG_FRAMES.toLocaleString('en-US')}`,
    filter: '',
    found: BIG_FRAMES,
    ms: all,
  });
  rows.push({ name: 'a hundred frames in the middle of it', filter: '', found: 100, ms: some });
  reader.close();
  const messages = sessions * perSession + BIG_FRAMES - perSession;
  const raw = usedOf();
  const packing = await tidied({});
  const packed = usedOf();
  const scanned = await reading((one) => asking(one, TEXTS));
  let indexSeconds = 0;
  // It ends after some minutes, so that retention has its turn.
  for (let all = false; !all;) {
    const { seconds, indexedSessions } = await tidied({}, 'grow');
    indexSeconds += seconds;
    all = indexedSessions === 0;
  }
  const indexed = await reading((one) => asking(one, TEXTS));
  const withIndex = usedOf();
  const pruning = await tidied({ sessions: sessions - PRUNED });
  return {
    rows,
    messages,
    ...{ rawBytes: raw / messages, packedBytes: packed / messages },
    packing: { sessions: packing.packedSessions, seconds: packing.seconds },
    pruning: {
      sessions: Object.values(pruning.pruned).reduce((sum, one) => sum + one, 0),
      seconds: pruning.seconds,
    },
    freedBytes: withIndex - usedOf(),
    texts: {
      rows: scanned.map((row, at) => ({ ...row, indexed: indexed[at] })),
      ...{ seconds: indexSeconds, bytes: withIndex - packed, payloadBytes: await payloadBytes() },
    },
  };
}

/** The first page of each, how long it takes, and what is read for it. */
function asking(reader, filters) {
  return filters.map(([name, kind, text]) => {
    const parsed = parseFilter(text);
    if (!parsed.ok) throw new Error(parsed.error.message);
    let page;
    const ms = median(() => {
      page = reader.find[kind]({ filter: parsed.filter, limit: PAGE, nowUs: Date.now() * 1000 });
    });
    return {
      name,
      filter: text,
      found: page.rows.length,
      ms,
      read: page.scannedBytes,
      stopped: page.stopped,
    };
  });
}

async function reading(ask) {
  const reader = await openStore(folder);
  try {
    return ask(reader);
  } finally {
    reader.close();
  }
}

async function payloadBytes() {
  const db = await openForReading(folder);
  const bytes = db.prepare('SELECT sum(bytes) FROM session').pluck().get();
  db.close();
  return bytes;
}

/** As a page and a terminal look: the newest sessions, what failed, the frames of the newest; ten times a second at most. */
async function read() {
  const ended = once(process.stdin.resume(), 'end').then(() => true);
  const reader = await openStore(folder);
  const tookMs = [];
  const { filter: nothing } = parseFilter('');
  const { filter: failed } = parseFilter('is:failed since:1h');
  let frames = 0;
  do {
    const startedAt = performance.now();
    const nowUs = Date.now() * 1000;
    const [newest] = reader.find.sessions({ filter: nothing, limit: PAGE, nowUs }).rows;
    reader.find.operations({ filter: failed, limit: PAGE, nowUs });
    if (newest !== undefined) frames += [...reader.frames(newest.id, { to: PAGE })].length;
    tookMs.push(performance.now() - startedAt);
  } while (!(await Promise.race([ended, delay(100)])));
  reader.close();
  tookMs.sort((a, b) => a - b);
  const at = (share) => tookMs[Math.floor(share * (tookMs.length - 1))];
  return { looks: tookMs.length, frames, p50: at(0.5), p95: at(0.95) };
}

async function tidied(rules, does = 'keep') {
  const none = { ageUs: undefined, failedAgeUs: undefined, bytes: undefined, sessions: undefined };
  const startedAt = performance.now();
  const done = await tidy({
    dataDir: folder,
    rules: { ...none, ...rules },
    texts: { does, maxStoreBytes: undefined },
    holder: `bench ${process.pid}`,
    // A minute later, when what has ended is settled.
    nowUs: () => (Date.now() + 120_000) * 1000,
    pause: () => Promise.resolve(true),
  });
  return { ...done, seconds: (performance.now() - startedAt) / 1000 };
}

function sinkOf(stats = new Stats()) {
  return new StoreSink(
    { dataDir: folder, record: 'full' },
    stats,
    new Trouble((line) => console.error(line)),
  );
}

/** A session of pairs of frames, an operation each; of every twentieth one fails, of every hundredth one is slow. */
function eventsOf(number, frames, atUs, pid = 1) {
  const sessionId = idOf(number);
  const base = { sessionId, atUs };
  const server = `server-${number % SERVERS}`;
  const pairs = Math.floor(frames / 2);
  const failed = number % 20 === 0 ? 1 : 0;
  const events = [
    {
      ...base,
      ...{
        type: 'session_started',
        transport: 'stdio',
        configuredName: server,
        command: ['node', 'server.js'],
      },
      ...{ cwd: '/srv', envNames: ['PATH'], pid, hostname: 'bench', sidelightVersion: '0.0.0' },
    },
    {
      ...base,
      ...{ type: 'session_described', server, serverInfo: { name: server, version: '1.0.0' } },
      ...{ clientInfo: { name: `client-${number % 5}`, version: '1.0.0' }, protocolVersion: '2025-11-25' },
      ...{ era: 'legacy', clientCapabilities: [], serverCapabilities: ['tools'] },
    },
  ];
  for (let one = 0; one < pairs; one += 1) {
    const tool = `tool-${(number + one) % TOOLS}`;
    const isFailed = failed === 1 && one === 0;
    const startedAtUs = atUs + one * 1000;
    const endedAtUs = startedAtUs + (number % 100 === 0 && one === 1 ? 2_000_000 : 700);
    const needle = number % 50 === 0 && one === 2 ? 'needle' : 'straw';
    const said = [
      `{"jsonrpc":"2.0","id":${one},"method":"tools/call","params":{"name":"${tool}","arguments":{"q":"${needle} ${SAID}"}}}`,
      `{"jsonrpc":"2.0","id":${one},"result":{"content":[{"type":"text","text":"${one} ${SAID}"}]${isFailed ? ',"isError":true' : ''}}}`,
    ];
    for (const [side, text] of said.entries()) {
      const bytes = Buffer.from(text);
      events.push({
        ...{ type: 'frame_recorded', sessionId, atUs: startedAtUs + side, seq: one * 2 + side },
        ...{
          channel: side === 0 ? 'client_to_server' : 'server_to_client',
          kind: side === 0 ? 'request' : 'result',
        },
        ...{
          bytes,
          ending: '\n',
          sizeBytes: bytes.length,
          sha256: undefined,
          truncated: false,
          redactions: 0,
        },
        ...{ elided: 0, method: 'tools/call', operationId: one },
      });
    }
    events.push({
      ...{ type: 'operation_finished', sessionId, atUs: endedAtUs, transport: 'stdio', operationId: one },
      ...{
        initiator: 'client_to_server',
        method: 'tools/call',
        target: { kind: 'tool', name: tool },
        requestId: one,
      },
      ...{ startedAtUs, endedAtUs, outcome: isFailed ? 'tool_error' : 'ok', error: undefined, legs: [] },
      span: {
        traceId: traceOf(number, one),
        spanId: '00f067aa0ba902b7',
        parentSpanId: undefined,
        sampled: true,
      },
      ...{
        parentOperationId: undefined,
        stream: false,
        requestBytes: said[0].length,
        resultBytes: said[1].length,
      },
      ...{ progressCount: 0, firstSeq: one * 2, lastSeq: one * 2 + 1 },
    });
  }
  if (number % 100 === 1)
    events.push({
      ...base,
      type: 'finding_raised',
      rule: 'late_result',
      channel: 'server_to_client',
      seq: 1,
      detail: 'late',
    });
  if (pid === 1)
    events.push({
      ...{
        type: 'session_ended',
        sessionId,
        atUs: atUs + 60_000_000,
        startedAtUs: atUs,
        cause: 'client_closed',
      },
      ...{ probe: false, operations: pairs, failedOperations: failed, findings: number % 100 === 1 ? 1 : 0 },
      ...{ exitCode: 0, exitSignal: undefined, lastStderr: [] },
    });
  return events;
}

function idOf(number) {
  return `01977420-dc00-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** As random as a trace id is, and the same in every run. */
function traceOf(number, one) {
  let state = (number * 7919 + one * 104_729) >>> 0;
  let text = '';
  while (text.length < 32) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    text += state.toString(16).padStart(8, '0');
  }
  return text;
}

function median(work) {
  const times = Array.from({ length: REPEATS }, () => {
    const from = performance.now();
    work();
    return performance.now() - from;
  });
  return times.sort((a, b) => a - b)[REPEATS >> 1];
}

function usedOf() {
  const path = storePath(folder);
  return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
}
