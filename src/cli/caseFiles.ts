/**
 * `sidelight case create` and `case import`: a session, or a scenario of another program, becomes a file that keeps a failure fixed.
 * A tool that nobody allowed, and that does not say that it only reads, is not allowed by it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, quote } from '../config/error.ts';
import { allowedBy, type Case, type CaseFile, caseOf } from '../replay/case.ts';
import { caseText, parseCase } from '../replay/caseFile.ts';
import { CannotRun } from '../replay/connection.ts';
import type { LearntRule } from '../replay/judge.ts';
import { learn } from '../replay/learn.ts';
import { planOf } from '../replay/plan.ts';
import { casesOf } from '../replay/recorderScenarios.ts';
import { scenarioOf } from '../replay/scenario.ts';
import type { Server } from '../replay/target.ts';
import { shortId } from './describe.ts';
import { compareRules } from './diff.ts';
import { planOptions, type ReplayContext, type ReplayOptions, runPlan } from './replay.ts';
import { NOT_READ, withSources } from './sources.ts';
import { safe, type Terminal } from './terminal.ts';

export interface CaseCreateOptions extends ReplayOptions {
  readonly output?: string;
  readonly name?: string;
}

export interface CaseImportOptions {
  readonly output?: string;
  readonly allow?: readonly string[];
  readonly allowAll?: boolean;
}

const OWNER_ONLY = 0o600;
const FOLDER = 'cases';

/** Resolves to the exit code. */
export function caseCreate(
  wanted: string,
  options: CaseCreateOptions,
  context: ReplayContext,
): Promise<number> {
  const { config, terminal, server } = context;
  return withSources(config, [wanted], terminal, async ([sources = []]) => {
    const [source] = sources;
    if (source === undefined) return NOT_READ;
    const scenario = scenarioOf(source);
    const plan = planOf(scenario, planOptions({ ...options, allowAll: true }, context.env));
    const permitted = planOf(scenario, planOptions(options, context.env));
    const rules = compareRules(options);
    let learnt: readonly LearntRule[] = [];
    if (options.learn === true) {
      if (server === undefined)
        throw new ConfigError(
          '--learn: against which server? name it: -- <command> [args...], or --target <url>',
        );
      const judging = { rules, learnt, bindings: plan.bindings, maxSlowdown: undefined };
      try {
        learnt = await learn(() => runPlan(permitted, server, options, context), judging);
      } catch (error) {
        if (!(error instanceof CannotRun)) throw error;
        terminal.problem(error.message);
        return NOT_READ;
      }
    }
    const name = options.name ?? `${scenario.server} ${shortId(scenario.id)}`.trim();
    const allow = allowedBy(permitted);
    const file = caseOf(plan, { name, server: serverFile(server), rules, learnt, allow });
    const output = options.output ?? fileName(name);
    if (output === '-') await terminal.line(caseText(output, file).trimEnd());
    else await write(output, file, terminal);
    const left = plan.steps.length - file.steps.length;
    if (left > 0) terminal.problem(`${left} of ${plan.steps.length} steps cannot be sent and are not in it`);
    warn([file], options.learn === true ? ', and what differs in them was not learnt' : '', terminal);
    return 0;
  });
}

/** Resolves to the exit code. */
export async function caseImport(
  path: string,
  options: CaseImportOptions,
  { env, terminal }: Pick<ReplayContext, 'env' | 'terminal'>,
): Promise<number> {
  let written: unknown;
  try {
    written = parseCase(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    terminal.problem(
      `${path}: ${code === undefined ? (message.split('\n', 1)[0] ?? '') : `cannot be read (${code})`}`,
    );
    return NOT_READ;
  }
  const allow = options.allowAll === true ? undefined : new Set(options.allow ?? []);
  const found = casesOf(written, { env, allow });
  if ('problem' in found) {
    terminal.problem(`${path}: no scenarios of mcp-recorder: ${found.problem}`);
    return NOT_READ;
  }
  const folder = options.output ?? FOLDER;
  for (const file of found.cases) await write(join(folder, fileName(file.name)), file, terminal);
  for (const note of found.notes) terminal.problem(note);
  warn(found.cases, '', terminal);
  await terminal.line(
    `They expect nothing yet: sidelight test ${safe(folder)} --update writes what comes now`,
  );
  return 0;
}

async function write(path: string, file: CaseFile, terminal: Terminal): Promise<void> {
  try {
    mkdirSync(dirname(resolve(path)), { recursive: true });
    writeFileSync(path, caseText(path, file), { mode: OWNER_ONLY });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`${quote(path)} cannot be written (${code ?? 'unknown'})`, { cause: error });
  }
  const steps = file.steps.length === 1 ? '1 step' : `${file.steps.length} steps`;
  await terminal.line(`${safe(path)}: ${steps}; run it: sidelight test ${safe(path)}`);
}

/** Of tools that they call and do not allow. */
function warn(files: readonly CaseFile[], besides: string, terminal: Terminal): void {
  const tools = files.flatMap(({ steps, allow = [] }) =>
    steps.flatMap(({ method, target = '' }) =>
      method !== 'tools/call' || allow.includes(target) ? [] : [target],
    ),
  );
  if (tools.length === 0) return;
  const names = [...new Set(tools)].join(', ');
  terminal.problem(
    `not allowed to be called${besides}: ${names}; --allow them, or add them to allow in the file`,
  );
}

function fileName(name: string): string {
  return `${name.replace(/[^\w.-]+/g, '-')}.case.yaml`;
}

function serverFile(server: Server | undefined): Case['server'] {
  if (server === undefined) return undefined;
  return 'url' in server ? { url: server.url.href } : { command: [server.command, ...server.args] };
}
