/** Which schema the fleet's store has: a sidecar writes only to its own. */
import type { Remote } from '../config/remote.ts';
import { type Engine, FleetError } from './engine.ts';
import { FLEET_VERSION } from './schema.ts';

/** 0: it is not set up. */
export async function fleetVersion(engine: Engine, { database }: Remote): Promise<number> {
  const [tables] = await engine.query<{ count: string | number }>(
    "SELECT count() AS count FROM system.tables WHERE database = {database:String} AND name = 'schema_version'",
    { database },
  );
  if (Number(tables?.count ?? 0) === 0) return 0;
  const [row] = await engine.query<{ version: number }>(
    `SELECT max(version) AS version FROM ${database}.schema_version`,
  );
  return row?.version ?? 0;
}

/** Rejects with a FleetError `refused` that says what to do, where it is not ours. */
export async function checkVersion(engine: Engine, remote: Remote): Promise<void> {
  const found = await fleetVersion(engine, remote);
  if (found === FLEET_VERSION) return;
  if (found === 0) {
    throw new FleetError(
      'refused',
      `the database ${remote.database} is not set up; run \`sidelight store migrate\``,
    );
  }
  throw new FleetError(
    'refused',
    found > FLEET_VERSION
      ? `the fleet's store has schema ${found}, this Sidelight knows ${FLEET_VERSION}: install a newer Sidelight`
      : `the fleet's store has schema ${found}, this Sidelight needs ${FLEET_VERSION}: run \`sidelight store migrate\``,
  );
}
