/**
 * Writes down who took what out of the recordings, brought in or changed: a line of JSON each in `audit.log`, which its owner
 * alone can read. It never holds anything that was recorded, and what cannot be written down is not done.
 */
import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from './problem.ts';

export interface AuditEntry {
  readonly action:
    'export' | 'import' | 'pin' | 'unpin' | 'note' | 'remove_note' | 'delete' | 'replay' | 'replay_move';
  readonly session?: string;
  readonly sessions?: readonly string[];
  readonly format?: string;
  /** The name of a target of the configuration. */
  readonly target?: string;
  readonly replay?: string;
  readonly move?: string;
}

export const AUDIT_FILE = 'audit.log';
/** Some fifty thousand lines; then it becomes `audit.log.1`, in the place of the one before. */
const MAX_BYTES = 10 * 1024 * 1024;
const OWNER_ONLY = 0o600;
const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  ((constants.O_NOFOLLOW as number | undefined) ?? 0);

/** Throws an ApiError when it cannot be written. */
export function audit(dataDir: string, entry: AuditEntry, nowMs: number, client: string | undefined): void {
  const path = join(dataDir, AUDIT_FILE);
  const line = `${JSON.stringify({ at: new Date(nowMs).toISOString(), ...entry, client })}\n`;
  try {
    const file = openSync(path, FLAGS, OWNER_ONLY);
    let size: number;
    try {
      writeSync(file, line);
      ({ size } = fstatSync(file));
    } finally {
      closeSync(file);
    }
    if (size > MAX_BYTES) renameSync(path, `${path}.1`);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new ApiError(
      503,
      `audit.log cannot be written (${code}), so this is not done; check the data folder`,
    );
  }
}
