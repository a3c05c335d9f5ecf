import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serverEnv } from '../../src/config/environment.ts';
import { ConfigError } from '../../src/config/error.ts';
import { type Loaded, loadConfig, type LoadInput } from '../../src/config/load.ts';
import { envOf, flagOf, type Key, KEYS, rowOf } from '../../src/config/options.ts';
import { stateDir, userConfigFile } from '../../src/config/paths.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidelight-config-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function load(input: Partial<LoadInput> = {}): Promise<Loaded> {
  return loadConfig({ flags: {}, env: {}, cwd: dir, homedir: '/home/ada', platform: 'linux', ...input });
}

function write(name: string, text: string): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function messageOf(loading: Promise<Loaded>): Promise<string> {
  const error = await loading.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ConfigError);
  const { message, code } = error as ConfigError;
  expect(code).toBe('config_invalid');
  expect(message).not.toMatch(/[\r\n]/);
  return message.replaceAll(dir, 'DIR');
}

function remoteOf(changes: object): object {
  return { username: 'default', database: 'sidelight', org: 'default', cluster: undefined, ...changes };
}

/** For each setting: four different values as written, strongest first, and the one that is expected of the strongest. */
const SAMPLES: Record<Key, { readonly written: readonly string[]; readonly values: readonly unknown[] }> = {
  name: { written: ['a', 'b', 'c', 'd'], values: ['a', 'b', 'c', 'd'] },
  dataDir: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  record: { written: ['off', 'metadata', 'off', 'metadata'], values: ['off', 'metadata', 'off', 'metadata'] },
  recordByServer: {
    written: ['a=off', 'b=metadata', 'c=failures', 'd=full,e=off'],
    values: [{ a: 'off' }, { b: 'metadata' }, { c: 'failures' }, { d: 'full', e: 'off' }],
  },
  recordMedia: { written: ['true', 'false', 'on', 'no'], values: [true, false, true, false] },
  spoolSize: { written: ['64KiB', '1MiB', '1MB', '1GiB'], values: [65_536, 1_048_576, 1_000_000, 1024 ** 3] },
  replayOf: { written: ['a', 'b', 'c', 'd'], values: ['a', 'b', 'c', 'd'] },
  store: {
    written: ['clickhouse://a', 'clickhouse://u@b:1/c', 'clickhouse://c?org=d', 'clickhouse://d,e'],
    values: [
      remoteOf({ urls: ['https://a:8443'] }),
      remoteOf({ urls: ['https://b:1'], username: 'u', database: 'c' }),
      remoteOf({ urls: ['https://c:8443'], org: 'd' }),
      remoteOf({ urls: ['https://d:8443', 'https://e:8443'] }),
    ],
  },
  storePassword: { written: ['a', 'b', 'c', 'd'], values: ['a', 'b', 'c', 'd'] },
  storePasswordFile: { written: ['a', 'b', 'c', 'd'], values: [] },
  'ship.every': { written: ['1s', 'none', '2min', '1d'], values: [1000, undefined, 120_000, 86_400_000] },
  'ship.payloads': { written: ['all', 'none', 'telling', 'all'], values: ['all', 'none', 'telling', 'all'] },
  'ship.payloadsByServer': {
    written: ['a=all', 'b=none', 'c=telling', 'd=all,e=none'],
    values: [{ a: 'all' }, { b: 'none' }, { c: 'telling' }, { d: 'all', e: 'none' }],
  },
  'ship.slow': { written: ['1ms', '2s', '3min', '4h'], values: [1, 2000, 180_000, 14_400_000] },
  'ship.maxRate': { written: ['1', 'none', '5000', '10'], values: [1, undefined, 5000, 10] },
  'ship.maxSpoolSize': {
    written: ['1MiB', 'none', '2GiB', '3MiB'],
    values: [1_048_576, undefined, 2_147_483_648, 3_145_728],
  },
  'ship.maxSpoolAge': {
    written: ['1s', 'none', '2min', '1d'],
    values: [1000, undefined, 120_000, 86_400_000],
  },
  'ship.sample': { written: ['0.1', '1', '0', '1e-3'], values: [0.1, 1, 0, 0.001] },
  'replay.targets': {
    written: ['a=http://a/mcp', 'b=https://b', 'c=http://c?x%3D1', 'd=http://d,e=http://e'],
    values: [
      { a: { url: 'http://a/mcp', headers: {} } },
      { b: { url: 'https://b', headers: {} } },
      { c: { url: 'http://c?x=1', headers: {} } },
      { d: { url: 'http://d', headers: {} }, e: { url: 'http://e', headers: {} } },
    ],
  },
  'retention.age': {
    written: ['1min', '2h', '3d', 'none'],
    values: [60_000, 7_200_000, 259_200_000, undefined],
  },
  'retention.failedAge': {
    written: ['none', '1d', '90min', '400d'],
    values: [undefined, 86_400_000, 5_400_000, 34_560_000_000],
  },
  'retention.size': {
    written: ['1MiB', 'none', '1GiB', '5GB'],
    values: [1_048_576, undefined, 1024 ** 3, 5_000_000_000],
  },
  'retention.sessions': { written: ['1', '20', 'none', '300'], values: [1, 20, undefined, 300] },
  fullText: { written: ['true', 'false', 'true', 'false'], values: [true, false, true, false] },
  'fullText.maxStore': {
    written: ['1MiB', 'none', '1GiB', '5GB'],
    values: [1_048_576, undefined, 1024 ** 3, 5_000_000_000],
  },
  maxBody: { written: ['1KiB', '2kb', '3', '4 MiB'], values: [1024, 2000, 3, 4 * 1024 ** 2] },
  maxMessage: { written: ['1KiB', '2KiB', '3KiB', '1.5MiB'], values: [1024, 2048, 3072, 1_572_864] },
  captureBuffer: {
    written: ['1MiB', '2MiB', '3MiB', '1GiB'],
    values: [1, 2, 3, 1024].map((n) => n * 1024 ** 2),
  },
  lossless: { written: ['true', 'false', 'on', 'no'], values: [true, false, true, false] },
  flushTimeout: { written: ['0', '5s', '1min', '20s'], values: [0, 5000, 60_000, 20_000] },
  propagate: {
    written: ['meta', 'header', 'off', 'meta'],
    values: ['meta', 'header', 'off', 'meta'],
  },
  redact: { written: ['false', 'true', '0', 'YES'], values: [false, true, false, true] },
  'redact.keys': { written: ['pin, otp', 'a', 'b-c', 'd'], values: [['pin', 'otp'], ['a'], ['b-c'], ['d']] },
  'redact.headers': { written: ['X-A,x-b', 'a', 'b', 'c'], values: [['X-A', 'x-b'], ['a'], ['b'], ['c']] },
  'redact.patterns': {
    written: ['staff=E%5Cd{6}', 'a=b+', 'b=c', 'c=d{2%2C3}'],
    values: [{ staff: 'E\\d{6}' }, { a: 'b+' }, { b: 'c' }, { c: 'd{2,3}' }],
  },
  'redact.paths': {
    written: ["$.a['b','c'], $..d", '$.a', '$[0]', '$.*'],
    values: [["$.a['b','c']", '$..d'], ['$.a'], ['$[0]'], ['$.*']],
  },
  'redact.email': { written: ['true', 'false', '1', 'off'], values: [true, false, true, false] },
  'redact.allow': { written: ['a,/b+/', 'c', '/d/', 'e'], values: [['a', '/b+/'], ['c'], ['/d/'], ['e']] },
  captureContent: { written: ['true', 'false', '1', 'off'], values: [true, false, true, false] },
  'otlp.endpoint': {
    written: ['http://a', 'https://b:1', 'http://c/x', 'none'],
    values: ['http://a', 'https://b:1', 'http://c/x', undefined],
  },
  'otlp.tracesEndpoint': {
    written: ['http://a', 'http://b', 'http://c', 'http://d'],
    values: ['http://a', 'http://b', 'http://c', 'http://d'],
  },
  'otlp.metricsEndpoint': {
    written: ['http://a', 'http://b', 'http://c', 'http://d'],
    values: ['http://a', 'http://b', 'http://c', 'http://d'],
  },
  'otlp.logsEndpoint': {
    written: ['http://a', 'http://b', 'http://c', 'http://d'],
    values: ['http://a', 'http://b', 'http://c', 'http://d'],
  },
  'otlp.traces': { written: ['false', 'true', '0', 'no'], values: [false, true, false, false] },
  'otlp.metrics': { written: ['true', 'false', '1', 'on'], values: [true, false, true, true] },
  'otlp.logs': { written: ['true', 'false', '1', 'on'], values: [true, false, true, true] },
  'otlp.metricInterval': {
    written: ['1s', '2min', '3000', '60min'],
    values: [1000, 120_000, 3000, 3_600_000],
  },
  'otlp.sampleRatio': { written: ['0.25', '1', '0', '1e-3'], values: [0.25, 1, 0, 0.001] },
  'otlp.slowMs': { written: ['1s', '2min', '300', '4ms'], values: [1000, 120_000, 300, 4] },
  'otlp.slowMsByMethod': {
    written: ['tools/call=30s,tools/list=5', 'a=1', 'b=2', 'c=3min'],
    values: [{ 'tools/call': 30_000, 'tools/list': 5 }, { a: 1 }, { b: 2 }, { c: 180_000 }],
  },
  publicUrl: {
    written: ['https://a/', 'http://b:1/x', 'http://c', 'http://d//'],
    values: ['https://a', 'http://b:1/x', 'http://c', 'http://d'],
  },
  'otlp.protocol': {
    written: ['http/protobuf', 'http/json', 'http/protobuf', 'http/json'],
    values: ['http/protobuf', 'http/json', 'http/protobuf', 'http/json'],
  },
  'otlp.headers': {
    written: ['k=a', 'k=b', 'k=c', 'k=d'],
    values: [{ k: 'a' }, { k: 'b' }, { k: 'c' }, { k: 'd' }],
  },
  'otlp.tracesHeaders': {
    written: ['k=a', 'k=b', 'k=c', 'k=d'],
    values: [{ k: 'a' }, { k: 'b' }, { k: 'c' }, { k: 'd' }],
  },
  'otlp.metricsHeaders': {
    written: ['k=a', 'k=b', 'k=c', 'k=d'],
    values: [{ k: 'a' }, { k: 'b' }, { k: 'c' }, { k: 'd' }],
  },
  'otlp.logsHeaders': {
    written: ['k=a', 'k=b', 'k=c', 'k=d'],
    values: [{ k: 'a' }, { k: 'b' }, { k: 'c' }, { k: 'd' }],
  },
  'otlp.headersFile': { written: ['a', 'b', 'c', 'd'], values: [] },
  'otlp.timeout': { written: ['1s', '2min', '300', '4ms'], values: [1000, 120_000, 300, 4] },
  serviceName: { written: ['a', 'b', 'c', 'd'], values: ['a', 'b', 'c', 'd'] },
  resourceAttributes: {
    written: ['k=a', 'k=b%2C', 'k=c=c', 'k=d,,l='],
    values: [{ k: 'a' }, { k: 'b,' }, { k: 'c=c' }, { k: 'd', l: '' }],
  },
  admin: {
    written: ['9464', ':0', 'localhost:1', '[::1]:65535'],
    values: [
      { host: '127.0.0.1', port: 9464 },
      { host: '127.0.0.1', port: 0 },
      { host: 'localhost', port: 1 },
      { host: '::1', port: 65535 },
    ],
  },
  adminApi: { written: ['true', 'false', 'on', 'no'], values: [true, false, true, false] },
  'log.level': {
    written: ['trace', 'debug', 'warn', 'silent'],
    values: ['trace', 'debug', 'warn', 'silent'],
  },
  'log.file': { written: ['/a', 'stderr', '/c', 'none'], values: ['/a', 'stderr', '/c', undefined] },
  cwd: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  pdeathsig: {
    written: ['SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGINT'],
    values: ['SIGTERM', 'SIGKILL', 'SIGHUP', 'SIGINT'],
  },
  target: {
    written: ['http://a:1', 'https://b/x', 'HTTP://[::1]:3', 'https://d'],
    values: ['http://a:1', 'https://b/x', 'HTTP://[::1]:3', 'https://d'],
  },
  listen: {
    written: ['9000', ':0', 'unix:/run/x.sock', '[::1]:80'],
    values: [
      { host: '127.0.0.1', port: 9000 },
      { host: '127.0.0.1', port: 0 },
      { socketPath: '/run/x.sock' },
      { host: '::1', port: 80 },
    ],
  },
  allowRemote: { written: ['true', 'false', 'on', 'no'], values: [true, false, true, false] },
  allowedHosts: {
    written: ['A.example,b:1', ' a , ,b ', '[::1]:80', 'x'],
    values: [['a.example', 'b:1'], ['a', 'b'], ['[::1]:80'], ['x']],
  },
  allowedOrigins: {
    written: ['https://A:443', 'http://a:3000/,null', 'vscode-webview://X', 'http://d'],
    values: [['https://a'], ['http://a:3000', 'null'], ['vscode-webview://x'], ['http://d']],
  },
  host: {
    written: ['preserve', 'rewrite', 'auto', 'preserve'],
    values: ['preserve', 'rewrite', 'auto', 'preserve'],
  },
  mount: { written: ['/a', '/b/', '/', '/c/d.e/%20'], values: ['/a', '/b', '', '/c/d.e/%20'] },
  forwarded: { written: ['true', 'false', '1', 'off'], values: [true, false, true, false] },
  rewriteOauth: { written: ['true', 'false', '1', 'off'], values: [true, false, true, false] },
  tlsCert: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  tlsKey: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  targetCa: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  targetCert: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  targetKey: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  connectTimeout: { written: ['1s', 'none', '300', '4ms'], values: [1000, undefined, 300, 4] },
  responseTimeout: { written: ['1s', 'none', '300', '2min'], values: [1000, undefined, 300, 120_000] },
  maxHeaderSize: { written: ['8KiB', '1MiB', '10000', '32KiB'], values: [8192, 1_048_576, 10_000, 32_768] },
  maxConnections: { written: ['1', '20', '1000000', '7'], values: [1, 20, 1_000_000, 7] },
  shutdownTimeout: { written: ['0', '5s', '1min', '20s'], values: [0, 5000, 60_000, 20_000] },
  sessionIdle: {
    written: ['1s', '5min', '90min', '1440min'],
    values: [1000, 300_000, 5_400_000, 86_400_000],
  },
  tokensFile: { written: ['/a', '/b', '/c', '/d'], values: ['/a', '/b', '/c', '/d'] },
  auditFile: { written: ['/a', 'stderr', '/c', '/d'], values: ['/a', 'stderr', '/c', '/d'] },
  'oidc.issuer': {
    written: ['https://a', 'https://b/c', 'http://127.0.0.1:1', 'https://d'],
    values: ['https://a', 'https://b/c', 'http://127.0.0.1:1', 'https://d'],
  },
  'oidc.audience': { written: ['a', 'b', 'c', 'd'], values: ['a', 'b', 'c', 'd'] },
  'oidc.jwks': {
    written: ['https://a', 'https://b', 'https://c', 'https://d'],
    values: ['https://a', 'https://b', 'https://c', 'https://d'],
  },
  'oidc.orgClaim': { written: ['a', 'b.c', 'c', 'd'], values: ['a', 'b.c', 'c', 'd'] },
  'oidc.roleClaim': { written: ['a', 'b.c', 'c', 'd'], values: ['a', 'b.c', 'c', 'd'] },
  'oidc.roles': {
    written: ['a=reader', 'b=admin', 'c=replayer', 'd=reader,e=admin'],
    values: [{ a: 'reader' }, { b: 'admin' }, { c: 'replayer' }, { d: 'reader', e: 'admin' }],
  },
  'oidc.clockTolerance': { written: ['1s', '0s', '5min', '500ms'], values: [1000, 0, 300_000, 500] },
};

/** `flag --record` without its first word. */
function whereOf(source: string): string {
  return source.slice(source.indexOf(' ') + 1);
}

describe('precedence', () => {
  test.each(KEYS)('%s: flag over SIDELIGHT_* over OTEL_* over the file over the default', async (key) => {
    const { written } = SAMPLES[key];
    const values = [...SAMPLES[key].values];
    if (key === 'otlp.headersFile' || key === 'storePasswordFile') {
      for (const name of written) values.push(write(name, 'k: v'));
    }
    const flag = flagOf(key);
    const otel = rowOf(key).otel?.[0];
    const file = write('s.yaml', `${key}: ${JSON.stringify(written[3])}\n`);
    const sources = [
      ...(flag === undefined
        ? []
        : [{ flags: { [key]: written[0] } as LoadInput['flags'], source: `flag ${flag}`, value: values[0] }]),
      { env: { [envOf(key)]: written[1] }, source: `env ${envOf(key)}`, value: values[1] },
      ...(otel === undefined
        ? []
        : [{ env: { [otel]: written[2] }, source: `env ${otel}`, value: values[2] }]),
      { flags: { config: file } as LoadInput['flags'], source: `file ${file}:1`, value: values[3] },
    ];
    while (sources.length > 0) {
      const loaded = await load({
        flags: Object.assign({}, ...sources.map(({ flags }) => flags ?? {})) as LoadInput['flags'],
        env: Object.assign({}, ...sources.map(({ env }) => env ?? {})) as LoadInput['env'],
      });
      expect(loaded.sources.get(key)).toEqual({
        value: sources[0]?.value,
        source: sources[0]?.source,
        where: expect.stringContaining(whereOf(sources[0]?.source ?? '')) as string,
      });
      sources.shift();
    }
    const fallback = key === 'dataDir' ? '/home/ada/.local/state/sidelight' : rowOf(key).fallback;
    expect((await load()).sources.get(key)).toMatchObject({ source: 'default', where: flag ?? key });
    expect((await load()).sources.get(key)?.value).toEqual(fallback);
  });

  test('nothing set: everything is recorded and redacted, nothing is exported or served', async () => {
    expect((await load()).config).toEqual({
      name: undefined,
      dataDir: '/home/ada/.local/state/sidelight',
      record: 'full',
      recordMedia: false,
      spoolBytes: 64 * 1024 ** 2,
      replayOf: undefined,
      replayTargets: {},
      retention: {
        ageMs: 7 * 86_400_000,
        failedAgeMs: 30 * 86_400_000,
        bytes: 2 * 1024 ** 3,
        sessions: 100_000,
      },
      fullText: { enabled: true, maxStoreBytes: 4 * 1024 ** 3 },
      fleet: {
        ...{ store: undefined, password: undefined, everyMs: 5000 },
        ...{ payloads: 'telling', payloadsByServer: {}, slowMs: 10_000, sample: 0 },
        ...{ maxRate: 2000, maxSpoolBytes: 2 * 1024 ** 3, maxSpoolAgeMs: 604_800_000 },
      },
      maxBodyBytes: 262_144,
      maxMessageBytes: 10_485_760,
      captureBufferBytes: 41_943_040,
      lossless: false,
      flushTimeoutMs: 1500,
      redact: true,
      redaction: { keys: [], headers: [], patterns: {}, paths: [], email: false, allow: [] },
      propagate: 'off',
      otlp: {
        endpoint: undefined,
        tracesEndpoint: undefined,
        metricsEndpoint: undefined,
        logsEndpoint: undefined,
        traces: true,
        metrics: false,
        logs: false,
        protocol: 'http/json',
        headers: {},
        tracesHeaders: undefined,
        metricsHeaders: undefined,
        logsHeaders: undefined,
        timeoutMs: 10_000,
        metricIntervalMs: 60_000,
        sampleRatio: 1,
        slowMs: 5000,
        slowMsByMethod: {},
        captureContent: false,
      },
      publicUrl: undefined,
      serviceName: undefined,
      resourceAttributes: {},
      admin: undefined,
      adminApi: false,
      log: { level: 'info', file: undefined },
      cwd: undefined,
      pdeathsig: undefined,
      http: {
        target: undefined,
        listen: { host: '127.0.0.1', port: 8808 },
        allowRemote: false,
        allowedHosts: [],
        allowedOrigins: [],
        host: 'auto',
        mount: '',
        forwarded: false,
        rewriteOauth: false,
        tlsCert: undefined,
        tlsKey: undefined,
        targetCa: undefined,
        targetCert: undefined,
        targetKey: undefined,
        connectTimeoutMs: 30_000,
        responseTimeoutMs: undefined,
        maxHeaderBytes: 65_536,
        maxConnections: 10_000,
        shutdownTimeoutMs: 8000,
        sessionIdleMs: 1_800_000,
      },
      serve: { tokensFile: undefined, auditFile: undefined, oidc: undefined },
    });
  });

  test('a signal-specific OTEL_* variable goes before the general one', async () => {
    const { config } = await load({
      env: {
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2',
        OTEL_EXPORTER_OTLP_TIMEOUT: '1',
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general:4318',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/here',
      },
    });
    expect(config.otlp).toMatchObject({
      protocol: 'http/protobuf',
      headers: { a: '1' },
      tracesHeaders: { b: '2' },
      timeoutMs: 2,
      endpoint: 'http://general:4318',
      tracesEndpoint: 'http://traces:4318/here',
    });
  });

  test('an empty variable counts as not set', async () => {
    const { config, warnings } = await load({
      env: { SIDELIGHT_RECORD: '', OTEL_SERVICE_NAME: '', OTEL_TRACES_EXPORTER: '', SIDELIGHT_CONFIG: '' },
    });
    expect([config.record, config.serviceName, warnings]).toEqual(['full', undefined, []]);
  });
});

describe('OpenTelemetry variables', () => {
  test('header and resource values are percent-decoded, blanks around them do not count', async () => {
    const { config } = await load({
      env: {
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20dTpw==, x-tenant = a%2Cb ',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod%20eu,team=%C3%A4',
      },
    });
    expect(config.otlp.headers).toEqual({ authorization: 'Basic dTpw==', 'x-tenant': 'a,b' });
    expect(config.resourceAttributes).toEqual({ 'deployment.environment.name': 'prod eu', team: 'ä' });
  });

  test.each([
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not one of http/json, http/protobuf; ignored',
    ],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp, none; ignored'],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1.5' },
      'OTEL_TRACES_SAMPLER_ARG: "1.5" is not a number from 0 to 1; ignored',
    ],
    [
      { OTEL_TRACES_SAMPLER: 'jaeger_remote' },
      'OTEL_TRACES_SAMPLER: "jaeger_remote" is not one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_traceidratio; ignored',
    ],
    [
      { OTEL_METRICS_EXPORTER: 'prometheus' },
      'OTEL_METRICS_EXPORTER: "prometheus" is not one of otlp, none; ignored',
    ],
    [{ OTEL_SDK_DISABLED: '1' }, 'OTEL_SDK_DISABLED: "1" is not one of true, false; ignored'],
    [
      { OTEL_RESOURCE_ATTRIBUTES: 'a=1,b=%ZZ' },
      'OTEL_RESOURCE_ATTRIBUTES: "a=1,b=%ZZ" is not key=value,key=value with percent-encoded values; ignored',
    ],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' },
      'OTEL_EXPORTER_OTLP_HEADERS: its value (a secret, not shown) is not key=value,key=value with percent-encoded values; ignored',
    ],
    [
      { OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' },
      'OTEL_EXPORTER_OTLP_TIMEOUT: "soon" is not a duration from 1ms to 10min, such as 500ms; ignored',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' },
      'OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" is not an http or https URL, or none; did you mean http://collector:4317?; ignored',
    ],
  ])('a value that does not fit is told and ignored: %o', async (env, warning) => {
    const loaded = await load({ env });
    expect(loaded.warnings).toEqual([warning]);
    expect(loaded.config).toEqual((await load()).config);
  });

  test('a bad specific variable leaves the good general one in force', async () => {
    const { config, warnings } = await load({
      env: { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    });
    expect(config.otlp.protocol).toBe('http/protobuf');
    expect(warnings).toHaveLength(1);
  });

  test('OTEL_SDK_DISABLED turns every export off, also over a file', async () => {
    const file = write('s.yaml', 'otlp: {endpoint: "http://file:4318", logsEndpoint: "http://file/l"}');
    const env = {
      OTEL_SDK_DISABLED: 'TRUE',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://e',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m',
    };
    const off = { endpoint: undefined, tracesEndpoint: undefined, metricsEndpoint: undefined };
    const { config } = await load({ env, flags: { config: file } });
    expect(config.otlp).toMatchObject({ ...off, logsEndpoint: undefined });
    const asked = await load({ env, flags: { 'otlp.endpoint': 'http://flag' } });
    expect(asked.config.otlp).toMatchObject({ ...off, endpoint: 'http://flag' });
  });

  test.each([{ OTEL_TRACES_EXPORTER: 'none' }, { OTEL_TRACES_SAMPLER: 'always_off' }])(
    '%o turns traces off, and nothing else, unless a flag says where they go',
    async (off) => {
      const file = write('s.yaml', 'otlp: {endpoint: "http://file:4318", tracesEndpoint: "http://file/t"}');
      const env = { ...off, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://e' };
      const { config } = await load({ env, flags: { config: file } });
      expect(config.otlp).toMatchObject({ traces: false, endpoint: 'http://e' });
      const named = await load({ env, flags: { 'otlp.tracesEndpoint': 'http://flag' } });
      expect(named.config.otlp).toMatchObject({ traces: true, tracesEndpoint: 'http://flag' });
      const own = await load({
        env: { ...env, SIDELIGHT_OTLP_TRACES: 'false' },
        flags: { 'otlp.endpoint': 'http://flag' },
      });
      expect(own.config.otlp).toMatchObject({ traces: false, endpoint: 'http://flag' });
    },
  );

  test.each(['metrics', 'logs'] as const)(
    'OTEL_*_EXPORTER=otlp exports %s, as a rule to the standard place',
    async (signal) => {
      const key = `${signal}Endpoint` as const;
      const name = `OTEL_${signal.toUpperCase()}_EXPORTER`;
      const { config, warnings } = await load({ env: { [name]: 'otlp' } });
      expect(config.otlp).toMatchObject({
        [signal]: true,
        [key]: `http://localhost:4318/v1/${signal}`,
        endpoint: undefined,
      });
      expect(warnings).toEqual([]);
      const env = { [name]: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://e' };
      expect((await load({ env })).config.otlp).toMatchObject({
        [signal]: true,
        [key]: undefined,
        endpoint: 'http://e',
      });
      const file = write('s.yaml', `otlp: {${signal}: true, endpoint: "http://file"}`);
      const off = await load({ env: { [name]: 'none' }, flags: { config: file } });
      expect(off.config.otlp).toMatchObject({ [signal]: false, endpoint: 'http://file' });
    },
  );

  test('metrics and logs that are to go nowhere are told', async () => {
    const { warnings } = await load({ flags: { 'otlp.metrics': true, 'otlp.logs': true } });
    expect(warnings).toEqual([
      'otlp.metrics: not exported, since there is no otlp.endpoint or otlp.metricsEndpoint',
      'otlp.logs: not exported, since there is no otlp.endpoint or otlp.logsEndpoint',
    ]);
  });

  test.each([
    [{ OTEL_TRACES_SAMPLER: 'always_on' }, 1],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: '0.5' }, 1],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }, 0.25],
    [{ OTEL_TRACES_SAMPLER: 'PARENTBASED_TraceIdRatio', OTEL_TRACES_SAMPLER_ARG: ' 0.25 ' }, 0.25],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio' }, 1],
    [{ OTEL_TRACES_SAMPLER_ARG: '0.25' }, 0.5],
  ])('%o is a ratio of %s, over the file', async (env, ratio) => {
    const file = write('s.yaml', 'otlp.sampleRatio: 0.5');
    const { config, warnings } = await load({ env, flags: { config: file } });
    expect([config.otlp.sampleRatio, config.otlp.traces, warnings]).toEqual([ratio, true, []]);
  });

  test('OTEL_TRACES_EXPORTER=otlp exports to the standard place unless a place is named', async () => {
    const env = { OTEL_TRACES_EXPORTER: 'otlp' };
    expect((await load({ env })).config.otlp.endpoint).toBe('http://localhost:4318');
    const file = write('s.yaml', 'otlp.endpoint: http://file:4318');
    expect((await load({ env, flags: { config: file } })).config.otlp.endpoint).toBe('http://file:4318');
  });

  test('service.name in OTEL_RESOURCE_ATTRIBUTES counts after OTEL_SERVICE_NAME and before the file', async () => {
    const file = write('s.yaml', 'serviceName: file');
    const env = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=attribute,team=x' };
    const flags = { config: file };
    const both = { ...env, OTEL_SERVICE_NAME: 'variable' };
    expect((await load({ env, flags })).config.serviceName).toBe('attribute');
    expect((await load({ env: both, flags })).config.serviceName).toBe('variable');
    expect((await load({ env, flags: { ...flags, serviceName: 'flag' } })).config.serviceName).toBe('flag');
  });

  test('an endpoint from a stronger source goes before a traces endpoint from a weaker one', async () => {
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces/v1/traces' };
    const flag = await load({ env, flags: { 'otlp.endpoint': 'http://flag' } });
    expect(flag.config.otlp).toMatchObject({ endpoint: 'http://flag', tracesEndpoint: undefined });
    const off = await load({ env, flags: { 'otlp.endpoint': 'none' } });
    expect(off.config.otlp).toMatchObject({ endpoint: undefined, tracesEndpoint: undefined });
  });
});

describe('the config file', () => {
  test('the named file, else SIDELIGHT_CONFIG, else ./sidelight.yaml, else the one of the user; never two', async () => {
    const named = write('named.yaml', 'name: named');
    const variable = write('variable.yaml', 'name: variable');
    const here = write('sidelight.yaml', 'name: here');
    const user = write('xdg/sidelight/sidelight.yaml', 'name: user\nrecord: off');
    const XDG_CONFIG_HOME = join(dir, 'xdg');
    const env = { XDG_CONFIG_HOME, SIDELIGHT_CONFIG: 'variable.yaml' };

    const seen = [
      await load({ env, flags: { config: 'named.yaml' } }),
      await load({ env }),
      await load({ env: { XDG_CONFIG_HOME } }),
    ];
    rmSync(here);
    seen.push(await load({ env: { XDG_CONFIG_HOME } }), await load());
    expect(seen.map(({ file, config }) => [file, config.name])).toEqual([
      [named, 'named'],
      [variable, 'variable'],
      [here, 'here'],
      [user, 'user'],
      [undefined, undefined],
    ]);
    expect(seen[2]?.config.record).toBe('full');
  });

  test('sections, dotted keys, YAML numbers, switches, mappings, anchors and empty values are understood', async () => {
    const config = write(
      'conf/s.yaml',
      [
        'dataDir: data',
        'cwd: ~/server',
        'lossless: true',
        'maxBody: 1000',
        'admin: 9464',
        'name:',
        'log:',
        'otlp: &otlp',
        '  endpoint: http://localhost:4318',
        '  headers: {authorization: "Bearer 100%", x-n: 1}',
        'log.level: debug',
        'resourceAttributes:',
        '  service.version: 1.5',
      ].join('\n'),
    );
    const loaded = await load({ flags: { config } });
    expect(loaded.config).toMatchObject({
      dataDir: join(dir, 'conf/data'),
      cwd: '/home/ada/server',
      lossless: true,
      flushTimeoutMs: 10_000,
      maxBodyBytes: 1000,
      admin: { host: '127.0.0.1', port: 9464 },
      name: undefined,
      log: { level: 'debug' },
      otlp: { endpoint: 'http://localhost:4318', headers: { authorization: 'Bearer 100%', 'x-n': '1' } },
      resourceAttributes: { 'service.version': '1.5' },
    });
    expect(loaded.sources.get('otlp.headers')?.source).toBe(`file ${config}:10`);
  });

  test.each(['', '# nothing\n', '---\n'])('an empty file sets nothing: %j', async (text) => {
    const loaded = await load({ flags: { config: write('s.yaml', text) } });
    expect(loaded.config).toEqual((await load()).config);
  });

  test('storePasswordFile is read as the password, without the end of its line', async () => {
    const flags = { storePasswordFile: write('p', 'open sesame\n') };
    const loaded = await load({ flags, env: { SIDELIGHT_STORE_PASSWORD: 'other' } });
    expect(loaded.config.fleet.password).toBe('open sesame');
    const missing = load({ flags: { storePasswordFile: 'nope' } });
    expect(await messageOf(missing)).toBe('--store-password-file: there is no file DIR/nope');
  });

  test('a password in the address of the store is refused, and not shown', async () => {
    const message = await messageOf(load({ flags: { store: 'clickhouse://me:secret@a/x' } }));
    expect(message).toMatch(/^--store: .*\/\/\*\*\*@a\/x/);
    expect(message).not.toContain('secret');
  });

  test('otlp.headersFile is read as headers, one in a line', async () => {
    const headersFile = write('h', '# comment\nAuthorization: Bearer a:b==\r\n\n x-tenant :  t 1 \n');
    const loaded = await load({
      flags: { 'otlp.headersFile': headersFile },
      env: { SIDELIGHT_OTLP_HEADERS: 'a=1' },
    });
    expect(loaded.config.otlp.headers).toEqual({ Authorization: 'Bearer a:b==', 'x-tenant': 't 1' });
    expect(loaded.sources.get('otlp.headers')?.source).toBe('flag --otlp-headers-file');
  });

  test('headers from a stronger source than the file of headers are the ones that count', async () => {
    const config = write('s.yaml', 'otlp: {headersFile: missing}');
    const { otlp } = (await load({ flags: { config }, env: { SIDELIGHT_OTLP_HEADERS: 'a=1' } })).config;
    expect(otlp.headers).toEqual({ a: '1' });
  });
});

describe('what is wrong is told in one line', () => {
  test.each<[string, LoadInput['flags'], string]>([
    [
      'enum',
      { record: 'ful' },
      '--record: "ful" is not one of full, failures, metadata, off; did you mean full?',
    ],
    [
      'enum, nothing near',
      { record: 'quux' },
      '--record: "quux" is not one of full, failures, metadata, off',
    ],
    ['size', { maxBody: '16XB' }, '--max-body: "16XB" is not a size from 0B to 512MiB, such as 10MiB'],
    [
      'size out of range',
      { captureBuffer: '1KiB' },
      '--capture-buffer: "1KiB" is not a size from 1MiB to 1GiB, such as 10MiB',
    ],
    [
      'part of a byte',
      { maxBody: '0.3' },
      '--max-body: "0.3" is not a size from 0B to 512MiB, such as 10MiB',
    ],
    ['address', { admin: 'x:y' }, '--admin: "x:y" is not HOST:PORT, :PORT or PORT, or none'],
    ['port', { admin: '65536' }, '--admin: "65536" is not HOST:PORT, :PORT or PORT, or none'],
    [
      'url',
      { 'otlp.endpoint': 'localhost:4318' },
      '--otlp-endpoint: "localhost:4318" is not an http or https URL, or none; did you mean http://localhost:4318?',
    ],
    [
      'url with a password',
      { 'otlp.endpoint': 'ftp://u:pw@h' },
      '--otlp-endpoint: "ftp://***@h" is not an http or https URL, or none',
    ],
    [
      'signal',
      { pdeathsig: 'TERM' },
      '--pdeathsig: "TERM" is not one of SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2; did you mean SIGTERM?',
    ],
    [
      'level',
      { 'log.level': 'warning' },
      '--log-level: "warning" is not one of trace, debug, info, warn, error, silent; did you mean warn?',
    ],
    ['text', { name: '' }, '--name: "" is not a text in one line'],
    [
      'control characters',
      { name: 'a\n\u001b[31m\u009b' },
      '--name: "a\\n\\u001b[31m\\u009b" is not a text in one line',
    ],
    [
      'a long value',
      { record: 'x'.repeat(500) },
      `--record: "${'x'.repeat(79)}... is not one of full, failures, metadata, off`,
    ],
    ['no such config file', { config: 'nope.yaml' }, '--config: there is no file DIR/nope.yaml'],
    ['config file is a directory', { config: '.' }, 'cannot read DIR (EISDIR)'],
    [
      'no such headers file',
      { 'otlp.headersFile': 'nope' },
      '--otlp-headers-file: there is no file DIR/nope',
    ],
  ])('flag, %s', async (_name, flags, message) => {
    expect(await messageOf(load({ flags }))).toBe(message);
  });

  test.each<[Record<string, string>, string]>([
    [{ SIDELIGHT_RECROD: 'full' }, 'SIDELIGHT_RECROD: no such setting; did you mean SIDELIGHT_RECORD?'],
    [{ SIDELIGHT_DATADIR: '/x' }, 'SIDELIGHT_DATADIR: no such setting; did you mean SIDELIGHT_DATA_DIR?'],
    [{ SIDELIGHT_ZZZZZZ: '' }, 'SIDELIGHT_ZZZZZZ: no such setting'],
    [{ SIDELIGHT_LOSSLESS: 'treu' }, 'SIDELIGHT_LOSSLESS: "treu" is not true or false; did you mean true?'],
    [{ SIDELIGHT_LOSSLESS: 'constructor' }, 'SIDELIGHT_LOSSLESS: "constructor" is not true or false'],
    [
      { SIDELIGHT_OTLP_HEADERS: 'authorization: Bearer hunter2' },
      'SIDELIGHT_OTLP_HEADERS: its value (a secret, not shown) is not key=value,key=value with percent-encoded values',
    ],
    [
      { SIDELIGHT_OTLP_HEADERS: 'a b=hunter2' },
      'SIDELIGHT_OTLP_HEADERS: its value (a secret, not shown) is not key=value,key=value with percent-encoded values',
    ],
    [
      { SIDELIGHT_OTLP_TIMEOUT: '0' },
      'SIDELIGHT_OTLP_TIMEOUT: "0" is not a duration from 1ms to 10min, such as 500ms',
    ],
    [{ SIDELIGHT_CONFIG: '/none/x.yaml' }, 'SIDELIGHT_CONFIG: there is no file /none/x.yaml'],
  ])('environment, %o', async (env, message) => {
    expect(await messageOf(load({ env }))).toBe(message);
  });

  test.each([
    [
      'otlp:\n  endpont: http://x',
      'DIR/s.yaml:2:3: otlp.endpont is not a setting; did you mean otlp.endpoint?',
    ],
    ['endpoint: http://x', 'DIR/s.yaml:1:1: endpoint is not a setting; did you mean otlp.endpoint?'],
    ['data-dir: x', 'DIR/s.yaml:1:1: data-dir is not a setting; did you mean dataDir?'],
    ['logs: {level: info}', 'DIR/s.yaml:1:1: logs is not a setting; did you mean log?'],
    ['qwertz: 1', 'DIR/s.yaml:1:1: qwertz is not a setting'],
    ['recrod:', 'DIR/s.yaml:1:1: recrod is not a setting; did you mean record?'],
    [
      'name: a\nrecord: ful',
      'DIR/s.yaml:2:9: record: "ful" is not one of full, failures, metadata, off; did you mean full?',
    ],
    ['name: 5', 'DIR/s.yaml:1:7: name: 5 is not a text in one line'],
    ['name: [a]', 'DIR/s.yaml:1:7: name: ["a"] is not a text in one line'],
    [
      'otlp: {headers: {authorization: [hunter2]}}',
      'DIR/s.yaml:1:17: otlp.headers: its value (a secret, not shown) is not key=value,key=value with percent-encoded values',
    ],
    ['log: debug', 'DIR/s.yaml:1:6: log: "debug" is not a mapping of level, file'],
    ['log: {level: info}\nlog.level: debug', 'DIR/s.yaml:2:1: log.level is set twice'],
    ['name: a\nname: b', 'DIR/s.yaml:2:1: not valid YAML: Map keys must be unique'],
    ['name: "a', 'DIR/s.yaml:1:9: not valid YAML: Missing closing "quote'],
  ])('file, %j', async (text, message) => {
    expect(await messageOf(load({ flags: { config: write('s.yaml', text) } }))).toBe(message);
  });

  test('a file that is not a mapping names what could be in it', async () => {
    const message = await messageOf(load({ flags: { config: write('s.yaml', '- a') } }));
    expect(message).toMatch(/^DIR\/s[.]yaml:1:1: \["a"\] is not a mapping of name, dataDir, record, /);
  });

  test('a wrong value is wrong also where a stronger source overrules it', async () => {
    const message = await messageOf(load({ flags: { record: 'full' }, env: { SIDELIGHT_RECORD: 'x' } }));
    expect(message).toBe('SIDELIGHT_RECORD: "x" is not one of full, failures, metadata, off');
  });

  test.each([
    ['a: 1\nhunter2', 'DIR/h:2: not a header; write one in a line as Name: value'],
    ['a: hunter2\u0001', 'DIR/h: a header name or value is not fit for HTTP'],
  ])('a file of headers, without quoting what is in it: %j', async (text, message) => {
    expect(await messageOf(load({ flags: { 'otlp.headersFile': write('h', text) } }))).toBe(message);
  });

  test('without a home and without --data-dir there is no place for the recording', async () => {
    expect(await messageOf(load({ homedir: undefined }))).toBe(
      'no home directory to keep the recording in; set --data-dir',
    );
    expect((await load({ homedir: undefined, flags: { dataDir: 'd' } })).config.dataDir).toBe(join(dir, 'd'));
  });
});

describe('places', () => {
  test.each([
    ['linux', {}, '/home/ada/.local/state/sidelight', '/home/ada/.config/sidelight/sidelight.yaml'],
    ['linux', { XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: '/c' }, '/s/sidelight', '/c/sidelight/sidelight.yaml'],
    [
      'linux',
      { XDG_STATE_HOME: 'rel' },
      '/home/ada/.local/state/sidelight',
      '/home/ada/.config/sidelight/sidelight.yaml',
    ],
    [
      'darwin',
      {},
      '/home/ada/Library/Application Support/sidelight',
      '/home/ada/Library/Application Support/sidelight/sidelight.yaml',
    ],
  ] as const)('%s %o', (platform, env, state, file) => {
    const place = { platform, env, homedir: '/home/ada' };
    expect([stateDir(place), userConfigFile(place)]).toEqual([state, file]);
  });

  test('win32', () => {
    const env = { LOCALAPPDATA: 'C:\\L', APPDATA: 'C:\\R' };
    const place = { platform: 'win32', homedir: 'C:\\U\\ada' } as const;
    expect([stateDir({ ...place, env }), userConfigFile({ ...place, env })]).toEqual([
      'C:\\L\\sidelight',
      'C:\\R\\sidelight\\sidelight.yaml',
    ]);
    expect(stateDir({ ...place, env: {} })).toBe('C:\\U\\ada\\AppData\\Local\\sidelight');
  });
});

test("the server's environment is ours without our secrets; OTEL_* stay", () => {
  const kept = { PATH: '/bin', SIDELIGHT_RECORD: 'off', OTEL_EXPORTER_OTLP_HEADERS: 'a=1' };
  expect(serverEnv({ ...kept, SIDELIGHT_OTLP_HEADERS: 'a=secret' })).toEqual(kept);
});

test.each([
  ['9464', []],
  ['127.9.9.9:1', []],
  ['[::1]:1', []],
  ['0.0.0.0:9464', ['admin: 0.0.0.0:9464 can be reached from other machines']],
])('--admin %s: whoever lets other machines in is told so', async (admin, warnings) => {
  expect((await load({ flags: { admin } })).warnings).toEqual(warnings);
});

test.each([
  [
    { propagate: 'meta' },
    ['propagate: the spans that the server is told of are not exported; set --otlp-endpoint'],
  ],
  [{ propagate: 'meta', 'otlp.endpoint': 'http://a' }, []],
  [{ propagate: 'header', 'otlp.tracesEndpoint': 'http://a' }, []],
  [{ propagate: 'off' }, []],
] as const)('%j: whoever tells a server of spans that nobody exports is told so', async (flags, warnings) => {
  expect((await load({ flags })).warnings).toEqual(warnings);
});
