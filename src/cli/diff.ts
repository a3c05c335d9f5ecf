/** `sidelight diff A B`: what changed between two sessions. The exit code is 0 where nothing did, 1 where something did. */
import { ConfigError, quote } from '../config/error.ts';
import { comparedSession } from '../replay/compared.ts';
import type { CompareRules, Difference, Level } from '../replay/compare.ts';
import { type ComparedCall, diffSessions, isSame, type SessionDiff } from '../replay/diff.ts';
import { callJson, diffJson } from '../replay/diffJson.ts';
import { parsePattern, pathText, type Pattern } from '../replay/paths.ts';
import { callOf } from './describe.ts';
import { NOT_READ, type SourcesConfig, withSources } from './sources.ts';
import { duration, fit, json, safe, type Terminal } from './terminal.ts';

export interface DiffOptions {
  readonly level?: Level;
  readonly ignore?: readonly string[];
  readonly typeOnly?: readonly string[];
  readonly unordered?: readonly string[];
  /** A call that takes this many times as long is a change, too. */
  readonly maxSlowdown?: number;
  readonly json?: boolean;
}

const MAX_SHOWN = 5;
const VALUE_COLUMNS = 60;
/** Differences below this are the scheduler's, not the server's. */
const NOISE_US = 5000;

/** Prints the changes; resolves to the exit code. */
export function diff(
  config: SourcesConfig,
  [left, right]: readonly [string, string],
  options: DiffOptions,
  terminal: Terminal,
): Promise<number> {
  const rules = compareRules(options);
  return withSources(config, [left, right], terminal, async ([a = [], b = []]) => {
    const [first, second] = [a[0], b[0]];
    if (first === undefined || second === undefined || a.length + b.length > 2) {
      terminal.problem('a file with several recordings cannot be compared; import it and name a session');
      return NOT_READ;
    }
    const found = diffSessions(comparedSession(first), comparedSession(second), rules);
    const slower = slowed(found, options.maxSlowdown);
    const same = isSame(found) && slower.length === 0;
    if (options.json === true) await terminal.line(json(asJson(found, slower, same)));
    else await show(found, slower, same, terminal);
    return same ? 0 : 1;
  });
}

export function compareRules({
  level = 'semantic',
  ignore = [],
  typeOnly = [],
  unordered = [],
}: Pick<DiffOptions, 'level' | 'ignore' | 'typeOnly' | 'unordered'>): CompareRules {
  return {
    level,
    ignore: patterns('--ignore', ignore),
    typeOnly: patterns('--type-only', typeOnly),
    unordered: patterns('--unordered', unordered),
  };
}

function patterns(flag: string, written: readonly string[]): readonly Pattern[] {
  return written.map((text) => {
    const pattern = parsePattern(text);
    if (pattern !== undefined) return pattern;
    throw new ConfigError(
      `${flag}: ${quote(text)} is no path such as $.content[*].text, nor the name of a member`,
    );
  });
}

type Pair = SessionDiff['pairs'][number];

function slowed({ pairs }: SessionDiff, times: number | undefined): readonly Pair[] {
  if (times === undefined) return [];
  return pairs.filter(([a, b]) => {
    const [before, after] = [tookUs(a), tookUs(b)];
    return !a.operation.stream && after > Math.max(before, NOISE_US) * times;
  });
}

function tookUs({ operation }: ComparedCall): number {
  return operation.endedAtUs - operation.startedAtUs;
}

function asJson(found: SessionDiff, slower: readonly Pair[], same: boolean): object {
  return {
    same,
    ...diffJson(found),
    slower: slower.map(([left, right]) => ({
      left: callJson(left),
      right: callJson(right),
      leftUs: tookUs(left),
      rightUs: tookUs(right),
    })),
  };
}

async function show(
  found: SessionDiff,
  slower: readonly Pair[],
  same: boolean,
  terminal: Terminal,
): Promise<void> {
  const { pairs } = found;
  if (same) {
    await terminal.line(`${terminal.paint('green', 'the same')}: ${pairs.length} operations on both sides`);
    return;
  }
  for (const [name, left, right] of found.session)
    await terminal.line(`${name}: ${safe(left) || '(none)'} -> ${safe(right) || '(none)'}`);
  for (const tool of found.toolsRemoved) await terminal.line(terminal.paint('red', `- tool ${safe(tool)}`));
  for (const tool of found.toolsAdded) await terminal.line(terminal.paint('green', `+ tool ${safe(tool)}`));
  for (const { tool, differences } of found.toolsChanged) {
    await terminal.line(terminal.paint('yellow', `~ tool ${safe(tool)}`));
    await list('', differences, terminal);
  }
  for (const { left, right, outcomeChanged, asked, answered } of found.calls) {
    const outcome = outcomeChanged ? `: ${left.operation.outcome} -> ${right.operation.outcome}` : '';
    const name = `~ ${callOf(left.operation)} (${left.operation.operationId}, ${right.operation.operationId})`;
    await terminal.line(terminal.paint(outcomeChanged ? 'red' : 'yellow', `${name}${outcome}`));
    await list('asked ', asked, terminal);
    await list('', answered, terminal);
  }
  for (const { operation } of found.onlyLeft)
    await terminal.line(terminal.paint('red', `- ${callOf(operation)} (${operation.operationId})`));
  for (const { operation } of found.onlyRight)
    await terminal.line(terminal.paint('green', `+ ${callOf(operation)} (${operation.operationId})`));
  for (const [left, right] of slower) {
    const times = `${duration(tookUs(left))} -> ${duration(tookUs(right))}`;
    await terminal.line(terminal.paint('yellow', `~ ${callOf(left.operation)} is slower: ${times}`));
  }
}

async function list(what: string, differences: readonly Difference[], terminal: Terminal): Promise<void> {
  for (const { path, kind, expected, actual } of differences.slice(0, MAX_SHOWN)) {
    const values: Readonly<Record<Difference['kind'], string>> = {
      missing: `${valueText(expected)} is gone`,
      added: `${valueText(actual)} is new`,
      type: `${valueText(expected)} -> ${valueText(actual)}`,
      value: `${valueText(expected)} -> ${valueText(actual)}`,
      length: `${String(expected)} -> ${String(actual)} elements`,
    };
    await terminal.line(`    ${what}${safe(pathText(path))}  ${values[kind]}`);
  }
  if (differences.length > MAX_SHOWN)
    await terminal.line(terminal.paint('dim', `    ${differences.length - MAX_SHOWN} more; --json has them`));
}

export function valueText(value: unknown): string {
  return value === undefined ? 'nothing' : fit(safe(JSON.stringify(value)), VALUE_COLUMNS);
}
