/** What the server said beside its answers: stderr, log notifications and the fate of its process, in one line of time. */
import type { VNode } from 'preact';
import { useKeys } from '../keys.ts';
import { usePage } from '../page.ts';
import { Link } from '../parts/link.tsx';
import { Rows } from '../parts/rows.tsx';
import { Empty, wordsOf } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { count, exact, offset } from '../words.ts';
import type { Session } from './data.ts';
import { isLogged, logLine } from './logLine.ts';
import { useScan } from './scan.ts';

const ROW_PX = 22;

export function Log({ session }: { readonly session: Session }): VNode {
  const { client, place, keys } = usePage();
  const scanned = useScan(client, session, 'log', isLogged);
  const { frame } = place.now.value.query;
  const found = scanned?.found ?? [];
  const at = found.findIndex(({ seq }) => String(seq) === frame);
  const move = (by: number): void => {
    const next = found[Math.max(0, Math.min(found.length - 1, at + by))];
    if (next !== undefined) place.set({ frame: next.seq, op: undefined }, true);
  };
  useKeys(keys, [
    { key: 'j', does: 'the next line', run: () => move(1) },
    { key: 'k', does: 'the line before', run: () => move(-1) },
  ]);
  return (
    <div class="log">
      {scanned?.error !== undefined && <p class="notice">{wordsOf(scanned.error)}</p>}
      {scanned?.isDone === false && (
        <p class="view-tools faint" role="status">
          looked through {count(scanned.looked)} of {count(session.frames)} …
        </p>
      )}
      {found.length === 0 ? (
        scanned?.isDone !== false && (
          <Empty title="The server wrote no log">
            <p>Neither stderr nor a log notification was recorded.</p>
          </Empty>
        )
      ) : (
        <Rows
          role="table"
          label="Log of the server"
          columns={3}
          count={found.length}
          height={ROW_PX}
          at={at === -1 ? undefined : at}
          row={(index) => {
            const one = found[index];
            if (one === undefined) return null;
            const { level, text } = logLine(one);
            return (
              <div class={`log-row ${index === at ? 'at' : ''}`} role="row" aria-rowindex={index + 1}>
                <span role="cell" class="mono faint" title={exact(one.atUs)}>
                  <Link class="primary" href={place.with({ frame: one.seq, op: undefined })}>
                    <span class="sr-only">message {one.seq} at </span>
                    {offset(one.atUs - session.startedAtUs)}
                  </Link>
                </span>
                <span role="cell">
                  <span class={`tag ${isLoud(level) ? 'bad-text' : ''}`}>{level}</span>
                </span>
                <span role="cell" class="mono">
                  <Text max={200}>{text}</Text>
                </span>
              </div>
            );
          }}
        />
      )}
    </div>
  );
}

function isLoud(level: string): boolean {
  return ['error', 'critical', 'alert', 'emergency', 'gap'].includes(level);
}
