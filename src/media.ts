/**
 * Replaces media in a message by what they are: images, audio and blobs are most of a recording's bytes and tell a reader
 * nothing that their type, size and hash do not. It looks at the copy that is recorded, never at what passes.
 */
export interface Elided {
  /** The message itself where `count` is 0. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Shorter base64 is kept: its placeholder would be hardly shorter. */
const MIN_CHARACTERS = 1024;
/** So far around a value its type is looked for. */
const TYPE_REACH_BYTES = 512;
const MAX_TYPE_CHARACTERS = 100;

/** Members that hold base64 in MCP (`ImageContent`, `AudioContent`, `BlobResourceContents`), and data URLs anywhere. */
const MARKS = ['"data"', '"blob"', ';base64,'] as const;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const MIME_TYPE = /"mimeType"\s*:\s*"([^"\\]{1,100})"/;
const DATA_URL_TYPE = /data:([\w.+/-]{1,100})(?:;[\w.+=-]{1,100})?$/;
const QUOTE = 0x22;

/** `sha256` gives hex. */
export function elideMedia(message: Uint8Array, sha256: (bytes: Uint8Array) => string): Elided {
  if (message.length < MIN_CHARACTERS) return { bytes: message, count: 0 };
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const parts: Uint8Array[] = [];
  let kept = 0;
  let count = 0;
  for (const { start, end, type } of values(bytes)) {
    // JSON may write a slash as \/.
    const text = bytes.toString('latin1', start, end).replaceAll('\\/', '/');
    if (!BASE64.test(text)) continue;
    const media = Buffer.from(text, 'base64');
    const what = `[media:${type};size=${media.length};sha256=${sha256(media)}]`;
    parts.push(bytes.subarray(kept, start), Buffer.from(what));
    kept = end;
    count += 1;
  }
  if (count === 0) return { bytes: message, count };
  return { bytes: Buffer.concat([...parts, bytes.subarray(kept)]), count };
}

interface Value {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

/** What may be base64, in the order in which it stands. */
function* values(bytes: Buffer): Generator<Value> {
  const next = MARKS.map((mark) => bytes.indexOf(mark));
  for (;;) {
    const at = Math.min(...next.map((position) => (position === -1 ? Infinity : position)));
    if (at === Infinity) return;
    const which = next.indexOf(at);
    const mark = MARKS[which] ?? '';
    const isUrl = mark === ';base64,';
    const start = isUrl ? at + mark.length : stringAfter(bytes, at + mark.length);
    const end = start === undefined ? -1 : bytes.indexOf(QUOTE, start);
    if (start !== undefined && end - start >= MIN_CHARACTERS) {
      const type = isUrl ? urlType(bytes, at) : memberType(bytes, start, end);
      yield { start, end, type };
    }
    // What stands within a value is no mark.
    const from = Math.max(end, at + mark.length);
    for (const [index, other] of MARKS.entries()) {
      const position = next[index] ?? -1;
      if (position !== -1 && position < from) next[index] = bytes.indexOf(other, from);
    }
  }
}

/** Where the string that is the value of a member begins; undefined: it is none. */
function stringAfter(bytes: Buffer, from: number): number | undefined {
  const [opening] = /^\s*:\s*"/.exec(bytes.toString('latin1', from, from + 64)) ?? [];
  return opening === undefined ? undefined : from + opening.length;
}

function urlType(bytes: Buffer, at: number): string {
  const before = bytes.toString('latin1', Math.max(0, at - 2 * MAX_TYPE_CHARACTERS), at);
  return DATA_URL_TYPE.exec(before)?.[1] ?? 'unknown';
}

/** From the member `mimeType` of the same object, behind it or before it. */
function memberType(bytes: Buffer, start: number, end: number): string {
  const after = bytes.toString('latin1', end, end + TYPE_REACH_BYTES).replace(/[{}].*/s, '');
  const before = bytes
    .toString('latin1', Math.max(0, start - TYPE_REACH_BYTES), start)
    .replace(/.*[{}]/s, '');
  return MIME_TYPE.exec(after)?.[1] ?? MIME_TYPE.exec(before)?.[1] ?? 'unknown';
}
