/** Opens the outputs that the configuration asks for, and only those: the modules of another are not loaded. */
import type { Config } from './config/config.ts';
import { methodInfo } from './mcp/methods.ts';
import type { Stats } from './self/stats.ts';
import type { Trouble } from './self/trouble.ts';
import { VERSION } from './self/version.ts';
import { otlpTarget } from './sink/otlp-target.ts';
import { recordingUrls } from './sink/recording-url.ts';
import type { Sink } from './sink/sink.ts';
import { CONNECTIONS, DELAY_BOUNDS_US, type SessionFacts } from './thread.ts';

export interface OutputOptions {
  readonly config: Config;
  readonly session: SessionFacts;
  /** Counts per bucket, sum in microseconds, count, and open connections, as the relay writes them. */
  readonly delays: Float64Array;
  readonly nowUs: () => number;
  readonly stats: Stats;
  readonly trouble: Trouble;
  /** Writes a line of the log to the process's stderr. */
  readonly stderrLine: (line: string) => void;
}

export interface Outputs {
  readonly sinks: readonly Sink[];
  /** Ends what is no sink: the admin listener. */
  readonly close: () => Promise<void>;
}

export async function openOutputs(options: OutputOptions): Promise<Outputs> {
  const { config } = options;
  const opened = await Promise.all([
    config.record === 'off' ? undefined : openStore(options),
    openTraces(options),
    config.log.file === undefined ? undefined : openLog(options, config.log.file),
    config.admin === undefined ? undefined : openMetrics(options, config.admin),
  ]);
  const outputs = opened.filter((output) => output !== undefined);
  return {
    sinks: outputs.map(({ sink }) => sink),
    close: async () => {
      for (const { close } of outputs) await close?.();
    },
  };
}

interface Output {
  readonly sink: Sink;
  readonly close?: () => Promise<void>;
}

async function openStore({ config, stats, trouble }: OutputOptions): Promise<Output> {
  const { StoreSink } = await import('./sink/store.ts');
  const record = config.record === 'metadata' ? 'metadata' : 'full';
  return { sink: new StoreSink({ dataDir: config.dataDir, record }, stats, trouble) };
}

async function openTraces(options: OutputOptions): Promise<Output | undefined> {
  const { config, stats, trouble } = options;
  const target = otlpTarget(config.otlp, 'traces');
  if (target === undefined) return undefined;
  const { TraceSink } = await import('./sink/trace.ts');
  const recordingUrl = recordingUrls(config);
  return {
    sink: new TraceSink({ ...exporterOf(options), target, config, recordingUrl }, stats, trouble),
  };
}

async function openLog({ config, stats, trouble, stderrLine }: OutputOptions, file: string): Promise<Output> {
  const { LogSink } = await import('./sink/log.ts');
  const to = file === 'stderr' ? stderrLine : file;
  const recordingUrl = recordingUrls(config);
  return { sink: new LogSink({ level: config.log.level, to, recordingUrl }, stats, trouble) };
}

async function openMetrics(
  { session, delays, nowUs, stats, trouble }: OutputOptions,
  address: { readonly host: string; readonly port: number },
): Promise<Output> {
  const { MetricSink } = await import('./sink/metric.ts');
  const { startAdmin } = await import('./self/admin.ts');
  const buckets = DELAY_BOUNDS_US.length + 1;
  const sink = new MetricSink({
    stats,
    version: VERSION,
    nowUs,
    isKnownMethod: (method) => methodInfo(method) !== undefined,
    isStream: (method) => methodInfo(method)?.stream === true,
    ...(session.transport === 'http' && { connections: () => delays[CONNECTIONS] ?? 0 }),
    relayDelay: () => ({ counts: delays.subarray(0, buckets), sum: (delays[buckets] ?? 0) / 1e6 }),
  });
  const admin = await startAdmin({ ...address, scrape: (accept) => sink.scrape(accept), stats, trouble });
  return { sink, close: admin.close };
}

/** What each exporter is told of this process. */
function exporterOf({ session: { pid, hostname, id } }: OutputOptions) {
  return { self: { pid, hostname, version: VERSION, instanceId: id }, env: process.env };
}
