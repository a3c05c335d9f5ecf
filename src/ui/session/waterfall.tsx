/** Operations over time: a bar each, with its legs and what it waited for, under what caused it. A picture of at most one window of rows. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { isFailure } from '../../event/outcome.ts';
import { useKeys } from '../keys.ts';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { toneOf } from '../parts/marks.tsx';
import { useNow } from '../parts/media.ts';
import { Rows } from '../parts/rows.tsx';
import { Empty } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { count, duration, plural } from '../words.ts';
import { Axis } from './axis.tsx';
import { Bar } from './bar.tsx';
import type { Known } from './data.ts';
import { useInFlight } from './inFlight.ts';
import { OpenRow } from './openRow.tsx';
import { type Line, ordered, type Placed, type Span, spanOf, withOpen, zoomed } from './order.ts';
import type { ProgressTimes } from './progress.ts';

const ROW_PX = 26;

export interface WaterfallProps {
  readonly known: Known;
  readonly progress: ProgressTimes;
}

export function Waterfall({ known, progress }: WaterfallProps): VNode {
  const { client, place, keys } = usePage();
  const { session, operations, more, findings } = known;
  const inFlight = useInFlight(client, known);
  const { op, t0, t1, only } = place.now.value.query;
  const nowMs = useNow(1000);
  const startUs = session.startedAtUs;
  const endUs = session.endedAtUs ?? (session.status === 'live' ? nowMs * 1000 : lastOf(known));
  const all = spanOf(startUs, Math.max(endUs, lastOf(known)));
  const span = useMemo(() => zoomIn(t0, t1, startUs) ?? all, [t0, t1, startUs, all.toUs]);
  const rows = useMemo(
    () =>
      only === 'failed'
        ? ordered(operations).filter(({ operation }) => isFailure(operation.outcome))
        : withOpen(ordered(operations), inFlight),
    [operations, only, inFlight],
  );
  const found = useMemo(() => new Set(findings.flatMap(({ operationId }) => operationId ?? [])), [findings]);
  const at = rows.findIndex((line) => String(idOf(line)) === op);
  const zoom = (to: Span | undefined): void =>
    place.set(
      to === undefined
        ? { t0: undefined, t1: undefined }
        : { t0: Math.round(to.fromUs - startUs), t1: Math.round(to.toUs - startUs) },
      true,
    );
  const move = (by: number): void => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next === undefined) return;
    place.set({ op: idOf(next), frame: 'open' in next ? next.open.seq : undefined }, true);
    requestAnimationFrame(() => document.getElementById(`op-${idOf(next)}`)?.focus({ preventScroll: true }));
  };
  useKeys(keys, [
    { key: 'j', does: 'the next operation', run: () => move(1) },
    { key: 'k', does: 'the operation before', run: () => move(-1) },
    { key: '+', does: 'a closer look at the time', run: () => zoom(zoomed(span, 0.5, all)) },
    { key: '-', does: 'a wider look at the time', run: () => zoom(zoomed(span, 2, all)) },
    { key: '0', does: 'the whole time', run: () => zoom(undefined) },
    {
      key: 'f',
      does: 'failed operations only',
      run: () => place.set({ only: only === 'failed' ? undefined : 'failed' }),
    },
  ]);
  if (operations.length === 0 && inFlight.length === 0)
    return (
      <Empty title={session.status === 'live' ? 'No operation is over yet' : 'No operation was recorded'}>
        <p>Operations appear here when they end. What was said stands under Messages.</p>
      </Empty>
    );
  const failed = operations.filter(({ outcome }) => isFailure(outcome)).length;
  return (
    <div class="waterfall">
      <div class="view-tools">
        <span>
          {plural(operations.length, 'operation')}
          {more && ' (more than can be shown)'}
          {inFlight.length > 0 && <b class="live-text">, {count(inFlight.length)} in flight</b>}
        </span>
        <label>
          <input
            type="checkbox"
            checked={only === 'failed'}
            onChange={(event) => place.set({ only: event.currentTarget.checked ? 'failed' : undefined })}
          />
          only the {count(failed)} failed
        </label>
        <span class="spring" />
        <span class="zoom">
          <button type="button" aria-label="Wider" onClick={() => zoom(zoomed(span, 2, all))}>
            −
          </button>
          <button type="button" aria-label="Closer" onClick={() => zoom(zoomed(span, 0.5, all))}>
            +
          </button>
          <button type="button" disabled={t0 === undefined} onClick={() => zoom(undefined)}>
            All {duration(all.toUs - all.fromUs)}
          </button>
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty title="None of the operations failed" />
      ) : (
        <Rows
          role="table"
          label="Operations over time"
          columns={3}
          count={rows.length}
          height={ROW_PX}
          at={at === -1 ? undefined : at}
          head={<Axis span={span} zeroUs={startUs} zoom={zoom} />}
          row={(index) => {
            const line = rows[index];
            if (line === undefined) return null;
            const isAt = index === at;
            if ('open' in line)
              return (
                <OpenRow {...{ open: line.open, index, span, isAt }} nowUs={Math.max(endUs, lastOf(known))} />
              );
            const isFound = found.has(line.operation.operationId);
            return <OperationRow {...{ placed: line, index, span, progress, isAt, isFound }} />;
          }}
        />
      )}
    </div>
  );
}

function idOf(line: Line): number {
  return 'open' in line ? line.open.operationId : line.operation.operationId;
}

function lastOf({ session, operations }: Known): number {
  return operations.reduce(
    (latest, { endedAtUs }) => Math.max(latest, endedAtUs),
    session.endedAtUs ?? session.startedAtUs,
  );
}

function zoomIn(t0: string | undefined, t1: string | undefined, startUs: number): Span | undefined {
  const from = Number(t0);
  const to = Number(t1);
  return t0 !== undefined && t1 !== undefined && to > from
    ? { fromUs: startUs + from, toUs: startUs + to }
    : undefined;
}

interface OperationRowProps {
  readonly placed: Placed;
  readonly index: number;
  readonly span: Span;
  readonly progress: ProgressTimes;
  readonly isAt: boolean;
  readonly isFound: boolean;
}

function OperationRow({ placed, index, span, progress, isAt, isFound }: OperationRowProps): VNode {
  const { place } = usePage();
  const { operation, depth } = placed;
  const { operationId, method, target, initiator, startedAtUs, endedAtUs, outcome } = operation;
  const took = duration(endedAtUs - startedAtUs);
  const name = target?.name ?? method;
  return (
    <div class={`op-row ${isAt ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
      <span role="cell" class="op-name" style={{ paddingLeft: `${8 + depth * 14}px` }}>
        <span class={`dot fill-${toneOf(outcome)}`} aria-hidden="true" />
        <Link
          href={place.with({ op: operationId, frame: undefined })}
          id={`op-${operationId}`}
          class="primary"
        >
          {initiator === 'server_to_client' && <span class="from-server">↩ </span>}
          <Text max={120}>{name}</Text>
          {target !== undefined && (
            <span class="faint">
              {' '}
              <Text max={60}>{method}</Text>
            </span>
          )}
        </Link>
        {isFound && (
          <span class="badge warn" title="Something was found here">
            !
          </span>
        )}
      </span>
      <span role="cell" class={`op-took ${isFailure(outcome) ? 'bad-text' : ''}`}>
        {outcome === 'ok' ? took : outcome.replaceAll('_', ' ')}
      </span>
      <span role="cell" class="op-time">
        <Bar operation={operation} span={span} progress={progress} label={took} />
      </span>
    </div>
  );
}
