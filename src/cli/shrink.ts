/** `sidelight minimize` and `sidelight bisect`: the smallest session that still fails, and the first server that does. */
import { writeFileSync } from 'node:fs';
import { ConfigError } from '../config/error.ts';
import { wordsOf } from '../config/words.ts';
import { caseOf } from '../replay/case.ts';
import { caseText } from '../replay/caseFile.ts';
import { CannotRun } from '../replay/connection.ts';
import { failingStep, failsTheSame } from '../replay/failure.ts';
import type { JudgeOptions } from '../replay/judge.ts';
import { judge } from '../replay/judge.ts';
import { minimize } from '../replay/minimize.ts';
import { type Plan, planOf } from '../replay/plan.ts';
import { scenarioOf } from '../replay/scenario.ts';
import type { Server } from '../replay/target.ts';
import { shortId } from './describe.ts';
import { compareRules, valueText } from './diff.ts';
import { blockedLine, planOptions, type ReplayContext, type ReplayOptions, runPlan } from './replay.ts';
import { NOT_READ, withSources } from './sources.ts';
import { nameOf } from './stepper.ts';
import { json, pad, safe, width } from './terminal.ts';

export interface MinimizeCommandOptions extends Omit<ReplayOptions, 'step'> {
  readonly atStep?: number;
  readonly maxTrials?: number;
  readonly output?: string;
}

const MAX_TRIALS = 500;

/** Resolves to the exit code: 0 it was made smaller, 1 it does not fail, 3 it could not be run. */
export function minimizeSession(
  wanted: string,
  options: MinimizeCommandOptions,
  context: ReplayContext,
): Promise<number> {
  const { config, terminal, server } = context;
  if (server === undefined)
    throw new ConfigError(
      'minimize: against which server? name it: -- <command> [args...], or --target <url>',
    );
  const rules = compareRules(options);
  return withSources(config, [wanted], terminal, async ([sources]) => {
    const source = sources?.[0];
    if (source === undefined) return NOT_READ;
    const plan = planOf(scenarioOf(source), planOptions(options, context.env));
    const target = options.atStep ?? failingStep(plan);
    if (target === undefined || plan.steps[target] === undefined) {
      terminal.problem(
        target === undefined
          ? 'nothing failed in this session; --at-step names the step that is to stay as it is'
          : `--at-step: there is no step ${target}; the plan shows them`,
      );
      return NOT_READ;
    }
    const sendable = plan.steps.filter(({ blocked }) => blocked.length === 0);
    if (sendable.length < plan.steps.length && options.skipBlocked !== true) {
      terminal.problem(blockedLine(plan));
      return NOT_READ;
    }
    const judging: JudgeOptions = { rules, learnt: [], bindings: plan.bindings, maxSlowdown: undefined };
    try {
      const found = await minimize({
        steps: sendable,
        bindings: plan.bindings,
        target,
        maxTrials: options.maxTrials ?? MAX_TRIALS,
        fails: async (steps) =>
          failsTheSame(await runPlan(within(plan, steps), server, options, context), target, judging),
      });
      if (found === undefined) {
        terminal.problem(
          `step ${target} (${nameOf(plan.steps[target])}) does not end as it was recorded: nothing to make smaller`,
        );
        return 1;
      }
      for (const planned of found.steps) {
        const args = planned.params?.arguments;
        await terminal.line(
          `${String(planned.step.index).padStart(4)}  ${nameOf(planned)}${args === undefined ? '' : `  ${valueText(args)}`}${planned.step.index === target ? terminal.paint('red', '  <- fails') : ''}`,
        );
      }
      const output = options.output ?? `${shortId(plan.scenario.id)}.case.yaml`;
      const name = `${plan.scenario.server}: ${nameOf(plan.steps[target])}`;
      const file = caseOf(within(plan, found.steps), { name, server: serverFile(server), rules, learnt: [] });
      // Only the step that fails has to end as it did: the others serve it.
      file.steps.forEach((step, index) => {
        if (found.steps[index]?.step.index !== target && step.expect !== undefined) step.expect = {};
      });
      writeFileSync(output, caseText(output, file), { mode: 0o600 });
      const all = plan.steps.length === 1 ? '1 step' : `${plan.steps.length} steps`;
      await terminal.line(
        `${found.steps.length} of ${all}, ${found.trials} trials${found.stopped ? ' (the bound: it may not be the smallest)' : ''}`,
      );
      await terminal.line(`To reproduce: sidelight test ${safe(output)}`);
      return 0;
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      terminal.problem(error.message);
      return NOT_READ;
    }
  });
}

/** The same plan with only these steps; what they waited for and is gone is not waited for. */
function within(plan: Plan, steps: Plan['steps']): Plan {
  return { ...plan, steps };
}

function serverFile(server: Server): Parameters<typeof caseOf>[1]['server'] {
  return 'url' in server ? { url: server.url.href } : { command: [server.command, ...server.args] };
}

/** Resolves to the exit code: 0 every server reproduces it, 1 some do not, 3 none could be run. */
export function bisect(
  wanted: string,
  commands: readonly string[],
  options: ReplayOptions & { readonly json?: boolean },
  context: ReplayContext & { readonly cwd: string },
): Promise<number> {
  const { config, terminal, cwd } = context;
  const rules = compareRules(options);
  return withSources(config, [wanted], terminal, async ([sources]) => {
    const source = sources?.[0];
    if (source === undefined) return NOT_READ;
    const plan = planOf(scenarioOf(source), planOptions(options, context.env));
    if (plan.steps.some(({ blocked }) => blocked.length > 0) && options.skipBlocked !== true) {
      terminal.problem(blockedLine(plan));
      return NOT_READ;
    }
    const judging: JudgeOptions = {
      rules,
      learnt: [],
      bindings: plan.bindings,
      maxSlowdown: options.maxSlowdown,
    };
    const rows: { server: string; verdict: 'reproduced' | 'different' | 'cannot run'; why: string }[] = [];
    for (const text of commands) {
      const [command, ...args] = wordsOf(text);
      if (command === undefined) throw new ConfigError('--servers: a command is empty');
      try {
        const verdict = judge(await runPlan(plan, { command, args, cwd }, options, context), judging);
        const { first } = verdict;
        const why =
          first === undefined
            ? ''
            : `step ${first.live.planned.step.index} ${nameOf(first.live.planned)}: expected ${first.expected}, got ${first.actual}`;
        rows.push({ server: text, verdict: verdict.reproduced ? 'reproduced' : 'different', why });
      } catch (error) {
        if (!(error instanceof CannotRun)) throw error;
        rows.push({ server: text, verdict: 'cannot run', why: error.message });
      }
    }
    const firstBad =
      rows.find(({ verdict }, index) => verdict === 'different' && index > 0) ??
      rows.find(({ verdict }) => verdict === 'different');
    if (options.json === true)
      await terminal.line(json({ servers: rows, firstDifferent: firstBad?.server ?? null }));
    else {
      const room = Math.max(...rows.map(({ server }) => width(safe(server))));
      for (const { server, verdict, why } of rows) {
        const style = verdict === 'reproduced' ? 'green' : 'red';
        await terminal.line(
          `${pad(safe(server), room)}  ${terminal.paint(style, verdict)}  ${safe(why)}`.trimEnd(),
        );
      }
      if (firstBad !== undefined) await terminal.line(`The first that differs: ${safe(firstBad.server)}`);
    }
    if (rows.every(({ verdict }) => verdict === 'cannot run')) return NOT_READ;
    return rows.every(({ verdict }) => verdict === 'reproduced') ? 0 : 1;
  });
}

const MAX_SERVERS = 100;

/** `npx pkg@{1,2} x` is two commands, as in a shell. */
export function expanded(text: string): readonly string[] {
  const [, before, list, after] = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(text) ?? [];
  if (before === undefined || list === undefined || after === undefined) return [text];
  const all = list.split(',').flatMap((one) => expanded(`${before}${one}${after}`));
  if (all.length > MAX_SERVERS)
    throw new ConfigError(`--servers: ${all.length} servers are too many; ${MAX_SERVERS} are the most`);
  return all;
}
