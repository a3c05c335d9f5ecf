/** Programs that listen on a port: started, found out where, and stopped, by whoever started them. */
import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { until } from './sidelight.ts';

export interface Listening {
  readonly port: number;
  /** What it has written to stdout and stderr so far. */
  readonly output: () => string;
  readonly pid: number | undefined;
  /** Ends it: asked first, and with force when it has not gone after five seconds. */
  readonly stop: () => Promise<void>;
}

/** Programs say `listening <port>`, `running on port <port>` or an address with it. */
const SAYS_WHERE = /(?:listening|running)\b.*?\b(\d{4,5})\b/i;

/**
 * Runs `node <args>` until it says where it listens. Its stdin is a pipe of ours, so a program that stops at the end of
 * stdin does not outlive the tests. Throws what it has said when it ends or stays silent.
 */
export async function startListening(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Listening> {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  const said: Buffer[] = [];
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const output = (): string => Buffer.concat(said).toString();
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await closed;
    clearTimeout(force);
  };
  try {
    await until(() => child.exitCode !== null || SAYS_WHERE.test(output()), `${args.join(' ')} to listen`);
    const port = Number(SAYS_WHERE.exec(output())?.[1]);
    if (Number.isNaN(port)) throw new Error(`${args.join(' ')} ended: ${output()}`);
    return { port, output, pid: child.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A port that was free a moment ago, for a program that cannot be told to choose one itself. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
