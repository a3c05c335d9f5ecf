/** Rows in columns under titles, as wide as what stands in them. It never prints a control character: cells are made `safe`. */
import { fit, pad, type Style, type Terminal, width } from './terminal.ts';

export interface Column<T> {
  readonly title: string;
  /** The side that is filled with blanks: numbers stand at the right. */
  readonly side?: 'left';
  readonly cell: (row: T) => string;
  readonly style?: (row: T) => Style | undefined;
  /** Whether it says anything about these rows. */
  readonly isWorth?: (rows: readonly T[]) => boolean;
  readonly maxColumns?: number;
}

/** A name that somebody made very long does not push the other columns out of sight. */
const MAX_CELL_COLUMNS = 28;

export async function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  terminal: Terminal,
): Promise<void> {
  const shown = columns
    .filter(({ isWorth }) => isWorth?.(rows) ?? true)
    .map((column) => {
      const cells = rows.map((row) => fit(column.cell(row), column.maxColumns ?? MAX_CELL_COLUMNS));
      const room = Math.max(width(column.title), ...cells.map(width));
      return { ...column, cells, room };
    });
  const line = (text: (column: (typeof shown)[number]) => string): Promise<void> =>
    terminal.line(shown.map(text).join('  ').trimEnd());
  await line(({ title, side, room }) => terminal.paint('bold', pad(title, room, side)));
  for (const [index, row] of rows.entries()) {
    await line(({ cells, side, room, style }) =>
      terminal.paint(style?.(row), pad(cells[index] ?? '', room, side)),
    );
  }
}
