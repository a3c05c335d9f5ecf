/** Generated sessions for filters: few values of everything, so that filters meet them. */
import { hostname } from 'node:os';
import type { McpEvent } from '../../src/event/event.ts';
import { isFailure, OUTCOMES } from '../../src/event/outcome.ts';
import { NAMES } from './filters.ts';
import { described, ended, finding, frame, operation, sessionId, START_US, started } from './storeEvents.ts';

export const NOW_US = START_US + 100_000_000;
export const SESSIONS = 40;

/** Sessions in which every key can be met and missed. `interrupted`: the recorders of some of those without an end are gone. */
export function generatedSessions(next: () => number, interrupted = true): McpEvent[] {
  const pick = <T>(values: readonly T[]): T => values[next() % values.length] as T;
  return Array.from({ length: SESSIONS }, (_, number): McpEvent[] => {
    const id = sessionId(number + 1);
    const atUs = START_US + pick([0, 1, 1, 5_000_000, 95_000_000]) + number * pick([0, 1_000_000]);
    const count = pick([0, 1, 3, 8]);
    // One of them is being recorded, whatever is drawn.
    const isLive = number === 0;
    const host = isLive || !interrupted ? hostname() : pick([hostname(), 'elsewhere']);
    const pid = isLive || !interrupted ? process.pid : pick([process.pid, 2 ** 22 + 1]);
    const events: McpEvent[] = [
      started(id, { atUs, hostname: host, pid }),
      ...(pick([true, true, false])
        ? [
            described(id, {
              server: pick(NAMES),
              clientInfo: pick([undefined, { name: pick(NAMES), version: '1' }]),
              protocolVersion: pick([undefined, '2025-11-25', '2026-07-28']),
              era: pick([undefined, 'legacy', 'modern']),
              ...(pick([true, false]) && {
                inferred: { evidence: ['client_info'] as const, confidence: 'low' as const },
              }),
            }),
          ]
        : []),
    ];
    const payloads = ['a haystack', 'A NEEDLE in it', 'a "quoted" \\ text', 'Été'];
    for (let seq = 0; seq < count * 3; seq += 1) {
      events.push(
        frame(id, seq, {
          bytes: Buffer.from(pick(payloads)),
          kind: pick(['request', 'result', 'stderr', 'lifecycle'] as const),
          operationId: pick([undefined, Math.floor(seq / 3)]),
          truncated: pick([false, false, false, false, true]) && count === 1,
        }),
      );
    }
    const outcomes = pick([OUTCOMES, ['ok'] as const]);
    let failed = 0;
    for (let one = 0; one < count; one += 1) {
      const outcome = pick(outcomes);
      const startedAtUs = atUs + pick([0, 10, 1000, 50_000_000]);
      if (isFailure(outcome)) failed += 1;
      events.push(
        operation(id, one, {
          method: pick(['tools/call', 'resources/read', 'sampling/createMessage', ...NAMES]),
          target: pick([
            undefined,
            { kind: 'tool' as const, name: pick(NAMES) },
            { kind: 'prompt' as const, name: pick(NAMES) },
          ]),
          startedAtUs,
          endedAtUs: startedAtUs + pick([0, 1, 600, 99_999, 100_000, 100_001, 1_000_000, 2_000_000]),
          requestBytes: pick([0, 300, 65_535, 65_536]),
          resultBytes: pick([0, 1, 300, 1_000_000]),
          outcome,
          span: {
            traceId: pick(['a'.repeat(32), 'b'.repeat(32), `b${'c'.repeat(31)}`]),
            spanId: '1'.repeat(16),
            parentSpanId: undefined,
            traceState: undefined,
            sampled: true,
          },
          firstSeq: one * 3,
          lastSeq: one * 3 + pick([1, 2]),
        }),
      );
    }
    const found = pick([0, 0, 1, 3]);
    for (let one = 0; one < found; one += 1)
      events.push(
        finding(id, one, {
          rule: pick(['late_result', 'invalid_frame'] as const),
          operationId: pick([undefined, 0, 1]),
        }),
      );
    if (!isLive && pick([true, true, true, false]))
      events.push(
        ended(id, {
          atUs: atUs + 60_000_000,
          startedAtUs: atUs,
          cause: pick(['client_closed', 'client_closed', 'server_crashed', 'start_failed'] as const),
          probe: pick([false, false, true]),
          operations: count,
          failedOperations: failed,
        }),
      );
    return events;
  }).flat();
}
