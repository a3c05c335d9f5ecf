/** Recordings of machines that are not there: sessions of all sizes, some of which fail, are slow or have findings. */
import { Stats } from '../src/self/stats.ts';
import { Trouble } from '../src/self/trouble.ts';
import { StoreSink } from '../src/sink/store.ts';
import { numbers, said } from './fleet-text.mjs';

const SERVERS = 20;
const CLIENTS = 5;
const TOOLS = 50;
/** Events that are written at a time. */
const BATCH = 10_000;
const ANSWER_BYTES = 2400;
const ASKED_BYTES = 200;
/** Of a session: from 8 frames to 776, two hundred in the mean, most of them short. */
const SMALLEST = 8;
const SPREAD = 768;
/** One of so many sessions. */
const [FAILS, IS_SLOW, HAS_FINDING, HAS_NEEDLE] = [20, 100, 50, 50];

/** So many sessions of one machine, over; they began in the hour before `endUs`. */
export async function record({ dataDir, machine, sessions, endUs }) {
  const sink = new StoreSink({ dataDir, record: 'full' }, new Stats(), new Trouble(console.error));
  const draw = numbers(machine * 7919 + 1);
  let batch = [];
  for (let number = 0; number < sessions; number += 1) {
    const size = draw(1000) / 1000;
    const frames = SMALLEST + 2 * Math.floor((size * size * size * SPREAD) / 2);
    const atUs = Math.floor(endUs - 3_600_000_000 * (1 - number / sessions));
    batch.push(...sessionEvents({ number, frames, atUs, draw, machine }));
    if (batch.length < BATCH) continue;
    await sink.write(batch);
    batch = [];
  }
  await sink.write(batch);
  await sink.close(10_000);
}

/** More of a session that goes on: so many calls from call `from` on, after `started` if they are its first. */
export function callEvents({ id, server, atUs, from, calls, draw, fails = -1, slow = -1, needle = -1 }) {
  return Array.from({ length: calls }, (_, index) => from + index).flatMap((one) => {
    const tool = `tool-${draw(TOOLS)}`;
    const isFailed = one === fails;
    const startedAtUs = atUs + one * 50_000;
    const endedAtUs = startedAtUs + (one === slow ? 12_000_000 : 500 + draw(200_000));
    const text = `${one === needle ? 'needle ' : ''}${said(draw, 20 + draw(ASKED_BYTES * 2))}`;
    const found = said(draw, 100 + draw(ANSWER_BYTES * 2));
    const texts = [
      `{"jsonrpc":"2.0","id":${one},"method":"tools/call","params":{"name":"${tool}","arguments":{"text":"${text}"}}}`,
      `{"jsonrpc":"2.0","id":${one},"result":{"content":[{"type":"text","text":"${found}"}]${isFailed ? ',"isError":true' : ''}}}`,
    ].map((json) => Buffer.from(json));
    return [
      ...texts.map((bytes, side) => ({
        ...{ type: 'frame_recorded', sessionId: id, atUs: side === 0 ? startedAtUs : endedAtUs },
        ...{ seq: one * 2 + side, channel: side === 0 ? 'client_to_server' : 'server_to_client' },
        ...{ kind: side === 0 ? 'request' : 'result', bytes, ending: '\n', sizeBytes: bytes.length },
        ...{ sha256: undefined, truncated: false, redactions: 0, elided: 0 },
        ...{ method: 'tools/call', operationId: one },
      })),
      {
        ...{ type: 'operation_finished', sessionId: id, atUs: endedAtUs, transport: 'stdio', server },
        ...{ operationId: one, initiator: 'client_to_server', method: 'tools/call', requestId: one },
        ...{ target: { kind: 'tool', name: tool }, startedAtUs, endedAtUs, error: undefined, legs: [] },
        ...{ outcome: isFailed ? 'tool_error' : 'ok', parentOperationId: undefined, stream: false },
        span: { traceId: hex(draw, 4), spanId: hex(draw, 2), parentSpanId: undefined, sampled: true },
        ...{ requestBytes: texts[0].length, resultBytes: texts[1].length, progressCount: 0 },
        ...{ firstSeq: one * 2, lastSeq: one * 2 + 1 },
      },
    ];
  });
}

/** A session's beginning, by the process `pid` of a host. */
export function startEvents({ id, server, atUs, pid, hostname, client }) {
  return [
    {
      ...{ type: 'session_started', sessionId: id, atUs, transport: 'stdio', configuredName: server },
      ...{
        command: ['node', `/srv/${server}/server.js`, '--stdio'],
        cwd: '/srv',
        envNames: ['HOME', 'PATH'],
      },
      ...{ pid, hostname, sidelightVersion: '0.0.0' },
    },
    {
      ...{ type: 'session_described', sessionId: id, atUs, server },
      ...{ serverInfo: { name: server, version: '1.4.2' }, clientInfo: { name: client, version: '1.0.0' } },
      ...{ protocolVersion: '2025-11-25', era: 'legacy', clientCapabilities: ['roots', 'sampling'] },
      serverCapabilities: ['tools', 'logging'],
    },
  ];
}

/** As UUIDv7 are. */
export function sessionId(atUs, draw) {
  const ms = Math.floor(atUs / 1000)
    .toString(16)
    .padStart(12, '0');
  const random = hex(draw, 3);
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
}

function sessionEvents({ number, frames, atUs, draw, machine }) {
  const id = sessionId(atUs, draw);
  const server = `server-${draw(SERVERS)}`;
  const calls = frames / 2;
  const one = (of) => (number % of === of - 1 ? draw(calls) : -1);
  const fails = one(FAILS);
  const hasFinding = number % HAS_FINDING === 3;
  return [
    ...startEvents({
      id,
      server,
      atUs,
      pid: 1,
      hostname: `host-${machine}`,
      client: `client-${draw(CLIENTS)}`,
    }),
    ...callEvents({
      ...{ id, server, atUs, from: 0, calls, draw, fails },
      ...{ slow: one(IS_SLOW), needle: one(HAS_NEEDLE) },
    }),
    ...(hasFinding
      ? [
          {
            ...{ type: 'finding_raised', sessionId: id, atUs, rule: 'late_result', seq: 1 },
            ...{ channel: 'server_to_client', operationId: undefined, detail: 'the answer came late' },
          },
        ]
      : []),
    {
      ...{ type: 'session_ended', sessionId: id, atUs: atUs + calls * 50_000 + 1_000_000, startedAtUs: atUs },
      ...{ cause: 'client_closed', probe: false, operations: calls, exitCode: 0, exitSignal: undefined },
      ...{ failedOperations: fails < 0 ? 0 : 1, findings: hasFinding ? 1 : 0, lastStderr: [] },
    },
  ];
}

function hex(draw, words) {
  return Array.from({ length: words }, () => draw(0x1_0000_0000).toString(16).padStart(8, '0')).join('');
}
