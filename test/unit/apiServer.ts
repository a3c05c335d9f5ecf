/** The API as it listens, in this process, over a store with what the pipelines recorded; and requests to it. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ownToken } from '../../src/api/ownToken.ts';
import { type Api, type ApiOptions, startApi } from '../../src/api/server.ts';
import { loadConfig } from '../../src/config/load.ts';
import { folder, httpEvents, STDIO_ID, stdioEvents, stored, TALK } from './recordings.ts';

export interface Served extends Api {
  readonly dataDir: string;
  readonly url: string;
  readonly token: string;
  readonly reports: readonly string[];
  /** With the token. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  readonly json: (path: string, init?: RequestInit) => Promise<unknown>;
}

/** One session over stdio and one over HTTP, both with something of everything. */
export async function recordings(dataDir: string): Promise<void> {
  await stored(dataDir, stdioEvents(STDIO_ID, TALK));
  await stored(dataDir, httpEvents());
}

export async function served(options: Partial<ApiOptions> = {}, dataDir = folder()): Promise<Served> {
  const loaded = await loadConfig({
    flags: { dataDir },
    env: {},
    cwd: dataDir,
    homedir: dataDir,
    platform: process.platform,
  });
  const reports: string[] = [];
  const own = ownToken(dataDir);
  const { token } = own;
  const api = await startApi({
    host: '127.0.0.1',
    port: 0,
    remote: false,
    allowedHosts: [],
    loaded,
    version: '1.2.3',
    authorities: [own],
    page: join(dataDir, 'ui'),
    report: (line) => reports.push(line),
    ...options,
  });
  onTestFinished(() => api.close());
  const url = `http://127.0.0.1:${api.port}`;
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) },
    });
  return {
    ...api,
    token,
    dataDir,
    url,
    reports,
    ask,
    json: async (path, init) => (await ask(path, init)).json() as Promise<unknown>,
  };
}
