/** How long operations or sessions of one set of labels took, with the latest trace of each bucket as its exemplar. */
import type { SpanIdentity } from '../event/event.ts';
import { Buckets } from '../self/buckets.ts';
import { OPERATION_BUCKETS } from './catalog.ts';

/** Renewed in place, since there is one for each operation. */
export interface Exemplar {
  traceId: string;
  spanId: string;
  value: number;
  atUs: number;
}

const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;

/** Ids that are none are left out: one bad exemplar makes Prometheus refuse the whole scrape. */
export function isTellable(exemplar: Exemplar | undefined): exemplar is Exemplar {
  return exemplar !== undefined && TRACE_ID.test(exemplar.traceId) && SPAN_ID.test(exemplar.spanId);
}

export class Durations {
  readonly buckets = new Buckets(OPERATION_BUCKETS);
  /** By bucket. */
  readonly exemplars: (Exemplar | undefined)[] = [];

  /** Times in microseconds. A span that its caller does not want sampled is no exemplar: nobody can look it up. */
  observe(startedAtUs: number, endedAtUs: number, span: SpanIdentity): void {
    const seconds = Math.max(0, endedAtUs - startedAtUs) / 1e6;
    const bucket = this.buckets.observe(seconds);
    if (!span.sampled) return;
    const exemplar = (this.exemplars[bucket] ??= { traceId: '', spanId: '', value: 0, atUs: 0 });
    exemplar.traceId = span.traceId;
    exemplar.spanId = span.spanId;
    exemplar.value = seconds;
    exemplar.atUs = endedAtUs;
  }
}
