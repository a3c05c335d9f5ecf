/**
 * How a block's two columns are stored. Fresh blocks are plain, so that writing costs nothing but the disk; packed ones are
 * compressed as one, after the session, where that pays. Pure but for zlib.
 */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/** Values of the column `coding`. Never reused: recordings hold them. */
export const PLAIN = 0;
export const BROTLI = 1;

export interface Stored {
  readonly coding: number;
  readonly entries: string;
  readonly data: Uint8Array;
}

/** Of 4 to 11, 4 is where a block of 250 KB of JSON takes 2 ms and 15 % of its size; 11 takes a second for 12 %. */
const QUALITY = 4;
/** Less than this is not worth to be undone at every look. */
const WORTH = 0.9;
/** Entries hold digits, brackets, words and hashes: never a newline. */
const NEWLINE = 0x0a;

export function packed(entries: string, data: Uint8Array): Stored {
  const plain = { coding: PLAIN, entries, data };
  const whole = Buffer.concat([Buffer.from(`${entries}\n`), data]);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
  };
  const compressed = brotliCompressSync(whole, { params });
  return compressed.length < whole.length * WORTH ? { coding: BROTLI, entries: '', data: compressed } : plain;
}

/** Throws what zlib throws, and an Error for a coding that this version does not know. */
export function unpacked({ coding, entries, data }: Stored): Omit<Stored, 'coding'> {
  if (coding === PLAIN) return { entries, data };
  if (coding !== BROTLI) throw new Error(`a block has the unknown coding ${coding}`);
  const whole = brotliDecompressSync(data);
  const end = whole.indexOf(NEWLINE);
  return { entries: whole.toString('utf8', 0, end), data: whole.subarray(end + 1) };
}
