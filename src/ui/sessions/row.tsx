/** One session in a list: who with whom, how it went, and what one can do with it there. */
import type { VNode } from 'preact';
import { isFailure } from '../../event/outcome.ts';
import { usePage } from '../page.ts';
import { hrefOf } from '../place.ts';
import { Link } from '../parts/link.tsx';
import { StatusMark, toneOf } from '../parts/marks.tsx';
import { plain, Text } from '../parts/text.tsx';
import { clock, count, duration, exact, plural, shortId } from '../words.ts';
import type { SessionRow } from './listing.ts';
import type { OutcomeStrips } from './strips.ts';

export interface RowProps {
  readonly session: SessionRow;
  readonly index: number;
  readonly isAt: boolean;
  readonly strips: OutcomeStrips;
  readonly nowMs: number;
  readonly changed: (session: SessionRow) => void;
}

export const COLUMNS = [
  'Status',
  'Server',
  'Client',
  'Operations',
  'Findings',
  'Started',
  'Duration',
  'Note',
  'Keep',
];

export function Row({ session, index, isAt, strips, nowMs, changed }: RowProps): VNode {
  const {
    id,
    status,
    server,
    clientInfo,
    transport,
    protocolVersion,
    startedAtUs,
    endedAtUs,
    findings,
    note,
  } = session;
  const took = (endedAtUs ?? nowMs * 1000) - startedAtUs;
  return (
    <div class={`session-row ${isAt ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
      <span role="cell" class="c-status">
        <StatusMark status={status} />
      </span>
      <span role="cell" class="c-server">
        <Link
          href={hrefOf(['sessions', id])}
          label={`Session ${shortId(id)} of ${plain(server)}`}
          id={`session-${id}`}
          class="primary"
        >
          <Text max={200}>{server}</Text>
        </Link>
        <span class="faint mono">{shortId(id)}</span>
      </span>
      <span role="cell" class="c-client">
        <Text max={200}>{clientInfo.name ?? '–'}</Text>{' '}
        <span class="faint">
          {transport} <Text max={60}>{protocolVersion ?? ''}</Text>
        </span>
      </span>
      <span role="cell" class="c-operations">
        <Strip session={session} strips={strips} />
      </span>
      <span role="cell" class="c-findings">
        {findings > 0 && (
          <span class="badge warn" title={plural(findings, 'finding')}>
            {count(findings)}
          </span>
        )}
        {!session.completeness.complete && (
          <span class="badge quiet" title="Something is missing in the recording">
            part
          </span>
        )}
      </span>
      <time role="cell" class="c-started" title={exact(startedAtUs)}>
        {clock(startedAtUs, nowMs)}
      </time>
      <span role="cell" class="c-duration">
        {duration(took)}
      </span>
      <span role="cell" class="c-note">
        {note !== undefined && <Text max={200}>{note}</Text>}
      </span>
      <span role="cell" class="c-pin">
        <Pin session={session} changed={changed} />
      </span>
    </div>
  );
}

export function Pin({ session, changed }: Pick<RowProps, 'session' | 'changed'>): VNode {
  const { client, say, writes } = usePage();
  const { id, pinned } = session;
  if (!writes.value) return <>{pinned && <span title="Kept: not deleted by age or size">★</span>}</>;
  const toggle = (): void => {
    (pinned ? client.unpin(id) : client.pin(id)).then(
      (now) => {
        changed(now);
        say(now.pinned ? 'The session is kept' : 'The session goes when its time comes');
      },
      (error: unknown) => say(plain(String(error))),
    );
  };
  return (
    <button
      type="button"
      class="pin"
      aria-pressed={pinned}
      aria-label={`Keep session ${shortId(id)}`}
      title={pinned ? 'Kept: not deleted by age or size' : 'Keep: not deleted by age or size'}
      onClick={toggle}
    >
      {pinned ? '★' : '☆'}
    </button>
  );
}

const BAR_PX = 3;
const HEIGHT_PX = 16;

/** The last operations, the oldest first: failures stand out by height as well as by colour. */
function Strip({ session, strips }: Pick<RowProps, 'session' | 'strips'>): VNode {
  const { operations, failedOperations } = session;
  const outcomes = strips.of(session).value ?? [];
  return (
    <>
      <span class="numbers">{count(operations)}</span>
      <svg
        class="strip"
        width={outcomes.length * BAR_PX}
        height={HEIGHT_PX}
        role="img"
        aria-label={`The last ${outcomes.length} operations, ${outcomes.filter(isFailure).length} failed`}
      >
        {outcomes.map((outcome, at) => {
          const height = isFailure(outcome) ? HEIGHT_PX : outcome === 'ok' ? 8 : 12;
          return (
            <rect
              key={at}
              class={`fill-${toneOf(outcome)}`}
              x={at * BAR_PX}
              y={HEIGHT_PX - height}
              width={BAR_PX - 1}
              height={height}
            />
          );
        })}
      </svg>
      {failedOperations > 0 && <b class="bad-text">{count(failedOperations)} failed</b>}
    </>
  );
}
