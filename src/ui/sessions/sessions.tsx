/** The list of sessions: filtered, in order, live. Everything that it shows of itself is in the URL. */
import type { VNode } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LiveMessage } from '../../api/client.ts';
import { parseFilter } from '../../filter/parse.ts';
import { useKeys } from '../keys.ts';
import { usePage } from '../page.ts';
import { useNarrow, useNow } from '../parts/media.ts';
import { Rows } from '../parts/rows.tsx';
import { Empty, Failed, Waiting, wordsOf } from '../parts/states.tsx';
import { hrefOf } from '../place.ts';
import { FilterBox } from './filterBox.tsx';
import { Import } from './import.tsx';
import { Listing, type Order, type SessionRow } from './listing.ts';
import { Names } from './names.ts';
import { COLUMNS, Row } from './row.tsx';
import { OutcomeStrips } from './strips.ts';

const ROW_PX = 36;
const NARROW_ROW_PX = 76;
/** The newest sessions, for the names that a filter is completed with. */
const COMPLETED_FROM = 200;
/** Looked back at while the list stands still. */
const MAX_HELD = 1000;

type Line = { readonly title: string; readonly count: string } | { readonly session: SessionRow };

export function Sessions(): VNode {
  const page = usePage();
  const { client, place, keys, live } = page;
  const { filter = '', order: written, at } = place.now.value.query;
  const order: Order = written === 'failing' ? 'failing' : 'newest';
  const isRead = parseFilter(filter).ok;
  const [, redraw] = useState(0);
  const [paused, pause] = useState(false);
  const held = useRef<LiveMessage[]>([]);
  const isNarrow = useNarrow();
  const nowMs = useNow(1000);
  const strips = useMemo(() => new OutcomeStrips(client), [client]);
  const listing = useMemo(
    () => new Listing(client, isRead ? filter : '', order, () => redraw((turn) => turn + 1)),
    [client, filter, order],
  );
  const isPaused = useRef(paused);
  isPaused.current = paused;
  useEffect(() => {
    if (!isRead) return;
    listing.more();
    held.current = [];
    const following = page.follow(filter, (message) => {
      if (!isPaused.current) listing.take(message);
      else if (held.current.length < MAX_HELD)
        held.current.push(message.type === 'news' ? { ...message, operations: [] } : message);
      else held.current = [{ type: 'missed', cursor: '', sessions: 0, operations: 0, reason: 'behind' }];
      if (isPaused.current) redraw((turn) => turn + 1);
    });
    const unsubscribe = following.state.subscribe((state) => {
      live.value = state;
    });
    return () => {
      unsubscribe();
      following.stop();
      live.value = undefined;
    };
  }, [listing]);
  const resume = (): void => {
    pause(!paused);
    if (!paused) return;
    for (const message of held.current) listing.take(message);
    held.current = [];
  };

  const lines = linesOf(listing, order);
  const sessions = lines.flatMap((line) => ('session' in line ? [line.session] : []));
  const atLine = lines.findIndex((line) => 'session' in line && line.session.id === at);
  const move = (by: number): void => {
    const next =
      sessions[Math.max(0, Math.min(sessions.length - 1, sessions.findIndex(({ id }) => id === at) + by))];
    if (next === undefined) return;
    place.set({ at: next.id }, true);
    requestAnimationFrame(() =>
      document.getElementById(`session-${next.id}`)?.focus({ preventScroll: true }),
    );
  };
  useKeys(keys, [
    { key: 'j', does: 'the next session', run: () => move(1) },
    { key: 'k', does: 'the session before', run: () => move(-1) },
    { key: 'Enter', does: 'open the session', run: () => at && place.go(hrefOf(['sessions', at])) },
    {
      key: 'f',
      does: 'failing sessions first',
      run: () => place.set({ order: order === 'failing' ? undefined : 'failing' }),
    },
    { key: ' ', does: 'stop and go on with live rows', run: resume },
  ]);
  const onRange = useCallback(
    (_first: number, last: number) => {
      if (last >= listing.groups.reduce((sum, { items }) => sum + items.length, 0) - 50) listing.more();
    },
    [listing],
  );
  const names = useRef(new Names());
  names.current.add(sessions);
  useEffect(() => {
    // Whatever the filter leaves: a filter is written to look for something else. Without an answer there is nothing to complete.
    client.sessions({ limit: COMPLETED_FROM }).then(
      ({ items }) => {
        names.current.add(items);
        redraw((turn) => turn + 1);
      },
      () => undefined,
    );
  }, [client]);
  const changed = (session: SessionRow): void => {
    listing.put(session);
    redraw((turn) => turn + 1);
  };
  return (
    <div class="page sessions">
      <div class="tools">
        <h1 class="sr-only">Sessions</h1>
        <FilterBox
          value={filter}
          known={names.current.known()}
          apply={(text) => place.set({ filter: text, at: undefined }, true)}
        />
        <div class="choices">
          <label>
            <input
              type="checkbox"
              checked={order === 'failing'}
              onChange={(event) => place.set({ order: event.currentTarget.checked ? 'failing' : undefined })}
            />
            failing first
          </label>
          <button type="button" aria-pressed={paused} onClick={resume} title="Live rows (space)">
            {paused ? `Go on${held.current.length > 0 ? `, ${held.current.length} new` : ''}` : 'Pause'}
          </button>
          {page.writes.value && <Import done={() => listing.again()} />}
        </div>
      </div>
      {listing.error !== undefined && lines.length > 0 && (
        <p class="notice" role="alert">
          {wordsOf(listing.error)}
        </p>
      )}
      {lines.length === 0 ? (
        <Nothing listing={listing} filter={filter} isRead={isRead} />
      ) : (
        <Rows
          key={`${filter} ${order}`}
          class="session-rows"
          role="table"
          label="Sessions"
          columns={COLUMNS.length}
          count={lines.length}
          height={isNarrow ? NARROW_ROW_PX : ROW_PX}
          at={atLine === -1 ? undefined : atLine}
          onRange={onRange}
          head={<Head />}
          row={(index) => {
            const line = lines[index];
            if (line === undefined) return null;
            if (!('session' in line))
              return (
                <div class="group" role="row" aria-rowindex={index + 1}>
                  <span role="cell">
                    {line.title} <span class="faint">{line.count}</span>
                  </span>
                </div>
              );
            const { session } = line;
            return <Row {...{ session, index, strips, nowMs, changed }} isAt={session.id === at} />;
          }}
        />
      )}
    </div>
  );
}

function linesOf(listing: Listing, order: Order): readonly Line[] {
  const { groups } = listing;
  if (groups.every(({ items }) => items.length === 0)) return [];
  return groups.flatMap(({ title, items, next }) => [
    ...(order === 'failing' && (items.length > 0 || next === undefined)
      ? [{ title, count: next === undefined ? String(items.length) : `${items.length}+` }]
      : []),
    ...items.map((session) => ({ session })),
  ]);
}

function Head(): VNode {
  return (
    <div class="session-row head" role="row">
      {COLUMNS.map((name) => (
        <span key={name} role="columnheader" class={`c-${name === 'Keep' ? 'pin' : name.toLowerCase()}`}>
          {name === 'Keep' ? <span class="sr-only">Keep</span> : name}
        </span>
      ))}
    </div>
  );
}

function Nothing({
  listing,
  filter,
  isRead,
}: {
  readonly listing: Listing;
  readonly filter: string;
  readonly isRead: boolean;
}): VNode {
  const { place } = usePage();
  if (!isRead)
    return (
      <Empty title="The filter cannot be read">
        <p>What is wrong stands below the field.</p>
      </Empty>
    );
  if (listing.error !== undefined) return <Failed error={listing.error} again={() => listing.more()} />;
  if (!listing.isWhole) return <Waiting what="Reading the sessions" />;
  if (filter !== '')
    return (
      <Empty title="No session is meant by this filter">
        <p>
          <button type="button" onClick={() => place.set({ filter: undefined })}>
            Take the filter away
          </button>
        </p>
      </Empty>
    );
  return (
    <Empty title="Nothing was recorded yet">
      <p>
        Put Sidelight before the command of a server, in the settings of your client. Sessions appear here as
        they begin:
      </p>
      <pre>sidelight -- npx -y @modelcontextprotocol/server-everything</pre>
      <p>Or before a server that speaks HTTP:</p>
      <pre>sidelight http --target http://127.0.0.1:3000/mcp</pre>
    </Empty>
  );
}
