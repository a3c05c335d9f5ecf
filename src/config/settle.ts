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

/** Changes what was found. Throws ConfigError when the file of headers cannot be used. */
export function settle(found: Found): void {
  settleServiceName(found);
  settleEndpoints(found);
  settleHeaders(found);
}

/** OTEL_SERVICE_NAME goes before service.name in OTEL_RESOURCE_ATTRIBUTES, says the specification of both. */
function settleServiceName(found: Found): void {
  const attributes = found.get('resourceAttributes');
  const value = (attributes?.value as Readonly<Record<string, string>> | undefined)?.['service.name'];
  if (attributes === undefined || value === undefined) return;
  if (attributes.rank < rankOf(found, 'serviceName')) found.set('serviceName', { ...attributes, value });
}

/** `--otlp-endpoint` means what it says, also beside an OTEL_EXPORTER_OTLP_TRACES_ENDPOINT that would go before it. */
function settleEndpoints(found: Found): void {
  const endpoint = found.get('otlp.endpoint');
  const traces = found.get('otlp.tracesEndpoint');
  if (endpoint === undefined || traces === undefined) return;
  const off = endpoint.value === undefined;
  if (endpoint.rank < traces.rank || (off && endpoint.rank === traces.rank)) {
    found.set('otlp.tracesEndpoint', { ...endpoint, value: undefined });
  }
}

function settleHeaders(found: Found): void {
  const file = found.get('otlp.headersFile');
  if (file === undefined || file.rank > rankOf(found, 'otlp.headers')) return;
  const path = String(file.value);
  const text = readIfThere(path);
  if (text === undefined) throw new ConfigError(`${file.where}: there is no file ${plain(path)}`);
  found.set('otlp.headers', { ...file, value: headersOf(path, text) });
}

function rankOf(found: Found, key: Key): number {
  return found.get(key)?.rank ?? Infinity;
}
