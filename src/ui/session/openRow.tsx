/** A row of the waterfall for an operation that is not over: a bar from its request to now, and what was asked. */
import type { VNode } from 'preact';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { Text } from '../parts/text.tsx';
import { duration } from '../words.ts';
import type { InFlight } from './inFlight.ts';
import { bounded, percent, type Span } from './order.ts';

export interface OpenRowProps {
  readonly open: InFlight;
  readonly index: number;
  readonly span: Span;
  /** Of a session that was interrupted, its end. */
  readonly nowUs: number;
  readonly isAt: boolean;
}

export function OpenRow({ open, index, span, nowUs, isAt }: OpenRowProps): VNode {
  const { place } = usePage();
  const { operationId, method, fromServer, startedAtUs, seq } = open;
  const left = bounded(percent(startedAtUs, span));
  const width = bounded(percent(nowUs, span)) - left;
  return (
    <div class={`op-row in-flight ${isAt ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
      <span role="cell" class="op-name" style={{ paddingLeft: '8px' }}>
        <span class="dot fill-live" aria-hidden="true" />
        <Link href={place.with({ op: operationId, frame: seq })} id={`op-${operationId}`} class="primary">
          {fromServer && <span class="from-server">↩ </span>}
          <Text max={120}>{method}</Text>
        </Link>
      </span>
      <span role="cell" class="op-took live-text">
        in flight
      </span>
      <span role="cell" class="op-time">
        <span class="bar fill-live open" style={{ left: `${left}%`, width: `${width}%` }} />
        <span class="bar-label before" style={{ right: `${100 - left}%` }}>
          {duration(Math.max(0, nowUs - startedAtUs))}
        </span>
      </span>
    </div>
  );
}
