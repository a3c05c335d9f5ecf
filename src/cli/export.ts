/** `sidelight export <session>`: one session as a file that others can read, redacted once more on its way out. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ConfigError, quote } from '../config/error.ts';
import type { Config } from '../config/config.ts';
import { EXPORT_FORMATS, EXPORTERS, type ExportFormat } from '../formats/exportFormats.ts';
import { redactedSource } from '../formats/redaction.ts';
import { sourceOf } from '../formats/source.ts';
import { openRedaction } from '../redaction.ts';
import { recordingOf, withStore } from './describe.ts';
import type { Place } from './place.ts';
import type { Output, Terminal } from './terminal.ts';

export interface ExportOptions {
  /** Undefined: what the file's name says, else native. */
  readonly format?: ExportFormat;
  /** A path; undefined or `-` for stdout. */
  readonly output?: string;
  /** False: no second pass; what was replaced when it was recorded stays replaced. */
  readonly redact: boolean;
}

const OWNER_ONLY = 0o600;
const ENDINGS: Readonly<Record<string, ExportFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  html: 'html',
  htm: 'html',
  har: 'har',
  md: 'md',
  markdown: 'md',
  json: 'otlp',
};

/** Throws a ConfigError for what is none. */
export function exportFormat(written: string): ExportFormat {
  const format = EXPORT_FORMATS.find((known) => known === written);
  if (format !== undefined) return format;
  throw new ConfigError(`--format: ${quote(written)} is none of ${EXPORT_FORMATS.join(', ')}`);
}

/** Writes the session that `wanted` stands for; resolves to the exit code. */
export function exportSession(
  config: Config & Place,
  wanted: string,
  options: ExportOptions,
  {
    terminal,
    out,
    err,
    version,
  }: { readonly terminal: Terminal; readonly out: Output; readonly err: Output; readonly version: string },
): Promise<number> {
  const { output = '-', redact } = options;
  const format = options.format ?? ENDINGS[/[.]([a-z]+)$/i.exec(output)?.[1]?.toLowerCase() ?? ''] ?? 'jsonl';
  return withStore(config, terminal, async (recordings) => {
    const session = await recordings.findSession(wanted);
    const recorded = sourceOf(await recordings.open(session), session);
    const redactor = redact ? (await openRedaction({ ...config, redact })).redactor : undefined;
    const source = redactor === undefined ? recorded : redactedSource(recorded, redactor);
    const text = EXPORTERS[format](source, { name: 'sidelight', version });
    try {
      if (output === '-') await toStdout(text, out);
      else await toFile(text, output);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code === 'EPIPE' && output === '-') return 0;
      const where = output === '-' ? 'stdout' : quote(output);
      // The terminal is silent once its own output is gone, and here that is what is to be said.
      err.write(`sidelight: --output: ${where} cannot be written (${error.code}); choose another\n`);
      return 1;
    }
    const { completeness } = session;
    if (!completeness.complete) terminal.problem(`not all is in the recording: ${recordingOf(completeness)}`);
    return 0;
  });
}

function toStdout(text: Iterable<string>, out: Output): Promise<void> {
  return pipeline(Readable.from(text), out, { end: false });
}

/** Beside its place and then moved there: who reads it finds all of it or what was there before. */
async function toFile(text: Iterable<string>, path: string): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await pipeline(Readable.from(text), createWriteStream(part, { flags: 'wx', mode: OWNER_ONLY }));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
