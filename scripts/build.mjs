/**
 * Builds the program: tsc checks and compiles src/ into build/, esbuild bundles that into dist/. Bundled, because
 * reading the several hundred files of OpenTelemetry, prom-client, pino and zod costs more than Node's own start;
 * split, so that a command loads only its own part. The SQLite driver is native and stays a dependency.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { buildClient } from './client.mjs';
import { fail, root, step } from './step.mjs';

/** The program, and the entry of its worker thread. */
const ENTRIES = ['main', 'observer'];

/** The page, and what of it is served as it is. */
const PAGE = 'dist/ui';
const PAGE_FILES = ['index.html', 'icon.svg'];
/** Everything that a browser loads, gzipped. */
const MAX_PAGE_BYTES = 100_000;

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
  external: ['better-sqlite3', '@clickhouse/client'],
  banner: { js: BANNER },
  sourcemap: 'linked',
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
});
await buildClient('dist/api');
chmodSync(join(root, 'dist/main.js'), 0o755);
const page = await buildPage();
const packages = [...new Set([...bundledPackages(metafile), ...bundledPackages(page)])].sort();
writeFileSync(join(root, 'dist/THIRD_PARTY_LICENSES'), licences(packages));
console.log(
  `build: ${Object.keys(metafile.inputs).length} files bundled, of ${packages.length} packages of others`,
);

/** The page into dist/ui, under names that stay: the server gives each an ETag. It is small, or it is not built. */
async function buildPage() {
  const { metafile: built } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/ui/main.tsx', style: 'src/ui/style/main.css' },
    outdir: PAGE,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2023', 'chrome123', 'firefox121', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  for (const name of PAGE_FILES) copyFileSync(join(root, 'src/ui', name), join(root, PAGE, name));
  const bytes = readdirSync(join(root, PAGE))
    .map((name) => gzipSync(readFileSync(join(root, PAGE, name))).length)
    .reduce((sum, one) => sum + one, 0);
  if (bytes > MAX_PAGE_BYTES)
    fail(`build: the page has ${bytes} bytes gzipped; ${MAX_PAGE_BYTES} are the most`);
  console.log(`build: the page has ${(bytes / 1024).toFixed(1)} KiB gzipped`);
  return built;
}

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
