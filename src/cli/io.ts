/** What the command line is handed: everything of the process that it may use. */
import type { Readable } from 'node:stream';
import type { RunOptions } from '../app.ts';
import type { Place } from '../config/paths.ts';
import type { HttpOptions } from '../http.ts';
import type { Output } from './terminal.ts';

export interface Io extends Place {
  readonly env: NodeJS.ProcessEnv;
  /** Absolute. */
  readonly cwd: string;
  readonly version: string;
  /** Program and first arguments that run Sidelight once more. */
  readonly self: readonly [string, ...string[]];
  /** A function: reading it begins with being asked for. */
  readonly stdin: () => Readable;
  /** A function, since `run` never asks for it: stdout belongs to the server then. */
  readonly stdout: () => Output;
  readonly stderr: () => Output;
  /** Asks one line of whoever is at stdin; undefined: it is closed. */
  readonly ask: (text: string) => Promise<string | undefined>;
  /** Aborts when the user or the system asks the process to end. */
  readonly interrupted: () => AbortSignal;
  /** Ends the process with this code, or by this signal. */
  readonly endLike: (code: number | null, signal: NodeJS.Signals | null) => void;
  readonly run: (options: RunOptions) => Promise<void>;
  readonly http: (options: HttpOptions) => Promise<void>;
}
