/**
 * A block: frames of one session, packed into one row, because a row per frame costs more than the frame. `data` is
 * the frames' bytes one after the other. `entries` is a JSON array with one array per frame:
 *   [seq, µs since first_at, channel, kind, offset in data, length, size on the wire, ending, method, operation id,
 *    truncated, redactions, sha256, exchange, event id, elided]
 * channel, kind and ending are positions in the lists of the schema; method, operation id and sha256 may be null; what
 * says nothing at the end is left out: the last six of a whole frame, but over HTTP. Offsets and lengths count bytes.
 * Pure.
 */
import type { FrameKind, FrameRecorded } from '../event/event.ts';
import { CHANNELS, ENDINGS, KINDS } from './migrations/v1.ts';

/** A block is closed at this size: reading one frame reads its block. A frame above it has a block of its own. */
const MAX_BLOCK_BYTES = 256 * 1024;
/** And at this many frames, so that the index of a block of tiny frames stays small, too. */
const MAX_BLOCK_FRAMES = 2048;
/** Methods are few; beyond this, names come from a peer that makes them up, and are quoted each time. */
const MAX_QUOTED_METHODS = 256;

export interface Block {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
  readonly firstAtUs: number;
  readonly lastAtUs: number;
  readonly entries: string;
  readonly data: Uint8Array;
}

export type StoredFrame = Omit<FrameRecorded, 'type' | 'sessionId'>;

/** Typed, so that a new kind of frame does not compile before it stands in the list. */
const CHANNEL_CODE: Record<FrameRecorded['channel'], number> = positions(CHANNELS);
const KIND_CODE: Record<FrameKind, number> = positions(KINDS);
const ENDING_CODE: Record<FrameRecorded['ending'], number> = positions(ENDINGS);
const NO_BYTES = new Uint8Array(0);
/** What Sidelight itself wrote, and not what it heard. */
const OWN_KINDS: ReadonlySet<FrameKind> = new Set(['gap', 'lifecycle', 'http']);

export function isOwnKind(kind: FrameKind): boolean {
  return OWN_KINDS.has(kind);
}

export class BlockEncoder {
  readonly #withBodies: boolean;
  readonly #quotedMethods = new Map<string, string>();

  /** Without bodies, only what Sidelight itself wrote keeps its bytes. */
  constructor(withBodies: boolean) {
    this.#withBodies = withBodies;
  }

  /** Packs frames of one session, which are in order. */
  encode(frames: readonly StoredFrame[]): Block[] {
    const blocks: Block[] = [];
    let from = 0;
    while (from < frames.length) {
      let to = from;
      for (let bytes = 0; to < frames.length && to - from < MAX_BLOCK_FRAMES; to += 1) {
        bytes += this.#bodyOf(frames[to] as StoredFrame).length;
        if (bytes > MAX_BLOCK_BYTES && to > from) break;
      }
      blocks.push(this.#block(frames, from, to));
      from = to;
    }
    return blocks;
  }

  #block(frames: readonly StoredFrame[], from: number, to: number): Block {
    const first = frames[from] as StoredFrame;
    const bodies: Uint8Array[] = [];
    let entries = '';
    let offset = 0;
    let lastAtUs = first.atUs;
    for (let index = from; index < to; index += 1) {
      const frame = frames[index] as StoredFrame;
      const body = this.#bodyOf(frame);
      entries += `${index === from ? '[[' : ',['}${frame.seq},${frame.atUs - first.atUs},${CHANNEL_CODE[frame.channel]},${KIND_CODE[frame.kind]},${offset},${body.length},${frame.sizeBytes},${ENDING_CODE[frame.ending]},${this.#quoted(frame.method)},${frame.operationId ?? 'null'}`;
      const truncated = frame.truncated || body.length < frame.bytes.length;
      const { redactions, sha256, exchange, eventId, elided } = frame;
      if (truncated || redactions > 0 || exchange !== undefined || elided > 0) {
        entries += `,${truncated ? 1 : 0},${redactions}`;
        if (sha256 !== undefined) entries += `,"${sha256}"`;
        else if (exchange !== undefined || elided > 0) entries += ',null';
        if (exchange !== undefined || elided > 0) entries += `,${exchange ?? 'null'}`;
        if (eventId !== undefined || elided > 0) entries += `,${JSON.stringify(eventId ?? null)}`;
        if (elided > 0) entries += `,${elided}`;
      }
      entries += ']';
      bodies.push(body);
      offset += body.length;
      if (frame.atUs > lastAtUs) lastAtUs = frame.atUs;
    }
    return {
      firstSeq: first.seq,
      lastSeq: (frames[to - 1] as StoredFrame).seq,
      count: to - from,
      firstAtUs: first.atUs,
      lastAtUs,
      entries: `${entries}]`,
      data: bodies.length === 1 ? (bodies[0] ?? NO_BYTES) : Buffer.concat(bodies, offset),
    };
  }

  #bodyOf(frame: StoredFrame): Uint8Array {
    return this.#withBodies || OWN_KINDS.has(frame.kind) ? frame.bytes : NO_BYTES;
  }

  #quoted(method: string | undefined): string {
    if (method === undefined) return 'null';
    const known = this.#quotedMethods.get(method);
    if (known !== undefined) return known;
    const quoted = JSON.stringify(method);
    if (this.#quotedMethods.size < MAX_QUOTED_METHODS) this.#quotedMethods.set(method, quoted);
    return quoted;
  }
}

type Entry = readonly [
  seq: number,
  sinceFirstUs: number,
  channel: number,
  kind: number,
  offset: number,
  length: number,
  sizeBytes: number,
  ending: number,
  method: string | null,
  operationId: number | null,
  truncated?: number,
  redactions?: number,
  sha256?: string | null,
  exchange?: number | null,
  eventId?: string | null,
  elided?: number,
];

/** The frames of a block; their bytes are views of `data`. */
export function decodeBlock(firstAtUs: number, entries: string, data: Uint8Array): StoredFrame[] {
  return (JSON.parse(entries) as Entry[]).map(
    ([
      seq,
      since,
      channel,
      kind,
      offset,
      length,
      sizeBytes,
      ending,
      method,
      operationId,
      truncated,
      redactions,
      sha256,
      exchange,
      eventId,
      elided,
    ]) => ({
      seq,
      atUs: firstAtUs + since,
      channel: CHANNELS[channel] ?? 'stderr',
      kind: KINDS[kind] ?? 'malformed',
      bytes: data.subarray(offset, offset + length),
      ending: ENDINGS[ending] ?? '',
      sizeBytes,
      method: method ?? undefined,
      operationId: operationId ?? undefined,
      truncated: truncated === 1,
      redactions: redactions ?? 0,
      sha256: sha256 ?? undefined,
      exchange: exchange ?? undefined,
      eventId: eventId ?? undefined,
      elided: elided ?? 0,
    }),
  );
}

function positions<Word extends string>(words: readonly Word[]): Record<Word, number> {
  return Object.fromEntries(words.map((word, position) => [word, position])) as Record<Word, number>;
}
