/** The committed dashboards as tests read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly format?: string;
  readonly instant?: boolean;
  readonly exemplar?: boolean;
  readonly legendFormat?: string;
}

export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly links?: readonly { readonly url: string }[] };
    readonly overrides: readonly { readonly matcher: { readonly options: string } }[];
  };
}

export interface BoardJson {
  readonly id: null;
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly tags: readonly string[];
  readonly panels: readonly PanelJson[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
  readonly links: readonly Readonly<Record<string, unknown>>[];
  readonly __inputs?: readonly { readonly name: string }[];
}

export function boardsIn(folder: string): ReadonlyMap<string, BoardJson> {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.json'));
  return new Map(
    names.map((name) => [
      name.replace(/\.json$/, ''),
      JSON.parse(readFileSync(join(ROOT, folder, name), 'utf8')) as BoardJson,
    ]),
  );
}

/** Every query of every panel: board, panel, and the query. */
export function queriesOf(boards: ReadonlyMap<string, BoardJson>) {
  return [...boards].flatMap(([board, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.map((target) => ({
        board,
        panel: title,
        target,
        name: `${board} / ${title} / ${target.refId}`,
      })),
    ),
  );
}
