/** Turns the table of settings into options of a command and back into what was written. It judges no value. */
import { type Command, Option } from 'commander';
import { ConfigError } from '../config/error.ts';
import type { Flags } from '../config/load.ts';
import {
  CONFIG_FLAG,
  fallbackOf,
  flagOf,
  type Key,
  KEYS,
  type Mode,
  negated,
  OWN_KEYS,
  rowOf,
  usageOf,
} from '../config/options.ts';

export const ALL_SETTINGS: readonly Key[] = KEYS.filter((key) => flagOf(key) !== undefined);

/** The settings of a command that relays traffic: first its own, then those of both. */
export function settingsOf(mode: Mode): readonly Key[] {
  const own: ReadonlySet<Key> = new Set(Object.values(OWN_KEYS).flat());
  return [...OWN_KEYS[mode], ...ALL_SETTINGS.filter((key) => !own.has(key))];
}

/** What a command that only reads recordings needs. */
export const READER_SETTINGS: readonly Key[] = ['dataDir'];

const FLEET_SETTINGS: readonly Key[] = ['store', 'storePasswordFile'];

/** Adds what a command needs that reads recordings of this machine or of a fleet. */
export function addReading(command: Command, keys: readonly Key[] = READER_SETTINGS): Command {
  return addSettings(command, [...keys, ...FLEET_SETTINGS]).option(
    '--local',
    'read this machine, also where SIDELIGHT_STORE names a fleet',
  );
}

/** Adds what a command needs that changes recordings, which is done where they were made. */
export function addLocal(command: Command, keys: readonly Key[] = READER_SETTINGS): Command {
  const refused = (flags: string): Option =>
    new Option(flags).hideHelp().argParser(() => {
      throw new ConfigError(
        `${command.name()} changes the recordings of this machine alone: leave out ${flags.replace(/ .*/, '')}, and run it on the machine that recorded the session`,
      );
    });
  return addSettings(command, keys).addOption(refused('--store <url>'));
}

/** What a command that redacts needs. */
export const REDACTION_SETTINGS: readonly Key[] = [
  ...READER_SETTINGS,
  ...KEYS.filter((key) => key.startsWith('redact.')),
];

/** Adds an option for each setting, and `--config`. */
export function addSettings(command: Command, keys: readonly Key[]): Command {
  for (const key of keys) {
    const { kind, description, fallback, whenOff, bare } = rowOf(key);
    if (kind.metavar !== undefined) {
      const alone = bare === undefined ? '' : `; without a value: ${bare}`;
      const value = valueOption(usageOf(key), `${description} (default: ${fallbackOf(key)}${alone})`);
      if (kind.words !== undefined) showWords(value, kind.words);
      command.addOption(bare === undefined ? value : value.preset(bare));
      continue;
    }
    // A switch has both forms, so that it can overrule an environment or a file; help shows the one that changes it.
    const flag = flagOf(key) ?? '';
    command.addOption(new Option(flag, description).hideHelp(fallback === true));
    command.addOption(new Option(negated(flag), whenOff).hideHelp(fallback === false));
  }
  return command.addOption(
    valueOption(`${CONFIG_FLAG} <path>`, 'Config file. (default: ./sidelight.yaml, if it exists)'),
  );
}

/** What was written on the command line, by setting. */
export function flagsOf(command: Command): Flags {
  const written = command.opts<Record<string, string | boolean | undefined>>();
  const flags: Partial<Record<Key | 'config', string | boolean>> = {};
  for (const key of [...KEYS, 'config'] as const) {
    const value = written[attributeOf(key)];
    if (value !== undefined) flags[key] = value;
  }
  return flags;
}

/** In help texts and for shells; what else is written is refused where it is read, in words of ours. */
export function showWords(option: Option, words: readonly string[]): Option {
  option.argChoices = [...words];
  return option;
}

/** Commander's name for the option of a setting: `otlpEndpoint` for `otlp.endpoint`. */
function attributeOf(key: Key | 'config'): string {
  return key.replace(/[.]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `--name -- node` is a forgotten value, not a server named `--`. */
function valueOption(flags: string, help: string): Option {
  return new Option(flags, help).argParser((value: string) => {
    if (value === '--') throw new ConfigError(`${flags.replace(/ .*/, '')}: its value is missing`);
    return value;
  });
}
