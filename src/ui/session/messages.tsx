/** Every message of a session in its order, a window of rows at a time; or those that a text and a kind leave. */
import type { VNode } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { useKeys } from '../keys.ts';
import { DIRECTION } from '../message/message.tsx';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { Rows } from '../parts/rows.tsx';
import { Empty, wordsOf } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { count, exact, offset, plural, size } from '../words.ts';
import type { Session } from './data.ts';
import type { Frame, Frames } from './frames.ts';
import { useScan } from './scan.ts';

const ROW_PX = 24;
const FIND_MS = 300;
const COLUMNS = ['No.', 'Time', 'From', 'Kind', 'Method', 'Size', 'Begins with'] as const;

const KINDS: Readonly<Record<string, (frame: Frame) => boolean>> = {
  requests: ({ kind }) => kind === 'request' || kind === 'result' || kind === 'error' || kind === 'batch',
  errors: ({ kind }) => kind === 'error' || kind === 'malformed' || kind === 'unterminated' || kind === 'gap',
  notifications: ({ kind }) => kind === 'notification',
  other: ({ kind }) => ['stderr', 'lifecycle', 'http', 'body', 'blank'].includes(kind),
};

export interface MessagesProps {
  readonly session: Session;
  readonly frames: Frames;
}

export function Messages({ session, frames }: MessagesProps): VNode {
  const { client, place, keys } = usePage();
  const { frame: atText, find = '', kind = '' } = place.now.value.query;
  const [sought, seek] = useState(find);
  useEffect(() => {
    const timer = setTimeout(() => place.set({ find: sought }, true), FIND_MS);
    return () => clearTimeout(timer);
  }, [sought]);
  const wanted = find.toLowerCase();
  const isKind = KINDS[kind];
  const scanned = useScan(
    client,
    session,
    wanted === '' && isKind === undefined ? undefined : `${kind} ${wanted}`,
    (frame) => (isKind?.(frame) ?? true) && textOf(frame).includes(wanted),
  );
  const total = scanned === undefined ? frames.count : scanned.found.length;
  const frameAt = (index: number): Frame | 'missing' | undefined =>
    scanned === undefined ? frames.of(index) : scanned.found[index];
  const seq = atText === undefined ? undefined : Number(atText);
  const at =
    seq === undefined ? -1 : scanned === undefined ? seq : scanned.found.findIndex((one) => one.seq === seq);
  const onRange = useCallback(
    (first: number, last: number) => {
      if (scanned === undefined) frames.want(first, Math.min(last, frames.count - 1));
    },
    [frames, scanned === undefined],
  );
  const move = (by: number): void => {
    const index = Math.max(0, Math.min(total - 1, at + by));
    const next = scanned === undefined ? index : scanned.found[index]?.seq;
    if (next !== undefined && total > 0) place.set({ frame: next, op: undefined }, true);
  };
  useKeys(keys, [
    { key: 'j', does: 'the next message', run: () => move(1) },
    { key: 'k', does: 'the message before', run: () => move(-1) },
    { key: 'G', does: 'the last message', run: () => move(total) },
  ]);
  const error = scanned === undefined ? frames.error : scanned.error;
  return (
    <div class="messages">
      <div class="view-tools">
        <input
          type="search"
          aria-label="Find in messages"
          placeholder="Method, or how a message begins"
          spellcheck={false}
          value={sought}
          onInput={(event) => seek(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        />
        <select
          aria-label="Kind"
          value={kind}
          onChange={(event) => place.set({ kind: event.currentTarget.value }, true)}
        >
          <option value="">all kinds</option>
          <option value="requests">requests and answers</option>
          <option value="errors">errors</option>
          <option value="notifications">notifications</option>
          <option value="other">stderr, HTTP, process</option>
        </select>
        <span class="faint" role="status">
          {scanned === undefined
            ? plural(total, 'message')
            : scanned.isDone
              ? `${count(total)} of ${plural(session.frames, 'message')}${scanned.isFull ? ', and more' : ''}`
              : `${count(total)} in the first ${count(scanned.looked)} …`}
        </span>
      </div>
      {error !== undefined && (
        <p class="notice" role="alert">
          {wordsOf(error)}{' '}
          <button type="button" class="plain" onClick={() => frames.again()}>
            Try again
          </button>
        </p>
      )}
      {total === 0 ? (
        <Empty
          title={
            scanned === undefined
              ? 'No message was recorded'
              : scanned.isDone
                ? 'No message is meant'
                : 'Looking …'
          }
        />
      ) : (
        <Rows
          key={scanned === undefined ? 'all' : 'some'}
          role="table"
          label="Messages"
          columns={COLUMNS.length}
          count={total}
          height={ROW_PX}
          at={at === -1 ? undefined : at}
          onRange={onRange}
          head={
            <div class="frame-row head" role="row">
              {COLUMNS.map((name) => (
                <span key={name} role="columnheader">
                  {name === 'From' ? <span class="sr-only">{name}</span> : name}
                </span>
              ))}
            </div>
          }
          row={(index) => (
            <FrameRow session={session} frame={frameAt(index)} index={index} isAt={index === at} />
          )}
        />
      )}
    </div>
  );
}

function textOf({ method = '', text = '', kind }: Frame): string {
  return `${kind} ${method} ${text}`.toLowerCase();
}

interface FrameRowProps {
  readonly session: Session;
  readonly frame: Frame | 'missing' | undefined;
  readonly index: number;
  readonly isAt: boolean;
}

function FrameRow({ session, frame, index, isAt }: FrameRowProps): VNode {
  const { place } = usePage();
  if (frame === undefined || frame === 'missing')
    return (
      <div class="frame-row" role="row" aria-rowindex={index + 1}>
        <span role="cell" class="faint">
          {index}
        </span>
        <span role="cell" class="faint">
          {frame === undefined ? '…' : 'not in the recording'}
        </span>
      </div>
    );
  const { seq, atUs, channel, kind, method, sizeBytes, text = '' } = frame;
  const { sign, words } = DIRECTION[channel];
  const isBad = kind === 'error' || kind === 'malformed' || kind === 'gap' || kind === 'unterminated';
  return (
    <div class={`frame-row ${isAt ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
      <span role="cell" class="mono">
        <Link
          class="primary"
          href={place.with({ frame: seq, op: undefined })}
          label={`Message ${seq}, ${words}, ${kind}`}
        >
          {seq}
        </Link>
      </span>
      <span role="cell" class="mono" title={exact(atUs)}>
        {offset(atUs - session.startedAtUs)}
      </span>
      <span role="cell" class={`from ${channel}`} title={words}>
        {sign}
      </span>
      <span role="cell">
        <span class={`tag ${isBad ? 'bad-text' : ''}`}>{kind}</span>
      </span>
      <span role="cell">
        <Text max={100}>{method ?? ''}</Text>
      </span>
      <span role="cell" class="mono">
        {size(sizeBytes)}
      </span>
      <span role="cell" class="mono faint">
        <Text max={200}>{text}</Text>
      </span>
    </div>
  );
}
