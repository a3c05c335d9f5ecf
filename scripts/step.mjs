/** One command of a script: quiet when it works, everything it said when it fails. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The project folder, absolute. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command in the project folder; prints one line, and ends the process when the command fails. */
export function step(label, command, args, options = {}) {
  const started = Date.now();
  process.stdout.write(`${label} ... `);
  const ran = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (ran.status !== 0) {
    console.log('failed');
    process.stderr.write(`${ran.stdout ?? ''}${ran.stderr ?? ''}`);
    fail(`${[command, ...args].join(' ')}: ${ending(ran)}`);
  }
  console.log(`${((Date.now() - started) / 1000).toFixed(1)} s`);
}

export function fail(line) {
  console.error(`error: ${line}`);
  process.exit(1);
}

function ending({ error, signal, status }) {
  if (error) return `could not be started: ${error.message}`;
  return signal ? `ended by ${signal}` : `exited with ${status}`;
}
