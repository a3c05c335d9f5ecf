/**
 * `npm run bench`: direct, a bare Node pipe relay and Sidelight with every output on, interleaved in one run, told as
 * ratios against targets. Nothing it starts outlives it.
 *
 *   --quick             few and short rounds: for a look, not for figures to quote
 *   --only PHASE,...    speed, start, memory, capture, hang, http-speed, http-streams; http: all that begin so
 *   --rounds N
 *   --write             put the figures into docs/performance.md
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Figures } from './figures.mjs';
import { phases } from './phases.mjs';
import { machineLine, report } from './report.mjs';
import { PROTOCOLS, relaysHttp } from './systems.mjs';
import { compile, drive, pinned } from './tools.mjs';

const DOCUMENT = join(import.meta.dirname, '../docs/performance.md');
const FULL = {
  rounds: 5,
  seconds: 2,
  warmup: 0.7,
  pacedSeconds: 5,
  starts: 4,
  http: { seconds: 1.2, warmup: 0.8, idle: 300 },
};
const QUICK = {
  rounds: 2,
  seconds: 0.8,
  warmup: 0.5,
  pacedSeconds: 2,
  starts: 3,
  http: { seconds: 0.5, warmup: 0.3, idle: 200 },
};
/** Of one run of the driver; the slowest takes a tenth of it. */
const LIMIT_SECONDS = 120;

/** Direct has nothing to load and nothing to warm up. */
const COLD = { direct: { idle: 0, warmup: 0.1 } };

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const plan = asked.quick ? QUICK : FULL;
const rounds = Number(asked.rounds ?? plan.rounds);
const all = phases(plan);
const names = Object.keys(all);
const asks = asked.only?.split(',') ?? names;
const isAsked = (phase) => (name) => phase === name || phase.startsWith(`${name}-`);
const only = names.filter((phase) => asks.some(isAsked(phase)));
const unknown = asks.filter((name) => !names.some((phase) => isAsked(phase)(name)));
if (unknown.length > 0) refuse(`no phase is named ${unknown.join(', ')}: ${names.join(', ')}`);
if (!(rounds >= 1)) refuse(`--rounds ${asked.rounds} is no number of rounds`);
if (asked.write && (asked.quick || asked.only))
  refuse('--write is for a whole run, without --quick or --only');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop.abort());

const folder = mkdtempSync(join(tmpdir(), 'sidelight-bench-'));
const figures = new Figures();
const said = new Set();
/** Systems that this build does not have. */
const missing = [];
const started = new Date();
const machine = machineLine();
try {
  const tools = compile(folder);
  if (only.some((phase) => all[phase].some(({ protocol }) => protocol === 'http')) && !relaysHttp()) {
    missing.push('http sidelight');
    said.add('sidelight, HTTP: skipped, dist/main.js has no http command');
  }
  for (const phase of only) await runPhase(tools, phase);
  tell();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function runPhase(tools, phase) {
  for (let round = 1; round <= rounds; round += 1) {
    for (const run of all[phase].filter(({ once }) => !once || round === 1)) {
      console.error(`${phase} ${run.once ? '' : `${round}/${rounds} `}${run.name}`);
      const results = [];
      const present = run.systems.filter((system) => !missing.includes(`${run.protocol} ${system}`));
      for (const system of present) results.push([system, await measure(tools, run, system)]);
      // Rounds are compared within themselves: one with a failure in it does not count.
      if (results.some(([, result]) => result === undefined)) process.exitCode = 1;
      else for (const [system, result] of results) figures.add(run.name, system, result);
    }
  }
}

function tell() {
  const minutes = ((Date.now() - started.getTime()) / 60e3).toFixed(1);
  const method = `Measured ${started.toISOString().slice(0, 10)}, ${rounds} rounds of ${plan.seconds} s (HTTP ${plan.http.seconds} s), in ${minutes} minutes.`;
  const text = `${machine}. ${method}\n\n${report(figures)}`;
  console.log(text);
  for (const line of said) console.log(`said: ${line}`);
  if (!asked.write) return;
  const [before, , after] = readFileSync(DOCUMENT, 'utf8').split(/(<!-- bench -->.*<!-- \/bench -->)/s);
  writeFileSync(DOCUMENT, `${before}<!-- bench -->\n\n${text}\n\n<!-- /bench -->${after}`);
}

/** Undefined when it failed, which is told; the runs after it go on. */
async function measure(tools, run, system) {
  const wrap = run.mode === 'pinned' ? pinned : (command) => command;
  const protocol = PROTOCOLS[run.protocol ?? 'stdio'];
  const server = [tools[protocol.server], ...run.server.map(String)];
  const {
    command,
    finish,
    drive: told,
  } = await protocol.systems[system]({ ...run, tools, folder, server, wrap });
  const settings = { limit: LIMIT_SECONDS, ...run.drive, ...COLD[system], ...told };
  const options = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const driver = wrap([tools[protocol.driver], run.kind, ...options, '--', ...command]);
  const env = { ...process.env, TMPDIR: folder };
  try {
    const [result, left] = await settled(drive(driver, { env, signal: stop.signal }), finish);
    for (const line of result.said) said.add(`${system}, ${run.name}: ${line}`);
    return { ...result.figures, ...passed(run.drive, result.figures), left };
  } catch (error) {
    stop.signal.throwIfAborted();
    said.add(`${system}, ${run.name}: failed: ${error.message}`);
    return undefined;
  }
}

/** What the system left behind is read, and its helpers are ended, whether the driver succeeded or not. */
async function settled(driving, finish) {
  const result = await driving.catch((error) => error);
  const left = await finish().catch((error) => error);
  for (const outcome of [result, left]) if (outcome instanceof Error) throw outcome;
  return [result, left];
}

/** What must be found in the outputs afterwards. */
function passed({ bytes, lines = 1, rate }, { allCalls }) {
  return { passedFrames: allCalls * (1 + lines), passedBytes: allCalls * 2 * bytes, rate };
}

function refuse(line) {
  console.error(`bench: ${line}`);
  process.exit(2);
}
