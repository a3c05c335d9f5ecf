/**
 * What stands behind every way to the API: recordings, who follows them, and replays where they are on, for each org its own. It
 * listens nowhere, and gives nobody what is of another org.
 */
import { join } from 'node:path';
import type { Loaded } from '../config/load.ts';
import { openForWriting } from '../store/open.ts';
import type { Recordings } from '../store/recordings.ts';
import { AUDIT_FILE, STDERR } from './audit.ts';
import type { ApiContext } from './handler.ts';
import { Live } from './live.ts';
import { LazyMcp } from './mcp/lazy.ts';
import { LOCAL_ORG, type Principal } from './principal.ts';
import { Mocks } from './mocks.ts';
import { Pace } from './pace.ts';
import { ApiError } from './problem.ts';
import { Replays, type ReplaysOptions } from './replays.ts';
import { Stored } from './stored.ts';

export interface OpenOptions {
  readonly loaded: Loaded;
  readonly version: string;
  /** The recordings of an org in the fleet's store. Undefined: those of this machine are read, and written. */
  readonly fleet?: ((org: string) => Recordings) | undefined;
  /** How Sidelight is run once more, to record, and what is passed on to servers. Undefined: replays are off. */
  readonly replay?: Pick<ReplaysOptions, 'self' | 'env'> | undefined;
  /** Takes one line about a failure that nobody foresaw. */
  readonly report: (line: string) => void;
}

/** What there is of one. */
export interface Org {
  readonly context: ApiContext;
  readonly mcp: LazyMcp;
  readonly close: () => Promise<void>;
}

export interface Opened {
  /** Of who asks, and nothing else. Throws an ApiError. */
  readonly orgOf: (principal: Pick<Principal, 'org'>) => Org;
  /** Cancels replays that run. */
  readonly close: () => Promise<void>;
}

/** Asking the store of this machine whether somebody wrote is one read of shared memory, and whether a process is there a file. */
const LOCAL_PACE = { pollMs: 50, livenessMs: 1000 };
/** Asking a fleet's is a query, and a session is taken for live for minutes. */
const FLEET_PACE = { pollMs: 1000, livenessMs: 30_000 };
/** That were asked for since the start: each holds what it read last. Where there are more, the one that waits longest is closed. */
const MAX_ORGS = 64;

/** Rejects with a StoreError. */
export async function openApi(options: OpenOptions): Promise<Opened> {
  const { fleet, loaded } = options;
  const startedAt = Date.now();
  if (fleet !== undefined)
    return openFleet((org) => {
      const recordings = fleet(org);
      return openOrg(options, {
        startedAt,
        recordings: () => Promise.resolve(recordings),
        stored: undefined,
        close: () => recordings.close(),
      });
    });
  // Where nothing is recorded yet, what will be is shown.
  (await openForWriting(loaded.config.dataDir)).close();
  const stored = new Stored(loaded.config.dataDir);
  const local = openOrg(options, {
    startedAt,
    recordings: () => stored.recordings(),
    stored,
    close: () => stored.close(),
  });
  return {
    orgOf: ({ org }) => {
      if (org === LOCAL_ORG) return local;
      throw new ApiError(
        403,
        `the recordings of this machine are of the org ${LOCAL_ORG}; the token is of another`,
      );
    },
    close: local.close,
  };
}

/** What is read, and what is written where that may be. */
interface Source {
  readonly startedAt: number;
  readonly recordings: () => Promise<Recordings>;
  readonly stored: Stored | undefined;
  readonly close: () => Promise<void>;
}

function openOrg({ loaded, version, replay, report }: OpenOptions, source: Source): Org {
  const { dataDir, replayTargets: targets, serve } = loaded.config;
  const { startedAt, recordings, stored } = source;
  const now = (): number => Date.now();
  const nowUs = (): number => now() * 1000;
  const live = new Live({
    ...(stored === undefined ? FLEET_PACE : LOCAL_PACE),
    recordings,
    now,
    report,
  });
  const replays = replay && new Replays({ ...replay, targets, dataDir, nowUs });
  const mocks = replay && new Mocks(nowUs);
  const pace = new Pace(() => performance.now());
  const auditFile = serve.auditFile ?? (stored === undefined ? STDERR : join(dataDir, AUDIT_FILE));
  const context = {
    loaded,
    version,
    recordings,
    stored,
    live,
    replays,
    mocks,
    pace,
    auditFile,
    now,
    startedAt,
  };
  const mcp = new LazyMcp({ context, report });
  return {
    context,
    mcp,
    close: async () => {
      live.close();
      await mcp.close();
      await replays?.close();
      await mocks?.close();
      await source.close();
    },
  };
}

function openFleet(open: (org: string) => Org): Opened {
  /** Who was asked for last is the last. */
  const orgs = new Map<string, Org>();
  const closing = new Set<Promise<void>>();
  const makeRoom = (): void => {
    if (orgs.size < MAX_ORGS) return;
    const [name, idle] = [...orgs].find(([, { context }]) => isIdle(context)) ?? [];
    if (name === undefined || idle === undefined)
      throw new ApiError(503, `${MAX_ORGS} orgs are looked at already; wait, or ask another node`);
    orgs.delete(name);
    const closed = idle.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };
  return {
    orgOf: ({ org }) => {
      const known = orgs.get(org);
      if (known === undefined) makeRoom();
      const opened = known ?? open(org);
      orgs.delete(org);
      orgs.set(org, opened);
      return opened;
    },
    close: async () => {
      await Promise.all([...closing, ...[...orgs.values()].map(({ close }) => close())]);
    },
  };
}

function isIdle({ live, replays, mocks }: ApiContext): boolean {
  return (
    live.followers === 0 &&
    (replays?.list() ?? []).every(({ endedAtUs }) => endedAtUs !== undefined) &&
    (mocks?.list() ?? []).every(({ endedAtUs }) => endedAtUs !== undefined)
  );
}
