/** What a frame of the log says, in a level and a text, from the beginning of its payload. Pure. */
import type { Frame } from './frames.ts';

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

type Json = Readonly<Record<string, unknown>>;

export function isLogged({ kind, channel, method }: Frame): boolean {
  return channel === 'stderr' || kind === 'lifecycle' || kind === 'gap' || method === 'notifications/message';
}

export function logLine({ kind, channel, method, text = '' }: Frame): LogLine {
  const value = objectOf(text);
  if (method === 'notifications/message') {
    const params = value === undefined ? undefined : objectOf(value.params);
    if (params === undefined) return cutShort(text);
    const { level, logger, data } = params;
    const words = typeof data === 'string' ? data : JSON.stringify(data);
    return {
      level: wordOf(level) ?? 'log',
      text: logger === undefined ? words : `${wordOf(logger) ?? ''}: ${words}`,
    };
  }
  if (kind !== 'lifecycle' || value === undefined)
    return { level: channel === 'stderr' ? 'stderr' : kind, text };
  const { fact, ...rest } = value;
  const details = Object.entries(rest).flatMap(([name, one]) =>
    one === null ? [] : [`${name} ${typeof one === 'string' ? one : JSON.stringify(one)}`],
  );
  return { level: 'process', text: [(wordOf(fact) ?? '').replaceAll('_', ' '), ...details].join(', ') };
}

/** Of a message that goes on beyond what is here. */
function cutShort(text: string): LogLine {
  const [, level = 'log'] = /"level"\s*:\s*"([a-z]{1,12})"/.exec(text) ?? [];
  const [, data = text] = /"data"\s*:\s*(.*)$/s.exec(text) ?? [];
  return { level, text: `${data}…` };
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function objectOf(value: unknown): Json | undefined {
  if (typeof value === 'string') {
    try {
      return objectOf(JSON.parse(value) as object);
    } catch {
      return undefined;
    }
  }
  return typeof value === 'object' && value !== null ? (value as Json) : undefined;
}
