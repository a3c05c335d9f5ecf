/** The bar of one operation: its legs, what lies between them, a stream, the moments of its progress. */
import type { VNode } from 'preact';
import { toneOf } from '../parts/marks.tsx';
import type { Operation } from './data.ts';
import { bounded, percent, type Span } from './order.ts';
import type { ProgressTimes } from './progress.ts';

export interface BarProps {
  readonly operation: Operation;
  readonly span: Span;
  readonly progress: ProgressTimes;
  readonly label: string;
}

/** Where words go left of a bar instead of right of it. */
const LATE = 82;

export function Bar({ operation, span, progress, label }: BarProps): VNode | null {
  const { startedAtUs, endedAtUs, outcome, stream, legs } = operation;
  const from = percent(startedAtUs, span);
  const to = percent(endedAtUs, span);
  if (to < 0 || from > 100) return <Outside side={to < 0 ? 'left' : 'right'} />;
  const tone = toneOf(outcome);
  const moments = operation.progressCount > 0 ? (progress.of(operation).value ?? []) : [];
  return (
    <>
      {legs.length > 1 ? (
        <>
          <Piece class="bar wait" fromUs={startedAtUs} toUs={endedAtUs} span={span} title="waits for input" />
          {legs.map((leg, index) => (
            <Piece
              key={index}
              class={`bar fill-${leg.outcome === 'input_required' ? 'good' : toneOf(leg.outcome)}`}
              fromUs={leg.startedAtUs}
              toUs={leg.endedAtUs}
              span={span}
              title={`leg ${index + 1}: ${leg.outcome.replaceAll('_', ' ')}`}
            />
          ))}
        </>
      ) : (
        <Piece
          class={`bar fill-${tone} ${stream ? 'stream' : ''}`}
          fromUs={startedAtUs}
          toUs={endedAtUs}
          span={span}
          title={stream ? 'a stream' : ''}
        />
      )}
      {moments.map((us, index) => (
        <span key={index} class="moment" style={{ left: `${percent(us, span)}%` }} />
      ))}
      {to > LATE ? (
        <span class="bar-label before" style={{ right: `${100 - bounded(from)}%` }}>
          {label}
        </span>
      ) : (
        <span class="bar-label" style={{ left: `${bounded(to)}%` }}>
          {label}
        </span>
      )}
    </>
  );
}

interface PieceProps {
  readonly class: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly span: Span;
  readonly title: string;
}

function Piece({ fromUs, toUs, span, title, class: name }: PieceProps): VNode {
  const left = bounded(percent(fromUs, span));
  const width = bounded(percent(toUs, span)) - left;
  return <span class={name} title={title} style={{ left: `${left}%`, width: `${width}%` }} />;
}

function Outside({ side }: { readonly side: 'left' | 'right' }): VNode {
  return (
    <span class={`outside ${side}`} title="outside of the time that is shown">
      {side === 'left' ? '◂' : '▸'}
    </span>
  );
}
