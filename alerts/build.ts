/** The rules and their promtool tests as files. It writes nothing itself. */
import { stringify } from 'yaml';
import { ALERTS } from './alerts.ts';
import { CASES, testsOf } from './cases.ts';
import { RECORDING } from './recording.ts';

const GENERATED = '# Made by npm run dashboards: change alerts/*.ts instead.\n';

/** Path from the root of the repository, and YAML. */
export function renderRules(): readonly { readonly file: string; readonly text: string }[] {
  const manifest = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'sidelight', labels: { 'app.kubernetes.io/name': 'sidelight' } },
    spec: { groups: [...RECORDING, ...ALERTS] },
  };
  return [
    { file: 'alerts/generated/recording.yaml', text: yaml({ groups: RECORDING }) },
    { file: 'alerts/generated/alerts.yaml', text: yaml({ groups: ALERTS }) },
    { file: 'alerts/generated/prometheusrule.yaml', text: yaml(manifest) },
    ...Object.keys(CASES).map((alert) => ({
      file: `alerts/tests/${alert}.yaml`,
      text: yaml(testsOf(alert)),
    })),
  ];
}

function yaml(value: unknown): string {
  return GENERATED + stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
