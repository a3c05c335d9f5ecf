/** What a query of a board or a rule names: metrics and labels. Not a parser of PromQL: that is Prometheus's own. */
import { CATALOG } from '../../src/sink/catalog.ts';

/** Of Prometheus itself: about a scrape, and what it adds to each series. */
const OF_PROMETHEUS: ReadonlyMap<string, readonly string[]> = new Map([['up', []]]);
const ADDED_LABELS = ['job', 'instance'];

const LABELS_OF: ReadonlyMap<string, readonly string[]> = new Map([
  ...OF_PROMETHEUS,
  ...CATALOG.flatMap((metric): [string, readonly string[]][] =>
    metric.type === 'histogram'
      ? [
          [`${metric.name}_bucket`, [...metric.labels, 'le']],
          [`${metric.name}_count`, metric.labels],
          [`${metric.name}_sum`, metric.labels],
        ]
      : [[metric.name, metric.labels]],
  ),
]);

const SELECTOR = /\b((?:mcp|sidelight)_[a-z_]+|up)\b(?:\{([^}]*)\})?/g;
const GROUPING = /\b(?:by|on|ignoring|without)\s*\(([^)]*)\)/g;

/** What of an expression is not in the catalogue, in words; `recorded` are names that recording rules give. */
export function unknownIn(expr: string, recorded: ReadonlySet<string> = new Set()): readonly string[] {
  const used: string[] = [];
  const faults: string[] = [];
  const bare = expr.replace(/[a-z_]+:[a-z0-9_:]+/g, (name) => {
    if (!recorded.has(name)) faults.push(`${name} is recorded by no rule`);
    return ' ';
  });
  const labelsOf = (name: string): readonly string[] => [...(LABELS_OF.get(name) ?? []), ...ADDED_LABELS];
  const withoutGroups = bare.replace(GROUPING, ' ');
  for (const [, name = '', matchers = ''] of withoutGroups.matchAll(SELECTOR)) {
    if (!LABELS_OF.has(name)) {
      faults.push(`${name} is not in the catalogue`);
      continue;
    }
    used.push(name);
    for (const [, label = ''] of matchers.matchAll(/([a-z_]+)\s*[=!]~?/g))
      if (!labelsOf(name).includes(label)) faults.push(`${name} has no label ${label}`);
  }
  for (const [, labels = ''] of bare.matchAll(GROUPING)) {
    for (const label of labels.split(',').map((one) => one.trim())) {
      const known = used.length === 0 || used.some((name) => labelsOf(name).includes(label));
      if (!known) faults.push(`${used.join(', ')}: none has the label ${label}`);
    }
  }
  return faults;
}

/** With variables as they are when nothing is chosen. */
export function withVariables(expr: string, window: string): string {
  return expr
    .replaceAll('$__rate_interval', window)
    .replaceAll('$__range', window)
    .replaceAll(/"\$(?:job|instance|server|tool)"/g, '".*"');
}
