/**
 * Makes a fresh clone ready: packages, the SQLite driver, the build, and with --test what the tests need of the
 * system. Runs before anything is installed, so it imports nothing but Node's own; does nothing when all is there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fail, root, step } from './step.mjs';

/** Debian packages that a test needs. */
const SYSTEM_PACKAGES = [
  { package: 'prometheus', binary: 'promtool', neededFor: 'the tests that let Prometheus read /metrics' },
  { package: 'prometheus-alertmanager', binary: 'amtool', neededFor: 'the test that lets alerts fire' },
  { package: 'chromium', binary: 'chromium', neededFor: 'the tests of the page' },
  ...['zsh', 'fish'].map((shell) => ({
    package: shell,
    binary: shell,
    neededFor: 'the test that lets it complete commands',
  })),
];

const OLDEST_NODE = [20, 19];

/** What dist/ is made of. */
const BUILD_INPUTS = [
  'src',
  'scripts/build.mjs',
  'scripts/client.mjs',
  'docs/openapi.json',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

checkNode();
if (!packagesInstalled()) step('setup: npm packages', 'npm', ['ci', '--no-audit', '--no-fund']);
if (!driverLoads()) rebuildDriver();
if (!isBuilt()) step('setup: build', process.execPath, ['scripts/build.mjs']);
if (process.argv.includes('--test')) installSystemPackages();

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    fail(`setup: Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}`);
  }
}

/** True when node_modules holds what package-lock.json says; npm writes its own copy of the lock as its last act. */
function packagesInstalled() {
  const installedLock = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = installed[path];
    if (!found) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

/** False when npm did not run the driver's install script (npm 12 blocks them), or ran it for another Node. */
function driverLoads() {
  const open = "new (require('better-sqlite3'))(':memory:').close()";
  return spawnSync(process.execPath, ['-e', open], { cwd: root, stdio: 'ignore' }).status === 0;
}

function rebuildDriver() {
  step('setup: SQLite driver', 'npm', ['rebuild', 'better-sqlite3', '--foreground-scripts']);
  if (driverLoads()) return;
  fail(
    'setup: better-sqlite3 has no native module for this Node. Allow its install script ' +
      '(npm approve-scripts better-sqlite3), have a C++ compiler, make and python3, ' +
      'then run: npm rebuild better-sqlite3 --foreground-scripts',
  );
}

function isBuilt() {
  const main = join(root, 'dist/main.js');
  return (
    existsSync(main) &&
    Math.max(...BUILD_INPUTS.map((path) => newest(join(root, path)))) <= statSync(main).mtimeMs
  );
}

/** The latest change in a file or folder, in milliseconds; folders count too, since they tell of removed files. */
function newest(path) {
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  return Math.max(own.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function installSystemPackages() {
  const missing = SYSTEM_PACKAGES.filter(({ binary }) => !onPath(binary));
  if (missing.length === 0) return;
  const names = missing.map(({ package: name }) => name);
  if (!onPath('apt-get') || process.getuid?.() !== 0) {
    const reasons = missing.map(({ binary, neededFor }) => `${binary} for ${neededFor}`).join(', ');
    fail(
      `setup: needed, and not here: ${reasons}; install them (Debian: apt-get install ${names.join(' ')})`,
    );
  }
  forbidServiceStart();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-qq', '-y', '--no-install-recommends', ...names];
  step('setup: Debian package lists', 'apt-get', ['update', '-qq'], { env });
  step(`setup: Debian packages ${names.join(', ')}`, 'apt-get', install, { env });
  for (const { package: name, binary } of missing)
    if (!onPath(binary)) fail(`setup: the package ${name} was installed, but ${binary} is not on the PATH`);
}

function onPath(binary) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => folder !== '' && existsSync(join(folder, binary)));
}

/** Debian starts a service that it installs unless policy-rc.d forbids it; we want the binaries only. */
function forbidServiceStart() {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return;
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('exit', () => rmSync(policy, { force: true }));
}
