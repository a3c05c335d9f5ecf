/**
 * Writes the dashboards, rules and their manifest that are built from dashboards/*.ts and alerts/*.ts; with --check it
 * writes nothing and fails, with one line for each, when a committed file is not what the builders say.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { format, resolveConfig } from 'prettier';
import { root } from './step.mjs';

const BUILDERS = [
  { module: 'dashboards/build.ts', render: 'renderDashboards' },
  { module: 'alerts/build.ts', render: 'renderRules' },
];

/** Nothing else is in them. */
const FOLDERS = ['dashboards/generated', 'dashboards/grafana.com', 'alerts/generated', 'alerts/tests'];

const check = process.argv.includes('--check');
const files = new Map();
for (const { module, render } of BUILDERS) {
  for (const { file, text } of (await load(module))[render]()) files.set(file, await formatted(file, text));
}
for (const folder of FOLDERS) {
  for (const name of existing(folder)) {
    const file = `${folder}/${name}`;
    if (files.has(file)) continue;
    if (check) complain(`${file} is built by nothing`);
    else rmSync(join(root, file));
  }
}
for (const [file, text] of files) {
  const path = join(root, file);
  if (!check) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } else if (committed(path) !== text) {
    complain(`${file} is not what its builder says`);
  }
}

function complain(what) {
  console.error(`error: ${what}: run npm run dashboards`);
  process.exitCode = 1;
}

async function formatted(file, text) {
  const options = await resolveConfig(join(root, file));
  return format(text, { ...options, filepath: file });
}

/** A TypeScript module and what it imports, as this Node can run it. */
async function load(module) {
  const { outputFiles } = await build({
    entryPoints: [join(root, module)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
  });
  const exported = { exports: {} };
  const require = createRequire(import.meta.url);
  new Function('module', 'exports', 'require', outputFiles[0].text)(exported, exported.exports, require);
  return exported.exports;
}

function existing(folder) {
  try {
    return readdirSync(join(root, folder));
  } catch {
    return [];
  }
}

function committed(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
