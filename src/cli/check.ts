/** `sidelight check`: a gate for CI. The exit code is 0 when everything holds, 1 when not, 2 for a usage that cannot be meant. */
import { ConfigError, quote } from '../config/error.ts';
import { didYouMean, nearest } from '../config/suggest.ts';
import {
  check,
  type Checked,
  DEFAULT_FAIL_ON,
  FAIL_ON_WORDS,
  passes,
  type Rules,
  suiteOf,
} from '../check/gate.ts';
import { junitOf } from '../check/junit.ts';
import { sarifOf } from '../check/sarif.ts';
import { callOf, shortId } from './describe.ts';
import { filterOf } from './filterOption.ts';
import { type SourcesConfig, withSources } from './sources.ts';
import { json, safe, type Terminal } from './terminal.ts';

export interface CheckOptions {
  readonly failOn?: string;
  /** Sessions of the store that a filter finds, besides those that are named. */
  readonly filter?: string;
  readonly maxDuration?: number;
  readonly expectTool?: readonly string[];
  readonly forbidTool?: readonly string[];
  readonly format?: 'text' | 'json' | 'junit' | 'sarif';
}

/** Prints what does not hold; resolves to the exit code. */
export function checkSessions(
  config: SourcesConfig,
  wanted: readonly string[],
  options: CheckOptions,
  version: string,
  terminal: Terminal,
): Promise<number> {
  const rules = rulesOf(options);
  const filter = options.filter === undefined ? undefined : filterOf([options.filter]);
  const named = wanted.length === 0 && filter === undefined ? ['last'] : wanted;
  return withSources(
    config,
    named,
    terminal,
    async (groups) => {
      const checked: Checked[] = [];
      for (const { session, operations, findings } of groups.flat())
        checked.push(check(session, operations(), findings(), rules));
      const [first] = checked;
      const uriOf = (id: string): string => `sidelight:///sessions/${id}`;
      if (options.format === 'junit')
        await terminal.line(junitOf('sidelight check', checked.map(suiteOf)).trimEnd());
      else if (options.format === 'sarif') await terminal.line(json(sarifOf(checked, version, uriOf)));
      else if (options.format === 'json') for (const one of checked) await terminal.line(json(asJson(one)));
      else for (const one of checked) await show(one, terminal);
      if (first === undefined) terminal.problem('no session is meant by this: nothing was checked');
      return first !== undefined && checked.every(passes) ? 0 : 1;
    },
    filter,
  );
}

function rulesOf({ failOn, maxDuration, expectTool = [], forbidTool = [] }: CheckOptions): Rules {
  const words = failOn === undefined ? DEFAULT_FAIL_ON : failOn.split(',').map((word) => word.trim());
  const unknown = words.find((word) => word !== 'none' && !FAIL_ON_WORDS.includes(word));
  if (unknown !== undefined) {
    const near = didYouMean(nearest(unknown, FAIL_ON_WORDS));
    throw new ConfigError(
      `--fail-on: ${quote(unknown)} is neither a category nor a finding${near || '; `sidelight check --help` lists them'}`,
    );
  }
  return {
    failOn: new Set(words),
    maxDurationUs: maxDuration === undefined ? undefined : maxDuration * 1000,
    expectTools: expectTool,
    forbidTools: forbidTool,
  };
}

function asJson(checked: Checked): object {
  const { session, operations, violations } = checked;
  return {
    session: session.id,
    server: session.server,
    passed: passes(checked),
    operations: operations.length,
    violations: [...violations, ...operations.flatMap((one) => one.violations)],
  };
}

async function show(checked: Checked, terminal: Terminal): Promise<void> {
  const { session, operations, violations } = checked;
  const all = [...violations, ...operations.flatMap((one) => one.violations)];
  const head = `${shortId(session.id)}  ${safe(session.server)}  ${operations.length} operations`;
  const verdict = all.length === 0 ? terminal.paint('green', 'ok') : terminal.paint('red', 'failed');
  await terminal.line(`${head}  ${verdict}`);
  for (const { rule, message, seq, operationId } of all) {
    const operation = operations.find((one) => one.operation.operationId === operationId)?.operation;
    const where = [
      operation === undefined ? '' : `operation ${operation.operationId} ${callOf(operation)}`,
      seq === undefined ? '' : `frame ${seq}`,
    ].filter(Boolean);
    const at = where.length === 0 ? '' : terminal.paint('dim', `  (${where.join(', ')})`);
    await terminal.line(`  ${terminal.paint('yellow', rule)}  ${safe(message)}${at}`);
  }
}
