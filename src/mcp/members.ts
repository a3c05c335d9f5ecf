/**
 * Which members of a message are kept while it is scanned, and how large they may be: a row here and a line in
 * facts.ts add one. It never looks at a message as a whole.
 */
import { textOf } from './text.ts';

/** Names, ids, versions. Longer than any real one; they are held for each open request. */
const NAME_BYTES = 1024;
/** URIs, reasons, error messages and opaque tokens, which carry content. */
const TEXT_BYTES = 8 * 1024;
/** Only that the member is there, and its value if that is an object, an array, true, false or null. */
const PRESENCE = 0;

/**
 * By path, its words separated by spaces: the most bytes that a string or number may take on the wire, escapes
 * included, to be kept. What is longer is told as UNKEPT, never cut. A parent stands before its members.
 */
const KEPT_BYTES = {
  message: PRESENCE,
  'message jsonrpc': NAME_BYTES,
  'message id': NAME_BYTES,
  'message method': NAME_BYTES,
  'message params': PRESENCE,
  'message params name': NAME_BYTES,
  'message params uri': TEXT_BYTES,
  'message params taskId': NAME_BYTES,
  'message params requestId': NAME_BYTES,
  'message params reason': TEXT_BYTES,
  'message params progressToken': NAME_BYTES,
  'message params progress': NAME_BYTES,
  'message params total': NAME_BYTES,
  'message params level': NAME_BYTES,
  'message params logger': NAME_BYTES,
  'message params protocolVersion': NAME_BYTES,
  'message params requestState': TEXT_BYTES,
  'message params inputResponses': PRESENCE,
  'message params task': PRESENCE,
  'message params clientInfo': PRESENCE,
  'message params clientInfo name': NAME_BYTES,
  'message params clientInfo version': NAME_BYTES,
  'message params _meta': PRESENCE,
  'message params _meta progressToken': NAME_BYTES,
  'message params _meta traceparent': NAME_BYTES,
  'message params _meta tracestate': NAME_BYTES,
  'message params _meta dev.sidelight/replayOfSpan': NAME_BYTES,
  'message params _meta io.modelcontextprotocol/protocolVersion': NAME_BYTES,
  'message params _meta io.modelcontextprotocol/subscriptionId': NAME_BYTES,
  'message params _meta io.modelcontextprotocol/clientInfo': PRESENCE,
  'message params _meta io.modelcontextprotocol/clientInfo name': NAME_BYTES,
  'message params _meta io.modelcontextprotocol/clientInfo version': NAME_BYTES,
  'message result': PRESENCE,
  'message result isError': PRESENCE,
  'message result resultType': NAME_BYTES,
  'message result requestState': TEXT_BYTES,
  'message result protocolVersion': NAME_BYTES,
  'message result serverInfo': PRESENCE,
  'message result serverInfo name': NAME_BYTES,
  'message result serverInfo version': NAME_BYTES,
  'message result _meta': PRESENCE,
  'message result _meta io.modelcontextprotocol/serverInfo': PRESENCE,
  'message result _meta io.modelcontextprotocol/serverInfo name': NAME_BYTES,
  'message result _meta io.modelcontextprotocol/serverInfo version': NAME_BYTES,
  'message error': PRESENCE,
  'message error code': NAME_BYTES,
  'message error message': TEXT_BYTES,
} as const;

type MemberPath = keyof typeof KEPT_BYTES;

/** A number for each member; what it contains lies between it and `END_OF[member]`. */
export type Member = number;

/** Contexts, what a value stands in: one of these, or the member whose object it is. */
export const TOP = 0;
export const ARRAY = 1;
/** An array at the top. */
export const BATCH = 2;
/** An object, and everything in it, of which nothing is kept. */
export const OBJECT = 3;
export const NO_MEMBER: Member = 0;
export const MESSAGE: Member = 4;

const PATHS = Object.keys(KEPT_BYTES) as MemberPath[];
export const MEMBER_COUNT = MESSAGE + PATHS.length;
export const MAX_KEPT_BYTES = Math.max(...Object.values(KEPT_BYTES));

export function memberAt(path: MemberPath): Member {
  return MESSAGE + PATHS.indexOf(path);
}

/** The most bytes that are kept of each member. */
export const KEPT = new Uint16Array([...Array<number>(MESSAGE).fill(0), ...Object.values(KEPT_BYTES)]);

const insideOf = (path: MemberPath): MemberPath[] => PATHS.filter((other) => other.startsWith(`${path} `));

export const END_OF = new Uint8Array(MEMBER_COUNT);
/** The context inside an object that is this member's value. */
export const CONTEXT_IN = new Uint8Array(MEMBER_COUNT).fill(OBJECT);

interface Edge {
  readonly key: Uint8Array;
  readonly member: Member;
}

/** By context and length of the key: the members that have such a key. */
const EDGES: Edge[][][] = Array.from({ length: MEMBER_COUNT }, () => []);

for (const path of PATHS) {
  const member = memberAt(path);
  END_OF[member] = member + 1 + insideOf(path).length;
  const cut = path.lastIndexOf(' ');
  if (cut === -1) {
    CONTEXT_IN[member] = member;
    continue;
  }
  const parent = memberAt(path.slice(0, cut) as MemberPath);
  CONTEXT_IN[parent] = parent;
  const key = new TextEncoder().encode(path.slice(cut + 1));
  ((EDGES[parent] ??= [])[key.length] ??= []).push({ key, member });
}

/** The longest key that is looked at: every letter of the longest one above written as an escape. */
export const MAX_KEY_BYTES = 6 * Math.max(...EDGES.map((lengths) => lengths.length - 1));

/** The member that a key stands for; `bytes[from, to)` is the key between its quotes, a valid JSON string. */
export function memberOf(context: number, bytes: Uint8Array, from: number, to: number): Member {
  const length = to - from;
  const edges = EDGES[context]?.[length];
  if (edges !== undefined) {
    for (const { key, member } of edges) {
      let same = 0;
      while (same < length && key[same] === bytes[from + same]) same++;
      if (same === length) return member;
    }
  }
  if (length > MAX_KEY_BYTES) return NO_MEMBER;
  for (let at = from; at < to; at++) {
    if (bytes[at] === 0x5c) {
      const plain = new TextEncoder().encode(textOf(bytes, from, to));
      // Again without escapes; a backslash that is still there is a character of the key, and no key above has one.
      return plain.includes(0x5c) ? NO_MEMBER : memberOf(context, plain, 0, plain.length);
    }
  }
  return NO_MEMBER;
}
