/** The tools of a server as they were listed: each with its schema, what it costs to list, how its calls went, and how lists changed. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Client } from '../../api/client.ts';
import { isFailure } from '../../event/outcome.ts';
import { useAsked } from '../loading.ts';
import { Tree } from '../message/tree.tsx';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { Async, Empty } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { offset, plural, size, tokens } from '../words.ts';
import type { Known, Operation } from './data.ts';

/** Lists that are read; a server that changes them all the time is told by its findings. */
const MAX_LISTS = 20;

type Json = Readonly<Record<string, unknown>>;

interface Tool {
  readonly name: string;
  readonly value: Json;
  readonly bytes: number;
}

interface List {
  readonly atUs: number;
  readonly seq: number;
  readonly tools: readonly Tool[];
}

export function Tools({ known }: { readonly known: Known }): VNode {
  const { client, place } = usePage();
  const { session, operations } = known;
  const listings = useMemo(
    () =>
      operations.filter(
        ({ method, outcome, initiator }) =>
          method === 'tools/list' && outcome === 'ok' && initiator === 'client_to_server',
      ),
    [operations],
  );
  const { state, again } = useAsked(`${session.id} ${listings.length}`, () => listsOf(client, listings));
  if (listings.length === 0)
    return (
      <Empty title="No list of tools was recorded">
        <p>The client never asked for one, or the answer is not there yet.</p>
      </Empty>
    );
  return (
    <Async state={state} what="Reading the tools" again={again}>
      {(lists) => {
        const { list: chosen, tool: open } = place.now.value.query;
        const index =
          chosen === undefined ? lists.length - 1 : Math.max(0, Math.min(lists.length - 1, Number(chosen)));
        const list = lists[index];
        if (list === undefined)
          return (
            <Empty title="The lists of tools are not in the recording">
              <p>Their bodies were not recorded, or not whole.</p>
            </Empty>
          );
        const before = lists[index - 1];
        const drift = before === undefined ? [] : changes(before, list);
        const bytes = list.tools.reduce((sum, tool) => sum + tool.bytes, 0);
        return (
          <div class="tool-list">
            <div class="view-tools">
              <span>
                {plural(list.tools.length, 'tool')}, {size(bytes)}, about {tokens(bytes)} tokens of context
              </span>
              {lists.length > 1 && (
                <label>
                  list{' '}
                  <select value={index} onChange={(event) => place.set({ list: event.currentTarget.value })}>
                    {lists.map(({ atUs, tools }, number) => (
                      <option key={number} value={number}>
                        {number + 1}: {offset(atUs - session.startedAtUs)}, {tools.length} tools
                      </option>
                    ))}
                  </select>
                </label>
              )}
              <Link href={place.with({ frame: list.seq, op: undefined })}>message {list.seq}</Link>
            </div>
            {drift.length > 0 && (
              <p class="notice">
                Since the list before: <Text max={2000}>{drift.join(', ')}</Text>
              </p>
            )}
            <ul>
              {list.tools.map((tool) => (
                <ToolItem key={tool.name} tool={tool} operations={operations} isOpen={open === tool.name} />
              ))}
            </ul>
          </div>
        );
      }}
    </Async>
  );
}

interface ToolItemProps {
  readonly tool: Tool;
  readonly operations: readonly Operation[];
  readonly isOpen: boolean;
}

function ToolItem({ tool, operations, isOpen }: ToolItemProps): VNode {
  const { place } = usePage();
  const { name, value, bytes } = tool;
  const calls = operations.filter(({ target }) => target?.kind === 'tool' && target.name === name);
  const failed = calls.filter(({ outcome }) => isFailure(outcome)).length;
  const { description, annotations } = value;
  return (
    <li class="tool">
      <h3>
        <button
          type="button"
          class="plain"
          aria-expanded={isOpen}
          onClick={() => place.set({ tool: isOpen ? undefined : name }, true)}
        >
          <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> <Text max={200}>{name}</Text>
        </button>
        {hintsOf(annotations).map((hint) => (
          <span key={hint} class="tag">
            {hint}
          </span>
        ))}
        <span class="spring" />
        <span class="faint">
          {size(bytes)}, {plural(calls.length, 'call')}
          {failed > 0 && <b class="bad-text"> {failed} failed</b>}
        </span>
      </h3>
      {typeof description === 'string' && (
        <p class="description">
          <Text max={isOpen ? 5000 : 240} lines={isOpen}>
            {description}
          </Text>
        </p>
      )}
      {isOpen && <Tree value={value} label={`Definition of ${name}`} />}
    </li>
  );
}

const HINTS: Readonly<Record<string, string>> = {
  readOnlyHint: 'read only',
  destructiveHint: 'destructive',
  idempotentHint: 'idempotent',
  openWorldHint: 'open world',
};

/** What a tool says of itself; nobody has checked it. */
function hintsOf(annotations: unknown): readonly string[] {
  if (!isObject(annotations)) return [];
  return Object.entries(HINTS).flatMap(([key, words]) => (annotations[key] === true ? [words] : []));
}

/** Pages of one list put together. */
async function listsOf(client: Client, listings: readonly Operation[]): Promise<readonly List[]> {
  const lists: List[] = [];
  let pages: Tool[] = [];
  for (const { sessionId, lastSeq, endedAtUs } of listings.slice(-MAX_LISTS)) {
    const { json } = await client.frame(sessionId, lastSeq);
    const result = isObject(json) && isObject(json.result) ? json.result : undefined;
    if (!Array.isArray(result?.tools)) continue;
    pages.push(...(result.tools as unknown[]).flatMap(toolOf));
    if (typeof result.nextCursor === 'string') continue;
    lists.push({ atUs: endedAtUs, seq: lastSeq, tools: pages });
    pages = [];
  }
  return lists;
}

function toolOf(value: unknown): readonly Tool[] {
  if (!isObject(value) || typeof value.name !== 'string') return [];
  return [{ name: value.name, value, bytes: new TextEncoder().encode(JSON.stringify(value)).length }];
}

function changes(before: List, now: List): readonly string[] {
  const old = new Map(before.tools.map(({ name, value }) => [name, JSON.stringify(value)]));
  const names = new Set(now.tools.map(({ name }) => name));
  return [
    ...now.tools.flatMap(({ name }) => (old.has(name) ? [] : [`${name} is new`])),
    ...[...old.keys()].flatMap((name) => (names.has(name) ? [] : [`${name} is gone`])),
    ...now.tools.flatMap(({ name, value }) =>
      old.has(name) && old.get(name) !== JSON.stringify(value) ? [`${name} changed`] : [],
    ),
  ];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
