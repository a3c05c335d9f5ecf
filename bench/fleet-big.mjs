/**
 * A fleet's store of a hundred million frames, made inside the engine out of what was really shipped: each recorded session again
 * and again, under new ids and times, over the days before now. So a row is what the shipper makes of one, in whatever schema.
 */
const DAY_MS = 86_400_000;
export const TABLES = ['session', 'operation', 'finding', 'frame'];
const MERGED_MS = 10 * 60_000;

/** Which copy of which session is which: `old` of the seed becomes `id`, which began `shift` microseconds later. */
const COPIES = (seed, { fromMs, copies, day }) => `
  SELECT session_id AS old,
    lower(hex(sipHash128(old, ${day}, copy))) AS random,
    ${fromMs} + cityHash64(random) % ${DAY_MS} AS ms,
    leftPad(lower(hex(ms)), 16, '0') AS stamp,
    concat(substring(stamp, 5, 8), '-', substring(stamp, 13), '-7', substring(random, 1, 3), '-8',
      substring(random, 4, 3), '-', substring(random, 7, 12)) AS id,
    toInt64(ms * 1000) - began AS shift, concat('host-', toString(cityHash64(random) % 10000)) AS on_host
  FROM (SELECT session_id, toUnixTimestamp64Micro(started_at) AS began FROM ${seed}.session FINAL) AS sessions
  CROSS JOIN (SELECT number AS copy FROM numbers(${copies})) AS counted`;

/** Columns that are of this copy, where the table has them. Numbers in `row` are those of the local store. */
const CHANGED = {
  session_id: () => 'id',
  host: () => 'on_host',
  started_at: (column) => moved(column),
  ended_at: (column) => moved(column),
  at: (column) => moved(column),
  stored_at: (column, { time }) => `addMicroseconds(${time}, shift + 3000000)`,
  trace_id: () => 'lower(hex(sipHash128(id, operation_id)))',
  row: (column, { name }) =>
    `replaceAll(${name === 'operation' ? `replaceOne(row, trace_id, lower(hex(sipHash128(id, operation_id))))` : 'row'}, old, id)`,
};
const TIME = { session: 'started_at', operation: 'started_at', finding: 'at', frame: 'at' };

function moved(column) {
  return `addMicroseconds(${column}, shift)`;
}

/** Of the ids, by the table itself. */
function isReckoned(column, table) {
  return column === 'number' && table !== 'finding';
}

/** Makes days `fromDay` to `toDay` (0 is the oldest) of `days`, the last of which ends now. Gives the seconds it took. */
export async function grow({ engine, seed, database, days, fromDay, toDay, copies, endMs, told }) {
  const from = performance.now();
  for (let day = fromDay; day < toDay; day += 1) {
    const fromMs = endMs - (days - day) * DAY_MS;
    for (const name of TABLES) {
      const rows = await engine.query(
        'SELECT name FROM system.columns WHERE database = {database:String} AND table = {name:String} ' +
          "AND default_kind NOT IN ('MATERIALIZED', 'ALIAS', 'EPHEMERAL') ORDER BY position",
        { database: seed, name },
      );
      const columns = rows.map((row) => row.name).filter((column) => !isReckoned(column, name));
      const values = columns.map((column) => {
        const changed = CHANGED[column]?.(column, { name, time: TIME[name] });
        return changed === undefined ? column : `${changed} AS new_${column}`;
      });
      await engine.command(
        `INSERT INTO ${database}.${name} (${columns.join(', ')}) SELECT ${values.join(', ')} ` +
          `FROM (SELECT * FROM ${seed}.${name} FINAL) AS rows INNER JOIN (${COPIES(seed, { fromMs, copies, day })}) AS made ON rows.session_id = made.old`,
      );
    }
    told(`day ${day + 1} of ${days}`);
  }
  return (performance.now() - from) / 1000;
}

/** Rows, bytes on disk and parts of each table of a database, after the merges that were due. */
export async function sizes(engine, database) {
  await engine.merged(MERGED_MS);
  const rows = await engine.query(
    'SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts, sum(marks) AS marks, ' +
      'sum(data_uncompressed_bytes) AS uncompressed FROM system.parts ' +
      'WHERE database = {database:String} AND active GROUP BY table',
    { database },
  );
  const [payload] = await engine.query(
    'SELECT sum(column_data_compressed_bytes) AS bytes, sum(column_data_uncompressed_bytes) AS uncompressed ' +
      "FROM system.parts_columns WHERE database = {database:String} AND active AND table = 'frame' AND column = 'payload'",
    { database },
  );
  const [telling] = await engine.query(`SELECT countIf(payload != '') AS rows FROM ${database}.frame`);
  const number = (row) =>
    Object.fromEntries(
      Object.entries(row ?? {}).map(([name, value]) => [name, name === 'table' ? value : Number(value)]),
    );
  const tables = Object.fromEntries(rows.map((row) => [row.table, number(row)]));
  return { ...tables, payload: { ...number(payload), rows: Number(telling.rows) } };
}
