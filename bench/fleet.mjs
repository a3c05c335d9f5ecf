/**
 * `node bench/fleet.mjs`: what a fleet's store takes and answers, with the real engine (chdb, installed under .tmp/ for it): real
 * sidecars that ship, the shipper at full speed, and a hundred million frames made inside the engine. Nothing it starts outlives it.
 *
 *   --sidecars N,...   5,10,20 unless told; each --seconds N (20), with --rate N (10) calls a second of each
 *   --sessions N       that are recorded and shipped, 2,000 unless told: what the big store is made of
 *   --quiet N          machines with little to ship, 40 unless told
 *   --frames N         of the big store, 100,000,000 unless told, over --days N (30)
 *   --repeats N        of each question, 20 unless told
 *   --gb-month N       price of a GB kept a month (0.1), --core-hour N: of a core and hour (0.05), --currency NAME (USD)
 *   --json             the figures, one JSON document, instead of tables
 *   --write            put the tables into docs/performance.md and docs/fleet-operations.md
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { engineFolder } from '../scripts/engine.mjs';
import { constantsOf } from './fleet-model.mjs';
import { fleetReport, sizingReport } from './fleet-report.mjs';
import { machineLine } from './report.mjs';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENTS = { fleet: 'docs/performance.md', sizing: 'docs/fleet-operations.md' };
/** On disk while it is made and merged: somewhat more than twice what is there in the end. */
const BYTES_PER_FRAME = 250;

const { values: asked } = parseArgs({
  options: {
    sidecars: { type: 'string', default: '5,10,20' },
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '10' },
    sessions: { type: 'string', default: '2000' },
    quiet: { type: 'string', default: '40' },
    frames: { type: 'string', default: '100000000' },
    days: { type: 'string', default: '30' },
    repeats: { type: 'string', default: '20' },
    'gb-month': { type: 'string', default: '0.1' },
    'core-hour': { type: 'string', default: '0.05' },
    currency: { type: 'string', default: 'USD' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const plan = {
  sidecars: asked.sidecars.split(',').map((one) => number('sidecars', one, 1)),
  ...Object.fromEntries(
    ['seconds', 'rate', 'sessions', 'quiet', 'frames', 'repeats'].map((name) => [
      name,
      number(name, asked[name], 1),
    ]),
  ),
  // Two are asked first, and then all.
  days: number('days', asked.days, 3),
};
const prices = {
  gbMonth: number('gb-month', asked['gb-month'], 0),
  coreHour: number('core-hour', asked['core-hour'], 0),
  currency: asked.currency,
  date: new Date().toISOString().slice(0, 10),
};
if (!existsSync(join(ROOT, 'dist/main.js'))) refuse('there is no dist/main.js: npm run build');
const { bavail, bsize } = statfsSync(tmpdir());
if (bavail * bsize < plan.frames * BYTES_PER_FRAME)
  refuse(
    `--frames ${plan.frames} needs ${Math.ceil((plan.frames * BYTES_PER_FRAME) / 1e9)} GB in ${tmpdir()}`,
  );

const machine = machineLine();
const started = Date.now();
const engine = engineFolder();
// In the project, for packages to be found from there.
mkdirSync(join(ROOT, '.tmp'), { recursive: true });
const bundles = mkdtempSync(join(ROOT, '.tmp/fleet-'));
let child;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    child?.kill('SIGTERM');
    process.exitCode = 130;
  });
try {
  tell(await measured());
} finally {
  rmSync(bundles, { recursive: true, force: true });
}

async function measured() {
  const program = join(bundles, 'run.mjs');
  await build({
    ...{ absWorkingDir: ROOT, entryPoints: ['bench/fleet-run.mjs'], outfile: program, bundle: true },
    ...{ format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'warning' },
    external: ['better-sqlite3', '@clickhouse/client'],
  });
  const options = JSON.stringify({ root: ROOT, package_: engine, ...plan });
  child = spawn(process.execPath, [program, options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [out, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`the run ended with ${signal ?? code}`);
  return JSON.parse(out);
}

function tell(figures) {
  if (asked.json) {
    console.log(JSON.stringify({ ...figures, constants: constantsOf(figures) }));
    return;
  }
  const minutes = ((Date.now() - started) / 60e3).toFixed(0);
  const [load] = loadavg();
  const when = `Measured ${new Date(started).toISOString().slice(0, 10)} in ${minutes} minutes; load after the last run ${load.toFixed(1)}.`;
  const tables = {
    fleet: `${machine}. ${when}\n\n${fleetReport(figures)}`,
    sizing: sizingReport(figures, prices),
  };
  for (const [name, text] of Object.entries(tables)) {
    console.log(`${text}\n`);
    if (asked.write) write(name, text);
  }
}

function write(name, tables) {
  const document = join(ROOT, DOCUMENTS[name]);
  const marked = new RegExp(`(<!-- ${name} -->.*<!-- /${name} -->)`, 's');
  const [before, , after] = readFileSync(document, 'utf8').split(marked);
  if (after === undefined) throw new Error(`${document} has no <!-- ${name} --> to write into`);
  writeFileSync(document, `${before}<!-- ${name} -->\n\n${tables}\n\n<!-- /${name} -->${after}`);
}

function number(name, written, least) {
  const value = Number(written);
  const isWhole = least === 0 || Number.isInteger(value);
  if (written !== '' && value >= least && isWhole) return value;
  refuse(`--${name} ${written}: expected a ${least === 0 ? '' : 'whole '}number from ${least} on`);
}

function refuse(line) {
  console.error(`fleet: ${line}`);
  process.exit(2);
}
