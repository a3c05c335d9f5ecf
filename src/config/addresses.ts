/** Kinds of values that say where the HTTP mode listens, what it stands in front of, and whom it lets in. */
import * as z from 'zod/mini';
import { maskUserinfo } from './error.ts';
import { type Address, ADDRESS, isHttpUrl, type Kind, line, read } from './schema.ts';

export type Listen = Address | { readonly socketPath: string };

/** A server's URL. It is shown and recorded, so it holds no secret; a request's query is the client's alone. */
export const TARGET: Kind<string> = {
  schema: () => z.string().check(z.refine(isTarget)),
  metavar: 'url',
  expected: 'an http or https URL without credentials, query or fragment (those are for the client to send)',
  near: (written) => {
    const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? written : `http://${written}`;
    const bare = withScheme.replace(/[?#].*/s, '').replace(/\/\/[^/]*@/, '//');
    return isTarget(bare) ? bare : undefined;
  },
  show: maskUserinfo,
};

/** Without a slash at its end: paths are appended. */
export const PUBLIC_URL: Kind<string> = {
  ...TARGET,
  schema: () =>
    read(z.string().check(z.refine(isTarget)), (written) => written.replace(/\/+$/, ''), z.string()),
  expected: 'an http or https URL without credentials, query or fragment',
};

const UNIX = 'unix:';

export const LISTEN: Kind<Listen> = {
  schema: () =>
    z.union([
      z.pipe(
        line().check(z.startsWith(UNIX), z.minLength(UNIX.length + 1)),
        z.transform((written) => ({ socketPath: written.slice(UNIX.length) })),
      ),
      ADDRESS.schema(),
    ]),
  metavar: 'host:port',
  expected: 'HOST:PORT, :PORT, PORT or unix:PATH',
  near: (written) => (/^\.{0,2}\//.test(written) ? `${UNIX}${written}` : undefined),
  show: (listen) => ('socketPath' in listen ? `${UNIX}${listen.socketPath}` : ADDRESS.show(listen)),
  resolve: (listen, absolute) =>
    'socketPath' in listen ? { socketPath: absolute(listen.socketPath) } : listen,
};

/** Segments of RFC 3986 without dot segments, which no path has that a client sends. `/` is no prefix: the empty text. */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[0-9a-f]{2})+)*\/?$/i;

/** A path without a slash at its end. */
export const MOUNT: Kind<string> = {
  schema: () => read(z.string().check(z.regex(PREFIX)), (path) => path.replace(/\/$/, ''), z.string()),
  metavar: 'prefix',
  expected: 'a path such as /files',
  near: (written) => (PREFIX.test(`/${written}`) ? `/${written}` : undefined),
  show: (path) => path,
};

/** `uri-host [ ":" port ]`, RFC 9110, section 7.2. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i;

/** Values of Host in lower case, with or without a port. */
export const HOSTS = list('hosts', 'host names, with or without a port, separated by commas', (written) =>
  HOST.test(written) ? written.toLowerCase() : undefined,
);

/** Values of Origin as a browser sends them: without a default port, and without a path. */
export const ORIGINS = list(
  'origins',
  'origins such as https://app.example, separated by commas',
  (written) => {
    if (written === 'null') return written;
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@]+\/?$/i.test(written) || !URL.canParse(written)) return undefined;
    // Of other schemes, such as vscode-webview:, URL says that the origin is null, and the browser sends the text.
    return isHttpUrl(written) ? new URL(written).origin : written.toLowerCase().replace(/\/$/, '');
  },
);

/** `a,b`, or a YAML list. One bad member makes the whole value unusable. */
function list(
  metavar: string,
  expected: string,
  member: (written: string) => string | undefined,
): Kind<readonly string[]> {
  return {
    schema: () =>
      read(
        z.union([z.string(), z.array(z.string())]),
        (written) =>
          (typeof written === 'string' ? written.split(',') : written)
            .map((one) => one.trim())
            .filter((one) => one !== '')
            .map(member),
        z.readonly(z.array(z.string())),
      ),
    metavar,
    expected,
    show: (members) => members.join(','),
  };
}

function isTarget(text: string): boolean {
  return isHttpUrl(text) && !/[?#\s]/.test(text) && !/\/\/[^/]*@/.test(text);
}
