/** A long text as lines, of which only those that are seen are there. It is shown as text, whatever it is. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { Rows } from '../parts/rows.tsx';
import { Text } from '../parts/text.tsx';

const ROW_PX = 18;
/** A longer line goes on in the next row. */
const LINE_CHARS = 240;

export function Lines({ text, label }: { readonly text: string; readonly label: string }): VNode {
  const lines = useMemo(() => linesOf(text), [text]);
  return (
    <Rows
      role="list"
      label={label}
      class="lines"
      count={lines.length}
      height={ROW_PX}
      row={(index) => {
        const line = lines[index];
        return line === undefined ? null : (
          <div role="listitem" class="line">
            <span class="line-number" aria-hidden="true">
              {line.number}
            </span>
            <Text lines>{text.slice(line.from, line.to)}</Text>
          </div>
        );
      }}
    />
  );
}

interface Line {
  readonly from: number;
  readonly to: number;
  /** Empty for what goes on. */
  readonly number: string;
}

function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  let from = 0;
  for (let number = 1; from <= text.length; number += 1) {
    const found = text.indexOf('\n', from);
    const end = found === -1 ? text.length : found;
    let at = from;
    do {
      const to = Math.min(end, at + LINE_CHARS);
      lines.push({ from: at, to, number: at === from ? String(number) : '' });
      at = to;
    } while (at < end);
    from = end + 1;
  }
  return lines;
}
