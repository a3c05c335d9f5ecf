/**
 * What a contributor runs before a commit: the gates, then the unit tests. `--gates` stops after the gates. Every
 * gate runs, whatever the one before it said.
 */
import { spawnSync } from 'node:child_process';
import { root } from './step.mjs';

const GATES = [
  { name: 'types', script: 'node_modules/typescript/bin/tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'types of the page', script: 'node_modules/typescript/bin/tsc', args: ['-p', 'src/ui'] },
  { name: 'lint', script: 'node_modules/eslint/bin/eslint.js', args: ['--max-warnings=0', '.'] },
  {
    name: 'format',
    script: 'node_modules/prettier/bin/prettier.cjs',
    args: ['--check', '--log-level=warn', '.'],
  },
  {
    name: 'boundaries',
    script: 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    args: ['--config', '.dependency-cruiser.cjs', 'src'],
  },
  { name: 'docs', script: 'scripts/docs.mjs', args: ['--check'] },
  { name: 'dashboards', script: 'scripts/dashboards.mjs', args: ['--check'] },
];
const TESTS = { name: 'unit tests', script: 'scripts/test.mjs', args: ['test/unit'] };

const steps = process.argv.includes('--gates') ? GATES : [...GATES, TESTS];
const failed = steps.filter(({ name, script, args }) => {
  console.log(`check: ${name}`);
  return (
    spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
      .status !== 0
  );
});
if (failed.length > 0) {
  console.error(`check: failed: ${failed.map(({ name }) => name).join(', ')}`);
  process.exitCode = 1;
} else {
  console.log('check: all is well');
}
