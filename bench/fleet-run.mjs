/** What the fleet bench does, in a process of its own, bundled by fleet.mjs. Takes its options as JSON, prints JSON. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { grow, sizes, TABLES } from './fleet-big.mjs';
import { migrate, rssMb, startEngine } from './fleet-engine.mjs';
import { load } from './fleet-load.mjs';
import { asked } from './fleet-queries.mjs';
import { seed, shipAll, shipQuietly } from './fleet-ships.mjs';

const {
  root,
  package_,
  sidecars: fleets,
  rate,
  seconds,
  sessions,
  quiet: machines,
  frames,
  days,
  repeats,
} = JSON.parse(process.argv[2]);
/** Also asked when so much of the table is there: what grows with it shows. */
const EARLY = 0.1;
/** Of quiet machines, each with a few more calls. */
const ROUNDS = 3;

const engine = await startEngine(root, package_);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void engine.kill().then(() => process.exit(130)));
const told = (line) => console.error(`fleet: ${line}`);
try {
  console.log(JSON.stringify(await figures()));
} finally {
  await engine.kill();
}

async function figures() {
  const folder = engine.folder;
  const loads = [];
  for (const count of fleets) {
    told(`${count} sidecars`);
    loads.push(await load({ root, engine, folder, sidecars: count, rate, seconds }));
  }

  told('recordings to ship');
  const endMs = Date.now();
  const dataDirs = await seed(folder, sessions, endMs * 1000);
  const shipped = {};
  for (const [database, payloads] of [
    ['whole', 'all'],
    ['seed', 'telling'],
  ]) {
    told(`shipping, payloads of ${payloads}`);
    await migrate(root, engine.url(database), folder);
    shipped[payloads] = await shipAll({ engine, dataDirs, database, payloads });
    await engine.command(`OPTIMIZE TABLE ${database}.frame FINAL`);
    shipped[payloads].sizes = await sizes(engine, database);
  }
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true });

  told('shipping little and often');
  await migrate(root, engine.url('quiet'), folder);
  const quiet = await shipQuietly({ engine, folder, database: 'quiet', machines, rounds: ROUNDS });

  const big = await bigStore(endMs, shipped.telling.sizes.frame.rows);
  return { loads, shipped, quiet, big };
}

async function bigStore(endMs, seedFrames) {
  const copies = Math.ceil(frames / days / seedFrames);
  const early = Math.max(2, Math.round(days * EARLY));
  await migrate(root, engine.url('big'), join(engine.folder, 'none'));
  const make = (fromDay, toDay) =>
    grow({ engine, seed: 'seed', database: 'big', days, fromDay, toDay, copies, endMs, told });
  const look = async () => {
    const there = await sizes(engine, 'big');
    told(`questions to ${there.frame.rows} frames`);
    // What is slower with more in the table shall not be merges that are still due.
    const merges = (verb) =>
      Promise.all(TABLES.map((name) => engine.command(`SYSTEM ${verb} MERGES big.${name}`)));
    await merges('STOP');
    const rows = await asked({ engine, database: 'big', repeats, endMs });
    await merges('START');
    return { sizes: there, rows, engineRssMb: rssMb(engine.pid) };
  };
  // The last days first, so that what is asked of them is there both times.
  let seconds = await make(days - early, days);
  const first = await look();
  seconds += await make(0, days - early);
  const whole = await look();
  return { days, early, copies, seconds, first, whole };
}
