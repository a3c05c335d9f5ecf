/** Judges JSON by the types of the foundation SDK, which are Grafana's own schema; the SDK brings none that can be run. */
import { createRequire } from 'node:module';
import ts from 'typescript';

const require = createRequire(import.meta.url);

/** What of a value is not as the type of this name says, each with its path. */
export type Judge = (module: string, type: string, value: unknown) => readonly string[];

export function sdkJudge(modules: readonly string[]): Judge {
  const fileOf = (module: string): string =>
    require.resolve(`@grafana/grafana-foundation-sdk/${module}`).replace(/\.js$/, '.d.ts');
  const program = ts.createProgram(modules.map(fileOf), { skipLibCheck: true, strict: true, noEmit: true });
  const checker = program.getTypeChecker();
  return (module, name, value) => {
    const source = program.getSourceFile(fileOf(module));
    const exported = source && checker.getSymbolAtLocation(source);
    const symbol = exported && checker.getExportsOfModule(exported).find((one) => one.name === name);
    if (symbol === undefined) throw new Error(`the SDK has no ${module}.${name}`);
    const found: string[] = [];
    judge(checker, checker.getDeclaredTypeOfSymbol(symbol), value, name, found);
    return found;
  };
}

function judge(checker: ts.TypeChecker, type: ts.Type, value: unknown, path: string, found: string[]): void {
  if ((type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0) return;
  if (type.isUnion()) {
    const tries = type.types.map((one) => {
      const faults: string[] = [];
      judge(checker, one, value, path, faults);
      return faults;
    });
    if (tries.some((faults) => faults.length === 0)) return;
    found.push(...(tries.sort((one, other) => other.length - one.length)[0] ?? []));
    return;
  }
  if (type.isStringLiteral() || type.isNumberLiteral()) {
    if (value !== type.value) found.push(`${path}: ${JSON.stringify(value)} instead of ${type.value}`);
    return;
  }
  const text = checker.typeToString(type);
  if (['string', 'number', 'boolean', 'true', 'false', 'null', 'undefined'].includes(text)) {
    const got = value === null ? 'null' : typeof value === 'boolean' ? String(value) : typeof value;
    if (got !== text && typeof value !== text) found.push(`${path}: ${JSON.stringify(value)} is no ${text}`);
    return;
  }
  if (checker.isArrayType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference);
    if (!Array.isArray(value) || element === undefined) found.push(`${path}: no array`);
    else value.forEach((one, index) => judge(checker, element, one, `${path}[${index}]`, found));
    return;
  }
  judgeObject(checker, type, value, path, found);
}

function judgeObject(
  checker: ts.TypeChecker,
  type: ts.Type,
  value: unknown,
  path: string,
  found: string[],
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    found.push(`${path}: no object`);
    return;
  }
  const index = checker.getIndexInfosOfType(type)[0];
  const known = new Map(checker.getPropertiesOfType(type).map((one) => [one.name, one]));
  // A panel of a dashboard holds queries of any kind, of which the SDK only says that they are one.
  if (known.size === 1 && known.has('_implementsDataqueryVariant')) return;
  for (const [key, member] of Object.entries(value)) {
    const property = known.get(key);
    const memberType = property === undefined ? index?.type : checker.getTypeOfSymbol(property);
    if (memberType !== undefined) judge(checker, memberType, member, `${path}.${key}`, found);
    else found.push(`${path}.${key}: not known`);
  }
  for (const [key, property] of known) {
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
    if (!isOptional && !(key in value) && !key.startsWith('_')) found.push(`${path}.${key}: missing`);
  }
}
