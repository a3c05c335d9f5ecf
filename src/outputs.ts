/** Opens the outputs that the configuration asks for, and only those: the modules of another are not loaded. */
import type { Config } from './config/config.ts';
import { remoteName } from './config/remote.ts';
import { methodInfo } from './mcp/methods.ts';
import type { Stats } from './self/stats.ts';
import type { Trouble } from './self/trouble.ts';
import { VERSION } from './self/version.ts';
import type { MetricSink } from './sink/metric.ts';
import { otlpTarget, type OtlpTarget } from './sink/otlp-target.ts';
import { recordingUrls } from './sink/recording-url.ts';
import type { Sink } from './sink/sink.ts';
import { storeBytes } from './store/file.ts';
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
    openOtlpLogs(options),
    config.log.file === undefined ? undefined : openLog(options, config.log.file),
    openMetrics(options),
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

async function openStore({ config, session, nowUs, stats, trouble }: OutputOptions): Promise<Output> {
  const [{ StoreSink }, { Housekeeper }, { spoolRules }] = await Promise.all([
    import('./sink/store.ts'),
    import('./housekeeper.ts'),
    import('./store/spool.ts'),
  ]);
  const { dataDir, spoolBytes, retention, fullText } = config;
  const record = config.record === 'off' ? 'metadata' : config.record;
  const { store, everyMs } = config.fleet;
  const spool = store && { remote: remoteName(store), rules: spoolRules(config.fleet) };
  const housekeeper = new Housekeeper(
    { dataDir, retention, fullText, holder: session.id, nowUs, ...(spool !== undefined && { spool }) },
    stats,
    trouble,
  );
  const shipping =
    store === undefined || everyMs === undefined
      ? undefined
      : new (await import('./shipping.ts')).Shipping(
          { dataDir, fleet: { ...config.fleet, store, everyMs }, holder: session.id, nowUs },
          stats,
          trouble,
        );
  return {
    sink: new StoreSink({ dataDir, record, spoolBytes }, stats, trouble),
    close: async () => {
      await Promise.all([housekeeper.close(), shipping?.close()]);
    },
  };
}

async function openTraces(options: OutputOptions): Promise<Output | undefined> {
  const { config, stats, trouble } = options;
  const target = otlpTarget(config.otlp, 'traces');
  if (target === undefined) return undefined;
  const { TraceSink } = await import('./sink/trace.ts');
  const recordingUrl = recordingUrls(config);
  return {
    sink: new TraceSink({ ...exporterOf(options), target, recordingUrl }, stats, trouble),
  };
}

async function openLog({ config, stats, trouble, stderrLine }: OutputOptions, file: string): Promise<Output> {
  const { LogSink } = await import('./sink/log.ts');
  const to = file === 'stderr' ? stderrLine : file;
  const recordingUrl = recordingUrls(config);
  return { sink: new LogSink({ level: config.log.level, to, recordingUrl }, stats, trouble) };
}

async function openOtlpLogs(options: OutputOptions): Promise<Output | undefined> {
  const { config, stats, trouble } = options;
  const target = otlpTarget(config.otlp, 'logs');
  if (target === undefined) return undefined;
  const { OtlpLogSink } = await import('./sink/otlp-logs.ts');
  const { level } = config.log;
  const recordingUrl = recordingUrls(config);
  return { sink: new OtlpLogSink({ ...exporterOf(options), target, level, recordingUrl }, stats, trouble) };
}

/** One of them counts, whoever asks: a scraper, a receiver or both. */
async function openMetrics(options: OutputOptions): Promise<Output | undefined> {
  const { config, session, delays, nowUs, stats, trouble } = options;
  const target = otlpTarget(config.otlp, 'metrics');
  if (config.admin === undefined && target === undefined) return undefined;
  const { MetricSink } = await import('./sink/metric.ts');
  const buckets = DELAY_BOUNDS_US.length + 1;
  const metrics = new MetricSink({
    stats,
    version: VERSION,
    nowUs,
    isKnownMethod: (method) => methodInfo(method) !== undefined,
    isStream: (method) => methodInfo(method)?.stream === true,
    ...(session.transport === 'http' && { connections: () => delays[CONNECTIONS] ?? 0 }),
    storeBytes: () => (config.record === 'off' ? undefined : storeBytes(config.dataDir)),
    relayDelay: () => ({ counts: delays.subarray(0, buckets), sum: (delays[buckets] ?? 0) / 1e6 }),
  });
  const sink = target === undefined ? metrics : await exported(metrics, target, options);
  if (config.admin === undefined) return { sink };
  const { startAdmin } = await import('./self/admin.ts');
  const scrape = (accept: string | undefined) => metrics.scrape(accept);
  const api = config.adminApi
    ? await (await import('./adminApi.ts')).adminApi(config, stats, trouble)
    : undefined;
  const admin = await startAdmin({ ...config.admin, scrape, stats, trouble, others: api });
  const close = async (): Promise<void> => {
    const closed = api?.close();
    await admin.close();
    await closed;
  };
  return { sink, close };
}

async function exported(metrics: MetricSink, target: OtlpTarget, options: OutputOptions): Promise<Sink> {
  const { nowUs, stats, trouble } = options;
  const { OtlpMetricSink } = await import('./sink/otlp-metrics.ts');
  return new OtlpMetricSink({ ...exporterOf(options), target, metrics, nowUs }, stats, trouble);
}

/** What each exporter is told of this process. */
function exporterOf({ config, session: { pid, hostname, id } }: OutputOptions) {
  return { config, self: { pid, hostname, version: VERSION, instanceId: id }, env: process.env };
}
