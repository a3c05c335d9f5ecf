/**
 * Puts the data path together: the server process, three relays, signals, the observer's thread and the end of all of
 * them. This is the only place that knows all parts of the relay; observer.ts is its counterpart on the other thread.
 */
import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import type { Config } from './config/config.ts';
import { openPropagation, propagatedLines } from './propagation.ts';
import { Trouble } from './self/trouble.ts';
import { uuidV7 } from './self/uuid.ts';
import { currentDirectory, type ServerProcess, StartError, startServer } from './tap/child.ts';
import { type Editor, nowUs, relay, type RelayObserver } from './tap/relay.ts';
import { endLike, onSignals } from './tap/signals.ts';
import { childSource, type Source, streamSource } from './tap/source.ts';
import { StderrLines } from './tap/stderr.ts';
import { openStderr, openStdin, openStdout } from './tap/streams.ts';
import { ObserverThread } from './thread.ts';
import type { Channel } from './wire/chunk.ts';

export interface RunOptions {
  readonly config: Config;
  readonly command: string;
  readonly args: readonly string[];
  /** The server's environment: Sidelight's own, less its secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** Lines to say at the start: settings that were ignored. */
  readonly warnings: readonly string[];
}

/** After the server's exit, how long a pipe that a grandchild still holds may stay silent before we end. */
const LINGER_MS = 100;
/** The same for a grandchild that is never silent. */
const MAX_LINGER_MS = 1000;
/** Lossless capture reads on when each of the three streams could deliver one more chunk of Node's largest read, with
 * something to spare for the headers of their copies. */
const LOSSLESS_ROOM_BYTES = 4 * 64 * 1024;
const LOSSLESS_POLL_MS = 1;

/** Runs a stdio server until it ends, and ends this process the same way. */
export async function runStdio(options: RunOptions): Promise<void> {
  const { config, command, args, env } = options;
  const stderr = new StderrLines(openStderr());
  const trouble = new Trouble((line) => {
    stderr.line(line);
  });
  // After start-up nothing of ours ends the process: what nobody caught is said once, and the relay goes on.
  process.on('uncaughtException', (error) => {
    trouble.say('internal', `internal error, traffic goes on: ${error.message}`);
  });
  for (const warning of options.warnings) trouble.say(warning, warning);

  const startedAtUs = nowUs();
  const started = await startServer({
    command,
    args,
    cwd: config.cwd,
    env,
    pdeathsig: config.pdeathsig,
  }).catch((error: unknown) => (error instanceof StartError ? error : Promise.reject(error as Error)));
  const client: ClientStreams = { stdin: openStdin(), stdout: openStdout() };
  const directory = currentDirectory();
  // Node starts no thread in a directory that was deleted; the server is started and has the one it was to have.
  if (directory === undefined) process.chdir('/');
  const observer = new ObserverThread(
    config,
    {
      transport: 'stdio',
      id: uuidV7(),
      startedAtUs,
      command,
      args,
      cwd: config.cwd ?? directory ?? '',
      envNames: Object.keys(env).sort(),
      pid: process.pid,
      hostname: hostname(),
    },
    {
      entry: new URL('./observer.js', import.meta.url),
      trouble,
      stderr: (line, done) => {
        stderr.line(line, done);
      },
    },
  );
  if (started instanceof StartError) {
    trouble.say('start', started.message);
    observer.tell({ fact: 'start_failed', code: started.code, message: started.message }, nowUs());
    await observer.close(config.flushTimeoutMs);
    process.exit(started.exitCode);
  }
  observer.tell({ fact: 'server_started', pid: started.pid ?? 0 }, startedAtUs);
  const { code, signal } = await relayUntilExit(
    started,
    client,
    observer,
    stderr,
    config.lossless,
    config.propagate === 'off' ? undefined : clientEditor(observer, trouble),
  );
  await observer.close(config.flushTimeoutMs);
  endLike(code, signal);
}

interface ClientStreams {
  readonly stdin: Source;
  readonly stdout: Writable;
}

interface Exit {
  readonly atUs: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Relays until the server is gone and everything it said is with the client. */
function relayUntilExit(
  server: ServerProcess,
  { stdin, stdout }: ClientStreams,
  observer: ObserverThread,
  stderr: StderrLines,
  lossless: boolean,
  editor: Editor | undefined,
): Promise<Exit> {
  const observed = (channel: Channel): RelayObserver => ({
    forwarded: (chunk, atUs, tookUs) => {
      if (channel === 'stderr') stderr.passed(chunk);
      if (channel !== 'client_to_server') lastOutputAt = atUs / 1000;
      observer.chunk(channel, chunk, atUs, tookUs);
    },
    ...(lossless && { admit: () => (observer.hasRoom(LOSSLESS_ROOM_BYTES) ? undefined : room(observer)) }),
  });
  const serverOutput = childSource(server.stdout);
  let lastOutputAt = nowUs() / 1000;
  let lingersSince = Infinity;
  let openStreams = 2;

  return new Promise((resolve) => {
    let exit: Exit | undefined;
    onSignals(
      (signal) => {
        observer.tell({ fact: 'signal', signal }, nowUs());
      },
      (signal) => {
        if (exit === undefined) server.kill(signal);
        // The server is gone and somebody is in a hurry: what is left of the flush is given up.
        else endLike(exit.code, exit.signal);
      },
    );
    let finish = (): void => {
      if (exit === undefined) return;
      const result = exit;
      if (openStreams > 0) {
        // Somebody the server started still holds its pipes, or they have not been read to their end: a client that is
        // slow to take what came before makes the rest wait, and that is no silence.
        const now = nowUs() / 1000;
        if (serverOutput.stream.isPaused() || server.stderr.isPaused()) lastOutputAt = lingersSince = now;
        const waitMs = Math.min(lastOutputAt + LINGER_MS, lingersSince + MAX_LINGER_MS) - now;
        if (waitMs > 0) {
          setTimeout(finish, waitMs);
          return;
        }
      }
      finish = () => undefined;
      // Told after the last byte of output: an answer that was still in the pipe is an answer.
      observer.tell({ fact: 'server_exited', code: result.code, signal: result.signal }, result.atUs);
      // A client that has not read yet gets everything first, as it would from a pipe that the server left behind.
      stderr.serverEnded();
      void Promise.all([flushed(stdout), flushed(stderr.stream)]).then(() => {
        stdin.stream.destroy();
        resolve(result);
      });
    };
    const streamEnded = (): void => {
      openStreams -= 1;
      finish();
    };
    server.once('exit', (code, signal) => {
      exit = { code, signal, atUs: nowUs() };
      lastOutputAt = lingersSince = exit.atUs / 1000;
      finish();
    });
    const clientEnded = (first: 'source' | 'destination'): void => {
      if (first === 'source') observer.tell({ fact: 'client_closed' }, nowUs());
    };
    relay(stdin, server.stdin, observed('client_to_server'), clientEnded, { editor });
    relay(serverOutput, stdout, observed('server_to_client'), streamEnded);
    relay(streamSource(server.stderr), stderr.stream, observed('stderr'), streamEnded, { passEnd: false });
  });
}

/** Writes our context into the client's requests, and tells the observer of it in order with their bytes. */
function clientEditor(observer: ObserverThread, trouble: Trouble): Editor {
  const encoder = new TextEncoder();
  return propagatedLines(openPropagation(trouble), (fact) => {
    observer.record('request', encoder.encode(JSON.stringify(fact)), nowUs(), 0, 0, 0);
  });
}

/** Resolves when everything written to the stream is with the system, or the stream is gone. */
function flushed(stream: Writable): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', resolve);
    if (stream.writableEnded) stream.once('finish', resolve);
    else
      stream.write('', () => {
        resolve();
      });
  });
}

function room(observer: ObserverThread): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (observer.hasRoom(LOSSLESS_ROOM_BYTES)) resolve();
      else setTimeout(look, LOSSLESS_POLL_MS);
    };
    look();
  });
}
