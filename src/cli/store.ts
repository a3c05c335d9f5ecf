/** `sidelight store`: sets up the fleet's database, brings the recordings of this machine to it, and looks whether they are there. */
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/error.ts';
import { type Remote, remoteName } from '../config/remote.ts';
import { type Engine, FleetError, openEngine } from '../fleet/engine.ts';
import type { Keeping } from '../fleet/keeping.ts';
import { FLEET_VERSION, fleetStatements, retentionStatements } from '../fleet/schema.ts';
import { ship, untilThere } from '../fleet/shipper.ts';
import { missingThere } from '../fleet/verify.ts';
import { checkVersion, fleetVersion } from '../fleet/version.ts';
import { StoreError } from '../store/error.ts';
import { openForReading, openForWriting, openTemporary } from '../store/open.ts';
import { Outbox } from '../store/outbox.ts';
import type { LostReason, Totals } from '../store/shipment.ts';
import { Spool, spoolRules } from '../store/spool.ts';
import { shortId } from './describe.ts';
import { json, localTime, size, type Terminal } from './terminal.ts';

export interface FleetContext {
  readonly config: Pick<Config, 'dataDir' | 'fleet'>;
  readonly terminal: Terminal;
  /** The user has had enough. */
  readonly signal: AbortSignal;
}

export interface JsonOption {
  readonly json?: true;
}

export interface MigrateOptions {
  readonly keepDays?: string;
  readonly payloadDays?: string;
  readonly coldAfterDays?: string;
  readonly coldVolume?: string;
  readonly storagePolicy?: string;
  readonly print?: true;
}

type Local = Awaited<ReturnType<typeof openForWriting>>;

const MISSING_SHOWN = 20;
const MOST_DAYS = 36_500;

/** Each resolves to the exit code: 0, or 1 where a store says no or something is missing. Throws ConfigError for wrong options. */
export async function migrateFleet(options: MigrateOptions, context: FleetContext): Promise<number> {
  const { terminal } = context;
  const remote = remoteOf(context);
  const keeping = keepingOf(options);
  if (options.print === true) {
    // Each may be run again: those from the schema before as well.
    for (const statement of fleetStatements(remote, keeping, FLEET_VERSION - 1))
      await terminal.line(`${statement};`);
    return 0;
  }
  return asking(context, async (engine) => {
    const found = await fleetVersion(engine, remote);
    if (found > FLEET_VERSION) await checkVersion(engine, remote);
    for (const statement of fleetStatements(remote, keeping, found)) await engine.command(statement);
    if (found > 0)
      for (const statement of retentionStatements(remote, keeping)) await engine.command(statement);
    await terminal.line(`${remoteName(remote)} is set up: schema ${FLEET_VERSION}.`);
    return 0;
  });
}

export async function fleetStatus(options: JsonOption, context: FleetContext): Promise<number> {
  const { terminal, config } = context;
  const remote = remoteOf(context);
  const state = async (db: Local): Promise<number> => {
    const outbox = new Outbox(db, remoteName(remote));
    const reach = outbox.reach();
    const backlog = await new Spool(db, remoteName(remote)).backlog(config.fleet, Date.now() * 1000);
    const totals = outbox.totals();
    const answer = await stateOf(context, remote);
    if (options.json === true) {
      const { sessions, frames, bytes, oldestUs, deadLetters, gaps } = backlog;
      const waiting = { sessionsWaiting: sessions, framesWaiting: frames, bytesWaiting: bytes };
      await terminal.line(
        json({
          ...{ remote: remoteName(remote), ...answer, ...reach, ...waiting, gapsWaiting: gaps },
          ...{ oldestWaitingUs: oldestUs, deadLetters, totals },
        }),
      );
      return answer.error === undefined ? 0 : 1;
    }
    const { sessions, frames, bytes, oldestUs, deadLetters } = backlog;
    const since = oldestUs === undefined ? '' : `, the oldest since ${localTime(oldestUs)}`;
    const said = answer.error ?? `answers, schema ${answer.schema ?? 'unknown'}`;
    await terminal.line(`${remoteName(remote)}: ${said}.`);
    if (reach.lastNumber === 0) await terminal.line('Nothing is recorded on this machine yet.');
    else {
      await terminal.line(`${reach.done} of ${reach.lastNumber} sessions are there, whole.`);
      await terminal.line(`Sessions that wait: ${sessions}, with ${frames} frames (${size(bytes)})${since}.`);
    }
    for (const line of lostLines(totals)) await terminal.line(line);
    if (deadLetters > 0)
      await terminal.line(`${deadLetters} rows were not taken: table dead_letter of the recording.`);
    return answer.error === undefined ? 0 : 1;
  };
  // Who reads a fleet need not record anything.
  return withRecordings(context, state, openTemporary);
}

export async function shipToFleet(options: JsonOption, context: FleetContext): Promise<number> {
  const { terminal, config, signal } = context;
  const remote = remoteOf(context);
  return withRecordings(context, (db) =>
    asking(context, async (engine) => {
      let wasAway = false;
      const told = (away: string | undefined): void => {
        if (away !== undefined && !wasAway) terminal.problem(`${away}; trying again until it answers`);
        wasAway = away !== undefined;
      };
      await untilThere(() => checkVersion(engine, remote), { signal, told });
      const outbox = new Outbox(db, remoteName(remote));
      const spool = new Spool(db, remoteName(remote));
      const nowUs = (): number => Date.now() * 1000;
      await spool.bound(spoolRules(config.fleet), nowUs());
      const { maxRate } = config.fleet;
      const shipped = await ship({
        ...{ outbox, engine, org: remote.org, rules: config.fleet, maxRate, signal, told, nowUs },
      });
      await spool.bound(spoolRules(config.fleet), nowUs());
      const { rows, sessions, batches, buried } = shipped;
      const said = [
        `${rows} rows of ${sessions} sessions in ${batches} batches`,
        ...(buried > 0 ? [`${buried} were not taken, see \`sidelight store status\``] : []),
        ...(signal.aborted ? ['interrupted, the rest goes the next time'] : []),
      ];
      await terminal.line(
        options.json === true ? json({ ...shipped, interrupted: signal.aborted }) : `${said.join('; ')}.`,
      );
      return buried > 0 || signal.aborted ? 1 : 0;
    }),
  );
}

export async function verifyFleet(options: JsonOption, context: FleetContext): Promise<number> {
  const { terminal } = context;
  const remote = remoteOf(context);
  return withRecordings(context, (db) =>
    asking(context, async (engine) => {
      let [missing, verified] = [0, 0];
      for await (const one of missingThere(new Outbox(db, remoteName(remote)), engine, remote)) {
        if ('verified' in one) {
          verified = one.verified;
          continue;
        }
        missing += 1;
        const { session, what, there, expected } = one;
        if (options.json === true) await terminal.line(json(one));
        else if (missing <= MISSING_SHOWN)
          await terminal.line(`${shortId(session)}  ${what}: ${there} of ${expected} are there`);
      }
      const said =
        missing === 0
          ? `Everything of ${verified} sessions is there.`
          : `${missing} counts of ${verified} sessions are not as here.`;
      await terminal.line(options.json === true ? json({ verified, missing }) : said);
      return missing === 0 ? 0 : 1;
    }),
  );
}

const WHY: Readonly<Record<Exclude<LostReason, 'rejected'>, string>> = {
  spool_size: 'above ship.maxSpoolSize',
  spool_age: 'above ship.maxSpoolAge',
  deleted: 'deleted before',
};

function lostLines(totals: Totals): readonly string[] {
  return (['spool_size', 'spool_age', 'deleted'] as const).flatMap((reason) => {
    const { frames = 0, operations = 0, findings = 0, payloads = 0 } = totals[reason] ?? {};
    const rows = frames + operations + findings;
    return rows + payloads === 0
      ? []
      : [`${rows} rows and ${payloads} payloads will never be there: ${WHY[reason]}.`];
  });
}

/** With the engine open; what it refuses is one line. */
async function asking(context: FleetContext, use: (engine: Engine) => Promise<number>): Promise<number> {
  let engine: Engine | undefined;
  try {
    engine = await connect(context);
    return await use(engine);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const isAway = error.kind === 'away';
    context.terminal.problem(isAway ? `the fleet's store does not answer: ${error.message}` : error.message);
    return 1;
  } finally {
    await engine?.close();
  }
}

/** With the recordings of this machine, which are not made where there are none: `orElse` is used instead. */
async function withRecordings(
  { config, terminal }: FleetContext,
  use: (db: Local) => Promise<number>,
  orElse?: () => Promise<Local>,
): Promise<number> {
  let db: Local | undefined;
  try {
    db = await recordingsOf(config.dataDir).catch((error: unknown) => {
      if (orElse === undefined || !(error instanceof StoreError) || error.code !== 'store_missing')
        throw error;
      return orElse();
    });
    return await use(db);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    terminal.problem(error.message);
    return 1;
  } finally {
    db?.close();
  }
}

async function recordingsOf(dataDir: string): Promise<Local> {
  (await openForReading(dataDir)).close();
  return openForWriting(dataDir);
}

async function stateOf(
  context: FleetContext,
  remote: Remote,
): Promise<{ readonly schema?: number; readonly error?: string }> {
  let engine: Engine | undefined;
  try {
    engine = await connect(context);
    return { schema: await fleetVersion(engine, remote) };
  } catch (error) {
    if (error instanceof FleetError) return { error: error.message };
    throw error;
  } finally {
    await engine?.close();
  }
}

function connect(context: FleetContext): Promise<Engine> {
  return openEngine({ remote: remoteOf(context), password: context.config.fleet.password });
}

function remoteOf({ config }: FleetContext): Remote {
  const { store } = config.fleet;
  if (store !== undefined) return store;
  throw new ConfigError(
    '--store clickhouse://user@host:8443/sidelight?org=NAME is needed, or SIDELIGHT_STORE',
  );
}

/** What stands in statements as it is. */
const NAME = /^[A-Za-z_]\w{0,63}$/;

function keepingOf(options: MigrateOptions): Keeping {
  const { coldVolume: volume, storagePolicy: policy } = options;
  const days = daysOf('--keep-days', options.keepDays);
  const payloadDays = daysOf('--payload-days', options.payloadDays);
  const afterDays = daysOf('--cold-after-days', options.coldAfterDays);
  for (const [flag, name] of [
    ['--cold-volume', volume],
    ['--storage-policy', policy],
  ] as const) {
    if (name !== undefined && !NAME.test(name))
      throw new ConfigError(`${flag} "${name}": a name of letters, digits and _ is expected`);
  }
  for (const [flag, one] of [
    ['--payload-days', payloadDays],
    ['--cold-after-days', afterDays],
  ] as const) {
    if (one !== undefined && days !== undefined && one >= days)
      throw new ConfigError(`${flag} ${one}: fewer than --keep-days ${days} are expected`);
  }
  if (afterDays === undefined && volume === undefined && policy === undefined)
    return { days, payloadDays, cold: undefined };
  if (afterDays === undefined || volume === undefined || policy === undefined)
    throw new ConfigError(
      '--cold-after-days, --cold-volume and --storage-policy belong together: give all three',
    );
  return { days, payloadDays, cold: { afterDays, volume, policy } };
}

function daysOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= MOST_DAYS) return days;
  throw new ConfigError(`${flag} "${text}": a whole number from 1 to ${MOST_DAYS} is expected`);
}
