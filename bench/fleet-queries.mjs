/**
 * What a big fleet's store is asked, by the product's own reader, each time about another day, server or session, and what the
 * engine reads for it: rows and granules, so that what grows with the table shows.
 */
import { parseRemote } from '../src/config/remote.ts';
import { parseFilter } from '../src/filter/parse.ts';
import { openFleet } from '../src/fleet/reading.ts';
import { quantile } from './fleet-engine.mjs';

const ORG = 'default';
const MINUTE_US = 60_000_000;
const DAY_US = 86_400_000_000;
const PAGE = 50;

/** Each gives how much was found. `example`: a session of the last day in which a tool failed. */
const QUESTIONS = {
  'failing sessions of a day, the first page': async ({ fleet, nowUs }) =>
    page(await fleet.sessions(query('is:failed since:1d', nowUs))),
  'sessions of a server, the first page': async ({ fleet, nowUs, example }) =>
    page(await fleet.sessions(query(`server:${example.server}`, nowUs))),
  'failed calls of a tool in a day, the first page': async ({ fleet, nowUs, example }) =>
    page(await fleet.operations(query(`tool:${example.tool} is:failed since:1d`, nowUs))),
  'an operation by its trace, of any day': async ({ fleet, nowUs, example }) =>
    page(await fleet.operations(query(`trace:${example.trace}`, nowUs))),
  'opening one session: its frames are brought here': async ({ fleet, example }) => {
    const session = await fleet.findSession(example.session);
    const reader = await fleet.open(session);
    return [...reader.frames(session.id)].length;
  },
  'a live poll': async ({ fleet, position }) => {
    const { sessions, operations } = await fleet.since(position);
    return sessions.length + operations.length;
  },
  'a text in the payloads of a day, the first page': async ({ fleet, nowUs }) =>
    page(await fleet.operations(query('"needle" since:1d', nowUs))),
};

/** Answers within the day before `endMs`, which is there whatever the size of the table. */
export async function asked({ engine, database, repeats, endMs }) {
  const examples = await engine.query(
    `SELECT session_id AS session, any(server) AS server, any(target) AS tool, any(trace_id) AS trace FROM ${database}.operation ` +
      `WHERE org = '${ORG}' AND outcome != 'ok' AND started_at BETWEEN toDateTime64({from:String}, 3, 'UTC') AND toDateTime64({to:String}, 3, 'UTC') ` +
      `GROUP BY session ORDER BY cityHash64(session) LIMIT ${repeats}`,
    { from: moment(endMs - DAY_US / 1000), to: moment(endMs) },
  );
  const results = [];
  for (const [name, ask] of Object.entries(QUESTIONS)) {
    // Nothing is remembered from one question to the next.
    const { remote } = parseRemote(engine.url(database, ORG));
    const opened = openFleet({ remote, password: undefined, settleMs: 0 });
    const fleet = opened.recordings(ORG);
    await fleet.position();
    const times = [];
    let found = 0;
    const before = await engine.counters();
    for (let turn = 0; turn < repeats; turn += 1) {
      const nowUs = endMs * 1000 - turn * MINUTE_US;
      const example = examples[turn % examples.length];
      const position = justBefore(endMs * 1000);
      const from = performance.now();
      found = Math.max(found, await ask({ fleet, nowUs, example, position }));
      times.push(performance.now() - from);
    }
    const after = await engine.counters();
    const each = (event) => (after(event) - before(event)) / repeats;
    results.push({
      ...{ name, found, p50Ms: quantile(times, 0.5), p95Ms: quantile(times, 0.95) },
      ...{ rowsRead: each('SelectedRows'), granules: each('SelectedMarks') },
    });
    await fleet.close();
    await opened.close();
  }
  return results;
}

function query(text, nowUs) {
  const parsed = parseFilter(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return { filter: parsed.filter, limit: PAGE, nowUs };
}

function page({ rows }) {
  return rows.length;
}

/** Where a page stands that has been told everything but the last five seconds; see src/fleet/news.ts. */
function justBefore(endUs) {
  const end = `${endUs - 5_000_000}.0`;
  return `${end}.${end}`;
}

function moment(ms) {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}
