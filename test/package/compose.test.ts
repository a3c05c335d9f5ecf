/** The compose demo: that its parts fit together, and that each is told what it understands. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { httpSetup } from '../../src/config/http.ts';
import { loadConfig } from '../../src/config/load.ts';
import { VERSION } from '../../src/self/version.ts';
import { parseDockerfile, settings } from './dockerfile.ts';
import { at, list, type Tree, word } from './kustomize.ts';

const FOLDER = fileURLToPath(new URL('../../deploy/compose/', import.meta.url));
const ROOT = join(FOLDER, '../..');
const yaml = (path: string): Tree => parse(readFileSync(join(FOLDER, path), 'utf8')) as Tree;
const compose = yaml('compose.yaml');
const services = Object.entries(at(compose, 'services')) as [string, Tree][];
const service = (name: string): Tree => at(compose, 'services', name);
const words = (tree: Tree, key: string): string[] => {
  const found = tree[key];
  return Array.isArray(found) ? found.map(word) : Object.keys(at(tree, key));
};
/** host:port of a URL or an address. */
const hostOf = (url: string): string => url.replace(/^\w+:\/\//, '').replace(/\/.*$/, '');

describe('the compose file', () => {
  test('has a service for each part, and no other fields than these', () => {
    expect(Object.keys(compose)).toEqual(['name', 'services', 'networks', 'volumes']);
    expect(services.map(([name]) => name)).toEqual([
      ...['server', 'client', 'sidelight', 'collector', 'tempo', 'prometheus', 'alertmanager', 'grafana'],
      ...['clickhouse', 'fleet-schema', 'fleet-sidelight', 'fleet-client'],
    ]);
    const known =
      'image build command user environment read_only cap_drop security_opt mem_limit volumes ports networks depends_on profiles healthcheck';
    for (const [name, one] of services)
      expect(
        Object.keys(one).filter((key) => !known.split(' ').includes(key)),
        name,
      ).toEqual([]);
  });

  test.each(services)('%s comes in a named version', (_name, { image }) => {
    expect(word(image)).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+(?:-bookworm-slim)?$/);
    if (word(image).startsWith('sidelight')) expect(image).toBe(`sidelight:${VERSION}`);
  });

  test('uses the networks, volumes and services that it declares, and declares no others', () => {
    const used = (key: string): string[] =>
      [...new Set(services.flatMap(([, one]) => words(one, key)))].sort();
    expect(used('networks')).toEqual(Object.keys(at(compose, 'networks')).sort());
    const named = used('volumes').flatMap((volume) => (/^\w/.test(volume) ? [volume.split(':')[0]] : []));
    expect(named.sort()).toEqual(Object.keys(at(compose, 'volumes')).sort());
    const names = services.map(([name]) => name);
    expect(used('depends_on').filter((name) => !names.includes(name))).toEqual([]);
  });

  test('mounts what is there, read-only', () => {
    const mounts = services
      .flatMap(([, one]) => words(one, 'volumes'))
      .filter((volume) => volume.startsWith('.'));
    expect(mounts.length).toBeGreaterThan(5);
    for (const mount of mounts) {
      const [path = '', , mode] = mount.split(':');
      expect([mount, existsSync(join(FOLDER, path)), mode]).toEqual([mount, true, 'ro']);
    }
  });

  test('publishes on loopback alone', () => {
    const ports = services.flatMap(([, one]) => words(one, 'ports'));
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  test('only Sidelight reaches both the server and the telemetry', () => {
    const both = services.filter(([, one]) => words(one, 'networks').length > 1).map(([name]) => name);
    expect(both).toEqual(['sidelight', 'fleet-sidelight']);
    expect(words(service('server'), 'networks')).toEqual(['mcp']);
  });
});

describe.each([
  ['sidelight', 'client'],
  ['fleet-sidelight', 'fleet-client'],
])('%s', (name, client) => {
  const loaded = () => {
    const { target = 'http' } = at(service(name), 'build');
    const image = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).find(
      (stage) => stage.name === target,
    );
    if (image === undefined) throw new Error('no such image');
    const own = Object.entries(at(service(name), 'environment')).map(([key, value]) => [key, word(value)]);
    const env = {
      ...Object.fromEntries(settings(image, 'ENV')),
      ...(Object.fromEntries(own) as NodeJS.ProcessEnv),
    };
    return loadConfig({ env, flags: {}, cwd: '/data', homedir: undefined, platform: 'linux' });
  };

  test('has settings that it knows, stands in front of the server and lets its client in', async () => {
    const setup = await loaded();
    const { http, otlp } = setup.config;
    expect(httpSetup(setup).target.host).toBe(`server:${word(at(service('server'), 'environment').PORT)}`);
    const [url = ''] = words(service(client), 'command').slice(-1);
    expect(hostOf(url)).toBe(`${name}:8808`);
    expect(http.listen).toMatchObject({ port: 8808 });
    expect(http.allowedHosts).toContain(name);
    expect(hostOf(otlp.endpoint ?? '')).toBe('collector:4318');
  });

  test('is scraped where it serves its metrics', async () => {
    const { admin } = (await loaded()).config;
    const [job = {}] = list(yaml('prometheus.yml'), 'scrape_configs');
    const [{ targets = [] } = {}] = list(job, 'static_configs');
    const [{ names = [], port = 0 } = {}] = list(job, 'dns_sd_configs');
    const all = [...(targets as string[]), ...(names as string[]).map((host) => `${host}:${word(port)}`)];
    expect(all).toContain(`${name}:${admin?.port ?? ''}`);
  });
});

describe('the profile fleet', () => {
  test('has all that is of the fleet, and nothing else', () => {
    const fleet = services.filter(([, one]) => one.profiles !== undefined).map(([name]) => name);
    expect(fleet).toEqual(['clickhouse', 'fleet-schema', 'fleet-sidelight', 'fleet-client']);
  });

  test('its Sidelight and its schema go to the ClickHouse that is there, as the user that it has', () => {
    const clickhouse = at(service('clickhouse'), 'environment');
    for (const name of ['fleet-schema', 'fleet-sidelight']) {
      const env = at(service(name), 'environment');
      expect(env.SIDELIGHT_STORE).toMatch(`//${word(clickhouse.CLICKHOUSE_USER)}@clickhouse:8123/`);
      expect(env.SIDELIGHT_STORE_PASSWORD).toBe(clickhouse.CLICKHOUSE_PASSWORD);
    }
  });
});

describe('its telemetry', () => {
  test('goes from the collector to Tempo, through pipelines of parts that are declared', () => {
    const collector = yaml('collector.yaml');
    const pipelines = Object.values(at(collector, 'service', 'pipelines')) as Tree[];
    expect(pipelines).toHaveLength(1);
    for (const pipeline of pipelines) {
      for (const kind of ['receivers', 'processors', 'exporters'])
        expect(words(pipeline, kind)).toEqual(Object.keys(at(collector, kind)));
    }
    expect(at(collector, 'receivers', 'otlp', 'protocols', 'http').endpoint).toBe('0.0.0.0:4318');
    expect(hostOf(word(at(collector, 'exporters', 'otlp_http/tempo').endpoint))).toBe('tempo:4318');
    expect(at(yaml('tempo.yaml'), 'distributor', 'receivers', 'otlp', 'protocols', 'http').endpoint).toBe(
      '0.0.0.0:4318',
    );
  });

  test('Tempo keeps its blocks in its volume', () => {
    const { path } = at(yaml('tempo.yaml'), 'storage', 'trace', 'local');
    expect(words(service('tempo'), 'volumes')).toContain('traces:/var/tempo');
    expect(word(path)).toMatch(/^\/var\/tempo\//);
  });

  test('Prometheus takes its configuration with the rules that are there', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sidelight-compose-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const rules = words(service('prometheus'), 'volumes').find((volume) => volume.includes('/rules')) ?? '';
    const [own = '', inside = ''] = rules.split(':');
    const config = readFileSync(join(FOLDER, 'prometheus.yml'), 'utf8');
    expect(config).toContain(inside);
    mkdirSync(join(folder, 'rules'));
    const path = join(folder, 'prometheus.yml');
    writeFileSync(path, config.replaceAll(inside, join(FOLDER, own)));
    expect(execFileSync('promtool', ['check', 'config', path], { encoding: 'utf8' })).toContain('SUCCESS');
    const targets = [...config.matchAll(/["']([a-z]+):(\d+)["']/g)].map(([, host = '']) => host);
    for (const host of targets) expect(services.map(([name]) => name)).toContain(host);
  });

  test('Alertmanager has the receiver that its route names', () => {
    const alertmanager = yaml('alertmanager.yml');
    expect(list(alertmanager, 'receivers').map(({ name }) => name)).toContain(
      at(alertmanager, 'route').receiver,
    );
  });

  test('Grafana has our boards, and an exemplar leads to Tempo', () => {
    const { datasources } = yaml('grafana/provisioning/datasources/sidelight.yaml') as {
      datasources: Tree[];
    };
    const uids = datasources.map(({ uid }) => uid);
    expect(uids).toEqual(['prometheus', 'tempo']);
    expect(datasources.map(({ url }) => hostOf(word(url)))).toEqual(['prometheus:9090', 'tempo:3200']);
    expect(at(yaml('tempo.yaml'), 'server').http_listen_port).toBe(3200);
    const [{ name = '', datasourceUid = '' } = {}] = list(
      at(datasources[0] ?? {}, 'jsonData'),
      'exemplarTraceIdDestinations',
    );
    // The label of exemplars, as docs/metrics.md has it.
    expect([name, datasourceUid]).toEqual(['trace_id', 'tempo']);
    expect(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')).toContain('`trace_id`');

    const { providers } = yaml('grafana/provisioning/dashboards/sidelight.yaml') as { providers: Tree[] };
    const mount =
      words(service('grafana'), 'volumes').find((volume) => volume.includes('dashboards/generated')) ?? '';
    const [boards = '', inside] = mount.split(':');
    expect(at(providers[0] ?? {}, 'options').path).toBe(inside);
    expect(readdirSync(join(FOLDER, boards)).filter((file) => file.endsWith('.json')).length).toBeGreaterThan(
      0,
    );
  });
});
