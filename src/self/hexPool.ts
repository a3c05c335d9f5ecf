/** Random hex digits for ids, off the cost of asking the system for each. */
import { randomBytes } from 'node:crypto';

const POOL_BYTES = 8192;

/** Ids need to be unique, not secret; a fresh pool of system randomness each few hundred ids is both. */
export function hexPool(): (bytes: number) => string {
  let pool = randomBytes(POOL_BYTES);
  let at = 0;
  return (bytes) => {
    if (at + bytes > pool.length) {
      pool = randomBytes(POOL_BYTES);
      at = 0;
    }
    const hex = pool.toString('hex', at, at + bytes);
    at += bytes;
    return hex;
  };
}
