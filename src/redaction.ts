/**
 * Makes the redactor that the configuration asks for, with the key of this installation: equal secrets have equal
 * placeholders in all of its recordings, and nobody without the key can try what a secret was.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import { isPattern } from './config/redaction.ts';
import { safePattern } from './config/safePattern.ts';
import type { Place } from './event/redact-json.ts';
import type { PlacesOf } from './event/redact-marks.ts';
import { type Fingerprint, Redactor, type RedactionRules } from './event/redact.ts';
import { SECRET_BYTES, secretFile } from './self/secretFile.ts';

export const KEY_FILE = 'redaction.key';
const MARK_DIGITS = 12;
/** Of values whose marks are known: clients send the same credential with each request. */
const MAX_KNOWN = 1000;
const MAX_KNOWN_CHARS = 256;
/** Places of one message. */
const MAX_PLACES = 10_000;
/** All of a message, rather than a part of what was asked for. */
const ALL: readonly Place[] = [[]];

export interface Redaction {
  /** Undefined: `redact` is off. */
  readonly redactor: Redactor | undefined;
  /** One line, when the key could not be kept: placeholders are then equal in this process alone. */
  readonly problem: string | undefined;
}

export async function openRedaction(config: Config): Promise<Redaction> {
  if (!config.redact) return { redactor: undefined, problem: undefined };
  const { key, problem: why } = readKey(config.dataDir);
  // Where nothing is to be kept, nobody compares with what was.
  const problem = config.record === 'off' ? undefined : why;
  return { redactor: new Redactor(fingerprint(key), await rulesOf(config.redaction)), problem };
}

export function fingerprint(key: Uint8Array): Fingerprint {
  const known = new Map<string, string>();
  return (secret) => {
    const before = known.get(secret);
    if (before !== undefined) return before;
    const mark = createHmac('sha256', key).update(secret).digest('hex').slice(0, MARK_DIGITS);
    if (known.size >= MAX_KNOWN) known.clear();
    if (secret.length <= MAX_KNOWN_CHARS) known.set(secret, mark);
    return mark;
  };
}

export async function rulesOf(config: Config['redaction']): Promise<RedactionRules> {
  const { keys, headers, patterns, paths, email, allow } = config;
  return {
    keys,
    headers,
    email,
    patterns: Object.fromEntries(
      Object.entries(patterns).map(([name, written]) => [name, sourceOf(written)]),
    ),
    allowKeys: allow.filter((one) => !isPattern(one)),
    allowValues: allow.filter(isPattern).map((one) => new RegExp(`^(?:${sourceOf(one.slice(1, -1))})$`)),
    places: await placesOf(paths),
  };
}

/** They were checked when the configuration was read. */
function sourceOf(written: string): string {
  const read = safePattern(written);
  if ('problem' in read) throw new TypeError(`the pattern ${read.problem}`);
  return read.source;
}

async function placesOf(paths: readonly string[]): Promise<PlacesOf | undefined> {
  if (paths.length === 0) return undefined;
  const { jsonpath } = await import('json-p3');
  const queries = paths.map((path) => jsonpath.compile(path));
  return (message) => {
    const found: (readonly (string | number)[])[] = [];
    try {
      for (const query of queries) {
        for (const { location } of query.lazyQuery(message as Parameters<typeof query.lazyQuery>[0])) {
          if (found.length >= MAX_PLACES) return ALL;
          found.push(location);
        }
      }
      return found;
    } catch {
      // Nested too deeply for the library.
      return ALL;
    }
  };
}

/** What is wrong with the folder rather than with the key. */
const NO_FOLDER: ReadonlySet<string> = new Set(['EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'EDQUOT', 'EIO']);

/** The key of the folder, made where there is none. What cannot be kept is made for this process. */
function readKey(dataDir: string): { readonly key: Uint8Array; readonly problem: string | undefined } {
  const path = join(dataDir, KEY_FILE);
  try {
    return { key: secretFile(dataDir, KEY_FILE), problem: undefined };
  } catch (cause) {
    const key = randomBytes(SECRET_BYTES);
    const { code = '', message } = cause as NodeJS.ErrnoException;
    // Then the recording cannot be written either, which says so.
    if (NO_FOLDER.has(code)) return { key, problem: undefined };
    return {
      key,
      problem: `redaction: the key in ${path} cannot be used, so placeholders are not those of other sessions: ${message}`,
    };
  }
}
