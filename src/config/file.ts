/** Settings from a config file (YAML). The YAML parser is loaded only when there is a file. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, plain, quote } from './error.ts';
import { type Key, KEYS } from './options.ts';
import type { Setting } from './setting.ts';
import { didYouMean, nearest } from './suggest.ts';

const NO_FILE = new Set(['ENOENT', 'ENOTDIR']);

const KNOWN: ReadonlySet<string> = new Set(KEYS);
/** `otlp` for `otlp.endpoint`. */
const SECTIONS: ReadonlySet<string> = new Set(
  KEYS.flatMap((key) => (key.includes('.') ? [key.slice(0, key.indexOf('.'))] : [])),
);

/** The text of a file; undefined when there is none. Throws ConfigError when it cannot be read. Nothing runs yet that
 * could be blocked, and waiting for a thread of Node's pool would take longer than reading. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (NO_FILE.has(code)) return undefined;
    throw new ConfigError(`cannot read ${plain(path)} (${code})`, { cause });
  }
}

/** Throws ConfigError for what is not YAML, and for a key that does not exist. A key without a value is not set. */
export async function fileSettings(path: string, text: string): Promise<Setting[]> {
  // The default: the bundle has no other name for what a CommonJS package exports.
  const { isAlias, isMap, isNode, LineCounter, parseDocument } = (await import('yaml')).default;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${plain(path)}:${line}:${col}`;
  };
  const offsetOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

  const [error] = document.errors;
  if (error !== undefined) {
    throw new ConfigError(`${at(error.pos[0])}: not valid YAML: ${plain(error.message)}`);
  }
  const settings: Setting[] = [];
  const seen = new Set<string>();

  const walk = (node: unknown, prefix: string): void => {
    const map = isAlias(node) ? node.resolve(document) : node;
    if (!isMap(map)) {
      const keys = KEYS.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
      const what = prefix === '' ? '' : ` ${prefix.slice(0, -1)}:`;
      const value = isNode(map) ? quote(map.toJS(document)) : 'this';
      throw new ConfigError(`${at(offsetOf(node))}:${what} ${value} is not a mapping of ${keys.join(', ')}`);
    }
    for (const { key, value } of map.items) {
      const name = `${prefix}${isNode(key) ? String(key.toJS(document)) : ''}`;
      const where = at(offsetOf(key));
      if (isEmpty(value)) {
        if (!KNOWN.has(name) && !SECTIONS.has(name)) throw unknownKey(where, name);
      } else if (SECTIONS.has(name) && (isMap(value) || !KNOWN.has(name))) {
        walk(value, `${name}.`);
      } else if (KNOWN.has(name)) {
        if (seen.has(name)) throw new ConfigError(`${where}: ${name} is set twice`);
        seen.add(name);
        settings.push({
          key: name as Key,
          written: isNode(value) ? value.toJS(document) : value,
          where: `${at(offsetOf(value))}: ${name}`,
          source: `file ${path}:${lines.linePos(offsetOf(key)).line}`,
          base: dirname(path),
          lenient: false,
        });
      } else {
        throw unknownKey(where, name);
      }
    }
  };
  const isEmpty = (node: unknown): boolean => (isNode(node) ? node.toJS(document) === null : true);

  if (!isEmpty(document.contents)) walk(document.contents, '');
  return settings;
}

function unknownKey(where: string, name: string): ConfigError {
  return new ConfigError(
    `${where}: ${plain(name)} is not a setting${didYouMean(nearest(name, [...KEYS, ...SECTIONS]))}`,
  );
}
