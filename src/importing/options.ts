/** What every import is handed, and what all of them make of it. It reads nothing itself. */
import { createHash } from 'node:crypto';
import type { McpEvent } from '../event/event.ts';
import type { Redactor } from '../event/redact.ts';
import type { Header } from '../formats/recording.ts';
import { uuidV7 } from '../self/uuid.ts';
import type { ValidatorOf } from '../track/checks/validator.ts';

export interface ImportOptions {
  /** Undefined: what is imported is stored as it is. */
  readonly redactor: Redactor | undefined;
  readonly maxBodyBytes: number;
  readonly maxMessageBytes: number;
  readonly keepMedia: boolean;
  readonly sessionIdleUs: number;
  /** Compiles schemas of tools. Compiling one takes milliseconds: what it has compiled it should know again. */
  readonly validatorOf: ValidatorOf;
  /** Undefined: ids are made by the clock and at random. */
  readonly newSessionId?: () => string;
  readonly events: ImportEvents;
  /** What could not be read, and where, in words that hold nothing of the input. */
  readonly leftOut: (what: string, line: number | undefined) => void;
}

export interface ImportEvents {
  /** Of a native recording: what is known of the session beside its events. Told before them. */
  begun(header: Header): void;
  event(event: McpEvent): void;
  /** No more of this session. `missing`: how many of its frames are not there, where the file had them or should have. */
  ended(sessionId: string, missing: number): void;
}

export function newId({ newSessionId = uuidV7 }: ImportOptions): string {
  return newSessionId();
}

/** What trackers of imported sessions have in common. */
export function trackerOf({ redactor, validatorOf }: ImportOptions) {
  return {
    redact: (text: string) => redactor?.redact(text).text ?? text,
    validatorOf,
  };
}

/** The same file gives the same ids, so that an import can be compared with another one. */
export function derivedIds(seed: string) {
  let made = 0;
  const hex = (digits: number) => (): string => {
    made += 1;
    return createHash('sha256').update(`${seed}/${made}`).digest('hex').slice(0, digits);
  };
  return { newTraceId: hex(32), newSpanId: hex(16) };
}
