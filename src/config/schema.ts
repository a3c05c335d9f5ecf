/**
 * The kinds of values that settings have. One zod schema each reads what was written, whether text (a flag, an
 * environment variable) or a YAML value (the config file), and gives the value that the program works with.
 */
import * as z from 'zod/mini';
import { maskUserinfo } from './error.ts';
import { nearest } from './suggest.ts';

export interface Kind<T> {
  /** Made when it is needed: making those of all settings at start would be a fifth of our start-up time. */
  readonly schema: () => z.ZodMiniType<T>;
  /** What stands for the value in help texts; undefined: a switch, which is given without a value. */
  readonly metavar: string | undefined;
  /** Completes "... is not". */
  readonly expected: string;
  /** All that it can be, where that is little: for help texts and for a shell that completes. */
  readonly words?: readonly string[];
  /** What the writer most likely meant. */
  near?(written: string): string | undefined;
  /** As one would write it, secrets masked. */
  show(value: T): string;
  /** Makes relative paths in the value absolute. */
  resolve?(value: T, absolute: (path: string) => string): T;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = '127.0.0.1';

/** Whether only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host);
}

export function line(): z.ZodMiniType<string, string> {
  return z.string().check(z.regex(/^\P{Cc}+$/u));
}

export const TEXT: Kind<string> = {
  schema: line,
  metavar: 'text',
  expected: 'a text in one line',
  show: same,
};

export const PATH: Kind<string> = {
  schema: line,
  metavar: 'path',
  expected: 'a path',
  show: same,
  resolve: (path, absolute) => absolute(path),
};

/** A path, or the process's stderr. */
export const LOG_FILE: Kind<string> = {
  ...PATH,
  expected: 'a path or stderr',
  resolve: (path, absolute) => (path === 'stderr' ? path : absolute(path)),
};

export const URL_OF_RECEIVER: Kind<string> = {
  schema: () => z.string().check(z.refine(isHttpUrl)),
  metavar: 'url',
  expected: 'an http or https URL',
  near: (written) => {
    const withScheme = `http://${written}`;
    return !written.includes('/') && isHttpUrl(withScheme) ? withScheme : undefined;
  },
  show: maskUserinfo,
};

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

export const SWITCH: Kind<boolean> = {
  schema: () =>
    read(
      z.union([z.boolean(), z.string()]),
      (written) => (typeof written === 'boolean' ? written : SWITCH_WORDS[written.toLowerCase()]),
      z.boolean(),
    ),
  metavar: undefined,
  expected: 'true or false',
  near: (written) => nearest(written, Object.keys(SWITCH_WORDS)),
  show: String,
};

/** `PORT` and `:PORT` are on loopback: to be reachable from elsewhere, a host must be written. */
export const ADDRESS: Kind<Address> = {
  schema: () =>
    read(z.union([z.string(), z.number()]), readAddress, z.object({ host: z.string(), port: z.int() })),
  metavar: 'host:port',
  expected: 'HOST:PORT, :PORT or PORT',
  show: ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
};

export function oneOf<const T extends string>(metavar: string, words: readonly T[]): Kind<T> {
  return {
    schema: () => z.enum(words),
    metavar,
    expected: `one of ${words.join(', ')}`,
    words,
    near: (written) => nearest(written, words),
    show: same,
  };
}

/** The kind, or `none` for a setting that is to be off although something weaker sets it. */
export function orNone<T>(kind: Kind<T>): Kind<T | undefined> {
  return {
    schema: () =>
      z.union([
        z.pipe(
          z.literal('none'),
          z.transform(() => undefined),
        ),
        kind.schema(),
      ]),
    metavar: kind.metavar,
    expected: `${kind.expected}, or none`,
    near: (written) => kind.near?.(written),
    show: (value) => (value === undefined ? 'none' : kind.show(value)),
    resolve: (value, absolute) =>
      value === undefined ? undefined : (kind.resolve?.(value, absolute) ?? value),
  };
}

/** A schema for what is written, a function that makes the value of it (undefined: it cannot), one for the value. */
export function read<W, T>(
  written: z.ZodMiniType<W>,
  toValue: (written: W) => unknown,
  value: z.ZodMiniType<T>,
): z.ZodMiniType<T> {
  return z.pipe(z.pipe(written, z.transform(toValue)), value);
}

function readAddress(written: string | number): Address | undefined {
  const [, bracketed, plain, digits = ''] =
    /^(?:(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]*)):)?(\d{1,5})$/i.exec(String(written)) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  const host = bracketed ?? plain ?? '';
  return { host: host === '' ? LOOPBACK : host, port };
}

export function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/?#]/i.test(text) && URL.canParse(text);
}

function same(text: string): string {
  return text;
}
