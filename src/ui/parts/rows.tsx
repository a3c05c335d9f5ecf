/**
 * Rows of one height, of which only those that can be seen are there: a hundred thousand cost as much as fifty. Above what a
 * browser can lay out, places are scaled. It holds no data of rows.
 */
import type { ComponentChildren, TargetedKeyboardEvent, VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Chromium stops at 33 million pixels, Firefox at 17. */
const MAX_HEIGHT_PX = 15_000_000;
/** Rendered beyond what is seen, so that a fast wheel shows no gap. */
const OVERSCAN = 8;

export interface RowsProps {
  readonly count: number;
  readonly height: number;
  readonly label: string;
  /** `table` has rows of cells, `tree` items, `list` items. */
  readonly role: 'table' | 'tree' | 'list';
  /** Brought into view whenever it changes. */
  readonly at?: number | undefined;
  readonly row: (index: number) => VNode | null;
  /** First and last row that can be seen. */
  readonly onRange?: (first: number, last: number) => void;
  readonly class?: string;
  /** Above the rows, and scrolled sideways with them. */
  readonly head?: ComponentChildren;
  readonly columns?: number;
  /** The id of the row that keys act on. */
  readonly active?: string;
  readonly onKeyDown?: (event: TargetedKeyboardEvent<HTMLDivElement>) => void;
}

interface Window {
  readonly top: number;
  readonly height: number;
}

const INNER_ROLE = { table: 'rowgroup', tree: 'presentation', list: 'presentation' } as const;

export function Rows(props: RowsProps): VNode {
  const { count, height, label, role, at, row, onRange, head, columns } = props;
  const box = useRef<HTMLDivElement>(null);
  const [seen, see] = useState<Window>({ top: 0, height: 0 });
  const full = count * height;
  const laid = Math.min(full, MAX_HEIGHT_PX);
  const scale = scaleOf(full, laid, seen.height);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = (): void => see({ top: element.scrollTop, height: element.clientHeight });
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || at === undefined || seen.height === 0) return;
    const factor = scaleOf(full, laid, element.clientHeight);
    const headHeight = element.querySelector<HTMLElement>('.rows-head')?.offsetHeight ?? 0;
    const seenHeight = element.clientHeight - headHeight;
    const first = element.scrollTop * factor;
    if (at * height < first) element.scrollTop = (at * height) / factor;
    else if ((at + 1) * height > first + seenHeight)
      element.scrollTop = ((at + 1) * height - seenHeight) / factor;
  }, [at, seen.height === 0]);

  const top = seen.top * scale;
  const first = Math.max(0, Math.min(count, Math.floor(top / height)) - OVERSCAN);
  const last = Math.min(count, Math.ceil((top + seen.height) / height) + OVERSCAN);
  useEffect(() => {
    if (last > first) onRange?.(first, last - 1);
  }, [first, last, onRange]);

  const rows: VNode[] = [];
  for (let index = first; index < last; index += 1) {
    const content = row(index);
    if (content !== null)
      rows.push(
        <div
          key={index}
          class="row-place"
          role={role === 'table' ? 'presentation' : 'none'}
          style={{ top: `${seen.top + index * height - top}px`, height: `${height}px` }}
        >
          {content}
        </div>,
      );
  }
  return (
    <div
      ref={box}
      class={`rows ${props.class ?? ''}`}
      role={role}
      aria-label={label}
      {...(role === 'table' && { 'aria-rowcount': count, ...(columns && { 'aria-colcount': columns }) })}
      {...(props.active !== undefined && { 'aria-activedescendant': props.active })}
      {...(props.onKeyDown && { onKeyDown: props.onKeyDown })}
      tabIndex={0}
    >
      {head !== undefined && (
        <div class="rows-head" role={INNER_ROLE[role]}>
          {head}
        </div>
      )}
      <div class="rows-body" role={INNER_ROLE[role]} style={{ height: `${laid}px` }}>
        {rows}
      </div>
    </div>
  );
}

/** Rows for a pixel of scrolling: 1 unless there are too many. */
function scaleOf(full: number, laid: number, seen: number): number {
  return laid === full || laid <= seen ? 1 : (full - seen) / (laid - seen);
}
