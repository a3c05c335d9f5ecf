/** What stands between client and server in the tests of HTTP. Whatever it is, nothing in these tests may tell. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startListening } from './listening.ts';
import { SIDELIGHT } from './sidelight.ts';

export interface Through {
  /** Where a client finds the target: the same path at another port. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Sidelight in front of the target, recording what passes. */
export async function startThrough(target: string): Promise<Through> {
  const folder = await mkdtemp(join(tmpdir(), 'sidelight-through-'));
  const { origin, pathname } = new URL(target);
  const args = ['http', '--target', `${origin}${pathname}`, '--listen', '127.0.0.1:0', '--data-dir', folder];
  const { port, stop } = await startListening([SIDELIGHT, ...args]);
  const url = new URL(target);
  url.port = String(port);
  return {
    url: url.href,
    stop: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
