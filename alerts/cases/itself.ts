/** Cases of the alerts about Sidelight itself. */
import type { Case } from '../cases.ts';

const AT = 'job="mcp", instance="a:9464"';
const dropped = (stage: string): string =>
  `sidelight_dropped_total{${AT}, stage="${stage}", reason="ring_full"}`;
const failed = (part: string): string => `sidelight_failures_total{${AT}, part="${part}", reason="refused"}`;
const overflow = `sidelight_label_overflow_total{${AT}, label="gen_ai_tool_name"}`;
const lag = `sidelight_fleet_lag_seconds{${AT}}`;
const lost = (kind: string, reason: string): string =>
  `sidelight_fleet_lost_total{${AT}, kind="${kind}", reason="${reason}"}`;
const labels = { severity: 'warning', job: 'mcp', instance: 'a:9464' };
const dashboard = 'itself?var-job=mcp&var-instance=a%3A9464';

export const itselfCases: Readonly<Record<string, readonly Case[]>> = {
  SidelightAbsent: [
    {
      name: 'fires when a sidecar cannot be scraped any more',
      series: {
        [`up{${AT}}`]: '1x10 0x20',
        [`sidelight_build_info{${AT}, version="0.1.0", node_version="v24.0.0"}`]: '1x10 stale',
      },
      at: {
        '10m': [],
        '20m': [
          {
            labels,
            summary: 'Sidecar a:9464 does not answer',
            description:
              'The sidecar a:9464 (job mcp) could not be scraped for 5 minutes (up is 0): nobody observes its server, and on stdio the server is gone as well.',
            dashboard: 'fleet?var-job=mcp',
          },
        ],
      },
    },
    {
      name: 'is silent at targets that never were a sidecar, and at one that misses a scrape',
      series: {
        'up{job="other", instance="b:9100"}': '0x30',
        [`up{${AT}}`]: '1x10 0 0 1x20',
        [`sidelight_build_info{${AT}, version="0.1.0", node_version="v24.0.0"}`]: '1x30',
      },
      at: { '11m': [], '20m': [] },
    },
  ],
  SidelightDroppingCopies: [
    {
      name: 'fires at the first copy that is lost, and ends when none was for 15 minutes',
      series: { [dropped('capture')]: '_x5 40x30' },
      at: {
        '4m': [],
        '7m': [
          {
            labels: { ...labels, stage: 'capture' },
            summary: 'Sidecar a:9464 loses copies',
            description:
              'The sidecar a:9464 (job mcp) dropped 40 copies or events at capture in 15 minutes. Traffic is not affected; what is told of it has gaps.',
            dashboard,
          },
        ],
        '30m': [],
      },
    },
    {
      name: 'is silent at connections that the listener refused',
      series: { [dropped('listener')]: '0+10x30' },
      at: { '20m': [] },
    },
  ],
  SidelightExporterFailing: [
    {
      name: 'fires when exports keep failing',
      series: { [failed('traces')]: '_ 1+1x30' },
      at: {
        '3m': [],
        '15m': [
          {
            labels: { ...labels, part: 'traces' },
            summary: 'Sidecar a:9464 cannot deliver traces',
            description: 'The sidecar a:9464 (job mcp) failed 15 times in 15 minutes to deliver traces.',
            dashboard,
          },
        ],
      },
    },
    {
      name: 'is silent at one failed attempt, as when a collector is restarted',
      series: { [failed('traces')]: '_ 1x30' },
      at: { '10m': [], '20m': [] },
    },
  ],
  SidelightStoreFailing: [
    {
      name: 'fires at the first write that failed',
      series: { [failed('store')]: '_ _ 2x30' },
      at: {
        '1m': [],
        '3m': [
          {
            labels,
            summary: 'Sidecar a:9464 cannot record',
            description: 'The sidecar a:9464 (job mcp) failed 2 times in 15 minutes to write its recording.',
            dashboard,
          },
        ],
        '30m': [],
      },
    },
    {
      name: 'is silent when something else fails',
      series: { [failed('traces')]: '_ 1+1x30' },
      at: { '20m': [] },
    },
  ],
  SidelightFleetLag: [
    {
      name: 'fires when rows have waited for a quarter of an hour, and ends when they are there',
      series: { [lag]: '0+60x30 0x10' },
      at: {
        '15m': [],
        '22m': [
          {
            labels,
            summary: 'Recordings of sidecar a:9464 do not reach the fleet',
            description:
              "The sidecar a:9464 (job mcp) has rows that have waited for the fleet's store for 22m 0s. They are safe in its recording until ship.maxSpoolSize or ship.maxSpoolAge is reached.",
            dashboard: 'fleet?var-job=mcp',
          },
        ],
        '35m': [],
      },
    },
    {
      name: 'is silent at a short outage',
      series: { [lag]: '0 60 120 180 240 300 5x20' },
      at: { '6m': [], '20m': [] },
    },
  ],
  SidelightFleetLosing: [
    {
      name: 'fires at the first payload that was given up, with why',
      series: { [lost('payloads', 'spool_size')]: '_x5 40x90', [lost('frames', 'spool_size')]: '_x5 2x90' },
      at: {
        '4m': [],
        '7m': [
          {
            labels: { ...labels, reason: 'spool_size' },
            summary: 'Sidecar a:9464 gave up recordings that waited for the fleet',
            description:
              "The sidecar a:9464 (job mcp) gave up 42 rows and payloads in an hour that waited for the fleet's store (spool_size). They are in its recording as long as its retention keeps them; the fleet has gap markers.",
            dashboard: 'fleet?var-job=mcp',
          },
        ],
        '80m': [],
      },
    },
    {
      name: 'is silent at what somebody deleted, and at dead letters',
      series: { [lost('frames', 'deleted')]: '0x5 40x30', [lost('frames', 'rejected')]: '0x5 40x30' },
      at: { '7m': [], '20m': [] },
    },
  ],
  SidelightFleetDeadLetters: [
    {
      name: 'fires at the first row that was not taken',
      series: { [lost('operations', 'rejected')]: '_x5 1x90' },
      at: {
        '4m': [],
        '7m': [
          {
            labels,
            summary: "The fleet's store did not take rows of sidecar a:9464",
            description:
              "The sidecar a:9464 (job mcp) set aside 1 rows and payloads in an hour that the fleet's store did not take.",
            dashboard: 'fleet?var-job=mcp',
          },
        ],
        '80m': [],
      },
    },
    {
      name: 'is silent at what was given up for want of room',
      series: { [lost('frames', 'spool_size')]: '0x5 40x30' },
      at: { '7m': [], '20m': [] },
    },
  ],
  SidelightLabelOverflow: [
    {
      name: 'fires when names are made up for a while',
      series: { [overflow]: '0+60x60' },
      at: {
        '10m': [],
        '40m': [
          {
            labels: { ...labels, severity: 'info', label: 'gen_ai_tool_name' },
            summary: 'Sidecar a:9464 sees too many values of gen_ai_tool_name',
            description:
              'The sidecar a:9464 (job mcp) counted 2.4k values of gen_ai_tool_name under _other in an hour.',
            dashboard,
          },
        ],
      },
    },
    {
      name: 'is silent at a name now and then',
      series: { [overflow]: '0+1x60' },
      at: { '40m': [], '60m': [] },
    },
  ],
};
