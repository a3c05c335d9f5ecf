/**
 * What `kubectl kustomize` would print of our folders, so that a test can judge it where there is no kubectl. It knows
 * what ours use, and throws at any other field; names get no hash.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Tree = Record<string, Json>;

interface Kustomization {
  apiVersion: string;
  kind: string;
  namespace?: string;
  resources?: string[];
  components?: string[];
  labels?: { pairs: Record<string, string> }[];
  configMapGenerator?: { name: string; files: string[]; options?: Tree }[];
  generatorOptions?: { disableNameSuffixHash?: boolean; labels?: Tree; annotations?: Tree };
  patches?: { path: string; target?: { kind: string; labelSelector: string } }[];
  images?: { name: string; newName?: string; newTag?: string }[];
}

const FIELDS: ReadonlySet<string> = new Set<keyof Kustomization>([
  'apiVersion',
  'kind',
  'namespace',
  'resources',
  'components',
  'labels',
  'configMapGenerator',
  'generatorOptions',
  'patches',
  'images',
]);

/** Those without a namespace of their own. */
const OF_THE_CLUSTER: ReadonlySet<Json> = new Set(['Namespace']);

export function render(folder: string, given: readonly Tree[] = []): Tree[] {
  const own = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization;
  const unknown = Object.keys(own).filter((field) => !FIELDS.has(field));
  if (unknown.length > 0) throw new Error(`${folder}: ${unknown.join(', ')}`);
  let trees: Tree[] = [
    ...given,
    ...(own.resources ?? []).flatMap((path) => resource(join(folder, path))),
    ...(own.configMapGenerator ?? []).map((one) => configMap(folder, one, own.generatorOptions)),
  ];
  for (const path of own.components ?? []) trees = render(join(folder, path), trees);
  for (const patch of own.patches ?? []) trees = patched(trees, folder, patch);
  for (const tree of trees) {
    for (const { name, newName = name, newTag } of own.images ?? []) rename(tree, name, newName, newTag);
    const metadata = at(tree, 'metadata');
    if (own.namespace !== undefined && !OF_THE_CLUSTER.has(tree.kind ?? null))
      metadata.namespace = own.namespace;
    for (const { pairs } of own.labels ?? []) metadata.labels = { ...at(metadata, 'labels'), ...pairs };
  }
  return trees;
}

/** The member, which is an object; an empty one where there is none. */
export function at(tree: Tree, ...keys: readonly string[]): Tree {
  let found: Json = tree;
  for (const key of keys) {
    found = isTree(found) ? (found[key] ?? {}) : {};
  }
  return isTree(found) ? found : {};
}

/** The member, which is an array of objects; an empty one where there is none. */
export function list(tree: Tree, key: string): Tree[] {
  const found = tree[key];
  return Array.isArray(found) ? found.filter(isTree) : [];
}

/** A member that is written as a text or a number; empty where there is none. */
export function word(value: Json | undefined): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value ?? '');
}

function resource(path: string): Tree[] {
  if (statSync(path).isDirectory()) return render(path);
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${String(document.errors[0])}`);
    return document.toJS() as Tree;
  });
}

function configMap(
  folder: string,
  { name, files, options = {} }: NonNullable<Kustomization['configMapGenerator']>[number],
  { labels = {}, annotations = {} }: NonNullable<Kustomization['generatorOptions']> = {},
): Tree {
  const data = Object.fromEntries(
    files.map((path) => [basename(path), readFileSync(join(folder, path), 'utf8')]),
  );
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      labels: { ...labels, ...at(options, 'labels') },
      annotations: { ...annotations, ...at(options, 'annotations') },
    },
    data,
  };
}

function patched(
  trees: readonly Tree[],
  folder: string,
  { path, target }: NonNullable<Kustomization['patches']>[number],
): Tree[] {
  const [patch] = resource(join(folder, path));
  if (patch === undefined) throw new Error(`${dirname(path)}: an empty patch`);
  const [key = '', value = ''] = (target?.labelSelector ?? '').split('=');
  const isMeant = (tree: Tree): boolean =>
    target === undefined
      ? tree.kind === patch.kind && at(tree, 'metadata').name === at(patch, 'metadata').name
      : tree.kind === target.kind && at(tree, 'metadata', 'labels')[key] === value;
  if (!trees.some(isMeant)) throw new Error(`${path} patches nothing`);
  return trees.map((tree) => {
    if (!isMeant(tree)) return tree;
    const name = at(tree, 'metadata').name ?? null;
    const merged = merge(tree, patch) as Tree;
    return { ...merged, metadata: { ...at(merged, 'metadata'), name } };
  });
}

/** A strategic merge: objects by member, lists of what has a name by name, the patch's own first; other lists are replaced. */
function merge(old: Json | undefined, patch: Json): Json {
  if (isTree(old) && isTree(patch)) {
    const changed = Object.entries(patch).map(([key, value]) => [key, merge(old[key], value)] as const);
    return { ...old, ...Object.fromEntries(changed) };
  }
  if (isNamed(old) && isNamed(patch)) {
    const names = new Set(patch.map(({ name }) => name));
    const rest = old.filter(({ name }) => !names.has(name));
    return [
      ...patch.map((one) =>
        merge(
          old.find(({ name }) => name === one.name),
          one,
        ),
      ),
      ...rest,
    ];
  }
  return patch;
}

function isNamed(value: Json | undefined): value is (Tree & { name: string })[] {
  return Array.isArray(value) && value.every((one) => isTree(one) && typeof one.name === 'string');
}

function isTree(value: Json | undefined): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rename(tree: Tree, name: string, newName: string, newTag: string | undefined): void {
  const pod = at(tree, 'spec', 'template', 'spec');
  for (const container of [...list(pod, 'initContainers'), ...list(pod, 'containers')]) {
    const [, path = '', tag = ''] = /^(.*?)(?::([^/:]*))?$/.exec(word(container.image)) ?? [];
    const kept = newTag ?? tag;
    if (path === name) container.image = kept === '' ? newName : `${newName}:${kept}`;
  }
}
