/**
 * The import table of the design, checked by reading the sources with the TypeScript compiler: a second opinion
 * beside dependency-cruiser, which shares with it nothing but the table. It must never resolve a module through a tool.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, posix, relative, sep } from 'node:path';
import ts from 'typescript';

export interface Folder {
  /** No module of Node's. */
  readonly pure: boolean;
  readonly imports: readonly string[];
  /** Folders from which only types may come. */
  readonly types: readonly string[];
  /** npm packages; `@scope/*` stands for all of a scope. */
  readonly packages: readonly string[];
}

export interface Table {
  /** Files at the top of src, without `.ts`: they may import anything. */
  readonly top: readonly string[];
  readonly folders: Readonly<Record<string, Folder>>;
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Every `.ts` and `.tsx` file below `src`, as paths relative to it with `/`, sorted. */
export function modulesIn(src: string): readonly string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => /[.]tsx?$/.test(path))
    .map((path) => path.split(sep).join('/'))
    .sort();
}

/** One line for each import that the table does not allow, and for each file in a place it does not know. */
export function violations(src: string, table: Table): readonly string[] {
  return modulesIn(src).flatMap((module) => {
    const place = placeOf(module);
    if (place === module) return table.top.includes(stem(module)) ? [] : [`${module} is in no known place`];
    const folder = table.folders[place];
    if (!folder) return [`${module} is in no known place`];
    return importsOf(join(src, module))
      .filter((found) => !allows(table, folder, place, module, found))
      .map(({ specifier, typeOnly }) => `${module} imports ${typeOnly ? 'types of ' : ''}${specifier}`);
  });
}

function allows(
  table: Table,
  folder: Folder,
  place: string,
  module: string,
  { specifier, typeOnly }: Import,
): boolean {
  if (!specifier.startsWith('.')) {
    if (isBuiltin(specifier)) return !folder.pure;
    return folder.packages.some((name) => matches(specifier, name));
  }
  const target = posix.join(dirname(module), specifier);
  if (target.startsWith('../') || !/[.]tsx?$/.test(target)) return false;
  const targetPlace = placeOf(target);
  if (targetPlace === target)
    return folder.imports.includes(stem(target)) && table.top.includes(stem(target));
  return (
    targetPlace === place ||
    folder.imports.includes(targetPlace) ||
    (typeOnly && folder.types.includes(targetPlace))
  );
}

/** The folder directly below src that a module lies in, or the module itself when it lies at the top. */
function placeOf(module: string): string {
  return module.split('/')[0] ?? module;
}

function stem(module: string): string {
  return module.replace(/\.ts$/, '');
}

function matches(specifier: string, name: string): boolean {
  return name.endsWith('/*')
    ? specifier.startsWith(name.slice(0, -1))
    : `${specifier}/`.startsWith(`${name}/`);
}

/** Imports and re-exports of a file: static, dynamic with a literal, and `import('x')` as a type. */
function importsOf(file: string): readonly Import[] {
  const source = ts.createSourceFile(relative('.', file), readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier && ts.isStringLiteralLike(specifier)) found.push({ specifier: specifier.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
