/**
 * Writes down who took what out of the recordings, brought in or changed: a line of JSON each, in a file that its owner alone can
 * read, or on stderr for whatever gathers logs. It never holds anything that was recorded, and what cannot be written down is not
 * done.
 */
import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { OWNER, type Principal } from './principal.ts';
import { ApiError } from './problem.ts';

export interface AuditEntry {
  /** `read`: payloads of a session. `search`: a text in payloads. Both are written where many read what many recorded. */
  readonly action:
    | 'export'
    | 'import'
    | 'pin'
    | 'unpin'
    | 'note'
    | 'remove_note'
    | 'delete'
    | 'replay'
    | 'replay_move'
    | 'mock'
    | 'stop_mock'
    | 'read'
    | 'search';
  readonly session?: string;
  readonly sessions?: readonly string[];
  readonly format?: string;
  /** The name of a target of the configuration. */
  readonly target?: string;
  readonly replay?: string;
  readonly move?: string;
  readonly mock?: string;
  /** The name of what was asked for in openapi.json. */
  readonly route?: string;
}

export interface Asker {
  readonly principal: Principal;
  /** An address, or `mcp`. */
  readonly client: string | undefined;
}

export const AUDIT_FILE = 'audit.log';
/** In the place of a file. */
export const STDERR = 'stderr';
const STDERR_NUMBER = 2;
/** Some fifty thousand lines; then it becomes `audit.log.1`, in the place of the one before. */
const MAX_BYTES = 10 * 1024 * 1024;
const OWNER_ONLY = 0o600;
const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  ((constants.O_NOFOLLOW as number | undefined) ?? 0);

/** To a file or STDERR. Throws an ApiError when it cannot be written. */
export function audit(file: string, entry: AuditEntry, nowMs: number, { principal, client }: Asker): void {
  const { org, subject } = principal;
  const who = principal === OWNER ? { client } : { client, org, subject };
  const line = `${JSON.stringify({ at: new Date(nowMs).toISOString(), ...entry, ...who })}\n`;
  try {
    if (file === STDERR) writeSync(STDERR_NUMBER, line);
    else append(file, line);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new ApiError(
      503,
      `${file === STDERR ? 'stderr' : 'audit.log'} cannot be written (${code}), so this is not done; check ${file === STDERR ? 'who reads it' : 'the data folder'}`,
    );
  }
}

function append(path: string, line: string): void {
  const file = openSync(path, FLAGS, OWNER_ONLY);
  let size: number;
  try {
    writeSync(file, line);
    ({ size } = fstatSync(file));
  } finally {
    closeSync(file);
  }
  if (size > MAX_BYTES) renameSync(path, `${path}.1`);
}
