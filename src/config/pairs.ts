/** Kinds of values that are names with values: attributes of a resource, HTTP headers, limits of methods. */
import * as z from 'zod/mini';
import { type Kind, line, read } from './schema.ts';

/** Keys and values: a YAML mapping, or `key=value,key=value` with percent-encoded values as in W3C baggage. */
export const ATTRIBUTES: Kind<Readonly<Record<string, string>>> = {
  schema: () => pairs(line(), z.string()),
  metavar: 'pairs',
  expected: 'key=value,key=value with percent-encoded values',
  show: (record) =>
    Object.entries(record)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join(','),
};

/** RFC 9110, sections 5.6.2 and 5.5; what else there is, Node's HTTP client refuses to send. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** As ATTRIBUTES, fit for HTTP, and never shown. */
export const HEADERS: Kind<Readonly<Record<string, string>>> = {
  ...ATTRIBUTES,
  schema: () => pairs(z.string().check(z.regex(FIELD_NAME)), z.string().check(z.regex(FIELD_VALUE))),
  show: (record) =>
    Object.keys(record)
      .map((name) => `${name}=***`)
      .join(','),
};

/** A value of a kind for each name. */
export function byName<T>(word: string, each: Kind<T>): Kind<Readonly<Record<string, T>>> {
  return {
    schema: () => pairs(line(), each.schema()),
    metavar: 'pairs',
    expected: `name=${word},name=${word}, each ${each.expected}`,
    show: (record) =>
      Object.entries(record)
        .map(([name, value]) => `${name}=${each.show(value)}`)
        .join(','),
  };
}

function pairs<T>(
  name: z.ZodMiniType<string, string>,
  value: z.ZodMiniType<T>,
): z.ZodMiniType<Readonly<Record<string, T>>> {
  const scalar = z.union([z.string(), z.number(), z.boolean()]);
  return read(
    z.union([z.string(), z.record(z.string(), scalar)]),
    (written) =>
      typeof written === 'string'
        ? readPairs(written)
        : Object.fromEntries(Object.entries(written).map(([key, value]) => [key, String(value)])),
    z.record(name, value),
  );
}

/**
 * The format of OTEL_RESOURCE_ATTRIBUTES and OTEL_EXPORTER_OTLP_HEADERS: W3C baggage without metadata. As the
 * OpenTelemetry resource specification asks, one bad member makes the whole value unusable.
 */
function readPairs(text: string): Record<string, string> | undefined {
  const members = text.split(',').filter((member) => member.trim() !== '');
  const entries = members.map((member) => {
    const equals = member.indexOf('=');
    const key = decode(member.slice(0, Math.max(equals, 0)).trim());
    const value = decode(member.slice(equals + 1).trim());
    return key === undefined || key === '' || value === undefined ? undefined : ([key, value] as const);
  });
  return entries.includes(undefined)
    ? undefined
    : Object.fromEntries(entries.filter((entry) => entry !== undefined));
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
