/** Settings that say something about each other: of two that compete, the one from the stronger source counts. */
import { ConfigError, plain } from './error.ts';
import { readIfThere } from './file.ts';
import { headersOf } from './headersFile.ts';
import type { Key } from './options.ts';

/** A value and where it came from; rank 0 is the strongest source. */
export interface Ranked {
  readonly value: unknown;
  readonly source: string;
  readonly where: string;
  readonly rank: number;
}

type Found = Map<Key, Ranked>;

/** Changes what was found. Throws ConfigError when a file that is named cannot be used. */
export function settle(found: Found): void {
  settleServiceName(found);
  settleTraces(found);
  settleEndpoints(found);
  settleHeaders(found);
  settleSignalHeaders(found);
  settlePassword(found);
}

/** OTEL_SERVICE_NAME goes before service.name in OTEL_RESOURCE_ATTRIBUTES, says the specification of both. */
function settleServiceName(found: Found): void {
  const attributes = found.get('resourceAttributes');
  const value = (attributes?.value as Readonly<Record<string, string>> | undefined)?.['service.name'];
  if (attributes === undefined || value === undefined) return;
  if (attributes.rank < rankOf(found, 'serviceName')) found.set('serviceName', { ...attributes, value });
}

const SIGNALS = ['traces', 'metrics', 'logs'] as const;

/** `--otlp-endpoint` means what it says, also beside an OTEL_EXPORTER_OTLP_TRACES_ENDPOINT that would go before it. */
function settleEndpoints(found: Found): void {
  const endpoint = found.get('otlp.endpoint');
  if (endpoint === undefined) return;
  const off = endpoint.value === undefined;
  for (const key of SIGNALS.map((signal) => `otlp.${signal}Endpoint` as const)) {
    const rank = rankOf(found, key);
    if (found.has(key) && (endpoint.rank < rank || (off && endpoint.rank === rank)))
      found.set(key, { ...endpoint, value: undefined });
  }
}

/** Variables that other programs read, too, turn traces off only while nobody tells Sidelight itself where they go. */
function settleTraces(found: Found): void {
  const traces = found.get('otlp.traces');
  if (traces?.value !== false || !traces.source.startsWith('env OTEL_')) return;
  const named = ['otlp.endpoint', 'otlp.tracesEndpoint'] as const;
  if (named.some((key) => found.get(key)?.value !== undefined && rankOf(found, key) < traces.rank))
    found.delete('otlp.traces');
}

function settleHeaders(found: Found): void {
  const file = found.get('otlp.headersFile');
  if (file === undefined || file.rank > rankOf(found, 'otlp.headers')) return;
  const path = String(file.value);
  const text = readIfThere(path);
  if (text === undefined) throw new ConfigError(`${file.where}: there is no file ${plain(path)}`);
  found.set('otlp.headers', { ...file, value: headersOf(path, text) });
}

/** As with endpoints: a stronger source means all signals. */
function settleSignalHeaders(found: Found): void {
  const headers = found.get('otlp.headers');
  if (headers === undefined) return;
  for (const key of SIGNALS.map((signal) => `otlp.${signal}Headers` as const)) {
    if (found.has(key) && headers.rank < rankOf(found, key)) found.set(key, { ...headers, value: undefined });
  }
}

function settlePassword(found: Found): void {
  const file = found.get('storePasswordFile');
  if (file === undefined || file.rank > rankOf(found, 'storePassword')) return;
  const path = String(file.value);
  const text = readIfThere(path);
  if (text === undefined) throw new ConfigError(`${file.where}: there is no file ${plain(path)}`);
  found.set('storePassword', { ...file, value: text.trim() });
}

function rankOf(found: Found, key: Key): number {
  return found.get(key)?.rank ?? Infinity;
}
