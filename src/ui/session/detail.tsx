/** What was chosen, beside the view: an operation with its messages, or one message. Closed with Escape. */
import type { VNode } from 'preact';
import { useAsked } from '../loading.ts';
import { DIRECTION, Message } from '../message/message.tsx';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { OutcomeMark } from '../parts/marks.tsx';
import { Async } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { duration, exact, offset, plural, size } from '../words.ts';
import type { Known, Operation } from './data.ts';

/** Of one operation; Messages has all. */
const MAX_MESSAGES = 100;

export function Detail({
  known,
  op,
  seq,
}: {
  readonly known: Known;
  readonly op: string | undefined;
  readonly seq: string | undefined;
}): VNode {
  const { place } = usePage();
  const { operations } = known;
  const operation =
    op === undefined ? undefined : operations.find(({ operationId }) => String(operationId) === op);
  const close = (): void => place.set({ op: undefined, frame: undefined, as: undefined });
  return (
    <aside class="detail" aria-label="What was chosen">
      <button type="button" class="plain close" aria-label="Close" title="Close (Escape)" onClick={close}>
        ✕
      </button>
      {op !== undefined && operation === undefined && (
        <p class="notice">
          Operation {op} is not {seq === undefined ? 'here (yet)' : 'over: this is its request'}.
        </p>
      )}
      {operation !== undefined && <OperationDetail known={known} operation={operation} seq={seq} />}
      {operation === undefined && seq !== undefined && <Message known={known} seq={Number(seq)} />}
    </aside>
  );
}

interface OperationDetailProps {
  readonly known: Known;
  readonly operation: Operation;
  readonly seq: string | undefined;
}

function OperationDetail({ known, operation, seq }: OperationDetailProps): VNode {
  const { session } = known;
  const { client, place } = usePage();
  const { operationId, method, target, outcome, error, startedAtUs, endedAtUs, firstSeq, lastSeq, http } =
    operation;
  const { state, again } = useAsked(`${session.id} ${operationId} ${lastSeq}`, () =>
    client.frames(session.id, {
      from: firstSeq,
      to: lastSeq,
      operation: operationId,
      limit: MAX_MESSAGES,
      payload: 'none',
    }),
  );
  return (
    <>
      <header class="operation-head">
        <h2>
          <Text max={200}>{target?.name ?? method}</Text> <OutcomeMark outcome={outcome} />
        </h2>
        <p class="faint">
          <Text max={120}>{method}</Text>, operation {operationId}, {duration(endedAtUs - startedAtUs)},{' '}
          <span title={exact(startedAtUs)}>{offset(startedAtUs - session.startedAtUs)}</span>,{' '}
          {size(operation.requestBytes)} asked, {size(operation.resultBytes)} answered
          {operation.progressCount > 0 && `, ${plural(operation.progressCount, 'progress notification')}`}
          {http?.status !== undefined && `, HTTP ${http.status}`}
          {operation.parentOperationId !== undefined && (
            <>
              , under{' '}
              <Link href={place.with({ op: operation.parentOperationId, frame: undefined })}>
                operation {operation.parentOperationId}
              </Link>
            </>
          )}
        </p>
        {error !== undefined && (
          <p class="bad-text">
            {error.code} <Text max={1000}>{error.message ?? error.type}</Text>
          </p>
        )}
        {operation.legs.length > 1 && (
          <ol class="legs">
            {operation.legs.map((leg, index) => (
              <li key={index}>
                {offset(leg.startedAtUs - session.startedAtUs)}, {duration(leg.endedAtUs - leg.startedAtUs)}:{' '}
                {leg.outcome.replaceAll('_', ' ')}
                {leg.asked !== undefined && (
                  <>
                    {', asked for '}
                    <Text max={200}>{leg.asked.join(', ')}</Text>
                  </>
                )}
              </li>
            ))}
          </ol>
        )}
        <p class="faint mono">
          trace {operation.traceId} span {operation.spanId}
        </p>
      </header>
      <Async state={state} what="Reading its messages" again={again}>
        {({ items, next }) => {
          const chosen =
            seq === undefined
              ? (items.findLast(({ kind }) => kind === 'result' || kind === 'error')?.seq ?? firstSeq)
              : Number(seq);
          return (
            <>
              <nav class="chips" aria-label="Messages of the operation">
                {items.map((one) => (
                  <Link
                    key={one.seq}
                    href={place.with({ frame: one.seq })}
                    current={one.seq === chosen}
                    title={`message ${one.seq}, ${DIRECTION[one.channel].words}`}
                  >
                    {DIRECTION[one.channel].sign}{' '}
                    {one.kind === 'notification' ? <Text max={60}>{one.method ?? ''}</Text> : one.kind}
                  </Link>
                ))}
                {next !== undefined && <span class="faint">and more</span>}
              </nav>
              <Message known={known} seq={chosen} />
            </>
          );
        }}
      </Async>
    </>
  );
}
