/** The head of a waterfall: round times, and a part of them chosen by dragging. It knows no operation. */
import type { TargetedPointerEvent, VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { duration } from '../words.ts';
import { bounded, percent, type Span, ticks } from './order.ts';

const MAX_TICKS = 6;
/** In percent: the word of a tick at the very end has no room. */
const LAST_TICK = 93;
/** A shorter drag is a click. */
const MIN_DRAG = 0.005;

interface AxisProps {
  readonly span: Span;
  readonly zeroUs: number;
  readonly zoom: (to: Span | undefined) => void;
}

export function Axis({ span, zeroUs, zoom }: AxisProps): VNode {
  const track = useRef<HTMLSpanElement>(null);
  const [drag, setDrag] = useState<{ readonly from: number; readonly to: number } | undefined>(undefined);
  const shareOf = (event: TargetedPointerEvent<HTMLSpanElement>): number => {
    const box = track.current?.getBoundingClientRect();
    return box === undefined ? 0 : Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const shownTicks = ticks(span, zeroUs, MAX_TICKS).filter((at) => percent(zeroUs + at, span) < LAST_TICK);
  const end = (): void => {
    setDrag(undefined);
    if (drag === undefined || Math.abs(drag.to - drag.from) < MIN_DRAG) return;
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    const width = span.toUs - span.fromUs;
    zoom({ fromUs: span.fromUs + from * width, toUs: span.fromUs + to * width });
  };
  return (
    <div class="op-row head" role="row">
      <span role="columnheader" class="op-name">
        Operation
      </span>
      <span role="columnheader" class="op-took">
        Took
      </span>
      <span
        ref={track}
        role="columnheader"
        aria-label="Time since the start; drag to look closer"
        class="op-time axis"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const share = shareOf(event);
          setDrag({ from: share, to: share });
        }}
        onPointerMove={(event) => drag && setDrag({ ...drag, to: shareOf(event) })}
        onPointerUp={end}
        onDblClick={() => zoom(undefined)}
      >
        {shownTicks.map((at) => (
          <span key={at} class="tick" style={{ left: `${bounded(percent(zeroUs + at, span))}%` }}>
            {at === 0 ? '0' : duration(at)}
          </span>
        ))}
        {drag && (
          <span
            class="drag"
            style={{
              left: `${Math.min(drag.from, drag.to) * 100}%`,
              width: `${Math.abs(drag.to - drag.from) * 100}%`,
            }}
          />
        )}
      </span>
    </div>
  );
}
