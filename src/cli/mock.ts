/** `sidelight mock <session>`: a recorded session as an MCP server, until its client is gone. It calls no other server, ever. */
import { writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ConfigError, quote } from '../config/error.ts';
import { type Address, ADDRESS, isLoopback } from '../config/schema.ts';
import { Coverage, problemsOf, type Report } from '../replay/mock/coverage.ts';
import { Faults, type FaultRule, parseFault } from '../replay/mock/fault.ts';
import { startHttpMock } from '../replay/mock/httpMock.ts';
import { Matcher, type Strategy } from '../replay/mock/match.ts';
import { Player, type PlayerOptions } from '../replay/mock/player.ts';
import { scriptOf } from '../replay/mock/scriptOf.ts';
import { cueName, isCounted, type Script } from '../replay/mock/script.ts';
import { type MockEnd, runStdioMock } from '../replay/mock/stdioMock.ts';
import { withProbe } from './probe.ts';
import { NOT_READ, type SourcesConfig, withSources } from './sources.ts';
import type { Output, Terminal } from './terminal.ts';

export interface MockOptions {
  readonly listen?: string;
  readonly allowRemote?: true;
  readonly match: Strategy;
  readonly repeatLast?: true;
  readonly timing: 'fast' | 'recorded';
  readonly speed?: number;
  readonly stderr?: true;
  readonly crash?: true;
  readonly fault?: readonly string[];
  readonly seed?: number;
  readonly jsonReport?: string;
  readonly strict?: true;
}

export interface MockContext {
  readonly config: SourcesConfig;
  readonly terminal: Terminal;
  readonly input: () => Readable;
  readonly output: () => Output;
  readonly stderr: () => Output;
  /** Ends the process as the recorded server ended. */
  readonly endLike: (code: number | null, signal: NodeJS.Signals | null) => void;
  readonly signal: AbortSignal;
}

/** Named at the start and at the end; all of them are in the JSON report. */
const MAX_NAMED = 20;
const MAX_SEED = 2 ** 32;
/** An unknown request, with `--strict`. */
const NOT_AS_RECORDED = 1;

/** Resolves to the exit code, when the client is gone or the signal aborts. */
export async function mock(wanted: string, options: MockOptions, context: MockContext): Promise<number> {
  const { config, terminal } = context;
  const address = options.listen === undefined ? undefined : addressFrom(options.listen, options.allowRemote);
  if (address !== undefined && options.crash === true)
    throw new ConfigError('--crash: only on stdio does the mock end as the recorded server did');
  if (options.speed !== undefined && options.timing !== 'recorded')
    throw new ConfigError('--speed: without recorded times there is no speed; add --timing recorded');
  const rules = (options.fault ?? []).map(ruleFrom);
  let script: Script | undefined;
  const read = await withSources(config, [wanted], terminal, ([sources = []]) => {
    const [source] = sources;
    if (source === undefined || sources.length > 1) {
      terminal.problem('a file with several recordings cannot be played; import it and name a session');
      return Promise.resolve(NOT_READ);
    }
    return withProbe(config.dataDir, source, (probe) => {
      script = scriptOf(source, probe);
      return 0;
    });
  });
  if (script === undefined) return read;

  const seed = options.seed ?? Math.floor(Math.random() * MAX_SEED);
  const faults = new Faults(rules, seed);
  const coverage = new Coverage(script);
  begin(script, rules, seed, terminal);
  const ended = await play(script, { coverage, faults }, address, options, context);
  if (ended === undefined) return NOT_READ;

  const report = coverage.report(rules.length === 0 ? undefined : seed);
  for (const line of told(report)) terminal.problem(line);
  if (options.jsonReport !== undefined && !written(options.jsonReport, report, terminal)) return NOT_READ;
  if (ended.signal !== null) context.endLike(null, ended.signal as NodeJS.Signals);
  if (options.strict === true && report.unknownCount > 0) return NOT_AS_RECORDED;
  return ended.code ?? 0;
}

/** Resolves to how it ended; undefined: it could not begin, and that was said. */
async function play(
  script: Script,
  { coverage, faults }: Pick<PlayerOptions, 'coverage' | 'faults'>,
  address: Address | undefined,
  options: MockOptions,
  context: MockContext,
): Promise<MockEnd | undefined> {
  const { terminal, signal } = context;
  const speed = options.timing === 'recorded' ? (options.speed ?? 1) : Infinity;
  const report = (line: string): void => {
    terminal.problem(line);
  };
  const player = (session: PlayerOptions['session'], process: PlayerOptions['process']): Player => {
    const { match: strategy, repeatLast = false } = options;
    const matcher = new Matcher(script.cues, { strategy, repeatLast });
    return new Player({ script, matcher, faults, coverage, speed, session, report, process });
  };
  const stderr = options.stderr === true ? context.stderr() : undefined;
  if (address === undefined) {
    const [input, output, crash] = [context.input(), context.output(), options.crash === true];
    return runStdioMock({ input, output, stderr, crash, player, signal });
  }
  try {
    const served = await startHttpMock({
      ...{ ...address, remote: options.allowRemote === true, script, player },
      lost: () => {
        coverage.unheard();
      },
      stderr: stderr && ((text) => void stderr.write(`${text}\n`)),
    });
    terminal.problem(`mock listening on http://${ADDRESS.show({ ...address, port: served.port })}/mcp`);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await served.close();
    return { code: 0, signal: null };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    terminal.problem(error.message);
    return undefined;
  }
}

/** What is played, and what of it cannot be. */
function begin(script: Script, rules: readonly FaultRule[], seed: number, terminal: Terminal): void {
  const { server, protocolVersion, cues, id } = script;
  const calls = cues.filter(isCounted).length;
  terminal.problem(`mock of ${server.name}, ${protocolVersion}, session ${id}: ${calls} recorded requests`);
  const problems = problemsOf(script);
  for (const line of problems.slice(0, MAX_NAMED)) terminal.problem(line);
  if (problems.length > MAX_NAMED) terminal.problem(`and ${problems.length - MAX_NAMED} more of the kind`);
  if (rules.length > 0) terminal.problem(`the same faults again: --seed ${seed}`);
}

function told(report: Report): string[] {
  const { used, recorded, unused, unknownCount, otherAnswers, unheard, faults } = report;
  const names = unused
    .slice(0, MAX_NAMED)
    .map(({ frame, method, target }) => cueName({ seq: frame, method, target }));
  const more = unused.length > names.length ? `, and ${unused.length - names.length} more` : '';
  const put = Object.entries(faults).map(([kind, times]) => `${kind} ${times}`);
  return [
    `recorded requests used: ${used} of ${recorded}; unknown requests: ${unknownCount}`,
    ...(names.length === 0 ? [] : [`never asked for: ${names.join(', ')}${more}`]),
    ...(otherAnswers === 0
      ? []
      : [`answers of the client that differ from the recorded ones: ${otherAnswers}`]),
    ...(unheard === 0 ? [] : [`messages that no client listened for: ${unheard}`]),
    ...(put.length === 0 ? [] : [`faults put in: ${put.join(', ')}`]),
  ];
}

function written(path: string, report: Report, terminal: Terminal): boolean {
  try {
    writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    terminal.problem(`--json-report: ${path} cannot be written (${code})`);
    return false;
  }
}

function ruleFrom(text: string): FaultRule {
  const rule = parseFault(text);
  if (typeof rule !== 'string') return rule;
  throw new ConfigError(`--fault: ${quote(text)}: ${rule}`);
}

function addressFrom(text: string, allowRemote = false): Address {
  const { schema, expected } = ADDRESS;
  const result = schema().safeParse(text);
  if (!result.success) throw new ConfigError(`--listen: ${quote(text)} is not ${expected}`);
  if (allowRemote || isLoopback(result.data.host)) return result.data;
  throw new ConfigError(
    `--listen: ${ADDRESS.show(result.data)} can be reached from other machines; add --allow-remote if that is meant`,
  );
}
