/** What is volatile in a server's answers, found by running it twice. It judges nothing, and compares nothing with the recording. */
import { setTimeout as delay } from 'node:timers/promises';
import { type JudgeOptions, learnRules, type LearntRule } from './judge.ts';
import type { Run } from './run.ts';

/** Times are often told in whole seconds: two runs within one second would say that they never change. */
const APART_MS = 1100;

/** Rejects with what `once` rejects with. */
export async function learn(once: () => Promise<Run>, options: JudgeOptions): Promise<readonly LearntRule[]> {
  const apart = delay(APART_MS);
  const first = await once();
  await apart;
  return learnRules(first, await once(), options);
}
