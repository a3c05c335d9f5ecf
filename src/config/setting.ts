/** One setting as somebody wrote it somewhere, and its reading. It does not know which of several counts. */
import { ConfigError, quote } from './error.ts';
import { type Key, rowOf } from './options.ts';
import { didYouMean } from './suggest.ts';

export interface Setting {
  readonly key: Key;
  /** Text, or a YAML value from the config file. */
  readonly written: unknown;
  /** For messages: `--record`, `SIDELIGHT_RECORD`, `/etc/sidelight.yaml:3:9: record`. */
  readonly where: string;
  /** For `config print`: `flag --record`, `env SIDELIGHT_RECORD`, `file /etc/sidelight.yaml:3`. */
  readonly source: string;
  /** The directory that relative paths start from; undefined: the current one. */
  readonly base: string | undefined;
  /** A wrong value is told and ignored, not an error. */
  readonly lenient: boolean;
}

/** The value, or a ConfigError that says what is wrong with it. */
export function readSetting({ key, written, where }: Setting): { readonly value: unknown } | ConfigError {
  const { kind, secret } = rowOf(key);
  const result = kind.schema().safeParse(written);
  if (result.success) return { value: result.data };
  const shown = secret === true ? 'its value (a secret, not shown)' : quote(written);
  const near = typeof written === 'string' && secret !== true ? kind.near?.(written) : undefined;
  return new ConfigError(`${where}: ${shown} is not ${kind.expected}${didYouMean(near)}`);
}
