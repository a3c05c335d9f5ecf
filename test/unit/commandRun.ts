/** Runs commands that read recordings, as the program does, and gives what they said. */
import { join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/program.ts';

/** What was written to it. */
export function collected() {
  const stream = new PassThrough();
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  return { stream, text: () => Buffer.concat(parts).toString('utf8') };
}

/** Of a command that reads, in a folder of its own. */
export function ioOf(dir: string, out: Writable, err: Writable): Io {
  return {
    env: {},
    cwd: dir,
    homedir: dir,
    platform: process.platform,
    version: '1.2.3',
    self: [process.execPath],
    ask: () => Promise.resolve(undefined),
    stdin: () => new PassThrough().end(),
    stdout: () => out,
    stderr: () => err,
    interrupted: () => new AbortController().signal,
    endLike: () => undefined,
    run: () => Promise.reject(new Error('no server is run here')),
    http: () => Promise.reject(new Error('nothing is listened to here')),
  };
}

/** Runs a command line on the store in `dir`/data. */
export async function run(dir: string, ...argv: string[]) {
  const [out, err] = [collected(), collected()];
  const code = await runCli([...argv, '--data-dir', join(dir, 'data')], ioOf(dir, out.stream, err.stream));
  return { code, out: out.text(), err: err.text() };
}
