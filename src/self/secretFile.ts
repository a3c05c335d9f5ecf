/**
 * A secret of this installation in a file that its owner alone can read: made where there is none, and of two processes that
 * make it at once both use the first. It never goes through a link, and never uses a file that others could have read.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './folder.ts';

export const SECRET_BYTES = 32;
const OTHERS = 0o077;

/** Throws what the file system throws, and an Error that says what to do about a file that cannot be used. */
export function secretFile(folder: string, name: string): Uint8Array {
  makeFolder(folder, 0o700);
  const path = join(folder, name);
  return readIfThere(path) ?? make(path);
}

function readIfThere(path: string): Uint8Array | undefined {
  let file: number;
  try {
    // A link may have been planted by somebody who knows the secret that it leads to.
    file = openSync(path, constants.O_RDONLY | ((constants.O_NOFOLLOW as number | undefined) ?? 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { mode, uid } = fstatSync(file);
    const me = process.geteuid?.();
    if (me !== undefined && (uid !== me || (mode & OTHERS) !== 0))
      throw new Error('it is not readable by its owner alone; remove it, and a new one is made');
    const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
    if (secret.length !== SECRET_BYTES) throw new Error('it is no key; remove it, and a new one is made');
    return secret;
  } finally {
    closeSync(file);
  }
}

/** Whole or not at all. */
function make(path: string): Uint8Array {
  const secret = randomBytes(SECRET_BYTES);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${secret.toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, path);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readIfThere(path) ?? secret;
  } finally {
    unlinkSync(draft);
  }
}
