#!/usr/bin/env node
/** The entry: hands the process's arguments, environment and streams to the command line. Nothing else happens here. */
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runStdio } from './app.ts';
import { runCli } from './cli/program.ts';
import { VERSION } from './self/version.ts';
import { currentDirectory } from './tap/child.ts';
import { endLike } from './tap/signals.ts';

let questions: { readonly lines: AsyncIterator<string, undefined>; readonly close: () => void } | undefined;

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: currentDirectory() ?? '/',
  homedir: home(),
  platform: process.platform,
  version: VERSION,
  self: [process.execPath, fileURLToPath(import.meta.url)],
  stdin: () => process.stdin,
  stdout: () => process.stdout,
  stderr: () => process.stderr,
  ask,
  interrupted,
  endLike,
  run: runStdio,
  http: async (options) => (await import('./http.ts')).runHttp(options),
});

questions?.close();

/** Lines are read as they are asked for, and the question goes to stderr: stdout is the output. */
async function ask(text: string): Promise<string | undefined> {
  const { createInterface } = await import('node:readline');
  if (questions === undefined) {
    const reader = createInterface({ input: process.stdin });
    const close = (): void => {
      reader.close();
      process.stdin.destroy();
    };
    questions = { lines: reader[Symbol.asyncIterator]() as AsyncIterator<string, undefined>, close };
  }
  process.stderr.write(text);
  return (await questions.lines.next()).value;
}

/** For a command that goes on until it is told to stop. `run` has its own way with signals: they are the server's. */
function interrupted(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stop.abort();
    });
  }
  return stop.signal;
}

/** Undefined for a user who has no home: no HOME and no entry in the system's list of users. */
function home(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
