/**
 * The live view under load: sidecars record calls at a steady rate while a client follows `sidelight serve` over its WebSocket.
 * Says whether each operation was told once, and how long after it was seen on the wire.
 *   node bench/live.mjs [seconds=60] [rate=2000] [sidecars=5] [program=dist/main.js]     rate: messages a second, of all together
 *     --page     two pages are open in Chromium, too: the list, and one of the sessions; what they were told and what they show
 *     --write    put the figures into docs/performance.md
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { heapBytes, launched, opened, toldIn } from './chromium.mjs';
import { machineLine } from './report.mjs';
import { writeSection } from './section.mjs';

const DEFAULTS = { seconds: 60, rate: 2000, sidecars: 5, program: 'dist/main.js' };
/** A tool that answers at once with what it was asked. */
const SERVER = `
const { createInterface } = require('node:readline');
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const result = method === 'tools/call' ? { content: [{ type: 'text', text: params.arguments.text }] } : { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'live', version: '1' } };
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
});`;
/** A call and its answer. */
const MESSAGES_PER_CALL = 2;
const TICK_MS = 5;
/** Beyond the time of the load: starting, and the last batch. */
const LIMIT_MS = 120_000;
/** What was drawn last is there by then. */
const SETTLE_MS = 10_000;
const TEXT = 'x'.repeat(200);

const DOCUMENT = join(import.meta.dirname, '../docs/performance.md');
const MIB = 1024 * 1024;

const { seconds, rate, sidecars, program, flags } = optionsFrom(process.argv.slice(2));
const machine = machineLine();
const dataDir = mkdtempSync(join(tmpdir(), 'sidelight-live-'));
const children = [];
const deadline = setTimeout(() => fail('it took too long'), seconds * 1000 + LIMIT_MS);
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

const { url, token } = await serving();
const followed = await following();
const browser = flags.includes('--page') ? await launched() : undefined;
const list = browser && (await opened(browser, { url, token }, '/'));
await list?.page.locator('.connection.live').waitFor();
const clients = await Promise.all(Array.from({ length: sidecars }, client));
const pages = browser && { list, session: await sessionPage() };
const heapAtFirst = pages && (await heaps());
const calls = await load(clients);
// initialize is an operation, too.
const expected = calls + sidecars;
await followed.told(expected);
// What would be told twice would come now.
await delay(1000);
const sessions = (await (await ask('/sessions')).json()).items;
const found = { ...figures(), ...(pages && { page: await pageFigures() }) };
console.log(JSON.stringify(found, undefined, 2));
if (flags.includes('--write')) writeFileSync(DOCUMENT, written());
clearTimeout(deadline);
await browser?.close();
process.exit(isRight(found) && (found.page === undefined || isRight(found.page)) ? 0 : 1);

function isRight({ duplicates, missed }) {
  return duplicates === 0 && missed === 0;
}

/** Of the session that is the first in the list of the API. */
async function sessionPage() {
  // Which is recorded a moment after its client was greeted.
  const first = async () => (await (await ask('/sessions')).json()).items[0]?.id;
  let id = await first();
  for (; id === undefined; id = await first()) await delay(50);
  const { page, devtools } = await opened(browser, { url, token }, `/sessions/${id}`);
  await page.locator('.session-head .mark.live').waitFor();
  await page.locator('.connection.live').waitFor();
  return { id, page, devtools };
}

async function heaps() {
  const of = async ({ devtools }) => Math.round((await heapBytes(devtools)) / MIB);
  return { list: await of(pages.list), session: await of(pages.session) };
}

/** What both pages show in the end is compared with what was called. */
async function pageFigures() {
  const { page } = pages.list;
  const numbers = page.locator('.session-row:not(.head) .numbers');
  const shown = await settled(
    async () => (await numbers.allTextContents()).map(numberIn).reduce((sum, one) => sum + one, 0),
    expected,
  );
  const own = sessions.find(({ id }) => id === pages.session.id)?.operations ?? 0;
  const line = pages.session.page.locator('.view-tools > span').first();
  const inSession = await settled(async () => numberIn((await line.textContent()) ?? ''), own);
  const { told, duplicates, passedOver, hereMs, drawnMs } = await toldIn(page);
  const ofSession = await toldIn(pages.session.page);
  return {
    told,
    missed: expected - told + passedOver + (expected - shown) + (own - inSession) + ofSession.passedOver,
    duplicates: duplicates + ofSession.duplicates,
    shown,
    shownInSession: inSession,
    hereMs,
    drawnMs,
    sessionDrawnMs: ofSession.drawnMs,
    heapMiB: { before: heapAtFirst, after: await heaps() },
  };
}

/** What is looked at until it is what is wanted, or for a while. */
async function settled(look, wanted) {
  const until = performance.now() + SETTLE_MS;
  let now = await look();
  while (now !== wanted && performance.now() < until) {
    await delay(100);
    now = await look();
  }
  return now;
}

function numberIn(text) {
  return Number(/^[\d,]+/.exec(text)?.[0].replaceAll(',', '') ?? 0);
}

function written() {
  const { delayMs, residentMiB: resident, page } = found;
  const spread = ({ p50, p95, p99, max }) => `${p50} / ${p95} / ${p99} / ${max} ms`;
  const rows = [
    ['operations told, missed, told twice', `${found.told}, ${found.missed}, ${found.duplicates}`],
    ['from the wire to a client of `/live`: p50 / p95 / p99 / max', spread(delayMs)],
    ['resident: serve, the largest sidecar', `${resident.serve} MiB, ${resident.sidecar} MiB`],
  ];
  if (page !== undefined)
    rows.push(
      ['operations told to the page, missed, twice', `${page.told}, ${page.missed}, ${page.duplicates}`],
      ['from the wire to the page, the oldest of each batch', spread(page.hereMs)],
      ['from the wire until the list is drawn', spread(page.drawnMs)],
      ['from the wire until the page of a session is drawn', spread(page.sessionDrawnMs)],
      [
        'heap of the list, before and after',
        `${page.heapMiB.before.list} MiB, ${page.heapMiB.after.list} MiB`,
      ],
      [
        `heap of the page of a session, before and after ${page.shownInSession} operations`,
        `${page.heapMiB.before.session} MiB, ${page.heapMiB.after.session} MiB`,
      ],
    );
  const about = `${machine}. Measured ${new Date().toISOString().slice(0, 10)}: ${rate} messages/s of ${sidecars} sidecars for ${seconds} s.`;
  const table = [['', ''], ['---', '---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return writeSection(readFileSync(DOCUMENT, 'utf8'), 'live', `${about}\n\n${table}`);
}

function optionsFrom(args) {
  const isFlag = (arg) => arg.startsWith('--');
  const written = Object.fromEntries(args.filter((arg) => !isFlag(arg)).map((arg) => arg.split('=')));
  return {
    seconds: Number(written.seconds ?? DEFAULTS.seconds),
    rate: Number(written.rate ?? DEFAULTS.rate),
    sidecars: Number(written.sidecars ?? DEFAULTS.sidecars),
    program: resolve(written.program ?? DEFAULTS.program),
    flags: args.filter(isFlag),
  };
}

function fail(why) {
  console.error(`live: ${why}`);
  process.exit(1);
}

function started(args, stdio) {
  const child = spawn(process.execPath, args, { stdio });
  children.push(child);
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) fail(`a process ended with ${code}`);
  });
  return child;
}

async function serving() {
  const args = [program, 'serve', '--listen', '0', '--data-dir', dataDir];
  const child = started(args, ['ignore', 'pipe', 'inherit']);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const [, at, secret] =
    /^(http:\S+)\/#token=(\S+)$/.exec(line) ?? fail('serve does not say where it listens');
  return { url: at, token: secret, pid: child.pid };
}

function ask(path) {
  return fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
}

/** What was told: how often each operation, and microseconds from the wire until it was here. */
async function following() {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/live`, ['sidelight', `token.${token}`]);
  const counts = new Map();
  const delaysUs = [];
  let passedOver = 0;
  let changed = () => undefined;
  const greeted = once(socket, 'message');
  socket.on('message', (data) => {
    const nowUs = (performance.timeOrigin + performance.now()) * 1000;
    const message = JSON.parse(data);
    if (message.type === 'missed') passedOver += message.operations;
    for (const { number, endedAtUs } of message.operations ?? []) {
      counts.set(number, (counts.get(number) ?? 0) + 1);
      delaysUs.push(nowUs - endedAtUs);
    }
    changed();
  });
  await greeted;
  return {
    counts,
    delaysUs,
    passedOver: () => passedOver,
    told: (count) =>
      new Promise((done) => {
        changed = () => {
          if (counts.size >= count) done();
        };
        changed();
      }),
  };
}

/** A client of a server under Sidelight. Resolves when it has been greeted. */
async function client() {
  const args = [program, '--data-dir', dataDir, '--', process.execPath, '-e', SERVER];
  const child = started(args, ['pipe', 'pipe', 'inherit']);
  let answered = 0;
  let ids = 0;
  let changed = () => undefined;
  createInterface({ input: child.stdout }).on('line', () => {
    answered += 1;
    changed();
  });
  const send = (method, params) => {
    ids += 1;
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: ids, method, params })}\n`);
  };
  const all = () =>
    new Promise((done) => {
      changed = () => {
        if (answered === ids) done();
      };
      changed();
    });
  send('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'live', version: '1' },
  });
  await all();
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  return { call: () => send('tools/call', { name: 'echo', arguments: { text: TEXT } }), all, pid: child.pid };
}

/** As many as are due, looked at often, in turns. Resolves to how many there were, when all are answered. */
async function load(of) {
  const since = performance.now();
  const total = Math.round((seconds * rate) / MESSAGES_PER_CALL);
  let sent = 0;
  while (sent < total) {
    const due = Math.min(
      total,
      Math.floor(((performance.now() - since) / 1000) * (rate / MESSAGES_PER_CALL)),
    );
    for (; sent < due; sent += 1) of[sent % of.length].call();
    await delay(TICK_MS);
  }
  await Promise.all(of.map(({ all }) => all()));
  return sent;
}

function figures() {
  const { counts, delaysUs } = followed;
  const sorted = [...delaysUs].sort((a, b) => a - b);
  const at = (part) => Math.round((sorted[Math.floor((sorted.length - 1) * part)] ?? 0) / 100) / 10;
  return {
    seconds,
    messages: calls * MESSAGES_PER_CALL,
    sidecars,
    operations: expected,
    told: counts.size,
    missed: expected - counts.size + followed.passedOver(),
    duplicates: [...counts.values()].filter((count) => count > 1).length,
    // Calls, their answers, the handshake and what each process says of itself.
    framesRecorded: sessions.reduce((sum, { frames }) => sum + frames, 0),
    droppedChunks: sessions.reduce((sum, { completeness }) => sum + completeness.droppedChunks, 0),
    delayMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
    residentMiB: {
      serve: residentMiB(children[0].pid),
      sidecar: Math.max(...clients.map(({ pid }) => residentMiB(pid))),
    },
  };
}

/** Linux; elsewhere nobody knows. */
function residentMiB(pid) {
  try {
    const [, kib = '0'] = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  } catch {
    return 0;
  }
}
