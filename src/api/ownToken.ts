/** The token of this installation: whoever can read its file may do everything with what is recorded here. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { secretFile } from '../self/secretFile.ts';
import { type Authority, OWNER } from './principal.ts';

export const TOKEN_FILE = 'api.token';

export interface OwnToken extends Authority {
  /** As text, hex. */
  readonly token: string;
}

/** Throws with what is wrong with its file. */
export function ownToken(dataDir: string): OwnToken {
  const token = Buffer.from(secretFile(dataDir, TOKEN_FILE)).toString('hex');
  const digest = digestOf(token);
  return {
    token,
    principal: (written) => (timingSafeEqual(digestOf(written), digest) ? OWNER : undefined),
  };
}

/** Of equal length, whatever was written. */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
