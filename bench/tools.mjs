/** What the bench is made with: the C parts, compiled into a folder of this run, and a way to start and end them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

const PARTS = ['driver', 'server', 'receiver', 'http-driver', 'http-server'];
const FLAGS = ['-O2', '-Wall', '-Wextra'];

/** Compiles the C parts; returns their paths by name. Throws with what the compiler said. */
export function compile(folder) {
  const built = PARTS.map((part) => {
    const program = join(folder, part);
    const source = join(import.meta.dirname, `${part}.c`);
    const ran = spawnSync('cc', [...FLAGS, '-o', program, source], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`cc ${source}: ${ran.error?.message ?? ran.stderr}`);
    return [part, program];
  });
  return Object.fromEntries(built);
}

/** In the pinned mode everything that takes part shares the first core that this process may use. */
export function pinned(command) {
  const [, first] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ['taskset', '-c', first ?? '0', ...command];
}

/** Runs the driver; resolves to its figures and to the lines on stderr. Rejects when it failed. */
export async function drive([program, ...args], options) {
  const driver = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...options,
  });
  const [out, said, [code]] = await Promise.all([
    text(driver.stdout),
    text(driver.stderr),
    once(driver, 'close'),
  ]);
  const lines = said.split('\n').filter((line) => line !== '');
  if (code !== 0) throw new Error(`the driver ended with ${code}: ${lines.join('; ')}`);
  return { figures: JSON.parse(out), said: lines };
}

/** Starts the OTLP receiver; `finish` ends it and resolves to its counts. */
export async function startReceiver(command) {
  const { child, lines, first: port } = await startListener(command);
  return {
    url: `http://127.0.0.1:${port}`,
    finish: async () => {
      child.stdin.end();
      const { value } = await lines.next();
      return JSON.parse(value);
    },
  };
}

/** Starts the HTTP server; `finish` resolves when it has ended. */
export async function startServer(command) {
  const { child, first } = await startListener(command);
  const [url] = /http:.*/.exec(first);
  return {
    url,
    finish: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

/** Both end with their stdin, so that they do not outlive us. */
async function startListener([program, ...args]) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: first, done } = await lines.next();
  if (done) throw new Error(`${program} did not start`);
  return { child, lines, first };
}
