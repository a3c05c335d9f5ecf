/**
 * `sidelight test`: cases are run, each against a server of its own. Exit codes: 0 all passed, 1 some did not, 2 usage, 3 some could
 * not be run.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { junitOf } from '../check/junit.ts';
import { sarifLog, type SarifResult } from '../check/sarif.ts';
import { ConfigError, quote } from '../config/error.ts';
import { type Case, type CaseFile, learntFile, readCase } from '../replay/case.ts';
import { caseText, parseCase } from '../replay/caseFile.ts';
import { CannotRun } from '../replay/connection.ts';
import { judge, type JudgeOptions, type LearntRule, type Verdict } from '../replay/judge.ts';
import { learn } from '../replay/learn.ts';
import { planOf } from '../replay/plan.ts';
import { suiteOf } from '../replay/report.ts';
import { run, type Run } from '../replay/run.ts';
import { connect, type Server } from '../replay/target.ts';
import { divergence } from './divergence.ts';
import { type ReplayContext, secretsFrom, uninterrupted } from './replay.ts';
import { NOT_READ } from './sources.ts';
import { duration, json, safe, type Terminal } from './terminal.ts';

export interface TestOptions {
  readonly jobs?: number;
  readonly update?: boolean;
  /** With `update`. */
  readonly learn?: boolean;
  readonly format?: 'text' | 'json' | 'junit' | 'sarif';
  readonly deadline?: number;
  /** `MARK=env:NAME`. */
  readonly secret?: readonly string[];
}

interface TestContext extends Omit<ReplayContext, 'config' | 'recording'> {
  /** Of Sidelight. */
  readonly version: string;
}

const CASE_FILE = /\.case\.(ya?ml|json)$/;
const DEADLINE_MS = 30_000;
const DEFAULT_JOBS = 4;

interface Tested {
  readonly path: string;
  readonly name: string;
  readonly verdict: Verdict | undefined;
  /** What came is now what must come. */
  readonly isUpdated: boolean;
  /** Why it could not be run. */
  readonly problem: string | undefined;
  readonly one: Case | undefined;
  readonly startedAtUs: number;
}

/** Resolves to the exit code. */
export async function testCases(
  paths: readonly string[],
  options: TestOptions,
  context: TestContext,
): Promise<number> {
  const { terminal } = context;
  if (options.learn === true && options.update !== true)
    throw new ConfigError('--learn: what is learnt is written into the cases; say so: --update --learn');
  const files = paths.flatMap(caseFiles);
  if (files.length === 0) {
    terminal.problem(`no case in ${paths.join(', ')}: they are named *.case.yaml or *.case.json`);
    return NOT_READ;
  }
  const waiting = [...files.entries()];
  const tested: Tested[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, path] = next;
      tested[index] = await testCase(path, options, context);
      if ((options.format ?? 'text') === 'text') await showCase(tested[index], terminal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs ?? DEFAULT_JOBS, files.length) }, work));
  if (options.format === 'junit')
    await terminal.line(junitOf('sidelight test', tested.map(junitSuite)).trimEnd());
  else if (options.format === 'sarif')
    await terminal.line(json(sarifLog(context.version, tested.flatMap(sarifResult))));
  else if (options.format === 'json')
    for (const { path, name, verdict, problem } of tested)
      await terminal.line(
        json({
          path,
          name,
          passed: verdict?.reproduced === true,
          problem,
          step: verdict?.first?.live.planned.step.index,
        }),
      );
  else {
    const passed = tested.filter(({ verdict }) => verdict?.reproduced === true).length;
    await terminal.line(`${passed} of ${tested.length} cases passed`);
  }
  if (tested.some(({ problem }) => problem !== undefined)) return NOT_READ;
  return tested.every(({ verdict }) => verdict?.reproduced === true) ? 0 : 1;
}

/** A folder stands for the cases in it and below it. */
function caseFiles(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new ConfigError(`${quote(path)}: there is no such file or folder`);
  if (!stat.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => CASE_FILE.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function testCase(
  path: string,
  options: TestOptions,
  { server, env, signal }: Omit<ReplayContext, 'config' | 'recording'>,
): Promise<Tested> {
  const startedAtUs = Date.now() * 1000;
  const failed = (problem: string, name = path): Tested => ({
    ...{ path, name, problem, startedAtUs },
    verdict: undefined,
    isUpdated: false,
    one: undefined,
  });
  let written: unknown;
  try {
    written = parseCase(readFileSync(path, 'utf8'));
  } catch (error) {
    return failed(error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error));
  }
  const one = readCase(written);
  if ('problem' in one) return failed(one.problem);
  const target = server ?? serverOf(one, path);
  if (target === undefined) return failed('it names no server; say one: -- <command> [args...]', one.name);
  const plan = planOf(one.scenario, {
    allow: one.allow,
    allowAll: false,
    secrets: secretsFrom(options.secret, env),
    fixed: [],
    noBind: new Set(),
    bindings: one.bindings,
  });
  const blocked = plan.steps.find((step) => step.blocked.length > 0);
  if (blocked !== undefined)
    return failed(`step ${blocked.step.index}: ${inFile(blocked.blocked[0] ?? '')}`, one.name);
  const once = (): Promise<Run> => {
    const running = run({
      plan,
      connect: (events) =>
        connect({ server: target, scenario: one.scenario, env, recording: undefined }, events),
      speed: Infinity,
      maxGapMs: 0,
      deadlineMs: options.deadline ?? DEADLINE_MS,
      askPolicy: 'decline',
      signal,
    });
    return uninterrupted(running, signal);
  };
  const { rules, learnt, bindings, name } = one;
  const judging: JudgeOptions = { rules, learnt, bindings, maxSlowdown: undefined };
  try {
    const result = await once();
    const verdict = judge(result, judging);
    const isUpdated = options.update === true && (!verdict.reproduced || unexpecting(verdict) > 0);
    if (isUpdated) {
      const more = options.learn === true ? await learn(once, judging) : [];
      writeFileSync(path, caseText(path, updated(written as CaseFile, result, [...learnt, ...more])));
    }
    return { path, name, verdict, isUpdated, problem: undefined, one, startedAtUs };
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    return failed(error.message, name);
  }
}

/** A case has its permissions in the file. */
function inFile(why: string): string {
  return why.replace(/; --allow (.*)$/, '; add $1 to allow in the file');
}

/** Requests of which the case does not say what must come. */
function unexpecting({ steps }: Verdict): number {
  return steps.filter(
    ({ live }) => live.planned.step.is === 'request' && live.planned.step.outcome === undefined,
  ).length;
}

/** The same file, with what came now as what must come, and what may differ. */
function updated(written: CaseFile, { steps }: Run, learnt: readonly LearntRule[]): CaseFile {
  const file = structuredClone(written);
  if (learnt.length > 0) file.compare = { ...file.compare, learnt: learntFile(learnt) };
  for (const { planned, answer } of steps) {
    const step = file.steps[planned.step.index];
    if (step === undefined || answer === undefined) continue;
    const kept = Object.entries(step.expect ?? {}).filter(([name]) => name !== 'outcome');
    step.expect = { ...Object.fromEntries(kept), answer };
  }
  return file;
}

function serverOf({ server }: Case, path: string): Server | undefined {
  if (server === undefined) return undefined;
  if ('url' in server) return { url: new URL(server.url), headers: {} };
  const [command = '', ...args] = server.command;
  return { command, args, cwd: resolve(dirname(path), server.cwd ?? '.') };
}

function junitSuite({ path, name, verdict, one, problem, startedAtUs }: Tested): ReturnType<typeof suiteOf> {
  if (verdict !== undefined && one !== undefined) return suiteOf(verdict, one.scenario, startedAtUs);
  const failures = [{ type: 'error', message: problem ?? 'it could not be run' }];
  return { name, startedAtUs, seconds: 0, hostname: '', cases: [{ name: path, seconds: 0, failures }] };
}

async function showCase(
  { path, name, verdict, isUpdated, problem }: Tested,
  terminal: Terminal,
): Promise<void> {
  const title = name === path ? safe(path) : `${safe(name)}  ${terminal.paint('dim', safe(path))}`;
  if (verdict === undefined) {
    await terminal.line(`${terminal.paint('red', 'error')}   ${title}\n        ${safe(problem ?? '')}`);
    return;
  }
  const took = duration(verdict.steps.reduce((sum, { live }) => sum + live.durationUs, 0));
  const word = verdict.reproduced ? terminal.paint('green', 'passed') : terminal.paint('red', 'failed');
  await terminal.line(`${word}  ${title}  ${took}`);
  const { first } = verdict;
  const open = unexpecting(verdict);
  if (isUpdated) await terminal.line('        updated: what came now is what it expects');
  else if (open > 0)
    await terminal.line(
      `        ${open} of ${verdict.steps.length} steps expect nothing; --update writes what comes now`,
    );
  if (first !== undefined) await terminal.line(`        ${safe(divergence(first))}`);
}

/** Nothing for a case that passed. */
function sarifResult({ path, name, verdict, problem }: Tested): SarifResult[] {
  if (verdict?.reproduced === true) return [];
  const rule = verdict === undefined ? 'case_not_run' : 'case_failed';
  const { first } = verdict ?? {};
  const text = first === undefined ? (problem ?? 'it could not be run') : divergence(first);
  const place = first === undefined ? name : `${name}/steps/${first.live.planned.step.index}`;
  const uri = path.replaceAll('\\', '/');
  return [
    {
      rule,
      level: 'error',
      text: `${name}: ${text}`,
      uri,
      line: 1,
      place,
      fingerprint: `${rule}:${uri}:${place}`,
    },
  ];
}
