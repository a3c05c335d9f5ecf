/** The page: the files of a folder, read once, so that no request ever names a path on the disk. Nothing recorded is in them. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';

/** Served by its path below the root. */
export type Page = (path: string) => Response | undefined;

/** What is built is a page, some scripts and pictures. */
const MAX_FILES = 200;
const INDEX = '/index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.map': 'application/json',
};
/** Everything from here, nothing inline, and in no frame. Recorded images and audio are shown from memory. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  'media-src data: blob:',
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');
const MISSING = 'Sidelight serves its API at /api/v1; this build has no page. See docs/api.md.\n';

/** A folder that is not there has one line in its place. What has no ending is a state of the page. */
export function pageOf(folder: string): Page {
  const files = filesIn(folder);
  const index = files.get(INDEX);
  return (path) => {
    const found = files.get(path) ?? (extname(path) === '' ? index : undefined);
    if (found !== undefined)
      return new Response(found.bytes, {
        headers: {
          'content-type': found.type,
          'content-security-policy': POLICY,
          etag: found.etag,
          'cache-control': 'no-cache',
        },
      });
    if (index !== undefined || path !== '/') return undefined;
    return new Response(MISSING, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  };
}

interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

function filesIn(folder: string): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return files;
  }
  for (const name of names.sort()) {
    const type = TYPES[extname(name)];
    const path = join(folder, name);
    if (type === undefined || files.size >= MAX_FILES || !statSync(path).isFile()) continue;
    const bytes = new Uint8Array(readFileSync(path));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    files.set(`/${name.split(sep).join('/')}`, { bytes, type, etag });
  }
  return files;
}
