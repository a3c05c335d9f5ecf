/**
 * The steps between versions of the native format: a recording of an older one is brought to this one line by line, and one
 * of a newer version is refused before anything of it is read. Pure.
 */
import { type Json, Malformed } from './members.ts';
import { RECORDING_VERSION } from './recording.ts';

/** Brings a line of one version to the next. */
export type Step = (line: Json) => Json;

/** The step at position n leads from version n + 1 to n + 2. One that was released never changes. */
export const STEPS: readonly Step[] = [];

/** What brings a line of this header's recording to the version that is read here. Throws `Malformed`. */
export function converterFor({ version }: Json, steps: readonly Step[] = STEPS): Step {
  if (!Number.isSafeInteger(version) || (version as number) < 1)
    throw new Malformed('version is no whole number from 1: this is no recording that Sidelight ever wrote');
  const from = version as number;
  if (from > steps.length + 1)
    throw new Malformed(
      `version is ${from}, this Sidelight reads up to ${RECORDING_VERSION}: import it with a newer one`,
    );
  const left = steps.slice(from - 1);
  return (line) => left.reduce((converted, step) => step(converted), line);
}
