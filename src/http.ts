/**
 * Puts the HTTP data path together: the tap, the observer's thread and the end of both. The counterpart of app.ts for a
 * server that is reached over HTTP.
 */
import { hostname } from 'node:os';
import type { Config } from './config/config.ts';
import { hostAndPort, type HttpSetup } from './config/http.ts';
import { ExchangeFeed } from './feed.ts';
import { openPropagation } from './propagation.ts';
import { Trouble } from './self/trouble.ts';
import { uuidV7 } from './self/uuid.ts';
import type { RequestEditor } from './tap/http/forwarding.ts';
import { ListenError } from './tap/http/listen.ts';
import { HttpTap } from './tap/http/proxy.ts';
import { nowUs } from './tap/relay.ts';
import { StderrLines } from './tap/stderr.ts';
import { openStderr } from './tap/streams.ts';
import { ObserverThread } from './thread.ts';

export interface HttpOptions extends HttpSetup {
  readonly config: Config;
  /** Lines to say at the start: settings that were ignored. */
  readonly warnings: readonly string[];
}

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** Lossless capture reads on when every stream that was read at once could deliver one more chunk. */
const LOSSLESS_ROOM_BYTES = 1024 * 1024;
const LOSSLESS_POLL_MS = 1;

/** Serves until it is told to end, and ends the process: 0, or 1 when it could not listen. */
export async function runHttp(options: HttpOptions): Promise<void> {
  const { config, target, warnings } = options;
  const stderr = new StderrLines(openStderr());
  const trouble = new Trouble((line) => {
    stderr.line(line);
  });
  // After start-up nothing of ours ends the process: what nobody caught is said once, and traffic goes on.
  process.on('uncaughtException', (error) => {
    trouble.say('internal', `internal error, traffic goes on: ${error.message}`);
  });
  for (const warning of warnings) trouble.say(warning, warning);

  const observer = new ObserverThread(
    config,
    {
      transport: 'http',
      id: uuidV7(),
      startedAtUs: nowUs(),
      pid: process.pid,
      hostname: hostname(),
      target: target.href,
    },
    {
      entry: new URL('./observer.js', import.meta.url),
      trouble,
      stderr: (line, done) => {
        stderr.line(line, done);
      },
    },
  );
  observer.listener('not listening yet');
  const feed = new ExchangeFeed(observer);
  const tap = new HttpTap(
    {
      ...config.http,
      target,
      tls: options.tls,
      targetTls: options.targetTls,
      editor: config.propagate === 'off' ? undefined : requestEditor(config.propagate, trouble),
    },
    {
      fact: (exchange, fact, atUs) => {
        feed.fact(exchange, fact, atUs);
      },
      body: (exchange, direction, bytes, atUs, tookUs) => {
        feed.body(exchange, direction, bytes, atUs, tookUs);
      },
      connections: (open) => {
        observer.connections(open);
      },
      ...(config.lossless && { admit: () => room(observer) }),
    },
    (reason) => {
      observer.refused(reason);
    },
  );
  try {
    const url = await tap.listen();
    observer.listener(undefined);
    stderr.line(`sidelight: listening on ${url}, in front of ${target.protocol}//${hostAndPort(target)}`);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    trouble.say('listen', error.message);
    await observer.close(config.flushTimeoutMs);
    process.exit(1);
  }
  await toldToStop();
  observer.listener('shutting down');
  await tap.close(config.http.shutdownTimeoutMs);
  feed.end(nowUs());
  await observer.close(config.flushTimeoutMs);
  process.exit(0);
}

function requestEditor(mode: 'meta' | 'header', trouble: Trouble): RequestEditor {
  const propagation = openPropagation(trouble);
  return (body, headers) => propagation.request(mode, body, headers);
}

/** Resolves at the first signal to stop; at the second, somebody is in a hurry. */
function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        if (told) process.exit(0);
        told = true;
        resolve();
      });
    }
  });
}

function room(observer: ObserverThread): Promise<void> | undefined {
  if (observer.hasRoom(LOSSLESS_ROOM_BYTES)) return undefined;
  return new Promise((resolve) => {
    const look = (): void => {
      if (observer.hasRoom(LOSSLESS_ROOM_BYTES)) resolve();
      else setTimeout(look, LOSSLESS_POLL_MS);
    };
    look();
  });
}
