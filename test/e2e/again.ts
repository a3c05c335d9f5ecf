/** Records what a client does with a server, and does it again within this process: hundreds of runs cost no start of the program. */
import { join } from 'node:path';
import { sourceOf } from '../../src/formats/source.ts';
import type { CompareRules } from '../../src/replay/compare.ts';
import type { JudgeOptions } from '../../src/replay/judge.ts';
import { learn } from '../../src/replay/learn.ts';
import { type Plan, planOf } from '../../src/replay/plan.ts';
import { run, type Run } from '../../src/replay/run.ts';
import { scenarioOf } from '../../src/replay/scenario.ts';
import { connect as connectTo, type Server } from '../../src/replay/target.ts';
import { openStore } from '../../src/store/read.ts';
import { connect, type Peer, type Sdk } from './peers.ts';
import { SIDELIGHT, temporaryFolder } from './sidelight.ts';

export interface Recorded {
  readonly dataDir: string;
  readonly folder: string;
}

/** Records what `use` does with a server on stdio. */
export async function recorded(
  command: readonly string[],
  use: (peer: Peer) => Promise<void>,
  sdk: Sdk = 'v1',
  env: Record<string, string> = {},
): Promise<Recorded> {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'data');
  const peer = await connect(
    sdk,
    [process.execPath, SIDELIGHT, '--data-dir', dataDir, '--', ...command],
    env,
  );
  await use(peer);
  await peer.close();
  return { dataDir, folder };
}

/** Of the last session; every tool may be called. */
export async function lastPlan({ dataDir }: Recorded): Promise<Plan> {
  const store = await openStore(dataDir);
  try {
    return planOf(scenarioOf(sourceOf(store, store.findSession('last'))), {
      ...{
        allow: new Set<string>(),
        allowAll: true,
        secrets: new Map(),
        fixed: [],
        noBind: new Set<string>(),
      },
    });
  } finally {
    store.close();
  }
}

/** Once, on a connection of its own, unrecorded. */
export function again(
  plan: Plan,
  server: Server,
  env: NodeJS.ProcessEnv = process.env,
  deadlineMs = 20_000,
): Promise<Run> {
  return run({
    plan,
    connect: (events) => connectTo({ server, scenario: plan.scenario, env, recording: undefined }, events),
    ...{ speed: Infinity, maxGapMs: Infinity, deadlineMs, askPolicy: 'decline' },
    signal: new AbortController().signal,
  });
}

/** As `--learn` does it, without a rule of anybody. */
export async function learnt(
  plan: Plan,
  level: CompareRules['level'],
  once: () => Promise<Run>,
): Promise<JudgeOptions> {
  const rules = { level, ignore: [], typeOnly: [], unordered: [] };
  const judging: JudgeOptions = { rules, learnt: [], bindings: plan.bindings, maxSlowdown: undefined };
  return { ...judging, learnt: await learn(once, judging) };
}
