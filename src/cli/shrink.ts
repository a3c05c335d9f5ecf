/** `sidelight minimize`: the smallest session that still fails. */
import { writeFileSync } from 'node:fs';
import { ConfigError } from '../config/error.ts';
import { caseOf } from '../replay/case.ts';
import { caseText } from '../replay/caseFile.ts';
import { CannotRun } from '../replay/connection.ts';
import { failingStep, failsTheSame } from '../replay/failure.ts';
import type { JudgeOptions } from '../replay/judge.ts';
import { minimize } from '../replay/minimize.ts';
import { type Plan, planOf } from '../replay/plan.ts';
import { scenarioOf } from '../replay/scenario.ts';
import type { Server } from '../replay/target.ts';
import { shortId } from './describe.ts';
import { compareRules, valueText } from './diff.ts';
import { blockedLine, planOptions, type ReplayContext, type ReplayOptions, runPlan } from './replay.ts';
import { NOT_READ, withSources } from './sources.ts';
import { nameOf } from './stepper.ts';
import { safe } from './terminal.ts';

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
        signal: context.signal,
        fails: async (steps) =>
          runPlan(within(plan, steps), server, options, context).then(
            (run) => failsTheSame(run, target, judging),
            (error: unknown) => {
              // What was found by then is told.
              if (context.signal.aborted) return false;
              throw error;
            },
          ),
      });
      if (found === undefined && context.signal.aborted) throw new CannotRun('interrupted');
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
        `${found.steps.length} of ${all}, ${found.trials} trials${found.stopped ? ' (stopped: it may not be the smallest)' : ''}`,
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
