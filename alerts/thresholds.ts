/**
 * Every number that decides whether an alert fires, and where alerts point to. Change it here, then run
 * `npm run dashboards`: nothing else has to be edited.
 */

/** Shares of operations that shall be well, over 30 days. */
export const OBJECTIVES = {
  /**
   * Answered without breaking. Tool errors and mistakes of the caller do not count: they are what models do all day,
   * and `SidelightToolFailing` tells of the tools for which they are not.
   */
  errors: 0.99,
  /** Answered within `slowSeconds`, which must be a bound of the histogram's buckets. */
  latency: 0.95,
  slowSeconds: 10,
} as const;

/**
 * Windows of burn rates, of the Site Reliability Workbook: the factor by which the budget is spent too fast, over a long
 * window that makes it matter and a short one that lets the alert end soon.
 */
export const BURN_RATES = [
  { factor: 14.4, long: '1h', short: '5m', wait: '2m', severity: 'critical' },
  { factor: 6, long: '6h', short: '30m', wait: '15m', severity: 'critical' },
  { factor: 3, long: '1d', short: '2h', wait: '1h', severity: 'warning' },
  { factor: 1, long: '3d', short: '6h', wait: '3h', severity: 'warning' },
] as const;

export const THRESHOLDS = {
  /** Operations in the long window below which a share of them says nothing. */
  minOperations: 20,
  /** Share of HTTP requests that did not reach the server. */
  unreachableShare: 0.9,
  /** HTTP requests in 5 minutes below which that share says nothing. */
  minRequests: 5,
  /** Crashes, or restarts of one sidecar, in 15 minutes. */
  restarts: 3,
  /** Share of a tool's calls that fail, in 30 minutes, of at least so many calls. */
  toolFailingShare: 0.5,
  toolFailingCalls: 10,
  /** A request without an answer for so long is hung. */
  hungSeconds: 300,
  /** Share of questions to the person or model that were never answered, in an hour, of at least so many. */
  abandonedInputShare: 0.3,
  abandonedInputs: 5,
  /** Tokens of tools/list, which a model reads with every turn. */
  toolsListTokens: 10_000,
  /** Messages in 15 minutes that are none. */
  invalidFrames: 5,
  /** Share of calls that were cancelled or timed out in an hour, of at least so many, and how much more than the day before. */
  cancelledShare: 0.2,
  cancelledCalls: 20,
  cancelledGrowth: 3,
  /** Requests in 15 minutes whose headers contradict their body. */
  headerMismatches: 3,
  /** Open descriptors of a server, and how many more than an hour ago. */
  descriptors: 200,
  descriptorGrowth: 50,
  /** Resident memory of a server (256 MiB), and how much more than two hours ago (64 MiB). */
  memoryBytes: 268_435_456,
  memoryGrowthBytes: 67_108_864,
  /** Failed exports in 15 minutes. */
  failedExports: 3,
  /** Rows that have waited so long for the fleet's store; they come every few seconds. */
  fleetLagSeconds: 900,
  /** Values from the wire in an hour that became no label. */
  labelOverflows: 100,
} as const;

/** Where the annotations lead: the Grafana of deploy/compose, and wherever you publish alerts/runbooks. */
export const LINKS = {
  grafana: 'http://127.0.0.1:3000',
  runbooks: 'https://runbooks.example/sidelight',
} as const;
