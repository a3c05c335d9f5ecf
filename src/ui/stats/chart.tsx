/** Small charts over time: bars of calls with their failures, and lines of durations. A table beside them says the same in numbers. */
import type { VNode } from 'preact';
import { clock, count, duration } from '../words.ts';
import type { Part } from './series.ts';

const WIDTH = 600;
const HEIGHT = 96;

interface ChartProps {
  readonly parts: readonly Part[];
  readonly nowMs: number;
}

export function Calls({ parts, nowMs }: ChartProps): VNode {
  const most = Math.max(1, ...parts.map(({ calls }) => calls));
  const width = WIDTH / Math.max(1, parts.length);
  const total = parts.reduce((sum, { calls }) => sum + calls, 0);
  const failed = parts.reduce((sum, part) => sum + part.failed, 0);
  return (
    <Frame
      title="Calls"
      top={count(most)}
      parts={parts}
      nowMs={nowMs}
      label={`${count(total)} calls over time, ${count(failed)} failed`}
    >
      {parts.map((part, index) => {
        const height = (part.calls / most) * HEIGHT;
        const bad = (part.failed / most) * HEIGHT;
        return (
          <g key={index}>
            <title>{`${clock(part.fromUs, nowMs)}: ${count(part.calls)} calls, ${count(part.failed)} failed`}</title>
            <rect class="fill-quiet-area" x={index * width} y={0} width={width} height={HEIGHT} />
            <rect
              class="fill-good"
              x={index * width + 0.5}
              y={HEIGHT - height}
              width={Math.max(1, width - 1)}
              height={height - bad}
            />
            <rect
              class="fill-bad"
              x={index * width + 0.5}
              y={HEIGHT - bad}
              width={Math.max(1, width - 1)}
              height={bad}
            />
          </g>
        );
      })}
    </Frame>
  );
}

export function Durations({ parts, nowMs }: ChartProps): VNode {
  const most = Math.max(1, ...parts.map(({ p95Us }) => p95Us ?? 0));
  return (
    <Frame
      title="Duration, p95 and p50"
      top={duration(most)}
      parts={parts}
      nowMs={nowMs}
      label={`The 95th percentile of the duration over time, at most ${duration(most)}`}
    >
      <path class="line-p95" d={pathOf(parts, ({ p95Us }) => p95Us, most)} />
      <path class="line-p50" d={pathOf(parts, ({ p50Us }) => p50Us, most)} />
      {dots(parts, ({ p95Us }) => p95Us, most).map(([x, y], index) => (
        <rect key={index} class="dot-p95" x={x - 1.5} y={y - 1.5} width={3} height={3} />
      ))}
    </Frame>
  );
}

interface FrameProps extends ChartProps {
  readonly title: string;
  readonly top: string;
  readonly label: string;
  readonly children: VNode | readonly (VNode | readonly VNode[])[];
}

function Frame({ title, top, parts, nowMs, label, children }: FrameProps): VNode {
  return (
    <figure class="chart">
      <figcaption>
        {title} <span class="faint">max {top}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {children}
      </svg>
      <p class="chart-ends faint">
        <span>{clock(parts[0]?.fromUs ?? 0, nowMs)}</span>
        <span>{clock(parts.at(-1)?.toUs ?? 0, nowMs)}</span>
      </p>
    </figure>
  );
}

type Of = (part: Part) => number | undefined;

function dots(parts: readonly Part[], of: Of, most: number): readonly (readonly [number, number])[] {
  const width = WIDTH / Math.max(1, parts.length);
  return parts.flatMap((part, index) => {
    const value = of(part);
    return value === undefined
      ? []
      : [[(index + 0.5) * width, HEIGHT - (value / most) * (HEIGHT - 4) - 2] as const];
  });
}

/** Over parts without calls the line goes straight on. */
function pathOf(parts: readonly Part[], of: Of, most: number): string {
  return dots(parts, of, most)
    .map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join('');
}
