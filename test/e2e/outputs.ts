/** Sidelight with every output on, and what came out of each. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationRecord, SessionRecord } from '../../src/store/record.ts';
import { type Receiver, type ReceivedSpan, startReceiver } from '../unit/receiver.ts';
import { freePort } from './listening.ts';
import { read, SIDELIGHT, temporaryFolder } from './sidelight.ts';

export interface Shown {
  readonly session: SessionRecord;
  readonly operations: readonly OperationRecord[];
  readonly findings: readonly { readonly rule: string }[];
  readonly frames: readonly {
    readonly kind: string;
    readonly channel: string;
    readonly text?: string;
    readonly redactions: number;
  }[];
}

export type LogLine = Readonly<Record<string, unknown>>;

export interface Outputs {
  readonly folder: string;
  readonly dataDir: string;
  /** The command line that runs a server with every output on. */
  readonly around: (command: readonly string[], ...flags: readonly string[]) => readonly string[];
  readonly spans: () => readonly ReceivedSpan[];
  /** Of everything that goes over OTLP. */
  readonly receiver: Receiver;
  readonly log: () => readonly LogLine[];
  readonly logFile: string;
  /** The page; empty as long as nobody listens. */
  readonly metrics: () => Promise<string>;
  /** What `sidelight show <session> --json` prints. */
  readonly show: (session?: string) => Promise<Shown>;
}

export async function everyOutput(): Promise<Outputs> {
  const folder = temporaryFolder();
  const dataDir = join(folder, 'data');
  const logFile = join(folder, 'sidelight.log');
  const admin = `127.0.0.1:${await freePort()}`;
  const receiver = await startReceiver();
  const flags = [
    ...['--data-dir', dataDir, '--otlp-endpoint', receiver.endpoint],
    ...['--admin', admin, '--log-file', logFile],
  ];
  return {
    folder,
    dataDir,
    around: (command, ...more) => [process.execPath, SIDELIGHT, ...flags, ...more, '--', ...command],
    spans: receiver.spans,
    receiver,
    log: () =>
      readFileSync(logFile, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as LogLine),
    logFile,
    metrics: () =>
      fetch(`http://${admin}/metrics`).then(
        (page) => page.text(),
        () => '',
      ),
    show: (session = 'last') => read(dataDir, 'show', session) as Promise<Shown>,
  };
}
