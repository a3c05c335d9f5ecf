/**
 * Writes the documents that are generated from the code; with --check it writes nothing and fails, with one line for
 * each, when a committed document is not what the code says.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { format, resolveConfig } from 'prettier';
import { root } from './step.mjs';

/** Each is the text that a function without arguments, exported by a module, returns. */
const DOCUMENTS = [
  { file: 'docs/case.schema.json', module: 'src/replay/caseSchema.ts', render: 'renderCaseSchema' },
  { file: 'docs/config.md', module: 'src/config/doc.ts', render: 'renderConfigDoc' },
  { file: 'docs/findings.md', module: 'src/event/finding-doc.ts', render: 'renderFindingsDoc' },
  { file: 'docs/metrics.md', module: 'src/sink/metric-doc.ts', render: 'renderMetricsDoc' },
  { file: 'docs/openapi.json', module: 'src/api/openapi.ts', render: 'renderOpenApi' },
  { file: 'docs/recording.schema.json', module: 'src/formats/schema.ts', render: 'renderRecordingSchema' },
];

const check = process.argv.includes('--check');
for (const { file, module, render } of DOCUMENTS) {
  const path = join(root, file);
  const text = await format((await load(module))[render](), {
    ...(await resolveConfig(path)),
    parser: file.endsWith('.json') ? 'json' : 'markdown',
  });
  if (!check) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } else if (committed(path) !== text) {
    console.error(`error: ${file} is not what ${module} says: run npm run docs`);
    process.exitCode = 1;
  }
}

/** A TypeScript module and what it imports, as this Node can run it. */
async function load(module) {
  const { outputFiles } = await build({
    entryPoints: [join(root, module)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

function committed(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
