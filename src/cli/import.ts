/** `sidelight import <file>`: recordings of other machines and other programs into the store, all that can be read of them. */
import { createReadStream } from 'node:fs';
import type { Config } from '../config/config.ts';
import { ConfigError, quote } from '../config/error.ts';
import { IMPORT_FORMATS, type ImportFormat } from '../formats/importFormats.ts';
import { type Imported, importFile } from '../importing/file.ts';
import { openRedaction } from '../redaction.ts';
import { StoreError } from '../store/error.ts';
import type { Terminal } from './terminal.ts';

export interface ImportCommandOptions {
  /** Undefined: told by how the file begins. */
  readonly format?: ImportFormat;
  /** False: what is imported is stored as it is. */
  readonly redact: boolean;
}

/** What is left out is told line by line up to here, then counted. */
const MAX_TOLD = 20;
const STDIN = 0;

/** Undefined for `auto`; throws a ConfigError for what is none. */
export function importFormat(written: string): ImportFormat | undefined {
  if (written === 'auto') return undefined;
  const format = IMPORT_FORMATS.find((known) => known === written);
  if (format !== undefined) return format;
  throw new ConfigError(`--format: ${quote(written)} is none of auto, ${IMPORT_FORMATS.join(', ')}`);
}

/** Resolves to the exit code: 1 when anything was left out. `file` is a path, or `-` for stdin. */
export async function importRecording(
  file: string,
  options: ImportCommandOptions,
  config: Config,
  terminal: Terminal,
): Promise<number> {
  let leftOut = 0;
  const name = file === '-' ? 'stdin' : file;
  const { redact } = options;
  const { redactor } = redact ? await openRedaction({ ...config, redact }) : { redactor: undefined };
  let imported: Imported;
  try {
    imported = await importFile({
      dataDir: config.dataDir,
      format: options.format,
      // By number, since stdin has no name on every system.
      input: file === '-' ? createReadStream('', { fd: STDIN, autoClose: false }) : createReadStream(file),
      redactor,
      maxBodyBytes: config.maxBodyBytes,
      maxMessageBytes: config.maxMessageBytes,
      keepMedia: config.recordMedia,
      sessionIdleUs: config.http.sessionIdleMs * 1000,
      leftOut: (what, line) => {
        leftOut += 1;
        if (leftOut <= MAX_TOLD)
          terminal.problem(`${name}${line === undefined ? '' : `, line ${line}`}: left out: ${what}`);
      },
    });
  } catch (error) {
    if (error instanceof StoreError) terminal.problem(`nothing was imported: ${error.message}`);
    else if (error instanceof Error && 'syscall' in error && 'code' in error)
      terminal.problem(`nothing was imported: ${quote(name)} cannot be read (${String(error.code)})`);
    else throw error;
    return 1;
  }
  if (leftOut > MAX_TOLD) terminal.problem(`${name}: ${leftOut - MAX_TOLD} more were left out`);
  return tell(imported, leftOut, name, terminal);
}

async function tell(
  { format, sessions }: Imported,
  leftOut: number,
  name: string,
  terminal: Terminal,
): Promise<number> {
  if (format === undefined) {
    terminal.problem(
      `${name}: no format that is known; expected one of ${IMPORT_FORMATS.join(', ')}: name it with --format`,
    );
    return 1;
  }
  if (sessions.length === 0) {
    terminal.problem(`${name}: no session in it can be read as ${format}`);
    return 1;
  }
  for (const { id, oldId, operations, failedOperations, frames, whole } of sessions) {
    const failed = failedOperations === 0 ? '' : `, ${failedOperations} failed`;
    const was = oldId === undefined ? '' : ` (its own id ${oldId} is taken)`;
    const missing = whole ? '' : ', not complete';
    await terminal.line(`${id}${was}: ${operations} operations${failed}, ${frames} frames${missing}`);
  }
  return leftOut === 0 ? 0 : 1;
}
