/** What a row of the table of settings holds, and the two ways to write one. */
import type { Kind } from './schema.ts';

export interface Option<T, Default = T> {
  readonly kind: Kind<T>;
  readonly description: string;
  readonly fallback: Default;
  /** Of a switch that is on by default: what its flag, `--no-...`, does. */
  readonly whenOff?: string;
  /** Of a setting with a value: what its flag says when it is given without one. */
  readonly bare?: string;
  /** How docs name a default that is not a fixed value. */
  readonly fallbackText?: string;
  /** Standard OpenTelemetry variables that say the same, the more specific first. */
  readonly otel?: readonly string[];
  /** No flag (a command line can be read by others), never shown, and not in the server's environment. */
  readonly secret?: boolean;
}

/** A setting that is not set unless somebody sets it. */
export function unset<T>(row: Omit<Option<T>, 'fallback'>): Option<T, undefined> {
  return { ...row, fallback: undefined };
}

export function option<T>(row: Option<T, NoInfer<T>>): Option<T> {
  return row;
}
