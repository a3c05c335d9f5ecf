/** Options that the commands which run a session again have in common, and what their values mean. */
import { type Command, Option } from 'commander';
import { ConfigError, quote } from '../config/error.ts';
import { duration } from '../config/quantity.ts';
import { type Level, LEVELS } from '../replay/compare.ts';
import type { Server } from '../replay/target.ts';
import type { ReplayOptions } from './replay.ts';

/** As commander hands them over. */
export interface Written extends ReplayOptions {
  readonly target?: string;
  readonly header?: readonly string[];
  readonly unrecorded?: true;
}

const MAX_MS = 24 * 60 * 60_000;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;

export function serverOf(
  command: readonly string[],
  { target, header = [] }: Written,
  cwd: string,
): Server | undefined {
  const [program, ...args] = command;
  if (target !== undefined && program !== undefined)
    throw new ConfigError('--target: a server is named by its URL or by its command, not by both');
  if (target === undefined) return program === undefined ? undefined : { command: program, args, cwd };
  if (!URL.canParse(target) || !/^https?:$/.test(new URL(target).protocol))
    throw new ConfigError(`--target: ${quote(target)} is not an http or https URL`);
  return { url: new URL(target), headers: Object.fromEntries(header.map(headerFrom)) };
}

function headerFrom(written: string): [string, string] {
  const [, name, value] = HEADER.exec(written) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new ConfigError('--header: expected NAME: VALUE');
}

export function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function factor(flag: string): (written: string) => number {
  return (written) => {
    const value = Number(written.replace(/x$/, ''));
    if (Number.isFinite(value) && value > 0) return value;
    throw new ConfigError(`${flag}: ${quote(written)} is not a number above 0, such as 2`);
  };
}

/** Which server. */
export function withServer(command: Command): Command {
  return (
    command
      // Named by what it is here: elsewhere it is the URL of a server to stand in front of.
      .option('--target <url>', 'the URL of a server that speaks HTTP, with its path')
      .option('--header <header>', 'NAME: VALUE, sent with each request to it; repeatable', collected)
  );
}

/** What may be sent, and what instead of what was recorded. */
export function withPermissions(command: Command): Command {
  return command
    .option(
      '--allow <tool>',
      'a tool that may be called although it does not say that it only reads; repeatable',
      collected,
    )
    .option('--allow-all', 'any tool may be called')
    .option('--skip-blocked', 'leave out what cannot be sent, instead of nothing being run')
    .option('--secret <mark=env:name>', 'the value of something that was redacted; repeatable', collected)
    .option('--bind <step:path=value>', 'send this value instead of the recorded one; repeatable', collected)
    .addOption(
      new NoBind(
        '--no-bind <step:path>',
        'send the recorded value here; all for every place; repeatable',
      ).argParser(collected),
    );
}

/** To commander, --no-x is the contrary of --x and takes no value: this is an option of its own. */
class NoBind extends Option {
  override negate = false;

  override attributeName(): string {
    return 'noBind';
  }
}

/** How closely answers are compared. */
export function withComparing(command: Command, level: Level = 'semantic'): Command {
  return command
    .addOption(
      new Option('--level <level>', 'how closely answers are compared').choices(LEVELS).default(level),
    )
    .option('--ignore <path>', 'a path or the name of a member that may differ; repeatable', collected)
    .option('--type-only <path>', 'where only the type counts; repeatable', collected)
    .option('--unordered <path>', 'an array whose order says nothing; repeatable', collected);
}

/** A flag's value, in milliseconds. */
export function milliseconds(flag: string): (written: string) => number {
  return (written) => {
    const { schema, expected } = duration(0, MAX_MS);
    const result = schema().safeParse(written);
    if (result.success) return result.data;
    throw new ConfigError(`${flag}: ${quote(written)} is not ${expected}`);
  };
}

/** A whole number from 1. */
export function count(flag: string): (written: string) => number {
  return (written) => {
    if (/^[1-9]\d{0,5}$/.test(written)) return Number(written);
    throw new ConfigError(`${flag}: ${quote(written)} is not a whole number from 1`);
  };
}
