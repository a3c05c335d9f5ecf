/** Whether the fleet's store holds what was shipped to it: counted and summed on both sides, a page of sessions at a time. */
import type { Outbox } from '../store/outbox.ts';
import type { Engine } from './engine.ts';
import type { Remote } from '../config/remote.ts';

export interface Missing {
  readonly session: string;
  /** What, and how many of how many are there. */
  readonly what: 'session' | 'frames' | 'operations' | 'findings';
  readonly there: number;
  readonly expected: number;
}

interface Counted {
  readonly session_id: string;
  readonly count: string | number;
}

const PAGE = 200;
const TABLE_OF = { frames: 'frame', operations: 'operation', findings: 'finding' } as const;

/** Of the sessions that were shipped, and are still here, those of which something is not there. */
export async function* missingThere(
  outbox: Outbox,
  engine: Engine,
  remote: Remote,
): AsyncGenerator<Missing | { readonly verified: number }> {
  let verified = 0;
  let page: { id: string; number: number }[] = [];
  const sessions = outbox.shipped();
  for (let next = sessions.next(); next.done !== true || page.length > 0; next = sessions.next()) {
    if (next.done !== true) page.push(next.value);
    if (next.done !== true && page.length < PAGE) continue;
    yield* missingOf(
      page.map((row) => row.id),
      outbox,
      engine,
      remote,
    );
    verified += page.length;
    page = [];
    if (next.done === true) break;
  }
  yield { verified };
}

async function* missingOf(
  ids: readonly string[],
  outbox: Outbox,
  engine: Engine,
  { database, org }: Remote,
): AsyncGenerator<Missing> {
  const counted = async (table: string): Promise<ReadonlyMap<string, number>> => {
    const rows = await engine.query<Counted>(
      `SELECT session_id, count() AS count FROM ${database}.${table} FINAL ` +
        'WHERE org = {org:String} AND session_id IN {ids:Array(String)} GROUP BY session_id',
      { org, ids },
    );
    return new Map(rows.map(({ session_id: id, count }) => [id, Number(count)]));
  };
  const sessions = await counted('session');
  const there = {
    frames: await counted(TABLE_OF.frames),
    operations: await counted(TABLE_OF.operations),
    findings: await counted(TABLE_OF.findings),
  };
  const given = await givenUp(ids, engine, { database, org });
  for (const id of ids) {
    if (!sessions.has(id)) yield { session: id, what: 'session', there: 0, expected: 1 };
    const here = outbox.counts(id);
    for (const what of ['frames', 'operations', 'findings'] as const) {
      const count = there[what].get(id) ?? 0;
      const expected = here[what] - Number(given.get(id)?.[what] ?? 0);
      if (count < expected) yield { session: id, what, there: count, expected };
    }
  }
}

type GivenUp = Readonly<Record<keyof typeof TABLE_OF, string | number>>;

/** What gap markers say is missing: nothing of it is expected. */
async function givenUp(
  ids: readonly string[],
  engine: Engine,
  { database, org }: Pick<Remote, 'database' | 'org'>,
): Promise<ReadonlyMap<string, GivenUp>> {
  const rows = await engine.query<GivenUp & { readonly session_id: string }>(
    'SELECT session_id, sum(frames) AS frames, sum(operations) AS operations, sum(findings) AS findings ' +
      `FROM ${database}.gap FINAL WHERE org = {org:String} AND session_id IN {ids:Array(String)} GROUP BY session_id`,
    { org, ids },
  );
  return new Map(rows.map((row) => [row.session_id, row]));
}
