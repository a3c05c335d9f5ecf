/**
 * `node bench/memory.mjs`: what the observer keeps in memory, shown with an hour's worth of traffic that never ends what it
 * begins. Nothing it starts outlives it.
 *
 *   --messages N   of each run, 2,000,000 unless told
 *   --only RUN     stdio, http or idle
 *   --json         the figures, one JSON document, instead of tables
 *   --write        put the tables into docs/performance.md
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { memoryReport, ratioOf } from './memory-report.mjs';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/performance.md');
const RUNS = ['stdio', 'http', 'idle'];
/** As of the observer's thread, see thread.ts. */
const FLAGS = ['--expose-gc', '--max-old-space-size=1024', '--max-semi-space-size=6'];

const { values: asked } = parseArgs({
  options: {
    messages: { type: 'string', default: '2000000' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const messages = Number(asked.messages);
if (!Number.isInteger(messages) || messages < 1000)
  refuse(`--messages ${asked.messages}: expected a whole number from 1000 on`);
const runs = asked.only?.split(',') ?? RUNS;
const unknown = runs.filter((run) => !RUNS.includes(run));
if (unknown.length > 0) refuse(`--only ${unknown.join(',')}: expected ${RUNS.join(', ')}`);
if (asked.write && asked.only) refuse('--write is for a whole run, without --only');

// In the project, for the driver of SQLite to be found from there.
mkdirSync(join(ROOT, '.tmp'), { recursive: true });
const bundles = mkdtempSync(join(ROOT, '.tmp/memory-'));
const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const child of children) child.kill('SIGKILL');
    process.exitCode = 130;
  });
const receiver = createServer((request, response) => {
  request.resume().on('end', () => response.end('{}'));
}).listen(0, '127.0.0.1');
try {
  await once(receiver, 'listening');
  const program = join(bundles, 'run.mjs');
  await bundle(program);
  const figures = {};
  for (const run of runs) figures[run] = await measure(program, run);
  tell(figures);
} finally {
  receiver.close();
  receiver.closeAllConnections();
  rmSync(bundles, { recursive: true, force: true });
}

/** Of the sources as they are: no build is needed, and none can be an old one. */
async function bundle(outfile) {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['bench/memory-run.mjs'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    mainFields: ['module', 'main'],
    external: ['better-sqlite3'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}

async function measure(program, run) {
  console.error(`memory: ${run}`);
  const folder = mkdtempSync(join(tmpdir(), 'sidelight-memory-'));
  const endpoint = `http://127.0.0.1:${receiver.address().port}`;
  try {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [...FLAGS, program, run, String(messages), folder, endpoint], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    const [out, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    children.delete(child);
    if (code !== 0) throw new Error(`the run ${run} ended with ${signal ?? code}`);
    const figures = JSON.parse(out);
    const { samples } = figures;
    const ratios = samples && { heap: ratioOf(samples, 'heapUsed'), rss: ratioOf(samples, 'rss') };
    return { ...figures, ratios, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tell(figures) {
  if (asked.json) {
    console.log(JSON.stringify(figures));
    return;
  }
  const report = memoryReport(figures);
  console.log(report);
  if (!asked.write) return;
  const [before, , after] = readFileSync(DOCUMENT, 'utf8').split(/(<!-- memory -->.*<!-- \/memory -->)/s);
  if (after === undefined) refuse('docs/performance.md has no <!-- memory --> to write into');
  writeFileSync(DOCUMENT, `${before}<!-- memory -->\n\n${report}\n\n<!-- /memory -->${after}`);
}

function refuse(line) {
  console.error(`memory: ${line}`);
  process.exit(2);
}
