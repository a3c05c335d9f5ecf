/**
 * Undoes the content coding of a copied body (RFC 9110, 8.4), chunk by chunk and at once: what a chunk completes comes
 * out before `write` returns, so that it keeps its time and its order. It never throws, and never lets a few bytes
 * become a flood.
 */
import zlib from 'node:zlib';

/** Why a body cannot be read from here on. `truncated`: it ended in the middle. */
export type Undecodable = 'unsupported' | 'corrupt' | 'too_large' | 'truncated';

export interface Decoder {
  /**
   * Hands what comes out to `out`, valid during the call, never empty. Tells once why nothing more will come: all that
   * is written later is ignored.
   */
  write(bytes: Uint8Array, out: (chunk: Uint8Array) => void): Undecodable | undefined;
  /** Frees what the decoder holds; to be called for each, also when its body was cut off. */
  end(): Undecodable | undefined;
}

/** Codings on top of each other; more than two is unheard of. */
const MAX_CODINGS = 4;
/**
 * A bomb is told by what it makes of its bytes: a body may grow to the free size, and beyond it to so many times what
 * came. JSON grows 5 to 30 times; a stream of events that stays open for days must not meet a fixed end.
 */
const MAX_FREE_BYTES = 64 * 1024 * 1024;
const MAX_GROWTH = 100;
/** What is decoded at a time, and the most that may come of it: above what gzip can do (1032 times), below any harm. */
const PIECE_BYTES = 8 * 1024;
const MAX_PIECE_OUTPUT_BYTES = 16 * 1024 * 1024;
/** RFC 9659: a window above 8 MiB need not be supported. */
const ZSTD_MAX_WINDOW_LOG = 23;
const NOTHING = new Uint8Array(0);

interface Flush {
  /** Give all that can be given. */
  readonly some: number;
  /** That was all. */
  readonly last: number;
}
const { constants } = zlib;
const ZLIB: Flush = { some: constants.Z_SYNC_FLUSH, last: constants.Z_FINISH };
const BROTLI: Flush = { some: constants.BROTLI_OPERATION_FLUSH, last: constants.BROTLI_OPERATION_FINISH };
/** Node 20 has no Zstandard, and its types none of this. */
const ZSTD: Flush = { some: 1, last: 2 };
const ZSTD_D_WINDOW_LOG_MAX = 100;
const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: zlib.ZlibOptions) => unknown };

const OPTIONS = { maxOutputLength: MAX_PIECE_OUTPUT_BYTES };
const ZSTD_OPTIONS = { ...OPTIONS, params: { [ZSTD_D_WINDOW_LOG_MAX]: ZSTD_MAX_WINDOW_LOG } };

/** What undoes a coding of a body that starts with this byte. */
type Coding = (firstByte: number) => { readonly engine: unknown; readonly flush: Flush };

const gzip: Coding = () => ({ engine: zlib.createGunzip(OPTIONS), flush: ZLIB });
/** It means zlib (RFC 1950), whose first byte tells its method, 8; some servers send it bare (RFC 1951). */
const deflate: Coding = (firstByte) => ({
  engine: (firstByte & 0x0f) === 8 ? zlib.createInflate(OPTIONS) : zlib.createInflateRaw(OPTIONS),
  flush: ZLIB,
});
const br: Coding = () => ({ engine: zlib.createBrotliDecompress(OPTIONS), flush: BROTLI });
const zstd: Coding | undefined =
  createZstdDecompress && (() => ({ engine: createZstdDecompress(ZSTD_OPTIONS), flush: ZSTD }));

/** Without the inside that `Stage` works with, none is known: observing does with less, and nothing breaks. */
const CODINGS: ReadonlyMap<string, Coding | undefined> = new Map(
  isEngine(zlib.createGunzip())
    ? [
        ['gzip', gzip],
        ['x-gzip', gzip],
        ['deflate', deflate],
        ['br', br],
        ['zstd', zstd],
      ]
    : [],
);

/** For the value of Content-Encoding; several fields are to be joined with commas. A coding is named in any case. */
export function openDecoder(contentEncoding: string | undefined): Decoder {
  const names = (contentEncoding ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const codings = names.map((name) => CODINGS.get(name)).filter((coding) => coding !== undefined);
  const isKnown = codings.length === names.length && names.length <= MAX_CODINGS;
  return new CodingsDecoder(isKnown ? codings.reverse() : undefined);
}

class CodingsDecoder implements Decoder {
  /** The last one applied first; undefined when one is not known. */
  readonly #codings: readonly Coding[] | undefined;
  /** Made when their first byte comes: a body may be empty whatever its coding. */
  readonly #stages: Stage[] = [];
  #inBytes = 0;
  /** Of all stages together. */
  #outBytes = 0;
  #stopped = false;

  constructor(codings: readonly Coding[] | undefined) {
    this.#codings = codings;
  }

  write(bytes: Uint8Array, out: (chunk: Uint8Array) => void): Undecodable | undefined {
    if (this.#stopped || bytes.length === 0) return undefined;
    this.#inBytes += bytes.length;
    const problem = this.#codings === undefined ? 'unsupported' : this.#through(this.#codings, 0, bytes, out);
    if (problem !== undefined) this.#close();
    return problem;
  }

  end(): Undecodable | undefined {
    if (this.#stopped) return undefined;
    const isWhole = this.#stages.every((stage) => stage.isWhole());
    this.#close();
    return isWhole ? undefined : 'truncated';
  }

  #through(
    codings: readonly Coding[],
    index: number,
    bytes: Uint8Array,
    out: (chunk: Uint8Array) => void,
  ): Undecodable | undefined {
    const coding = codings[index];
    if (coding === undefined) {
      out(bytes);
      return undefined;
    }
    const stage = (this.#stages[index] ??= new Stage(coding(bytes[0] ?? 0)));
    for (let at = 0; at < bytes.length;) {
      const decoded = stage.decode(bytes.subarray(at, at + PIECE_BYTES));
      if (typeof decoded === 'string') return decoded;
      at += decoded.usedBytes;
      this.#outBytes += decoded.bytes.length;
      if (this.#outBytes > MAX_FREE_BYTES + MAX_GROWTH * this.#inBytes) return 'too_large';
      const problem =
        decoded.bytes.length > 0 ? this.#through(codings, index + 1, decoded.bytes, out) : undefined;
      // What follows the end of the coded data is none of it.
      if (problem !== undefined || decoded.usedBytes === 0) return problem;
    }
    return undefined;
  }

  #close(): void {
    this.#stopped = true;
    for (const stage of this.#stages) stage.close();
  }
}

/** What Node's zlib classes are inside, of Node 20 as of Node 24. */
interface Engine {
  readonly _handle: { close(): void };
  readonly bytesWritten: number;
  _processChunk(chunk: Uint8Array, flush: number): Uint8Array;
  on(event: 'error', listener: () => void): unknown;
  removeAllListeners(event: 'error'): unknown;
}

function isEngine(value: object): boolean {
  const { _handle, _processChunk } = value as Partial<Engine>;
  return typeof _handle === 'object' && typeof _processChunk === 'function';
}

/**
 * One coding. Node decodes synchronously only what is whole: `_processChunk` takes any piece, but closes the engine
 * after it. So its handle is kept open, as minizlib does, with which npm unpacks all it installs. The public streams
 * give their output some ticks later, when the chunk's time and its place among other chunks are gone.
 */
class Stage {
  readonly #engine: Engine;
  readonly #handle: Engine['_handle'];
  readonly #flush: Flush;

  constructor({ engine, flush }: ReturnType<Coding>) {
    this.#engine = engine as Engine;
    this.#handle = this.#engine._handle;
    this.#handle.close = () => undefined;
    this.#flush = flush;
  }

  decode(piece: Uint8Array): { bytes: Uint8Array; usedBytes: number } | Undecodable {
    const bytes = this.#run(piece, this.#flush.some);
    return typeof bytes === 'string' ? bytes : { bytes, usedBytes: this.#engine.bytesWritten };
  }

  isWhole(): boolean {
    return typeof this.#run(NOTHING, this.#flush.last) !== 'string';
  }

  close(): void {
    const handle: { close?: () => void } = this.#handle;
    delete handle.close;
    this.#handle.close();
  }

  #run(piece: Uint8Array, flush: number): Uint8Array | Undecodable {
    try {
      return this.#engine._processChunk(piece, flush);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'corrupt';
    } finally {
      Object.assign(this.#engine, { _handle: this.#handle });
      // Each call leaves a listener, and an error that was thrown is emitted once more, later.
      this.#engine.removeAllListeners('error');
      this.#engine.on('error', () => undefined);
    }
  }
}
