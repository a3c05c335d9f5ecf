/** Who said what to whom, as arrows between client and server in the order of time. One row for a message; only what is seen is drawn. */
import type { VNode } from 'preact';
import { useCallback, useMemo } from 'preact/hooks';
import { useKeys } from '../keys.ts';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { Rows } from '../parts/rows.tsx';
import { Empty } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { duration, offset } from '../words.ts';
import type { Known, Session } from './data.ts';
import type { Frame, Frames } from './frames.ts';
import { logLine } from './logLine.ts';

const ROW_PX = 30;
/** A longer silence is written between the arrows. */
const SILENCE_US = 500_000;

export function Sequence({ known, frames }: { readonly known: Known; readonly frames: Frames }): VNode {
  const { session, operations } = known;
  const names = useMemo(
    () => new Map(operations.map(({ operationId, target }) => [operationId, target?.name])),
    [operations],
  );
  const { place, keys } = usePage();
  const { frame } = place.now.value.query;
  const total = frames.count;
  const at = frame === undefined ? -1 : Number(frame);
  const onRange = useCallback(
    (first: number, last: number) => frames.want(Math.max(0, first - 1), Math.min(last, frames.count - 1)),
    [frames],
  );
  const move = (by: number): void => {
    if (total > 0) place.set({ frame: Math.max(0, Math.min(total - 1, at + by)), op: undefined }, true);
  };
  useKeys(keys, [
    { key: 'j', does: 'the next message', run: () => move(1) },
    { key: 'k', does: 'the message before', run: () => move(-1) },
  ]);
  if (total === 0) return <Empty title="No message was recorded" />;
  return (
    <div class="sequence">
      <Rows
        role="table"
        label="Sequence of messages"
        columns={4}
        count={total}
        height={ROW_PX}
        at={at === -1 ? undefined : at}
        onRange={onRange}
        head={
          <div class="seq-row head" role="row">
            <span role="columnheader">Time</span>
            <span role="columnheader" class="lane-head">
              <Text max={60}>{session.clientInfo.name ?? 'client'}</Text>
            </span>
            <span role="columnheader" class="lane-head">
              <span class="sr-only">What was said</span>
            </span>
            <span role="columnheader" class="lane-head">
              <Text max={60}>{session.server}</Text>
            </span>
          </div>
        }
        row={(index) => (
          <Arrow
            session={session}
            names={names}
            frame={frames.of(index)}
            before={frames.of(index - 1)}
            index={index}
            isAt={index === at}
          />
        )}
      />
    </div>
  );
}

interface ArrowProps {
  readonly session: Session;
  /** Of tools, prompts and resources, by operation. */
  readonly names: ReadonlyMap<number, string | undefined>;
  readonly frame: Frame | 'missing' | undefined;
  readonly before: Frame | 'missing' | undefined;
  readonly index: number;
  readonly isAt: boolean;
}

const WORDS: Readonly<Partial<Record<Frame['kind'], string>>> = {
  stderr: 'stderr',
  http: 'HTTP',
  gap: 'copies were lost here',
  malformed: 'no message',
};

function Arrow({ session, names, frame, before, index, isAt }: ArrowProps): VNode {
  const { place } = usePage();
  if (frame === undefined || frame === 'missing')
    return (
      <div class="seq-row" role="row" aria-rowindex={index + 1}>
        <span role="cell" class="faint mono">
          {frame === undefined ? '…' : 'missing'}
        </span>
      </div>
    );
  const { seq, atUs, channel, kind, method, operationId } = frame;
  const silence = typeof before === 'object' ? atUs - before.atUs : 0;
  const isNote = kind === 'stderr' || kind === 'lifecycle' || kind === 'gap';
  const name = operationId === undefined || kind === 'notification' ? undefined : names.get(operationId);
  const words =
    `${name === undefined ? '' : `${name}  `}${method ?? ''} ${WORDS[kind] ?? (kind === 'request' || kind === 'notification' ? '' : kind)}`.trim();
  return (
    <div class={`seq-row ${isAt ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
      <span role="cell" class="mono faint">
        {offset(atUs - session.startedAtUs)}
        {silence > SILENCE_US && <span class="silence">{duration(silence)} later</span>}
      </span>
      <span role="cell" class="lane">
        <span class="sr-only">{channel === 'client_to_server' ? 'says' : ''}</span>
      </span>
      <span role="cell" class={`arrow ${isNote ? 'note' : channel} ${kind}`}>
        <Link class="primary" href={place.with({ frame: seq, op: undefined })}>
          <span class="sr-only">{channel.replaceAll('_', ' ')}: </span>
          <Text max={100}>{isNote ? logLine(frame).text : words}</Text>
          {operationId !== undefined && <span class="faint"> #{operationId}</span>}
        </Link>
      </span>
      <span role="cell" class="lane">
        <span class="sr-only">{channel === 'client_to_server' ? '' : 'says'}</span>
      </span>
    </div>
  );
}
