/**
 * What a session tells of itself over time: the tools as they were listed, again and again, and the extensions that both sides
 * declared. Read from what was recorded; what has no body in the recording says nothing.
 */
import type { StoredFrame } from './block.ts';
import type { OperationRecord } from './record.ts';

export interface ToolList {
  readonly atUs: number;
  readonly seq: number;
  readonly names: readonly string[];
  /** Since the list before it. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Another description, schema or annotation under the same name. */
  readonly changed: readonly string[];
}

export interface Story {
  readonly clientExtensions: readonly string[];
  readonly serverExtensions: readonly string[];
  /** Whole lists, pages put together. */
  readonly toolLists: readonly ToolList[];
  /** Resources that were subscribed to, and streams of notifications. */
  readonly subscriptions: readonly OperationRecord[];
}

export interface Recorded {
  readonly operations: () => Iterable<OperationRecord>;
  readonly frames: (range: { readonly from: number; readonly to: number }) => Iterable<StoredFrame>;
}

type Json = Readonly<Record<string, unknown>>;

const SUBSCRIPTIONS: ReadonlySet<string> = new Set(['resources/subscribe', 'subscriptions/listen']);
const CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
/** Lists that are shown; a server that changes them all the time is told by its findings. */
const MAX_LISTS = 100;

export function storyOf({ operations, frames }: Recorded): Story {
  const clientExtensions = new Set<string>();
  const serverExtensions = new Set<string>();
  const subscriptions: OperationRecord[] = [];
  const toolLists: ToolList[] = [];
  let before: ReadonlyMap<string, string> | undefined;
  let pages = new Map<string, string>();
  const messageAt = (seq: number): Json | undefined => {
    const [frame] = frames({ from: seq, to: seq });
    return frame === undefined ? undefined : parsed(frame.bytes);
  };
  let isFirst = true;
  for (const operation of operations()) {
    const { method, initiator, firstSeq, lastSeq, outcome, endedAtUs } = operation;
    if (SUBSCRIPTIONS.has(method)) subscriptions.push(operation);
    if (initiator !== 'client_to_server') continue;
    const isOpening = method === 'initialize' || method === 'server/discover';
    if (isFirst || isOpening) addExtensions(clientExtensions, clientCapabilities(messageAt(firstSeq)));
    isFirst = false;
    if (isOpening)
      addExtensions(serverExtensions, member(member(messageAt(lastSeq), 'result'), 'capabilities'));
    if (method !== 'tools/list' || outcome !== 'ok' || toolLists.length >= MAX_LISTS) continue;
    const result = member(messageAt(lastSeq), 'result');
    const tools = result?.tools;
    if (!Array.isArray(tools)) continue;
    for (const tool of tools as unknown[])
      if (isObject(tool) && typeof tool.name === 'string') pages.set(tool.name, JSON.stringify(tool));
    if (typeof result?.nextCursor === 'string') continue;
    toolLists.push({
      atUs: endedAtUs,
      seq: lastSeq,
      names: [...pages.keys()],
      ...changes(before ?? pages, pages),
    });
    before = pages;
    pages = new Map();
  }
  return {
    clientExtensions: [...clientExtensions],
    serverExtensions: [...serverExtensions],
    toolLists,
    subscriptions,
  };
}

function changes(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>) {
  return {
    added: [...now.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !now.has(name)),
    changed: [...now]
      .filter(([name, tool]) => before.has(name) && before.get(name) !== tool)
      .map(([name]) => name),
  };
}

function clientCapabilities(message: Json | undefined): Json | undefined {
  const params = member(message, 'params');
  return member(params, 'capabilities') ?? member(member(params, '_meta'), CLIENT_CAPABILITIES);
}

function addExtensions(to: Set<string>, capabilities: Json | undefined): void {
  for (const name of Object.keys(member(capabilities, 'extensions') ?? {})) to.add(name);
}

function member(value: Json | undefined, name: string): Json | undefined {
  const found = value?.[name];
  return isObject(found) ? found : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
