/** The exchanges of a session over HTTP: method, path, status and how long each took; the envelopes open beside the list. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { useKeys } from '../keys.ts';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { Rows } from '../parts/rows.tsx';
import { Empty, wordsOf } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { count, duration, offset, size } from '../words.ts';
import type { Session } from './data.ts';
import type { Frame } from './frames.ts';
import { useScan } from './scan.ts';

const ROW_PX = 26;
const COLUMNS = ['No.', 'Time', 'Request', 'Status', 'Messages', 'Size', 'Took'] as const;

interface Exchange {
  readonly number: number;
  readonly firstSeq: number;
  readonly atUs: number;
  readonly lastUs: number;
  readonly request: string;
  readonly status: number | undefined;
  readonly responseSeq: number | undefined;
  readonly methods: readonly string[];
  readonly messages: number;
  readonly bytes: number;
}

/** Of one exchange, in its row. */
const MAX_METHODS = 3;

export function Http({ session }: { readonly session: Session }): VNode {
  const { client, place, keys } = usePage();
  const scanned = useScan(
    client,
    session,
    session.transport === 'http' ? 'http' : undefined,
    ({ exchange }) => exchange !== undefined,
  );
  const exchanges = useMemo(() => exchangesOf(scanned?.found ?? []), [scanned?.found, scanned?.looked]);
  const { frame } = place.now.value.query;
  const seq = Number(frame ?? NaN);
  const at = exchanges.findIndex(({ firstSeq, responseSeq }) => seq === firstSeq || seq === responseSeq);
  const move = (by: number): void => {
    const next = exchanges[Math.max(0, Math.min(exchanges.length - 1, at + by))];
    if (next !== undefined) place.set({ frame: next.firstSeq, op: undefined }, true);
  };
  useKeys(keys, [
    { key: 'j', does: 'the next exchange', run: () => move(1) },
    { key: 'k', does: 'the exchange before', run: () => move(-1) },
  ]);
  if (session.transport !== 'http')
    return (
      <Empty title="This session did not go over HTTP">
        <p>On stdio there are no envelopes: each line is a message.</p>
      </Empty>
    );
  return (
    <div class="http">
      {scanned?.error !== undefined && <p class="notice">{wordsOf(scanned.error)}</p>}
      {scanned?.isDone === false && (
        <p class="view-tools faint" role="status">
          looked through {count(scanned.looked)} of {count(session.frames)} …
        </p>
      )}
      {exchanges.length === 0 && scanned?.isDone === true && <Empty title="No exchange was recorded" />}
      {exchanges.length > 0 && (
        <Rows
          role="table"
          label="HTTP exchanges"
          columns={COLUMNS.length}
          count={exchanges.length}
          height={ROW_PX}
          at={at === -1 ? undefined : at}
          head={
            <div class="http-row head" role="row">
              {COLUMNS.map((name) => (
                <span key={name} role="columnheader">
                  {name}
                </span>
              ))}
            </div>
          }
          row={(index) => {
            const exchange = exchanges[index];
            return exchange === undefined ? null : (
              <Row session={session} exchange={exchange} index={index} isAt={index === at} />
            );
          }}
        />
      )}
    </div>
  );
}

interface RowProps {
  readonly session: Session;
  readonly exchange: Exchange;
  readonly index: number;
  readonly isAt: boolean;
}

function Row({ session, exchange, index, isAt }: RowProps): VNode {
  const { place } = usePage();
  const { number, firstSeq, atUs, lastUs, request, status, responseSeq, methods, messages, bytes } = exchange;
  return (
    <div class={`http-row ${isAt ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
      <span role="cell" class="mono">
        {number}
      </span>
      <span role="cell" class="mono faint">
        {offset(atUs - session.startedAtUs)}
      </span>
      <span role="cell">
        <Link class="primary" href={place.with({ frame: firstSeq, op: undefined })}>
          <span class="sr-only">request </span>
          <Text max={120}>{request}</Text>
        </Link>{' '}
        <span class="faint">
          <Text max={120}>{methods.slice(0, MAX_METHODS).join(', ')}</Text>
        </span>
      </span>
      <span role="cell">
        {responseSeq === undefined ? (
          <span class="warn-text">none</span>
        ) : (
          <Link href={place.with({ frame: responseSeq, op: undefined })}>
            <span class="sr-only">response </span>
            <span class={status !== undefined && status >= 400 ? 'bad-text' : ''}>{status ?? '?'}</span>
          </Link>
        )}
      </span>
      <span role="cell">{messages}</span>
      <span role="cell" class="mono">
        {size(bytes)}
      </span>
      <span role="cell" class="mono">
        {duration(lastUs - atUs)}
      </span>
    </div>
  );
}

function exchangesOf(found: readonly Frame[]): readonly Exchange[] {
  const byNumber = new Map<number, Exchange>();
  for (const { exchange: number = 0, seq, atUs, kind, text = '', method, sizeBytes } of found) {
    const before = byNumber.get(number) ?? {
      number,
      firstSeq: seq,
      atUs,
      lastUs: atUs,
      request: '',
      status: undefined,
      responseSeq: undefined,
      methods: [],
      messages: 0,
      bytes: 0,
    };
    const isMessage = kind !== 'http' && kind !== 'body' && kind !== 'gap';
    byNumber.set(number, {
      ...before,
      lastUs: Math.max(before.lastUs, atUs),
      ...(kind === 'http' && headOf(text, seq)),
      methods:
        method !== undefined && !before.methods.includes(method) && before.methods.length < MAX_METHODS
          ? [...before.methods, method]
          : before.methods,
      messages: before.messages + (isMessage ? 1 : 0),
      bytes: before.bytes + (kind === 'http' ? 0 : sizeBytes),
    });
  }
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}

/** The beginning of a head is enough: what is looked for stands before the headers. */
function headOf(text: string, seq: number): Partial<Exchange> {
  const [, fact] = /^\{"fact":"(\w+)"/.exec(text) ?? [];
  if (fact === 'request') {
    const [, method = ''] = /"method":"([^"\\]*)"/.exec(text) ?? [];
    const [, target = ''] = /"target":"([^"\\]*)/.exec(text) ?? [];
    return { request: `${method} ${target}` };
  }
  const [, status] = /"status":(\d{3})/.exec(text) ?? [];
  return fact === 'response'
    ? { responseSeq: seq, ...(status !== undefined && { status: Number(status) }) }
    : {};
}
