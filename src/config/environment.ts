/** Settings from environment variables: Sidelight's own, which must be right, and OpenTelemetry's, which are shared. */
import { ConfigError, plain, quote } from './error.ts';
import { CONFIG_ENV, ENV_PREFIX, envOf, type Key, KEYS, rowOf } from './options.ts';
import type { Setting } from './setting.ts';
import { didYouMean, nearest } from './suggest.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where a receiver on this machine listens, by the OTLP specification. */
const STANDARD_ENDPOINT = 'http://localhost:4318';

const EXPORTERS = [
  ['traces', 'OTEL_TRACES_EXPORTER'],
  ['metrics', 'OTEL_METRICS_EXPORTER'],
  ['logs', 'OTEL_LOGS_EXPORTER'],
] as const;

/** A caller's flag counts with all of them, so that those that ask the parent first are the same as the others here. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_traceidratio',
];
const SAMPLER_ARGUMENT = 'OTEL_TRACES_SAMPLER_ARG';

const KEY_OF_ENV = new Map(KEYS.map((key) => [envOf(key), key]));

/** SIDELIGHT_* variables. An empty one counts as not set. Throws ConfigError for one that does not exist. */
export function ownSettings(env: Env): Setting[] {
  return Object.entries(env).flatMap(([name, written]) => {
    if (!name.startsWith(ENV_PREFIX) || name === CONFIG_ENV || written === undefined) return [];
    const key = KEY_OF_ENV.get(name);
    if (key === undefined)
      throw new ConfigError(`${plain(name)}: no such setting${didYouMean(nearEnv(name))}`);
    return written === '' ? [] : [fromEnv(key, name, written)];
  });
}

export interface OtelSettings {
  /** Of several for one key, the first that is valid counts. */
  readonly settings: readonly Setting[];
  /** What they imply when nothing else, not even the config file, says it. */
  readonly implied: readonly Setting[];
  readonly warnings: readonly string[];
}

/** OTEL_* variables that say what a setting says. An empty one counts as not set, as the specification has it. */
export function otelSettings(env: Env): OtelSettings {
  const warnings: string[] = [];
  const said: Setting[] = [];
  const implied: Setting[] = [];
  const word = (name: string, allowed: readonly string[]): string | undefined => {
    const written = env[name]?.trim() ?? '';
    if (written === '' || allowed.includes(written.toLowerCase())) return written.toLowerCase();
    warnings.push(`${name}: ${quote(written)} is not one of ${allowed.join(', ')}; ignored`);
    return undefined;
  };

  if (word('OTEL_SDK_DISABLED', ['true', 'false']) === 'true') {
    said.push(fromOtel('otlp.endpoint', 'OTEL_SDK_DISABLED', 'none'));
  }
  for (const [signal, name] of EXPORTERS) {
    const exporter = word(name, ['otlp', 'none']);
    if (exporter === 'none') said.push(fromOtel(`otlp.${signal}`, name, 'false'));
    if (exporter !== 'otlp') continue;
    if (signal === 'traces') implied.push(fromOtel('otlp.endpoint', name, STANDARD_ENDPOINT));
    else {
      said.push(fromOtel(`otlp.${signal}`, name, 'true'));
      implied.push(fromOtel(`otlp.${signal}Endpoint`, name, `${STANDARD_ENDPOINT}/v1/${signal}`));
    }
  }
  const sampler = word('OTEL_TRACES_SAMPLER', SAMPLERS);
  if (sampler === 'always_off') said.push(fromOtel('otlp.traces', 'OTEL_TRACES_SAMPLER', 'false'));
  else if (sampler?.endsWith('always_on'))
    said.push(fromOtel('otlp.sampleRatio', 'OTEL_TRACES_SAMPLER', '1'));
  else if (sampler?.endsWith('traceidratio')) {
    const ratio = env[SAMPLER_ARGUMENT]?.trim() ?? '';
    said.push(fromOtel('otlp.sampleRatio', SAMPLER_ARGUMENT, ratio === '' ? '1' : ratio));
  }

  const settings = KEYS.flatMap((key) =>
    (rowOf(key).otel ?? []).flatMap((name) => {
      const written = env[name]?.trim() ?? '';
      return written === '' ? [] : [fromOtel(key, name, written)];
    }),
  );
  return { settings: [...said, ...settings], implied, warnings };
}

/** The server's environment: what Sidelight got, less Sidelight's secrets. OTEL_* stay: the server may use them too. */
export function serverEnv<E extends Env>(env: E): E {
  const secrets = new Set(KEYS.filter((key) => rowOf(key).secret).map(envOf));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.has(name))) as E;
}

function fromEnv(key: Key, name: string, written: string): Setting {
  return { key, written, where: name, source: `env ${name}`, base: undefined, lenient: false };
}

/** These variables are not ours: a value that does not fit us is told and ignored, as the specification has it. */
function fromOtel(key: Key, name: string, written: string): Setting {
  return { ...fromEnv(key, name, written), lenient: true };
}

function nearEnv(name: string): string | undefined {
  const near = nearest(
    name.slice(ENV_PREFIX.length),
    [...KEY_OF_ENV.keys(), CONFIG_ENV].map((known) => known.slice(ENV_PREFIX.length)),
  );
  return near === undefined ? undefined : `${ENV_PREFIX}${near}`;
}
