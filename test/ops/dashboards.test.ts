/** The dashboards as files: what Grafana needs of them, and what their queries may name. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { BOARDS } from '../../dashboards/build.ts';
import { type BoardJson, boardsIn, queriesOf, ROOT } from './boards.ts';
import { unknownIn } from './promql.ts';
import { sdkJudge } from './sdkTypes.ts';

const boards = boardsIn('dashboards/generated');
const ofGrafanaCom = boardsIn('dashboards/grafana.com');
const each = [...boards];

it('what is committed is what the builders say', () => {
  const ran = spawnSync(process.execPath, [join(ROOT, 'scripts/dashboards.mjs'), '--check'], {
    encoding: 'utf8',
  });
  expect([ran.stderr.replace(/^npm warn.*\n/gm, ''), ran.status]).toEqual(['', 0]);
});

it('has every board in both flavours, and nothing else', () => {
  const names = BOARDS.map(({ name }) => name).sort();
  expect([...boards.keys()].sort()).toEqual(names);
  expect([...ofGrafanaCom.keys()].sort()).toEqual(names);
});

it('gives each board a uid of its own', () => {
  const uids = each.map(([, { uid }]) => uid);
  expect(new Set(uids).size).toBe(uids.length);
  expect(uids.filter((uid) => !/^sidelight-[a-z]{1,30}$/.test(uid))).toEqual([]);
});

describe.each(each)('%s', (_name, board) => {
  const shown = board.panels.filter(({ type }) => type !== 'row');

  test('is classic JSON that is no one’s copy, with panels of unique ids that do not overlap', () => {
    expect(board).toMatchObject({ id: null, schemaVersion: 42, tags: ['sidelight', 'mcp'] });
    const ids = board.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => id > 0)).toBe(true);
    expect(overlaps(board)).toEqual([]);
  });

  test('says of each panel what it shows, in which unit, from the chosen data source', () => {
    for (const { title, type, description, datasource, fieldConfig } of shown) {
      expect((description ?? '').length, title).toBeGreaterThan(20);
      if (type === 'text') continue;
      expect(fieldConfig?.defaults.unit, title).toBeTypeOf('string');
      expect(datasource, title).toEqual({ type: 'prometheus', uid: '${datasource}' });
    }
    const titles = shown.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  test('leads to the recorded sessions, to traces from exemplars, and to the other boards', () => {
    for (const { title, type, fieldConfig, targets = [] } of shown) {
      if (type === 'text') continue;
      expect(fieldConfig?.defaults.links?.[0]?.url, title).toMatch(/^\$\{sidelight_url\}\/\?filter=/);
      if (!targets.some(({ exemplar }) => exemplar === true)) continue;
      const override = fieldConfig?.overrides.find(({ matcher }) => matcher.options === 'trace_id');
      expect(JSON.stringify(override), title).toContain('${tracing}');
    }
    expect(board.links).toEqual([
      expect.objectContaining({ type: 'dashboards', tags: ['sidelight'], includeVars: true, keepTime: true }),
    ]);
  });

  test('uses no variable that it does not have', () => {
    const has = new Set(board.templating.list.map(({ name }) => name));
    const used = [...JSON.stringify(board).matchAll(/\$\{?([a-z_]+)\b/g)].map(([, name = '']) => name);
    const builtIn = new Set([
      '__rate_interval',
      '__range',
      '__from',
      '__to',
      '__value',
      '__field',
      '__data',
      '__all',
    ]);
    expect(used.filter((name) => !has.has(name) && !builtIn.has(name))).toEqual([]);
    // Kept on boards without exemplars, too: links between boards take it with them.
    expect([...has].filter((name) => name !== 'tracing' && !used.includes(name))).toEqual([]);
  });
});

describe('queries', () => {
  test.each(queriesOf(boards).map(({ name, target }) => [name, target.expr]))('%s', (_name, expr) => {
    expect(unknownIn(expr)).toEqual([]);
    // A fixed window does not fit the interval at which somebody scrapes; the long ones of burn rates do.
    expect(expr.match(/\[(?!\$__|1h|6h|1d|15m)[^\]]*\]/g) ?? []).toEqual([]);
  });

  it('would be refused with a metric or a label that is not in the catalogue', () => {
    expect(unknownIn('sum by (tool) (rate(sidelight_made_up_total{server="a"}[5m]))')).not.toEqual([]);
    expect(unknownIn('sidelight_server_up{tool="a"}')).toEqual(['sidelight_server_up has no label tool']);
    expect(unknownIn('sum by (tool) (sidelight_server_up)')).toEqual([
      'sidelight_server_up: none has the label tool',
    ]);
  });
});

describe('for grafana.com', () => {
  test.each([...ofGrafanaCom])('%s asks for its data sources and is the same otherwise', (name, board) => {
    const inputs = (board.__inputs ?? []).map((input) => input.name);
    expect(inputs).toEqual(['DS_PROMETHEUS', 'DS_TEMPO']);
    const text = JSON.stringify(board);
    expect(text).not.toMatch(/\$\{(datasource|tracing)\}/);
    expect(board.templating.list.filter(({ type }) => type === 'datasource')).toEqual([]);
    expect(board.panels.map(({ title }) => title)).toEqual(
      boards.get(name)?.panels.map(({ title }) => title),
    );
  });
});

describe('the types of the foundation SDK', () => {
  const kinds = ['heatmap', 'stat', 'table', 'text', 'timeseries'];
  const judge = sdkJudge(['dashboard', 'prometheus', ...kinds]);

  test.each(each)('know all that is in %s', (_name, board) => {
    expect(judge('dashboard', 'Dashboard', board)).toEqual([]);
    for (const panel of board.panels) {
      if (panel.type === 'row') continue;
      const {
        options,
        fieldConfig,
        targets = [],
      } = panel as unknown as {
        options: unknown;
        fieldConfig?: { defaults: { custom?: unknown } };
        targets?: unknown[];
      };
      expect(judge(panel.type, 'Options', options), panel.title).toEqual([]);
      for (const target of targets) expect(judge('prometheus', 'Dataquery', target), panel.title).toEqual([]);
      const custom = fieldConfig?.defaults.custom;
      if (custom !== undefined && panel.type === 'timeseries')
        expect(judge('timeseries', 'FieldConfig', custom), panel.title).toEqual([]);
    }
  });

  it('would not know what is misspelt or of another type', () => {
    expect(judge('dashboard', 'Dashboard', { ...boards.get('overview'), refreshes: '30s' })).toEqual([
      'Dashboard.refreshes: not known',
    ]);
    expect(judge('prometheus', 'Dataquery', { refId: 'A', expr: 1 })).toEqual([
      'Dataquery.expr: 1 is no string',
    ]);
  });
});

function overlaps({ panels }: BoardJson): readonly string[] {
  return panels.flatMap((one, index) =>
    panels.slice(index + 1).flatMap((other) => {
      const [a, b] = [one.gridPos, other.gridPos];
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      return apart && a.x + a.w <= 24 ? [] : [`${one.title} and ${other.title}`];
    }),
  );
}
