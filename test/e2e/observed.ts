/** Sidelight in front of an HTTP server with every output on, and requests by hand. */
import { onTestFinished } from 'vitest';
import type { SessionRecord } from '../../src/store/record.ts';
import { startListening } from './listening.ts';
import { everyOutput, type Outputs } from './outputs.ts';
import { read, server, SIDELIGHT } from './sidelight.ts';

const ANY = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

export interface Observed extends Outputs {
  /** Of the listener. */
  readonly url: string;
  readonly sessions: () => Promise<readonly SessionRecord[]>;
  /** Ends Sidelight, so that everything is told. */
  readonly stop: () => Promise<void>;
}

/** Sidelight with every output on, in front of one of our servers or of nobody. */
export async function observed(target: string, ...flags: readonly string[]): Promise<Observed> {
  const outputs = await everyOutput();
  const { pathname, search, port } = target.startsWith('http:')
    ? new URL(target)
    : { ...(await started(target)), pathname: '/mcp', search: '' };
  const around = outputs.around([]).slice(2, -1);
  const to = `http://127.0.0.1:${port}${pathname}`;
  const sidelight = await startListening([
    SIDELIGHT,
    'http',
    ...around,
    ...['--target', to, '--listen', '127.0.0.1:0'],
    ...flags,
  ]);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= sidelight.stop());
  onTestFinished(stop);
  return {
    ...outputs,
    url: `http://127.0.0.1:${sidelight.port}${pathname}${search}`,
    sessions: async () => (await read(outputs.dataDir, 'sessions')) as readonly SessionRecord[],
    stop,
  };
}

async function started(name: string): Promise<{ readonly port: number }> {
  const { port, stop } = await startListening([server(name)]);
  onTestFinished(stop);
  return { port };
}

export const post = (
  url: string,
  message: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { ...ANY, ...headers }, body: JSON.stringify(message) });

export const initialize = (name: string) => ({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name, version: '1' } },
});
