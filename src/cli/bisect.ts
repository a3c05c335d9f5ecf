/**
 * `sidelight bisect`: the first of several servers, or of a range of commits, that does not do what was recorded. Exit codes: 0 all
 * of them reproduce it, 1 some do not, 2 usage, 3 it could not be run.
 */
import { ConfigError } from '../config/error.ts';
import { wordsOf } from '../config/words.ts';
import { narrow, type Tried } from '../replay/bisect.ts';
import { CannotRun } from '../replay/connection.ts';
import { type Commit, commitsIn, withTree } from '../replay/gitRange.ts';
import { judge, type JudgeOptions } from '../replay/judge.ts';
import { learn } from '../replay/learn.ts';
import { type Plan, planOf } from '../replay/plan.ts';
import { scenarioOf } from '../replay/scenario.ts';
import type { Server } from '../replay/target.ts';
import { compareRules } from './diff.ts';
import { divergence } from './divergence.ts';
import { blockedLine, planOptions, type ReplayContext, type ReplayOptions, runPlan } from './replay.ts';
import { NOT_READ, withSources } from './sources.ts';
import type { Versions } from './versions.ts';
import { json, pad, safe, type Terminal, width } from './terminal.ts';

export interface BisectOptions extends ReplayOptions {
  readonly json?: boolean;
}

interface Row {
  /** A command line, or the hash of a commit. */
  readonly server: string;
  readonly subject?: string;
  readonly verdict: 'reproduced' | 'different' | 'cannot run';
  readonly why: string;
}

interface Told {
  /** In the order of the versions. */
  readonly rows: readonly Row[];
  readonly firstBad: Row | undefined;
  /** Versions before the first bad one that could not be run: it may be one of those. */
  readonly unclear: number;
}

/** Of a commit, as it is shown. */
const HASH_CHARS = 10;
const TRIED: Readonly<Record<Row['verdict'], Tried>> = {
  reproduced: 'good',
  different: 'bad',
  'cannot run': 'untestable',
};

/** Resolves to the exit code. */
export function bisect(
  wanted: string,
  versions: Versions,
  options: BisectOptions,
  context: ReplayContext & { readonly cwd: string },
): Promise<number> {
  const { config, terminal, signal } = context;
  const rules = compareRules(options);
  return withSources(config, [wanted], terminal, async ([sources]) => {
    const source = sources?.[0];
    if (source === undefined) return NOT_READ;
    const plan = planOf(scenarioOf(source), planOptions(options, context.env));
    if (plan.steps.some(({ blocked }) => blocked.length > 0) && options.skipBlocked !== true) {
      terminal.problem(blockedLine(plan));
      return NOT_READ;
    }
    const { maxSlowdown } = options;
    const trials = new Trials(
      plan,
      { rules, learnt: [], bindings: plan.bindings, maxSlowdown },
      options,
      context,
    );
    try {
      const told =
        'commands' in versions
          ? await amongCommands(versions.commands, trials, context.cwd)
          : await amongCommits(versions, trials, context);
      if (signal.aborted) throw new CannotRun('interrupted');
      await tell(told, options, terminal);
      if (told.rows.every(({ verdict }) => verdict === 'cannot run')) return NOT_READ;
      return told.rows.every(({ verdict }) => verdict === 'reproduced') ? 0 : 1;
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      terminal.problem(error.message);
      return NOT_READ;
    }
  });
}

/** Runs the plan against one version after the other; of the first, what two runs differ in is learnt if that is wanted. */
class Trials {
  readonly #plan: Plan;
  readonly #options: BisectOptions;
  readonly #context: ReplayContext;
  #judging: JudgeOptions;
  #learns: boolean;

  constructor(plan: Plan, judging: JudgeOptions, options: BisectOptions, context: ReplayContext) {
    this.#plan = plan;
    this.#judging = judging;
    this.#options = options;
    this.#context = context;
    this.#learns = options.learn === true;
  }

  async of(name: Pick<Row, 'server' | 'subject'>, at: Server): Promise<Row> {
    const once = () => runPlan(this.#plan, at, this.#options, this.#context);
    try {
      if (this.#learns) {
        this.#judging = { ...this.#judging, learnt: await learn(once, this.#judging) };
        this.#learns = false;
      }
      const { first, reproduced } = judge(await once(), this.#judging);
      if (reproduced) return { ...name, verdict: 'reproduced', why: '' };
      return {
        ...name,
        verdict: 'different',
        why: first === undefined ? 'the server ended' : divergence(first),
      };
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      return { ...name, verdict: 'cannot run', why: error.message };
    }
  }
}

/** All of them: there may be several that differ. */
async function amongCommands(commands: readonly string[], trials: Trials, cwd: string): Promise<Told> {
  const rows: Row[] = [];
  for (const text of commands) {
    const [command, ...args] = wordsOf(text);
    if (command === undefined) throw new ConfigError('--servers: a command is empty');
    rows.push(await trials.of({ server: text }, { command, args, cwd }));
  }
  return { rows, firstBad: rows.find(({ verdict }) => verdict === 'different'), unclear: 0 };
}

/** The two ends, then halves of what is between them. */
async function amongCommits(
  versions: Exclude<Versions, { commands: unknown }>,
  trials: Trials,
  { cwd, env, signal, terminal }: ReplayContext & { readonly cwd: string },
): Promise<Told> {
  const { build, server } = versions;
  const place = { cwd, env, signal };
  const { good, commits } = await commitsIn(versions.good, versions.bad, place);
  const tried = new Map<Commit, Row>();
  const trial = async (commit: Commit): Promise<Row> => {
    const name = { server: commit.hash, subject: commit.subject };
    terminal.problem(`trying ${commit.hash.slice(0, HASH_CHARS)} ${commit.subject}`);
    const row = await withTree(commit, build, place, (folder) =>
      trials.of(name, { ...server, cwd: folder }),
    ).catch((error: unknown): Row => {
      if (!(error instanceof CannotRun) || signal.aborted) throw error;
      return { ...name, verdict: 'cannot run', why: error.message };
    });
    if (signal.aborted) throw new CannotRun('interrupted');
    tried.set(commit, row);
    return row;
  };
  const before = await trial(good);
  if (before.verdict !== 'reproduced')
    throw new CannotRun(
      `--git: ${versions.good} does not reproduce it (${before.why}); name a commit that does, or tell what may differ: --learn, --level`,
    );
  const last = commits.at(-1);
  const after = last && (await trial(last));
  const all = [good, ...commits];
  const rows = (): Row[] => all.flatMap((commit) => tried.get(commit) ?? []);
  if (after?.verdict === 'cannot run')
    throw new CannotRun(`--git: ${versions.bad} cannot be run (${after.why}); name a commit that can`);
  if (after?.verdict !== 'different') return { rows: rows(), firstBad: undefined, unclear: 0 };
  const found = await narrow(commits.length, async (at) => {
    const commit = commits[at];
    return commit === undefined ? 'untestable' : TRIED[(await trial(commit)).verdict];
  });
  const bad = commits[found.bad];
  return {
    rows: rows(),
    firstBad: bad && tried.get(bad),
    unclear: found.bad - found.good - 1,
  };
}

async function tell(
  { rows, firstBad, unclear }: Told,
  options: BisectOptions,
  terminal: Terminal,
): Promise<void> {
  if (options.json === true) {
    await terminal.line(json({ servers: rows, firstDifferent: firstBad?.server ?? null, unclear }));
    return;
  }
  const room = Math.max(...rows.map((row) => width(shown(row))));
  for (const row of rows) {
    const style = row.verdict === 'reproduced' ? 'green' : 'red';
    await terminal.line(
      `${pad(shown(row), room)}  ${terminal.paint(style, row.verdict)}  ${safe(row.why)}`.trimEnd(),
    );
  }
  if (firstBad === undefined) return;
  const perhaps = unclear === 0 ? '' : `, or one of the ${unclear} before it that cannot be run`;
  await terminal.line(`The first that differs: ${shown(firstBad)}${perhaps}`);
}

function shown({ server, subject }: Row): string {
  return safe(subject === undefined ? server : `${server.slice(0, HASH_CHARS)} ${subject}`);
}
