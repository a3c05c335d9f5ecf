/** The API of `sidelight serve` on the admin listener of a sidecar, for who asked for it. Replays are off, and the traffic goes on without it. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ApiListener, apiListener } from './api/listener.ts';
import { ownToken } from './api/ownToken.ts';
import type { Config } from './config/config.ts';
import { isLoopback } from './config/schema.ts';
import type { Stats } from './self/stats.ts';
import type { Trouble } from './self/trouble.ts';
import { VERSION } from './self/version.ts';

/** Undefined when it cannot be opened, which is one warning and a condition; never rejects. */
export async function adminApi(
  config: Config,
  stats: Stats,
  trouble: Trouble,
): Promise<ApiListener | undefined> {
  try {
    return await apiListener({
      // Where a value came from is not known on this thread, so that no settings are shown.
      loaded: { config, sources: new Map(), file: undefined, warnings: [] },
      version: VERSION,
      authorities: [ownToken(config.dataDir)],
      remote: config.admin !== undefined && !isLoopback(config.admin.host),
      allowedHosts: [],
      page: join(dirname(fileURLToPath(import.meta.url)), 'ui'),
      report: (line) => {
        stats.fail('admin', 'internal_error');
        trouble.say('admin', line);
      },
    });
  } catch (cause) {
    const problem = `the API on the admin listener is off: ${cause instanceof Error ? cause.message : String(cause)}`;
    trouble.say('admin', `${problem}; traffic goes on`);
    stats.condition('admin', problem);
    return undefined;
  }
}
