/**
 * The servers that the API may run a session again against, by their names. Nothing but this setting names one, and how a server is
 * started or what it is sent as headers is never shown.
 */
import * as z from 'zod/mini';
import { maskUserinfo } from './error.ts';
import { ATTRIBUTES, HEADERS } from './pairs.ts';
import { isHttpUrl, type Kind, line, read } from './schema.ts';
import { wordsOf } from './words.ts';

export type ReplayTarget =
  | { readonly command: string; readonly args: readonly string[]; readonly cwd: string }
  | { readonly url: string; readonly headers: Readonly<Record<string, string>> };

export type ReplayTargets = Readonly<Record<string, ReplayTarget>>;

/** A request and a page name a target by it. */
const NAME = /^[\w.-]{1,64}$/;

/** A mapping of names, or `name=value,name=value` with percent-encoded values. */
export const REPLAY_TARGETS: Kind<ReplayTargets> = {
  schema: () =>
    read(
      z.union([z.string(), z.record(z.string(), z.unknown())]),
      (written) => (typeof written === 'string' ? ATTRIBUTES.schema().safeParse(written).data : written),
      z.record(z.string().check(z.regex(NAME)), target()),
    ),
  metavar: 'pairs',
  expected:
    'a mapping of names to an http or https URL, a command, {url, headers} or {command, cwd}; names are of letters, digits, _ . and -',
  show: (targets) =>
    Object.entries(targets)
      .map(
        ([name, one]) =>
          `${name}=${'url' in one ? maskUserinfo(one.url).replace(/[?#].*/s, '') : one.command}`,
      )
      .join(','),
  resolve: (targets, absolute) =>
    Object.fromEntries(
      Object.entries(targets).map(([name, one]) => [
        name,
        'url' in one ? one : { ...one, cwd: absolute(one.cwd) },
      ]),
    ),
};

/** A URL or a command in words, or an object that says more. */
function target(): z.ZodMiniType<ReplayTarget> {
  const command = z.union([z.string(), z.readonly(z.array(z.string()))]);
  const url = z.string().check(z.refine(isHttpUrl));
  return read(
    z.union([
      z.string(),
      z.looseObject({ url, headers: z.optional(HEADERS.schema()) }).check(only('url', 'headers')),
      z.looseObject({ command, cwd: z.optional(z.string()) }).check(only('command', 'cwd')),
    ]),
    (written) => {
      if (typeof written === 'string')
        return isHttpUrl(written) ? { url: written, headers: {} } : started(wordsOf(written), '.');
      if ('url' in written) return { url: written.url, headers: written.headers ?? {} };
      const { command: words, cwd = '.' } = written;
      return started(typeof words === 'string' ? wordsOf(words) : words, cwd);
    },
    z.union([
      z.object({ url, headers: HEADERS.schema() }),
      z.object({ command: line(), args: z.readonly(z.array(z.string())), cwd: z.string() }),
    ]),
  );
}

/** Where a pipe begins with a union, a key that a strict object does not know is no error. */
function only(...names: readonly string[]): z.core.$ZodCheck<object> {
  return z.refine((written: object) => Object.keys(written).every((name) => names.includes(name)));
}

function started([command, ...args]: readonly string[], cwd: string): object | undefined {
  return command === undefined ? undefined : { command, args, cwd };
}
