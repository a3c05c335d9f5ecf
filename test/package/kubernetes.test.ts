/** The manifests: against the schemas of Kubernetes and of the Prometheus operator, and against each other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import * as operator from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import * as apps from 'kubernetes-models/apps/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as core from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/program.ts';
import type { HttpOptions } from '../../src/http.ts';
import { VERSION } from '../../src/self/version.ts';
import { ioOf } from '../unit/commandRun.ts';
import { parseDockerfile, settings } from './dockerfile.ts';
import { at, list, render, type Tree, word } from './kustomize.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = join(ROOT, 'deploy/kubernetes');
const example = render(join(FOLDER, 'overlays/example'));
const base = render(join(FOLDER, 'base'));

interface Model {
  readonly validate: () => void;
}

const MODELS: Readonly<Record<string, new (data?: never) => Model>> = {
  'v1/ConfigMap': core.ConfigMap,
  'v1/Namespace': core.Namespace,
  'v1/Service': core.Service,
  'apps/v1/Deployment': apps.Deployment,
  'networking.k8s.io/v1/NetworkPolicy': networking.NetworkPolicy,
  'monitoring.coreos.com/v1/PodMonitor': operator.PodMonitor,
  'monitoring.coreos.com/v1/PrometheusRule': operator.PrometheusRule,
};

const titleOf = (tree: Tree): string => `${word(tree.kind)} ${word(at(tree, 'metadata').name)}`;
const kind = (trees: readonly Tree[], wanted: string): Tree => {
  const found = trees.filter((tree) => tree.kind === wanted);
  expect(found).toHaveLength(1);
  return found[0] ?? {};
};

/** What of a document its schema refuses. */
function faults(tree: Tree): string | undefined {
  const Model = MODELS[`${word(tree.apiVersion)}/${word(tree.kind)}`];
  if (Model === undefined) return 'no schema';
  try {
    new Model(tree as never).validate();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

const pod = at(kind(example, 'Deployment'), 'spec', 'template');
const sidecar = list(at(pod, 'spec'), 'initContainers').find(({ name }) => name === 'sidelight') ?? {};
const ports = list(sidecar, 'ports');
const portOf = (name: string): unknown => ports.find((port) => port.name === name)?.containerPort;

describe('the manifests', () => {
  test.each([...example, ...base].map((tree) => [titleOf(tree), tree] as const))(
    '%s is what its schema asks for',
    (_title, tree) => {
      expect(faults(tree)).toBeUndefined();
    },
  );

  test('would be refused where they are wrong', () => {
    const deployment = kind(example, 'Deployment');
    expect(faults({ ...deployment, spec: { ...at(deployment, 'spec'), replicas: 'one' } })).toBeDefined();
    const monitor = kind(base, 'PodMonitor');
    expect(faults({ ...monitor, spec: { ...at(monitor, 'spec'), selector: 'all' } })).toBeDefined();
  });
});

describe('the sidecar', () => {
  test('is a native one, of the version of this package, without rights', () => {
    expect(sidecar).toMatchObject({
      image: `registry.example/sidelight:${VERSION}`,
      restartPolicy: 'Always',
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      resources: { requests: { cpu: '50m' }, limits: { memory: '384Mi' } },
    });
    expect(at(pod, 'spec').automountServiceAccountToken).toBe(false);
  });

  test('mounts what there is', () => {
    const volumes = list(at(pod, 'spec'), 'volumes');
    for (const { name } of list(sidecar, 'volumeMounts'))
      expect(volumes.map((one) => one.name)).toContain(name);
    const maps = example.filter((tree) => tree.kind === 'ConfigMap').map((tree) => at(tree, 'metadata').name);
    for (const volume of volumes) {
      if (volume.configMap !== undefined) expect(maps).toContain(at(volume, 'configMap').name);
    }
  });

  test('is asked on ports that it has, and receivers and the recording never stop the traffic', () => {
    for (const probe of ['startupProbe', 'readinessProbe'])
      expect(at(sidecar, probe, 'tcpSocket').port, probe).toBe('mcp');
    expect(sidecar.livenessProbe).toBeUndefined();
    expect(portOf('mcp')).toBeTypeOf('number');
  });

  test('starts with settings that it knows, listens on its ports, and stands in front of the server', async () => {
    const { target, config, warnings } = await started();
    expect(target.href).toBe('http://127.0.0.1:3001/');
    const [server = {}] = list(at(pod, 'spec'), 'containers');
    expect(list(server, 'env')).toContainEqual({ name: 'PORT', value: target.port });
    expect(config.http.listen).toEqual({ host: '0.0.0.0', port: portOf('mcp') });
    expect(config.admin).toEqual({ host: '0.0.0.0', port: portOf('sidelight') });
    expect(config.retention).toMatchObject({ ageMs: 86_400_000, bytes: 400 * 1024 * 1024 });
    const writable = list(sidecar, 'volumeMounts').filter((mount) => mount.readOnly !== true);
    expect(writable.some(({ mountPath }) => config.dataDir.startsWith(`${word(mountPath)}/`))).toBe(true);
    expect(config.resourceAttributes).toEqual({ 'k8s.pod.name': 'pod', 'k8s.namespace.name': 'ns' });
    expect(warnings).toEqual([expect.stringContaining('admin')]);
  });

  test('records less than its volume holds', async () => {
    const { config } = await started();
    const volume = list(at(pod, 'spec'), 'volumes').find(({ emptyDir }) => emptyDir !== undefined) ?? {};
    const limit = Number.parseInt(word(at(volume, 'emptyDir').sizeLimit), 10) * 1024 * 1024;
    expect(config.retention.bytes ?? Infinity).toBeLessThan(limit);
  });
});

describe('what points to the sidecar', () => {
  test('the Service finds the pods and the port of the sidecar, not of the server', () => {
    const service = at(kind(example, 'Service'), 'spec');
    expect(at(pod, 'metadata', 'labels')).toMatchObject(at(service, 'selector'));
    expect(list(service, 'ports').map(({ targetPort }) => targetPort)).toEqual([portOf('mcp')]);
  });

  test('the Deployment selects its own pods', () => {
    const selector = at(kind(example, 'Deployment'), 'spec', 'selector', 'matchLabels');
    expect(at(pod, 'metadata', 'labels')).toMatchObject(selector);
  });

  test('the NetworkPolicy lets in clients, and Prometheus from the namespace of the base', () => {
    const policy = at(kind(example, 'NetworkPolicy'), 'spec');
    expect(at(pod, 'metadata', 'labels')).toMatchObject(at(policy, 'podSelector', 'matchLabels'));
    const [clients = {}, prometheus = {}] = list(policy, 'ingress');
    expect(list(clients, 'ports').map(({ port }) => port)).toEqual([portOf('mcp')]);
    expect(list(prometheus, 'ports').map(({ port }) => port)).toEqual([portOf('sidelight')]);
    const [from = {}] = list(prometheus, 'from');
    expect(at(from, 'namespaceSelector', 'matchLabels')).toEqual({
      'kubernetes.io/metadata.name': at(kind(base, 'PodMonitor'), 'metadata').namespace,
    });
  });

  test('the PodMonitor finds the pods and their port by name', () => {
    const monitor = at(kind(base, 'PodMonitor'), 'spec');
    expect(at(pod, 'metadata', 'labels')).toMatchObject(at(monitor, 'selector', 'matchLabels'));
    const [endpoint = {}] = list(monitor, 'podMetricsEndpoints');
    expect(endpoint.path).toBe('/metrics');
    expect(portOf(word(endpoint.port))).toBe(9464);
  });
});

describe('what a cluster has once', () => {
  test('has every board as a ConfigMap that Grafana looks for, each within the size of one', () => {
    const maps = base.filter((tree) => tree.kind === 'ConfigMap');
    const boards = readdirSync(join(ROOT, 'dashboards/generated')).filter((name) => name.endsWith('.json'));
    expect(boards.length).toBeGreaterThan(0);
    expect(maps.flatMap((tree) => Object.keys(at(tree, 'data'))).sort()).toEqual(boards.sort());
    for (const tree of maps) {
      expect(at(tree, 'metadata', 'labels').grafana_dashboard).toBe('1');
      expect(at(tree, 'metadata', 'annotations').grafana_folder).toBe('Sidelight');
      expect(JSON.stringify(at(tree, 'data')).length).toBeLessThan(1024 * 1024);
    }
  });

  test('has the alerts as a PrometheusRule, and everything with the label that Prometheus looks for', () => {
    const rules = list(at(kind(base, 'PrometheusRule'), 'spec'), 'groups').flatMap((group) =>
      list(group, 'rules'),
    );
    expect(rules.filter(({ alert }) => alert !== undefined).length).toBeGreaterThan(0);
    for (const tree of base) {
      expect(at(tree, 'metadata').namespace).toBe('monitoring');
      expect(at(tree, 'metadata', 'labels').release).toBe('kube-prometheus-stack');
    }
  });
});

/** What `sidelight` makes of the container: the image's environment, its own over it, the file, its arguments. */
async function started(): Promise<HttpOptions> {
  const image = parseDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).find(
    ({ name }) => name === 'http',
  );
  if (image === undefined) throw new Error('no image');
  const fields: Readonly<Record<string, string>> = { 'metadata.name': 'pod', 'metadata.namespace': 'ns' };
  const env = Object.fromEntries(settings(image, 'ENV'));
  for (const { name, value, valueFrom } of list(sidecar, 'env')) {
    const field = valueFrom === undefined ? undefined : at({ valueFrom }, 'valueFrom', 'fieldRef').fieldPath;
    const written = field === undefined ? word(value) : (fields[word(field)] ?? '');
    env[word(name)] = written.replace(/\$\((\w+)\)/g, (_all, other: string) => env[other] ?? '');
  }
  // The mounted file is that of the ConfigMap, which the test has elsewhere.
  expect(env.SIDELIGHT_CONFIG).toBe('/etc/sidelight/sidelight.yaml');
  env.SIDELIGHT_CONFIG = join(FOLDER, 'sidecar/sidelight.yaml');
  const text = at(kind(example, 'ConfigMap'), 'data')['sidelight.yaml'];
  expect(text).toBe(readFileSync(env.SIDELIGHT_CONFIG, 'utf8'));
  expect(parse(word(text))).toBeTypeOf('object');

  const said = new PassThrough();
  let options: HttpOptions | undefined;
  const code = await runCli((sidecar.args as string[] | undefined) ?? [], {
    ...ioOf('/data', said, said),
    env,
    http: (given) => {
      options = given;
      return Promise.resolve();
    },
  });
  expect([code, String(said.read() ?? '')]).toEqual([0, '']);
  if (options === undefined) throw new Error('it did not start');
  return options;
}
