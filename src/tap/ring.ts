/**
 * The copy queue between the relay's thread and the observer's: a single-producer single-consumer ring in shared
 * memory. Pushing copies bytes and stores one integer; it never waits, never wakes anybody on the hot path and never
 * allocates. When the ring is full the copy is dropped and counted, and the gap is told before the next record.
 */
import type { Channel } from '../wire/chunk.ts';

/**
 * What a record stands for. The first three are chunks of a channel; `request` and `response` are facts of an HTTP
 * exchange as JSON, and can be lost like the bodies around them.
 */
export type RecordKind = Channel | 'gap' | 'lifecycle' | 'request' | 'response';

const KINDS: readonly RecordKind[] = [
  'client_to_server',
  'server_to_client',
  'stderr',
  'gap',
  'lifecycle',
  'request',
  'response',
];
const CHANNELS: readonly Channel[] = ['client_to_server', 'server_to_client', 'stderr'];
const KIND_CODE = new Map<RecordKind, number>(KINDS.map((kind, code) => [kind, code]));

/** Not a record: the rest of the ring up to its end is unused, go on at 0. */
const WRAP = 0xff;
/** A record is a header (length, kind, time, exchange, index, offset) and its bytes, padded so that the next is aligned. */
const HEADER_BYTES = 32;
const CONTROL_INTS = 16;
const CONTROL_BYTES = CONTROL_INTS * 4;
/** Indexes into the control words. */
const HEAD = 0;
const TAIL = 1;
const ASLEEP = 2;
const REWIND = 3;

/** Kept free of chunks, so that starts, exits and gaps are told even when everything else is dropped. */
const LIFECYCLE_RESERVE_BYTES = 64 * 1024;
/**
 * After a loss, copying starts again when this share of the ring is free in one piece. A gap costs the rest of a
 * message at either end: few long gaps keep more whole messages than a gap for every other chunk.
 */
const RESUME_SHARE = 0.25;
/**
 * An empty ring starts over at 0 once it is past this mark: memory that no backlog needs is never touched, which is
 * the difference between a resident set of one megabyte and of the whole ring. The consumer asks for it when it has
 * read everything, the producer does it before its next record; between the two nobody reads or writes a position.
 */
const REWIND_BYTES = 1024 * 1024;
/**
 * One read copies so much out of the ring, or one record where that is larger: little enough to stay in a core's cache
 * until it is worked off, much enough that copying and giving space back costs nothing a record.
 */
const READ_BYTES = 256 * 1024;

export interface RingRecord {
  readonly kind: RecordKind;
  /** Valid until the receiver returns: what it keeps, it copies. */
  readonly bytes: Uint8Array;
  readonly atUs: number;
  /** The HTTP exchange it belongs to, from 1; 0 for what belongs to none. */
  readonly exchange: number;
  /** Numbers the records of an exchange from 0, those that were dropped included: a step over one is a gap. */
  readonly index: number;
  /** Bytes of the records of its exchange before it, those that were dropped included; modulo 2^32. */
  readonly offset: number;
}

/** What a gap record holds: copies of one channel that did not fit. */
export interface Gap {
  readonly channel: Channel;
  readonly chunks: number;
  readonly bytes: number;
}

export function createRing(capacityBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + align(capacityBytes));
}

/** How far a rewind is: the consumer asks, the producer claims the request before it looks, and does it or declines. */
const NOT_ASKED = 0;
const ASKED = 1;
const CLAIMED = 2;
const DONE = 3;

/** The producer's side. Lives in the relay's thread. */
export class RingWriter {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #capacity: number;
  readonly #wake: () => void;
  readonly #lost = CHANNELS.map((channel) => ({ channel, chunks: 0, bytes: 0 }));
  #losing = false;
  #head = 0;

  /** `wake` is called when a record was pushed while the consumer sleeps, and only then. */
  constructor(ring: SharedArrayBuffer, wake: () => void) {
    this.#control = new Int32Array(ring, 0, CONTROL_INTS);
    this.#words = new Int32Array(ring, CONTROL_BYTES);
    this.#times = new Float64Array(ring, CONTROL_BYTES);
    this.#bytes = new Uint8Array(ring, CONTROL_BYTES);
    this.#capacity = this.#bytes.length;
    this.#wake = wake;
  }

  /** Copies a chunk or a fact. False when it did not fit: it is counted, and the gap will be told. */
  push(
    kind: Channel | 'request' | 'response',
    bytes: Uint8Array,
    atUs: number,
    exchange = 0,
    index = 0,
    offset = 0,
  ): boolean {
    if (this.#losing && this.#place(this.#capacity * RESUME_SHARE, 0) >= 0) this.#tellGaps(atUs);
    const code = KIND_CODE.get(kind) ?? 0;
    if (!this.#losing && this.#put(code, bytes, atUs, LIFECYCLE_RESERVE_BYTES, exchange, index, offset)) {
      return true;
    }
    const lost = this.#lost[code] ?? this.#lost[kind === 'request' ? 0 : 1];
    if (lost !== undefined) {
      lost.chunks += 1;
      lost.bytes += bytes.length;
      this.#losing = true;
    }
    return false;
  }

  /** Whether a chunk of this size would be taken now: what lossless capture asks before it reads on. */
  hasRoom(bytes: number): boolean {
    return this.#place(recordSize(bytes), LIFECYCLE_RESERVE_BYTES) >= 0;
  }

  /** A fact about the session, as JSON. It may use the reserve; gaps that are still untold are told before it. */
  pushLifecycle(fact: unknown, atUs: number): boolean {
    this.#tellGaps(atUs);
    return this.#put(4, new TextEncoder().encode(JSON.stringify(fact)), atUs, 0);
  }

  #tellGaps(atUs: number): void {
    for (const lost of this.#lost) {
      if (lost.chunks === 0) continue;
      if (!this.#put(3, new TextEncoder().encode(JSON.stringify(lost)), atUs, 0)) return;
      lost.chunks = 0;
      lost.bytes = 0;
    }
    this.#losing = false;
  }

  #put(
    code: number,
    bytes: Uint8Array,
    atUs: number,
    reserve: number,
    exchange = 0,
    index = 0,
    offset = 0,
  ): boolean {
    if (Atomics.load(this.#control, REWIND) === ASKED) this.#rewind();
    const size = recordSize(bytes.length);
    const at = this.#place(size, reserve);
    if (at < 0) return false;
    if (at !== this.#head) this.#words[(this.#head >> 2) + 1] = WRAP;
    this.#words[at >> 2] = bytes.length;
    this.#words[(at >> 2) + 1] = code;
    this.#times[(at + 8) >> 3] = atUs;
    this.#words[(at + 16) >> 2] = exchange;
    this.#words[(at + 20) >> 2] = index;
    this.#words[(at + 24) >> 2] = offset;
    this.#bytes.set(bytes, at + HEADER_BYTES);
    this.#head = at + size;
    Atomics.store(this.#control, HEAD, this.#head);
    if (Atomics.load(this.#control, ASLEEP) === 1 && Atomics.exchange(this.#control, ASLEEP, 0) === 1)
      this.#wake();
    return true;
  }

  #rewind(): void {
    if (Atomics.compareExchange(this.#control, REWIND, ASKED, CLAIMED) !== ASKED) return;
    // A record may have come between the consumer's look and its request: then the ring is not empty.
    if (Atomics.load(this.#control, TAIL) !== this.#head) {
      Atomics.store(this.#control, REWIND, NOT_ASKED);
      return;
    }
    this.#head = 0;
    Atomics.store(this.#control, HEAD, 0);
    Atomics.store(this.#control, TAIL, 0);
    Atomics.store(this.#control, REWIND, DONE);
  }

  /** Where a record of this size goes, or -1. Head never meets tail from behind: equal positions mean empty. */
  #place(size: number, reserve: number): number {
    const head = this.#head;
    const tail = Atomics.load(this.#control, TAIL);
    if (tail <= head) {
      // Room for one header is kept at the end, for the wrap mark; the reserve is at the start or, failing that, here.
      const fitsAtEnd = head + size + HEADER_BYTES + (tail > reserve ? 0 : reserve) <= this.#capacity;
      if (fitsAtEnd) return head;
      return size + reserve < tail ? 0 : -1;
    }
    return head + size + reserve < tail ? head : -1;
  }
}

/** The consumer's side. Lives in the observer's thread. */
export class RingReader {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** What was read last. Written over by the next read. */
  readonly #copy = new Uint8Array(READ_BYTES);
  #tail = 0;
  #askedToRewind = false;

  constructor(ring: SharedArrayBuffer) {
    this.#control = new Int32Array(ring, 0, CONTROL_INTS);
    this.#words = new Int32Array(ring, CONTROL_BYTES);
    this.#bytes = new Uint8Array(ring, CONTROL_BYTES);
  }

  /** Hands over the oldest records, as many as one copy takes. False when there were none. */
  read(receive: (record: RingRecord) => void): boolean {
    if (this.#askedToRewind && !this.#settleRewind()) return false;
    const head = Atomics.load(this.#control, HEAD);
    let from = this.#tail;
    if (from !== head && this.#words[(from >> 2) + 1] === WRAP) from = 0;
    if (from === head) {
      if (head > REWIND_BYTES) {
        this.#askedToRewind = true;
        Atomics.store(this.#control, REWIND, ASKED);
      }
      return false;
    }
    // Everything contiguous, at whole records: one copy, and the space is free before the work on it begins.
    let to = from;
    while (to !== head && this.#words[(to >> 2) + 1] !== WRAP) {
      const next = to + recordSize(this.#words[to >> 2] ?? 0);
      if (next - from > READ_BYTES && to > from) break;
      to = next;
    }
    const length = to - from;
    const copy = length > READ_BYTES ? new Uint8Array(length) : this.#copy;
    copy.set(this.#bytes.subarray(from, to));
    this.#tail = to;
    Atomics.store(this.#control, TAIL, to);
    const header = new DataView(copy.buffer);
    for (let at = 0; at < length;) {
      const size = header.getInt32(at, true);
      const start = at + HEADER_BYTES;
      receive({
        kind: KINDS[header.getInt32(at + 4, true)] ?? 'lifecycle',
        bytes: copy.subarray(start, start + size),
        atUs: header.getFloat64(at + 8, true),
        exchange: header.getUint32(at + 16, true),
        index: header.getUint32(at + 20, true),
        offset: header.getUint32(at + 24, true),
      });
      at += recordSize(size);
    }
    return true;
  }

  /** Gives up what waits, told per channel as the gaps that it makes. Facts about the session are read, not given up. */
  discard(receive: (record: RingRecord) => void): readonly Gap[] {
    const gaps = CHANNELS.map((channel) => ({ channel, chunks: 0, bytes: 0 }));
    while (
      this.read((record) => {
        const gap = gaps[KINDS.indexOf(record.kind)];
        if (gap === undefined) {
          receive(record);
          return;
        }
        gap.chunks += 1;
        gap.bytes += record.bytes.length;
      })
    );
    return gaps.filter(({ chunks }) => chunks > 0);
  }

  /** Bytes that wait, headers included. */
  depth(): number {
    if (this.#askedToRewind && !this.#settleRewind()) return 0;
    const ahead = Atomics.load(this.#control, HEAD) - this.#tail;
    return ahead >= 0 ? ahead : ahead + this.#bytes.length;
  }

  /** Whether positions can be trusted: the rewind was done, declined, or is withdrawn for what came before it. */
  #settleRewind(): boolean {
    const state = Atomics.load(this.#control, REWIND);
    if (state === CLAIMED) return false;
    if (state === ASKED) {
      if (Atomics.load(this.#control, HEAD) === this.#tail) return false;
      if (Atomics.compareExchange(this.#control, REWIND, ASKED, NOT_ASKED) !== ASKED) return false;
    }
    if (state === DONE) {
      this.#tail = 0;
      Atomics.store(this.#control, REWIND, NOT_ASKED);
    }
    this.#askedToRewind = false;
    return true;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  /** Asks to be woken. False when something arrived meanwhile: read on instead of sleeping. */
  sleep(): boolean {
    Atomics.store(this.#control, ASLEEP, 1);
    if (this.depth() === 0) return true;
    Atomics.store(this.#control, ASLEEP, 0);
    return false;
  }
}

function recordSize(payloadBytes: number): number {
  return HEADER_BYTES + align(payloadBytes);
}

function align(bytes: number): number {
  return (bytes + 7) & ~7;
}
