/** Alerts about Sidelight itself: what it cannot see, lost, or could not deliver. Every number stands in thresholds.ts. */
import { AT_INSTANCE, BY_INSTANCE, grown, type Row } from '../rule.ts';
import { THRESHOLDS as T } from '../thresholds.ts';

const EXPORTS = 'sidelight_failures_total{part=~"traces|logs|otlp_metrics|otlp_logs|fleet"}';

export const itselfRows: readonly Row[] = [
  {
    alert: 'SidelightAbsent',
    severity: 'warning',
    expr: `up == 0\nand on (job, instance)\nlast_over_time(sidelight_build_info[1d])`,
    wait: '5m',
    summary: 'Sidecar {{ $labels.instance }} does not answer',
    description: `${AT_INSTANCE} could not be scraped for 5 minutes (up is {{ $value }}): nobody observes its server, and on stdio the server is gone as well.`,
    board: 'fleet',
    narrowedBy: ['job'],
  },
  {
    alert: 'SidelightDroppingCopies',
    severity: 'warning',
    expr: `${grown('by (job, instance, stage)', 'sidelight_dropped_total{stage!="listener"}', '15m')} > 0`,
    wait: '0m',
    summary: 'Sidecar {{ $labels.instance }} loses copies',
    description: `${AT_INSTANCE} dropped {{ $value | humanize }} copies or events at {{ $labels.stage }} in 15 minutes. Traffic is not affected; what is told of it has gaps.`,
    board: 'itself',
    narrowedBy: ['job', 'instance'],
  },
  {
    alert: 'SidelightExporterFailing',
    severity: 'warning',
    expr: `${grown('by (job, instance, part)', EXPORTS, '15m')} >= ${T.failedExports}`,
    wait: '5m',
    summary: 'Sidecar {{ $labels.instance }} cannot deliver {{ $labels.part }}',
    description: `${AT_INSTANCE} failed {{ $value | humanize }} times in 15 minutes to deliver {{ $labels.part }}.`,
    board: 'itself',
    narrowedBy: ['job', 'instance'],
  },
  {
    alert: 'SidelightStoreFailing',
    severity: 'warning',
    expr: `${grown(BY_INSTANCE, 'sidelight_failures_total{part="store"}', '15m')} > 0`,
    wait: '0m',
    summary: 'Sidecar {{ $labels.instance }} cannot record',
    description: `${AT_INSTANCE} failed {{ $value | humanize }} times in 15 minutes to write its recording.`,
    board: 'itself',
    narrowedBy: ['job', 'instance'],
  },
  {
    alert: 'SidelightLabelOverflow',
    severity: 'info',
    expr: `${grown('by (job, instance, label)', 'sidelight_label_overflow_total', '1h')} > ${T.labelOverflows}`,
    wait: '15m',
    summary: 'Sidecar {{ $labels.instance }} sees too many values of {{ $labels.label }}',
    description: `${AT_INSTANCE} counted {{ $value | humanize }} values of {{ $labels.label }} under _other in an hour.`,
    board: 'itself',
    narrowedBy: ['job', 'instance'],
  },
];
