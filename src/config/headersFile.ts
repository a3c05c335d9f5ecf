/** Reads a file of HTTP headers, so that a secret need not stand in a command line, an environment or the config. */
import { ConfigError, plain } from './error.ts';
import { OPTIONS } from './options.ts';

/** One `Name: value` in a line; empty lines and `#` comments do not count. Its errors never quote what it read. */
export function headersOf(path: string, text: string): Readonly<Record<string, string>> {
  const entries = text.split(/\r?\n/).flatMap((line, index) => {
    if (/^\s*(?:#|$)/.test(line)) return [];
    const [, name, value] = /^\s*([^:\s]+)\s*:(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw new ConfigError(`${plain(path)}:${index + 1}: not a header; write one in a line as Name: value`);
    }
    return [[name, value.trim()] as const];
  });
  const result = OPTIONS['otlp.headers'].kind.schema().safeParse(Object.fromEntries(entries));
  if (!result.success) throw new ConfigError(`${plain(path)}: a header name or value is not fit for HTTP`);
  return result.data;
}
