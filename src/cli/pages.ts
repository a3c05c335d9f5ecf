/** A list of the store as commands print it: page after page up to a limit, and where the next one begins. */
import { MAX_PAGE, type Page, type PageQuery } from '../store/page.ts';
import { cursorOf } from './filterOption.ts';
import { json, size, type Terminal } from './terminal.ts';

export interface ListOptions {
  readonly json?: boolean;
  readonly limit?: number;
  readonly after?: string;
}

/** In a table, all rows are in memory: as many as anybody reads. As JSON, only a page. */
const MAX_TABLE_ROWS = 10_000;

interface Shown<T> {
  readonly look: (query: PageQuery) => Promise<Page<T>>;
  readonly filter: PageQuery['filter'];
  readonly fallbackLimit: number;
  /** Prints what is not printed as JSON. */
  readonly print: (rows: readonly T[]) => Promise<void>;
}

export async function showPages<T>(
  { look, filter, fallbackLimit, print }: Shown<T>,
  options: ListOptions,
  terminal: Terminal,
): Promise<void> {
  const asked = options.limit ?? fallbackLimit;
  const limit = options.json === true ? asked : Math.min(asked, MAX_TABLE_ROWS);
  const nowUs = Date.now() * 1000;
  const rows: T[] = [];
  let left = limit;
  let after = cursorOf(options.after);
  let page: Page<T>;
  do {
    page = await look({
      filter,
      nowUs,
      limit: Math.min(left, MAX_PAGE),
      ...(after !== undefined && { after }),
    });
    left -= page.rows.length;
    after = page.next;
    if (options.json === true) for (const row of page.rows) await terminal.line(json(row));
    else rows.push(...page.rows);
  } while (left > 0 && after !== undefined && !page.stopped && !terminal.gone);
  if (options.json !== true) await print(rows);
  if (after === undefined) return;
  if (page.stopped)
    terminal.problem(
      `${size(page.scannedBytes)} of payloads were looked through, there are more; narrow the filter, or go on with --after ${after}`,
    );
  else if (options.json !== true)
    await terminal.line(terminal.paint('dim', `There are more: --after ${after} goes on here.`));
}
