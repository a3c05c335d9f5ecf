/**
 * Merges flags over SIDELIGHT_* over OTEL_* over the config file over defaults, and says where each value came from.
 * It reads nothing but its input and the files that this names.
 */
import type { Config } from './config.ts';
import { otelSettings, ownSettings } from './environment.ts';
import { ConfigError, plain } from './error.ts';
import { fileSettings, readIfThere } from './file.ts';
import { CONFIG_ENV, CONFIG_FLAG, flagOf, type Key, KEYS, negated, rowOf, type Value } from './options.ts';
import { CONFIG_FILE, type Place, resolvePath, stateDir, userConfigFile } from './paths.ts';
import { propagateWarnings } from './propagate.ts';
import { checkRedaction } from './redaction.ts';
import { ADDRESS, isLoopback } from './schema.ts';
import { readSetting, type Setting } from './setting.ts';
import { type Ranked, settle } from './settle.ts';

/** What was given on the command line, as written; a switch is true or false. `config` is the file. */
export type Flags = Readonly<Partial<Record<Key | 'config', string | boolean>>>;

export interface LoadInput extends Place {
  readonly flags: Flags;
  /** Absolute. */
  readonly cwd: string;
}

export interface Sourced {
  readonly value: unknown;
  /** `flag --record`, `env SIDELIGHT_RECORD`, `file /etc/sidelight.yaml:3`, `default`. */
  readonly source: string;
  /** For messages: `--record`, `SIDELIGHT_RECORD`, `/etc/sidelight.yaml:3:9: record`; the flag for a default. */
  readonly where: string;
}

export interface Loaded {
  readonly config: Config;
  /** A row per setting, in the order of the table. Values are not masked. */
  readonly sources: ReadonlyMap<Key, Sourced>;
  /** The config file that was read. */
  readonly file: string | undefined;
  /** One line each: what was ignored, or is allowed but worth knowing. */
  readonly warnings: readonly string[];
}

/** Throws ConfigError for anything that is wrong in what was written for Sidelight, also where it is overruled. */
export async function loadConfig(input: LoadInput): Promise<Loaded> {
  const file = findFile(input);
  const otel = otelSettings(input.env);
  const warnings = [...otel.warnings];
  const bySource = [
    flagSettings(input.flags),
    ownSettings(input.env),
    otel.settings,
    file === undefined ? [] : await fileSettings(file.path, file.text),
    otel.implied,
  ];

  const found = new Map<Key, Ranked>();
  for (const [rank, settings] of bySource.entries()) {
    for (const setting of settings) {
      const result = readSetting(setting);
      if (result instanceof ConfigError) {
        if (!setting.lenient) throw result;
        warnings.push(`${result.message}; ignored`);
      } else if (!found.has(setting.key)) {
        const { where, source, base = input.cwd } = setting;
        const absolute = (path: string): string => resolvePath(input, base, path);
        const value = rowOf(setting.key).kind.resolve?.(result.value, absolute) ?? result.value;
        found.set(setting.key, { value, source, where, rank });
      }
    }
  }
  settle(found);
  if (!found.has('dataDir')) {
    const value = stateDir(input);
    if (value === undefined)
      throw new ConfigError('no home directory to keep the recording in; set --data-dir');
    found.set('dataDir', { value, source: 'default', where: '--data-dir', rank: bySource.length });
  }

  const sources = new Map(
    KEYS.map((key): [Key, Sourced] => {
      const { value, source, where } = found.get(key) ?? {
        value: rowOf(key).fallback,
        source: 'default',
        where: flagOf(key) ?? key,
      };
      return [key, { value, source, where }];
    }),
  );
  const config = configOf(<K extends Key>(key: K) => sources.get(key)?.value as Value<K>);
  await checkRedaction(config.redaction, (key) => sources.get(key)?.where ?? key);
  return {
    config,
    sources,
    file: file?.path,
    warnings: [...warnings, ...exposure(config), ...nowhere(config), ...propagateWarnings(config)],
  };
}

function flagSettings(flags: Flags): Setting[] {
  return KEYS.flatMap((key) => {
    const written = flags[key];
    const flag = flagOf(key);
    if (written === undefined || flag === undefined) return [];
    const where = written === false ? negated(flag) : flag;
    return [{ key, written, where, source: `flag ${where}`, base: undefined, lenient: false }];
  });
}

/** The file that is named, which must be there; else the first there is of ours. Never more than one. */
function findFile(input: LoadInput): { path: string; text: string } | undefined {
  const named = [
    { where: CONFIG_FLAG, written: input.flags.config },
    { where: CONFIG_ENV, written: input.env[CONFIG_ENV] },
  ].find(({ written }) => typeof written === 'string' && written !== '');
  if (named !== undefined) {
    const path = resolvePath(input, input.cwd, String(named.written));
    const text = readIfThere(path);
    if (text === undefined) throw new ConfigError(`${named.where}: there is no file ${plain(path)}`);
    return { path, text };
  }
  for (const path of [resolvePath(input, input.cwd, CONFIG_FILE), userConfigFile(input)]) {
    const text = path === undefined ? undefined : readIfThere(path);
    if (path !== undefined && text !== undefined) return { path, text };
  }
  return undefined;
}

/** Asked for, and no place to send it to. */
function nowhere({ otlp }: Config): string[] {
  return (['metrics', 'logs'] as const)
    .filter((signal) => otlp[signal] && (otlp[`${signal}Endpoint`] ?? otlp.endpoint) === undefined)
    .map(
      (signal) => `otlp.${signal}: not exported, since there is no otlp.endpoint or otlp.${signal}Endpoint`,
    );
}

/** Metrics hold no content; still, whoever lets other machines read them shall know. */
function exposure({ admin, adminApi }: Config): string[] {
  if (admin === undefined) return adminApi ? ['adminApi: not served, since there is no admin'] : [];
  if (isLoopback(admin.host)) return [];
  const guarded = adminApi ? '; the API there is not encrypted: put TLS in front of it' : '';
  return [`admin: ${ADDRESS.show(admin)} can be reached from other machines${guarded}`];
}

/** Of the two seconds that SDK clients give a server after closing its stdin, what the last flush may take. */
const FLUSH_TIMEOUT_MS = 1500;
/** Where nothing is to be lost, what is still to be observed is waited for, but not for ever. */
const LOSSLESS_FLUSH_TIMEOUT_MS = 10_000;

function configOf(get: <K extends Key>(key: K) => Value<K>): Config {
  const issuer = get('oidc.issuer');
  return {
    name: get('name'),
    dataDir: get('dataDir') ?? '',
    record: get('recordByServer')[get('name') ?? ''] ?? get('record'),
    recordMedia: get('recordMedia'),
    spoolBytes: get('spoolSize'),
    replayOf: get('replayOf'),
    replayTargets: get('replay.targets'),
    retention: {
      ageMs: get('retention.age'),
      failedAgeMs: get('retention.failedAge'),
      bytes: get('retention.size'),
      sessions: get('retention.sessions'),
    },
    fullText: { enabled: get('fullText'), maxStoreBytes: get('fullText.maxStore') },
    fleet: {
      store: get('store'),
      password: get('storePassword'),
      everyMs: get('ship.every'),
      payloads: get('ship.payloads'),
      payloadsByServer: get('ship.payloadsByServer'),
      slowMs: get('ship.slow'),
      sample: get('ship.sample'),
      maxRate: get('ship.maxRate'),
      maxSpoolBytes: get('ship.maxSpoolSize'),
      maxSpoolAgeMs: get('ship.maxSpoolAge'),
    },
    maxBodyBytes: get('maxBody'),
    maxMessageBytes: get('maxMessage'),
    captureBufferBytes: get('captureBuffer'),
    lossless: get('lossless'),
    flushTimeoutMs: get('flushTimeout') ?? (get('lossless') ? LOSSLESS_FLUSH_TIMEOUT_MS : FLUSH_TIMEOUT_MS),
    redact: get('redact'),
    redaction: {
      keys: get('redact.keys'),
      headers: get('redact.headers'),
      patterns: get('redact.patterns'),
      paths: get('redact.paths'),
      email: get('redact.email'),
      allow: get('redact.allow'),
    },
    propagate: get('propagate'),
    otlp: {
      endpoint: get('otlp.endpoint'),
      tracesEndpoint: get('otlp.tracesEndpoint'),
      metricsEndpoint: get('otlp.metricsEndpoint'),
      logsEndpoint: get('otlp.logsEndpoint'),
      traces: get('otlp.traces'),
      metrics: get('otlp.metrics'),
      logs: get('otlp.logs'),
      protocol: get('otlp.protocol'),
      headers: get('otlp.headers'),
      tracesHeaders: get('otlp.tracesHeaders'),
      metricsHeaders: get('otlp.metricsHeaders'),
      logsHeaders: get('otlp.logsHeaders'),
      timeoutMs: get('otlp.timeout'),
      metricIntervalMs: get('otlp.metricInterval'),
      sampleRatio: get('otlp.sampleRatio'),
      slowMs: get('otlp.slowMs'),
      slowMsByMethod: get('otlp.slowMsByMethod'),
      captureContent: get('captureContent'),
    },
    publicUrl: get('publicUrl'),
    serviceName: get('serviceName'),
    resourceAttributes: get('resourceAttributes'),
    admin: get('admin'),
    adminApi: get('adminApi'),
    log: { level: get('log.level'), file: get('log.file') },
    cwd: get('cwd'),
    pdeathsig: get('pdeathsig'),
    http: {
      target: get('target'),
      listen: get('listen'),
      allowRemote: get('allowRemote'),
      allowedHosts: get('allowedHosts'),
      allowedOrigins: get('allowedOrigins'),
      host: get('host'),
      mount: get('mount'),
      forwarded: get('forwarded'),
      rewriteOauth: get('rewriteOauth'),
      tlsCert: get('tlsCert'),
      tlsKey: get('tlsKey'),
      targetCa: get('targetCa'),
      targetCert: get('targetCert'),
      targetKey: get('targetKey'),
      connectTimeoutMs: get('connectTimeout'),
      responseTimeoutMs: get('responseTimeout'),
      maxHeaderBytes: get('maxHeaderSize'),
      maxConnections: get('maxConnections'),
      shutdownTimeoutMs: get('shutdownTimeout'),
      sessionIdleMs: get('sessionIdle'),
    },
    serve: {
      tokensFile: get('tokensFile'),
      auditFile: get('auditFile'),
      oidc:
        issuer === undefined
          ? undefined
          : {
              issuer,
              audience: get('oidc.audience'),
              jwks: get('oidc.jwks'),
              orgClaim: get('oidc.orgClaim'),
              roleClaim: get('oidc.roleClaim'),
              roles: get('oidc.roles'),
              clockToleranceMs: get('oidc.clockTolerance'),
            },
    },
  };
}
