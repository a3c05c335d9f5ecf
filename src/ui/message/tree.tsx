/** A JSON value to look through: opened by keys or a click, searched, of any size. Values are shown as JSON writes them. */
import type { TargetedKeyboardEvent, VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { usePage } from '../page.ts';
import { Rows } from '../parts/rows.tsx';
import { escaped } from '../parts/text.tsx';
import { count, size as sizeText } from '../words.ts';
import { findIn } from './find.ts';
import { above, idOf, type Path, pathText, rowsOf, type TreeRow } from './treeRows.ts';

const ROW_PX = 20;
const INDENT_PX = 14;
/** Longer than most rows are wide: it can be read whole. */
const LONG_CHARS = 50;
/** Deeper rows stand under one another. */
const MAX_INDENTED = 40;
/** Of one value in a row. */
const MAX_SHOWN_CHARS = 400;
const FIND_MS = 200;

export interface TreeProps {
  readonly value: unknown;
  readonly label: string;
  /** A text that is too long for a row, to be read whole. */
  readonly read?: (path: Path, text: string) => void;
}

export function Tree({ value, label, read }: TreeProps): VNode {
  const page = usePage();
  const [choices, choose] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [isAll, all] = useState(false);
  const [atId, goTo] = useState('');
  const [sought, seek] = useState('');
  const [wanted, want] = useState('');
  const [hit, setHit] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => want(sought), FIND_MS);
    return () => clearTimeout(timer);
  }, [sought]);
  const found = useMemo(() => findIn(value, wanted), [value, wanted]);
  const foundIds = useMemo(() => new Set(found.paths.map(idOf)), [found]);
  const { rows, isCut } = useMemo(() => rowsOf(value, choices, isAll), [value, choices, isAll]);
  const at = Math.max(
    0,
    rows.findIndex(({ id }) => id === atId),
  );
  const current = rows[at];
  const reveal = (index: number): void => {
    const path = found.paths[index];
    if (path === undefined) return;
    setHit(index);
    choose((before) => new Map([...before, ...above(value, path).map((id) => [id, true] as const)]));
    goTo(idOf(path));
  };
  useEffect(() => reveal(0), [found]);
  const next = (by: number): void => {
    const { length } = found.paths;
    if (length > 0) reveal((hit + by + length) % length);
  };
  const open = ({ id, size }: TreeRow, isOpen: boolean): void => {
    if (size !== undefined) choose((before) => new Map([...before, [id, isOpen]]));
  };
  const pressed = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    if (current === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowDown: () => goTo(rows[at + 1]?.id ?? current.id),
      ArrowUp: () => goTo(rows[at - 1]?.id ?? current.id),
      ArrowRight: () => (current.isOpen ? goTo(rows[at + 1]?.id ?? current.id) : open(current, true)),
      ArrowLeft: () => (current.isOpen ? open(current, false) : goTo(aboveOf(rows, at)?.id ?? current.id)),
      Home: () => goTo(rows[0]?.id ?? ''),
      End: () => goTo(rows.at(-1)?.id ?? ''),
      Enter: () => (current.size === undefined ? readWhole(current) : open(current, !current.isOpen)),
      c: () => page.copy('The path', pathText(current.path)),
      y: () => page.copy('The value', JSON.stringify(current.value, null, 2)),
    }[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  const toggleAll = (): void => {
    choose(new Map());
    all(!isAll);
  };
  const readWhole = (row: TreeRow): void => {
    if (typeof row.value === 'string') read?.(row.path, row.value);
  };
  return (
    <div class="tree">
      <div class="tree-tools">
        <input
          type="search"
          aria-label={`Search in ${label}`}
          placeholder="Search"
          spellcheck={false}
          value={sought}
          onInput={(event) => seek(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') next(event.shiftKey ? -1 : 1);
            if (event.key === 'Escape') event.currentTarget.blur();
          }}
        />
        {wanted !== '' && (
          <span role="status" class="faint">
            {found.paths.length === 0
              ? 'nothing'
              : `${hit + 1} of ${count(found.paths.length)}${found.isCut ? '+' : ''}`}
          </span>
        )}
        <span class="spring" />
        <button type="button" class="plain" onClick={toggleAll}>
          {isAll ? 'Close all' : 'Open all'}
        </button>
        {current !== undefined && (
          <>
            <button
              type="button"
              class="plain"
              title="c"
              onClick={() => page.copy('The path', pathText(current.path))}
            >
              Copy path
            </button>
            <button
              type="button"
              class="plain"
              title="y"
              onClick={() => page.copy('The value', JSON.stringify(current.value, null, 2))}
            >
              Copy value
            </button>
          </>
        )}
      </div>
      {isCut && <p class="notice">More is open than can be shown; close some of it.</p>}
      <Rows
        role="tree"
        label={label}
        count={rows.length}
        height={ROW_PX}
        at={at}
        active={`tree${current?.id ?? ''}`}
        onKeyDown={pressed}
        row={(index) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <div
              id={`tree${row.id}`}
              role="treeitem"
              aria-level={row.depth + 1}
              aria-selected={index === at}
              {...(row.size !== undefined && { 'aria-expanded': row.isOpen })}
              class={`tree-row ${index === at ? 'at' : ''} ${foundIds.has(row.id) ? 'hit' : ''}`}
              style={{ paddingLeft: `${6 + Math.min(row.depth, MAX_INDENTED) * INDENT_PX}px` }}
              onClick={() => {
                goTo(row.id);
                open(row, !row.isOpen);
              }}
            >
              <RowContent row={row} {...(read && { read: readWhole })} />
            </div>
          );
        }}
      />
    </div>
  );
}

function aboveOf(rows: readonly TreeRow[], at: number): TreeRow | undefined {
  const depth = rows[at]?.depth ?? 0;
  return rows.slice(0, at).findLast((row) => row.depth < depth);
}

function RowContent({ row, read }: { readonly row: TreeRow; readonly read?: (row: TreeRow) => void }): VNode {
  const { key, value, size, isOpen, part } = row;
  return (
    <>
      <span class="twist" aria-hidden="true">
        {size === undefined ? '' : isOpen ? '▾' : '▸'}
      </span>
      {part !== undefined && (
        <span class="faint">
          {part[0]} … {part[1] - 1}
        </span>
      )}
      {key !== undefined && (
        <>
          <span class={typeof key === 'number' ? 'index' : 'key'}>
            {typeof key === 'number' ? key : escaped(key, MAX_SHOWN_CHARS)}
          </span>
          <span class="faint">: </span>
        </>
      )}
      {size !== undefined && part === undefined && (
        <span class="faint">{Array.isArray(value) ? `[${count(size)}]` : `{${count(size)}}`}</span>
      )}
      {size === undefined && <Value value={value} />}
      {typeof value === 'string' && (value.length > LONG_CHARS || value.includes('\n')) && read && (
        <button
          type="button"
          class="whole"
          tabIndex={-1}
          onClick={(event) => {
            event.stopPropagation();
            read(row);
          }}
        >
          read {sizeText(value.length)}
        </button>
      )}
    </>
  );
}

function Value({ value }: { readonly value: unknown }): VNode {
  if (typeof value === 'object' && value !== null) return <span class="faint">deeper: see it as text</span>;
  if (typeof value !== 'string')
    return <span class={value === null ? 'null' : typeof value}>{String(value)}</span>;
  return <span class="string">"{escaped(value, MAX_SHOWN_CHARS)}"</span>;
}
