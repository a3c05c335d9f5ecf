/**
 * Builds the program: tsc checks and compiles src/ into build/, esbuild bundles that into dist/. Bundled, because
 * reading the several hundred files of OpenTelemetry, prom-client, pino and zod costs more than Node's own start;
 * split, so that a command loads only its own part. The SQLite driver is native and stays a dependency.
 */
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { fail, root, step } from './step.mjs';

/** The program, and the entry of its worker thread. */
const ENTRIES = ['main', 'observer'];

/** Bundled CommonJS calls `require` for Node's own modules; an ES module has none. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

for (const entry of ENTRIES) {
  if (!existsSync(join(root, `src/${entry}.ts`))) fail(`build: src/${entry}.ts is missing`);
}
step('build: tsc', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
rmSync(join(root, 'dist'), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ENTRIES.map((entry) => `build/${entry}.js`),
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // The ES modules of packages that have both kinds: what is not used is left out.
  mainFields: ['module', 'main'],
  external: ['better-sqlite3'],
  banner: { js: BANNER },
  sourcemap: 'linked',
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
});
chmodSync(join(root, 'dist/main.js'), 0o755);
const packages = bundledPackages(metafile);
writeFileSync(join(root, 'dist/THIRD_PARTY_LICENSES'), licences(packages));
console.log(
  `build: ${Object.keys(metafile.inputs).length} files bundled, of ${packages.length} packages of others`,
);

/** Folders, relative to the project, of the packages that put bytes into the bundle. */
function bundledPackages({ outputs }) {
  const folders = Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
    .filter((folder) => folder !== undefined);
  return [...new Set(folders)].sort();
}

/** Every licence text once, under the names of the packages that come with it. */
function licences(folders) {
  const namesByText = new Map();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const files = readdirSync(join(root, folder)).filter((file) =>
      /^(?:licen[cs]e|copying|notice)/i.test(file),
    );
    if (files.length === 0 && !license) fail(`build: ${name} is bundled and states no licence`);
    const text = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim()).join('\n\n');
    namesByText.set(text, [...(namesByText.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  return [...namesByText]
    .map(([text, names]) => `${names.join('\n')}\n\n${text}\n`)
    .join(`\n${'-'.repeat(80)}\n\n`);
}
