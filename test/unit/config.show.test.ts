import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { renderConfigDoc } from '../../src/config/doc.ts';
import { loadConfig } from '../../src/config/load.ts';
import { envOf, flagOf, KEYS, rowOf } from '../../src/config/options.ts';
import { printConfig, printConfigJson } from '../../src/config/print.ts';
import { editDistance, nearest } from '../../src/config/suggest.ts';

const loaded = await loadConfig({
  flags: { record: 'metadata', maxBody: '64KiB', admin: ':9464', redact: false },
  env: {
    SIDELIGHT_OTLP_HEADERS: 'authorization=Bearer%20hunter2,x-tenant=hunter2',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://ada:hunter2@collector/otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_RESOURCE_ATTRIBUTES: 'team=a%2Cb',
  },
  cwd: tmpdir(),
  homedir: '/home/ada',
  platform: 'linux',
});

describe('config print', () => {
  test('a line per setting, in the order of the table: key, value, source', () => {
    const lines = printConfig(loaded).split('\n');
    expect(lines.shift()).toBe('# config file: none');
    const rows = lines.map((line) => line.split(/ {2,}/));
    expect(rows.map(([key]) => key)).toEqual(KEYS);
    const row = (key: string): string[] | undefined => rows.find(([name]) => name === key)?.slice(1);
    expect(row('record')).toEqual(['metadata', 'flag --record']);
    expect(row('maxBody')).toEqual(['64KiB', 'flag --max-body']);
    expect(row('admin')).toEqual(['127.0.0.1:9464', 'flag --admin']);
    expect(row('redact')).toEqual(['false', 'flag --no-redact']);
    expect(row('resourceAttributes')).toEqual(['team=a%2Cb', 'env OTEL_RESOURCE_ATTRIBUTES']);
    expect(row('captureBuffer')).toEqual(['40MiB', 'default']);
    expect(row('name')).toEqual(['-', 'default']);
  });

  test('secrets are masked, in both forms', () => {
    const text = printConfig(loaded);
    expect(text).toContain('authorization=***,x-tenant=***');
    expect(text).toContain('https://***@collector/otlp');
    expect(text + printConfigJson(loaded)).not.toContain('hunter2');
  });

  test('as JSON: exact numbers, null for what is not set, warnings', () => {
    expect(JSON.parse(printConfigJson(loaded))).toMatchObject({
      file: null,
      settings: {
        maxBody: { value: 65_536, source: 'flag --max-body' },
        redact: { value: false, source: 'flag --no-redact' },
        name: { value: null, source: 'default' },
        'otlp.headers': { value: 'authorization=***,x-tenant=***', source: 'env SIDELIGHT_OTLP_HEADERS' },
      },
      warnings: ['OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not one of http/json, http/protobuf; ignored'],
    });
  });
});

test('what a setting shows as its default can be written as its value', () => {
  for (const key of KEYS) {
    const { kind, fallback } = rowOf(key);
    if (fallback === undefined) continue;
    const result = kind.schema().safeParse(kind.show(fallback));
    expect([key, result.success ? result.data : undefined]).toEqual([key, fallback]);
  }
});

test('names of flags and variables derive from the key and are unique; a secret has no flag', () => {
  expect(flagOf('otlp.tracesEndpoint')).toBe('--otlp-traces-endpoint');
  expect(envOf('otlp.tracesEndpoint')).toBe('SIDELIGHT_OTLP_TRACES_ENDPOINT');
  expect(new Set(KEYS.map(envOf)).size).toBe(KEYS.length);
  expect(KEYS.filter((key) => flagOf(key) === undefined)).toEqual([
    'replay.targets',
    'storePassword',
    'otlp.headers',
    'otlp.tracesHeaders',
    'otlp.metricsHeaders',
    'otlp.logsHeaders',
  ]);
});

test('docs/config.md is what the table of settings says', () => {
  expect(readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8')).toBe(renderConfigDoc());
});

describe('suggestions', () => {
  test.each([
    ['', '', 0],
    ['record', 'record', 0],
    ['recrod', 'record', 1],
    ['recod', 'record', 1],
    ['recorrd', 'record', 1],
    ['kitten', 'sitting', 3],
    ['abc', '', 3],
    ['ca', 'abc', 3],
  ])('the distance of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  test('the nearest counts, case and separators do not', () => {
    expect(nearest('OTLP_ENDPOIT', ['otlp.tracesEndpoint', 'otlp.endpoint'])).toBe('otlp.endpoint');
  });

  test('a part of a word is near, unless it is tiny', () => {
    expect(nearest('warning', ['info', 'warn'])).toBe('warn');
    expect(nearest('debugging', ['in', 'gi'])).toBeUndefined();
  });

  test('nothing near is nothing', () => {
    expect(nearest('foo', ['record', 'admin'])).toBeUndefined();
  });
});
