/** Handlers of the frames of a session: ranges of them, and one with its payload. They show what is recorded, which is redacted. */
import type { StoredFrame } from '../store/block.ts';
import { exactText, readableText } from '../formats/source.ts';
import type { StoreReader } from '../store/read.ts';
import type { Handlers } from './handler.ts';
import { ApiError } from './problem.ts';

/** Of one page. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const PREVIEW_CHARS = 200;
/** A character is at most four bytes. */
const PREVIEW_BYTES = PREVIEW_CHARS * 4;

export const FRAME_HANDLERS: Handlers<'frames' | 'frame' | 'frameBytes'> = {
  frames: async ({ open, session, query: { from, to, operation, limit, payload } }) => {
    const reader = await open(session);
    const items = [];
    let bytes = 0;
    for (const frame of reader.frames(session.id, { from, ...(to !== undefined && { to }) })) {
      if (operation !== undefined && frame.operationId !== operation) continue;
      if (items.length === limit || bytes >= MAX_PAGE_BYTES) return { items, next: frame.seq };
      bytes += payload === 'full' ? frame.bytes.length : 0;
      items.push({ ...headOf(frame), ...SHOWN[payload](frame.bytes) });
    }
    return { items };
  },
  frame: async ({ open, session, number }) => {
    const frame = frameOf(await open(session), session.id, number);
    return { ...headOf(frame), ...wholePayload(frame.bytes), ...parsed(frame.bytes) };
  },
  frameBytes: async ({ open, session, number }) => {
    const { bytes } = frameOf(await open(session), session.id, number);
    return new Response(new Uint8Array(bytes), {
      headers: {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename="${session.id}-${number}.bin"`,
      },
    });
  },
};

function frameOf(reader: StoreReader, sessionId: string, seq: number): StoredFrame {
  const [frame] = reader.frames(sessionId, { from: seq, to: seq });
  if (frame !== undefined) return frame;
  throw new ApiError(404, 'the session has no such frame', { parameter: 'seq' });
}

function headOf({ bytes, ...frame }: StoredFrame) {
  return { ...frame, recordedBytes: bytes.length };
}

const SHOWN: Readonly<Record<'none' | 'preview' | 'full', (bytes: Uint8Array) => object>> = {
  none: () => ({}),
  preview: (bytes) => ({ text: readableText(bytes.subarray(0, PREVIEW_BYTES)).slice(0, PREVIEW_CHARS) }),
  full: wholePayload,
};

function wholePayload(bytes: Uint8Array): { readonly text: string } | { readonly base64: string } {
  const text = exactText(bytes);
  return text === undefined ? { base64: Buffer.from(bytes).toString('base64') } : { text };
}

function parsed(bytes: Uint8Array): { readonly json?: unknown } {
  try {
    return { json: JSON.parse(exactText(bytes) ?? '') as unknown };
  } catch {
    return {};
  }
}
