/** The figures of the fleet bench as tables: what was measured, and apart from it what was reckoned from that. */
import { bytesPerMessage, constantsOf, costPerMillion, estimate } from './fleet-model.mjs';

const FLEETS = [100, 1000, 10_000];
/** Messages a second of each sidecar, and the share of frames that come with their payload. */
const USES = [
  { use: 'driven by a model', messagesPerSecond: 1 },
  { use: 'busy', messagesPerSecond: 50 },
];
/** Of fewer, files count more than what is in them. */
const ENOUGH_ROWS = 1000;
const DAYS = 30;
const REPLICAS = 2;
const TABLES = ['session', 'operation', 'finding', 'frame'];

/** What was measured. */
export function fleetReport(figures) {
  return sections({
    'Sidecars, their engine and their clients on one machine': loadTable(figures.loads),
    'What the engine takes': shipTable(figures),
    'What is on disk': diskTable(figures),
    [`What is asked of ${count(figures.big.whole.sizes.frame.rows)} frames`]: queryTable(figures),
  });
}

/** What is reckoned from it. */
export function sizingReport(figures, prices) {
  const constants = constantsOf(figures);
  return sections({ 'By sidecars': estimateTable(constants), 'By messages': costTable(constants, prices) });
}

function sections(texts) {
  return Object.entries(texts)
    .map(([title, text]) => `### ${title}\n\n${text}`)
    .join('\n\n');
}

function loadTable(loads) {
  return table(
    [
      ...[
        'sidecars that ship',
        'messages/s of them',
        'rows/s',
        'inserts/s',
        'lag p50',
        'lag p95',
        'frames missing',
      ],
      ...['RSS of one', 'without shipping', 'CPU of one per 1,000 messages', 'without shipping', 'engine'],
    ],
    loads.map((load) => [
      ...[count(load.sidecars), count(load.shippedMessagesPerSecond), count(load.rowsPerSecond)],
      ...[
        load.insertsPerSecond.toFixed(1),
        seconds(load.lagP50Ms),
        seconds(load.lagP95Ms),
        count(load.missing),
      ],
      ...[`${load.rssMb.toFixed(1)} MB`, `${load.rssRatio.toFixed(2)} ×`, `${count(load.cpuMsPer1000)} ms`],
      ...[`${load.cpuRatio.toFixed(2)} ×`, `${(load.engineCpuShare * 100).toFixed(0)} % of a core`],
    ]),
  );
}

function shipTable({ shipped, quiet }) {
  const rows = [
    ['what waited, with all payloads', shipped.all],
    ['what waited, with payloads of telling sessions', shipped.telling],
    [`${count(quiet.machines)} quiet machines in turn, three calls each`, quiet],
  ];
  return table(
    [
      '',
      'rows',
      'rows/s',
      'MB/s',
      'inserts/s',
      'rows per insert',
      'engine, µs per row',
      'shipper, µs per row',
      'engine, ms per insert',
    ],
    rows.map(
      ([name, { rows: all, seconds: took, bytes, inserts, engineCpuSeconds: cpu, clientCpuSeconds }]) => [
        ...[name, count(all), count(all / took), (bytes / 1e6 / took).toFixed(1), count(inserts / took)],
        ...[
          count(all / inserts),
          ((cpu / all) * 1e6).toFixed(1),
          ((clientCpuSeconds / all) * 1e6).toFixed(1),
        ],
        ((cpu / inserts) * 1000).toFixed(1),
      ],
    ),
  );
}

function diskTable({ shipped, big: { whole } }) {
  const of = (name, sizes) => {
    const { rows, bytes, uncompressed } = sizes[name];
    if (rows < ENOUGH_ROWS) return [count(rows), '-', '-', '-'];
    const own = name === 'frame' ? bytes - sizes.payload.bytes : bytes;
    const plain = name === 'frame' ? uncompressed - sizes.payload.uncompressed : uncompressed;
    return [
      count(rows),
      `${(own / rows).toFixed(1)} B`,
      `${(plain / own).toFixed(1)} ×`,
      count((rows / own) * 1e6),
    ];
  };
  const payload = ({ rows, bytes, uncompressed }) => [
    ...[count(rows), `${(bytes / rows).toFixed(1)} B`],
    ...[`${(uncompressed / bytes).toFixed(1)} ×`, count((rows / bytes) * 1e6)],
  ];
  const names = {
    frame: 'a frame without its payload',
    operation: 'an operation',
    session: 'a session',
    finding: 'a finding',
  };
  const parts = TABLES.map((name) => `${name} ${count(whole.sizes[name].parts)}`);
  return `${table(
    [
      '',
      'as shipped: rows',
      'each',
      'compressed',
      'rows per MB',
      'in the big store: rows',
      'each',
      'compressed',
      'rows per MB',
    ],
    [
      ...Object.entries(names).map(([name, text]) => [
        text,
        ...of(name, shipped.all.sizes),
        ...of(name, whole.sizes),
      ]),
      ['a payload', ...payload(shipped.all.sizes.payload), ...payload(whole.sizes.payload)],
    ],
  )}\n\nParts of the big store after the merges that were due: ${parts.join(', ')}.`;
}

function queryTable({ big: { first, whole, seconds: took, days, early } }) {
  const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const head = (size) => `of ${count(size.frame.rows)} frames`;
  return `${table(
    [
      '',
      'found',
      `${head(first.sizes)}: p50`,
      'p95',
      'rows read',
      'granules',
      `${head(whole.sizes)}: p50`,
      'p95',
      'rows read',
      'granules',
    ],
    whole.rows.map((row, index) => {
      const before = first.rows[index];
      return [
        ...[row.name, count(row.found)],
        ...[before, row].flatMap(({ p50Ms, p95Ms, rowsRead, granules }) => [
          ...[ms(p50Ms), ms(p95Ms), count(rowsRead), count(granules)],
        ]),
      ];
    }),
  )}\n\nFirst the last ${early} days were there, then all ${days}: ${count(whole.sizes.session.rows)} sessions, ${count(whole.sizes.operation.rows)} operations and ${count(whole.sizes.finding.rows)} findings as well, ${size(TABLES.reduce((sum, name) => sum + whole.sizes[name].bytes, 0))} on disk, made in ${count(took)} s; the engine had ${count(whole.engineRssMb)} MB of memory after the last question.`;
}

function estimateTable(constants) {
  const { payloads } = constants;
  const rows = USES.flatMap(({ use, messagesPerSecond }) =>
    FLEETS.map((sidecars) => {
      const fleet = { sidecars, messagesPerSecond, payloads, days: DAYS, replicas: REPLICAS };
      const often = estimate({ ...fleet, everySeconds: 5 }, constants);
      const seldom = estimate({ ...fleet, everySeconds: 60 }, constants);
      return [
        ...[`${count(sidecars)}, ${use} (${messagesPerSecond} a second each)`, count(often.rowsPerSecond)],
        ...[count(often.insertsPerSecond), count(seldom.insertsPerSecond)],
        ...[
          often.partsPerSecond.map(count).join(' to '),
          size(often.bytesPerDay),
          size(often.diskBytes),
          often.cores.toFixed(1),
          often.coresOfParts.toFixed(1),
        ],
      ];
    }),
  );
  return `${table(
    [
      'sidecars, messages',
      'rows/s',
      'inserts/s, `ship.every` 5 s',
      'the same, 60 s',
      'parts/s of a node with `async_insert`',
      'on disk a day',
      `${DAYS} days, ${REPLICAS} replicas`,
      'cores for ingest, of each replica',
      'the same, were each insert a part of its own',
    ],
    rows,
  )}\n\nWith ${bytesPerMessage(constants, payloads).toFixed(0)} B of a message and its part of operations and sessions (payloads of ${(payloads * 100).toFixed(1)} % of the frames), ${constants.engineUsPerRow.toFixed(1)} µs of the engine for a row, cores half busy.`;
}

function costTable(constants, { gbMonth, coreHour, currency, date }) {
  const rows = [
    ['payloads of telling sessions', constants.payloads, constants.engineUsPerRow],
    ['all payloads', 1, constants.engineUsPerRowAll],
  ].map(([name, payloads, engineUsPerRow]) => {
    const cost = costPerMillion(
      { payloads, days: DAYS, replicas: REPLICAS, gbMonth, coreHour },
      { ...constants, engineUsPerRow },
    );
    const money = (value) => `${value.toFixed(4)} ${currency}`;
    return [
      name,
      `${(cost.gb * 1000).toFixed(0)} MB`,
      `${cost.coreSeconds.toFixed(0)} s`,
      money(cost.storage),
      money(cost.ingest),
      money(cost.total),
    ];
  });
  return `${table(
    ['', 'on disk', 'CPU of the engine', `${DAYS} days, ${REPLICAS} replicas`, 'ingest', 'together'],
    rows,
  )}\n\nAt ${gbMonth} ${currency} for a GB and month and ${coreHour} ${currency} for a core and hour, which were assumed on ${date} (\`--gb-month\`, \`--core-hour\`) and are nobody's offer.`;
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function count(number) {
  return Math.round(number).toLocaleString('en-US');
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function size(bytes) {
  const units = ['MB', 'GB', 'TB'];
  const step = Math.min(2, Math.max(0, Math.floor(Math.log10(bytes / 1e6) / 3)));
  return `${(bytes / 1e6 / 1000 ** step).toFixed(1)} ${units[step]}`;
}
