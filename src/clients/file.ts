/**
 * A config file on the disk: read whole, and replaced whole or not at all. Whoever reads it sees the old or the new one; a copy of the
 * old one stays beside it. It never writes over a change that somebody made meanwhile.
 */
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Claude Code keeps a history in its own: tens of megabytes are seen. */
const MAX_CONFIG_BYTES = 128 * 1024 * 1024;

export interface ConfigFile {
  /** As it was asked for. */
  readonly path: string;
  /** Where it really is, through links. */
  readonly real: string;
  readonly bytes: Buffer;
  readonly text: string;
}

/** One line; the path is not in it. */
export interface FileProblem {
  readonly problem: string;
}

/** Undefined: there is none. */
export function readConfigFile(path: string): ConfigFile | FileProblem | undefined {
  try {
    const real = realpathSync(path);
    const about = statSync(real);
    if (!about.isFile())
      return { problem: `is a ${about.isDirectory() ? 'directory' : 'device or pipe'}, not a file` };
    if (about.size > MAX_CONFIG_BYTES) return { problem: `is larger than ${MAX_CONFIG_BYTES} bytes` };
    const bytes = readFileSync(real);
    return {
      path,
      real,
      bytes,
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
    };
  } catch (error) {
    if (error instanceof TypeError) return { problem: 'is not UTF-8; save it as UTF-8 first' };
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : { problem: `cannot be read (${code})` };
  }
}

/**
 * Writes the text in the file's place, with its mode and, where allowed, its owner. `stamp` ends the name of the copy. Gives the
 * path of the copy.
 */
export function replaceConfigFile(
  { real, bytes }: ConfigFile,
  text: string,
  stamp: string,
): { readonly backup: string } | FileProblem {
  const backup = `${real}.bak-${stamp}`;
  // In the same folder: a rename is only atomic within a file system.
  const next = join(dirname(real), `.${basename(real)}.sidelight-${randomBytes(4).toString('hex')}`);
  let made = false;
  try {
    const about = statSync(real);
    if ((about.mode & 0o222) === 0) return { problem: 'is read-only; nothing was changed' };
    create(next, Buffer.from(text), about);
    made = true;
    if (!readFileSync(real).equals(bytes)) {
      return { problem: 'was changed by another program meanwhile; nothing was changed, run it again' };
    }
    create(backup, bytes, about);
    renameSync(next, real);
    made = false;
    return { backup };
  } catch (error) {
    return { problem: `cannot be written (${codeOf(error)}); nothing was changed` };
  } finally {
    if (made) rmSync(next, { force: true });
  }
}

function create(
  path: string,
  bytes: Buffer,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
): void {
  // Nobody else may read it before it has its mode.
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(file, bytes);
    keepOwner(path, uid, gid);
    fchmodSync(file, mode & 0o7777);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Only the superuser can give a file away; to others it stays theirs. */
function keepOwner(path: string, uid: number, gid: number): void {
  try {
    chownSync(path, uid, gid);
  } catch {
    // It is then whoever runs this.
  }
}

function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return code;
}
