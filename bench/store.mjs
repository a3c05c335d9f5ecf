/**
 * `node bench/store.mjs`: how the recording behaves when it is big. Fills a store through the sink that records, asks it, packs
 * and prunes it, and lets ten processes record at once beside a reader. Nothing it starts outlives it.
 *
 *   --messages N   1,000,000 unless told
 *   --sessions N   10,000 unless told
 *   --write        put the figures into docs/performance.md
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { machineLine } from './report.mjs';

const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/performance.md');
const WRITERS = 10;
const WRITTEN = 20_000;

const { values: asked } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    sessions: { type: 'string', default: '10000' },
    write: { type: 'boolean', default: false },
  },
});
const sessions = whole('--sessions', asked.sessions);
const perSession = Math.round(whole('--messages', asked.messages) / sessions);

mkdirSync(join(ROOT, '.tmp'), { recursive: true });
const bundles = mkdtempSync(join(ROOT, '.tmp/store-'));
const folder = mkdtempSync(join(tmpdir(), 'sidelight-store-'));
const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const child of children) child.kill('SIGKILL');
    process.exitCode = 130;
  });
try {
  const program = join(bundles, 'run.mjs');
  await build({
    ...{ absWorkingDir: ROOT, entryPoints: ['bench/store-run.mjs'], outfile: program, bundle: true },
    ...{
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      external: ['better-sqlite3'],
      logLevel: 'warning',
    },
  });
  const run = (...args) => measured(program, args.map(String));
  console.error('store: fill');
  const filled = await run('fill', folder, sessions, perSession);
  console.error('store: measure');
  const asked = await run('measure', folder, sessions, perSession);
  console.error('store: ten writers and a reader');
  const looking = new AbortController();
  const reading = measured(program, ['read', folder], looking.signal);
  const written = await Promise.all(
    Array.from({ length: WRITERS }, (_, number) => run('write', folder, number, WRITTEN)),
  );
  looking.abort();
  tell(report(filled, asked, written, await reading));
} finally {
  rmSync(bundles, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

/** What a run of its own prints; its stdin ends with `until`. */
async function measured(program, [what, ...args], until) {
  const child = spawn(process.execPath, [program, what, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  until?.addEventListener('abort', () => child.stdin.end(), { once: true });
  children.add(child);
  const [out, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  children.delete(child);
  if (code !== 0) throw new Error(`${what} ended with ${signal ?? code}`);
  return JSON.parse(out);
}

function report(
  filled,
  { rows, messages, rawBytes, packedBytes, packing, pruning, freedBytes, texts },
  written,
  reading,
) {
  const count = (number) => Math.round(number).toLocaleString('en-US');
  const seconds =
    (Math.max(...written.map(({ endedAt }) => endedAt)) -
      Math.min(...written.map(({ startedAt }) => startedAt))) /
    1000;
  const wrong = written.reduce((sum, { drops, failures }) => sum + drops + failures, 0);
  return [
    `${machineLine()}. Measured ${new Date().toISOString().slice(0, 10)}: ${count(messages)} messages in ${count(sessions)} sessions, ${(filled.bytes / 1e9).toFixed(2)} GB.`,
    table(
      ['the first page of', 'filter', 'found', 'time'],
      rows.map(({ name, filter, found, ms }) => [
        name,
        filter === '' ? '' : `\`${filter}\``,
        count(found),
        `${ms.toFixed(ms < 10 ? 2 : 0)} ms`,
      ]),
    ),
    table(
      ['a text, the first page of', 'filter', 'found', 'scanned', 'indexed'],
      texts.rows.map(({ indexed, ...scanned }) => [
        scanned.name,
        `\`${scanned.filter}\``,
        found(scanned, indexed),
        looked(scanned),
        looked(indexed),
      ]),
    ),
    table(
      ['', ''],
      [
        ['bytes of the file for each message, as recorded', count(rawBytes)],
        ['the same, packed after the session', count(packedBytes)],
        ['packing', `${count(packing.sessions)} sessions in ${packing.seconds.toFixed(1)} s`],
        [
          'entering payloads into the index of texts',
          `${(texts.payloadBytes / 1e6 / texts.seconds).toFixed(1)} MB/s, ${(texts.seconds / packing.seconds).toFixed(2)} of the time of packing, ${(texts.seconds / filled.seconds).toFixed(2)} of that of recording`,
        ],
        [
          'bytes of the index for each byte of payload',
          `${(texts.bytes / texts.payloadBytes).toFixed(3)}, ${(texts.bytes / (packedBytes * messages)).toFixed(2)} of the packed recording`,
        ],
        [
          'pruning',
          `${count(pruning.sessions)} sessions in ${pruning.seconds.toFixed(1)} s, the file ${(freedBytes / 1e6).toFixed(1)} MB smaller`,
        ],
        [
          'ten processes that record at once',
          `${count((WRITERS * WRITTEN) / seconds)} messages/s together, ${wrong} errors`,
        ],
        [
          'one that reads meanwhile: the newest sessions, what failed in an hour, frames',
          `${reading.p50.toFixed(0)} ms p50, ${reading.p95.toFixed(0)} ms p95, ${count(reading.looks)} times`,
        ],
      ],
    ),
  ].join('\n\n');
}

/** A page that stopped at its bound found less than there is. */
function found(scanned, indexed) {
  return scanned.found === indexed.found ? String(indexed.found) : `${scanned.found}, ${indexed.found}`;
}

function looked({ ms, read, stopped }) {
  const end = stopped ? ', and there is more to read' : '';
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms, ${(read / 1e6).toFixed(1)} MB read${end}`;
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function tell(figures) {
  console.log(figures);
  if (!asked.write) return;
  const [before, , after] = readFileSync(DOCUMENT, 'utf8').split(/(<!-- store -->.*<!-- \/store -->)/s);
  if (after === undefined) throw new Error('docs/performance.md has no <!-- store --> to write into');
  writeFileSync(DOCUMENT, `${before}<!-- store -->\n\n${figures}\n\n<!-- /store -->${after}`);
}

function whole(flag, written) {
  const value = Number(written);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`store: ${flag} ${written}: expected a whole number above 0`);
  process.exit(2);
}
